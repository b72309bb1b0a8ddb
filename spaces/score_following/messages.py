"""What the music stand in the browser is sent: pages, places in them, turns, and where the music is now.

A place is `[page, x, y, h, tempo, confidence]`: page from 0; x of the music, y of its system's middle and h, half of
the cursor's height, as shares of the page's width and height; tempo in quarters a minute.
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from scorehub.pipelines.score_following.follower import FRAME, Position
from scorehub.pipelines.score_following.page_turning import PageTurn
from scorehub.spaces.markup import picture_address, served_file
from scorehub.spaces.score_following.listening import Heard, Microphone
from scorehub.spaces.score_following.piece import Piece

_BEYOND = 1.5  # staff spaces that the cursor goes beyond its system
_QUALITY = 70  # of WebP

Message = dict[str, Any]
Place = list[float]


def open_piece(piece: Piece, heard: Heard | None = None) -> Message:
    """A piece to be seen, and heard if it has been followed."""
    pages = [{"source": _picture(page), "ratio": round(page.shape[1] / page.shape[0], 5)} for page in piece.pages]
    content: Message = {"title": piece.title, "pages": pages, "step": FRAME, "places": [], "turns": []}
    if heard is None:
        return {"sound": None, "content": json.dumps(content)}
    content |= {"places": places(piece, heard.positions), "turns": turns(heard.turns)["turns"]}
    return {"sound": served_file(heard.recording), "content": json.dumps(content)}


def places(piece: Piece, positions: Iterable[Position]) -> list[Place]:
    """A place for each position."""
    heights = {
        (page, number): (system.staves[-1].bottom - system.staves[0].top) / 2 + _BEYOND * system.spacing
        for page, number, system in piece.score.systems
    }
    return [_place(piece, position, heights[position.page, position.system]) for position in positions]


def turns(made: Iterable[PageTurn]) -> Message:
    """Page turns, `[seconds, page]`, that take the place of those before."""
    return {"turns": [[round(turn.time, 2), turn.page] for turn in made]}


def on_the_way(piece: Piece, position: Position) -> Message:
    """Where a recording is that is being followed."""
    return {"place": places(piece, [position])[0], "shown": position.page}


def played(microphone: Microphone) -> Message:
    """Where a microphone's music is, and the page that has been turned to."""
    return {"place": places(microphone.piece, [microphone.position])[0], "shown": microphone.page}


def _place(piece: Piece, position: Position, half_height: float) -> Place:
    height, width = piece.pages[position.page].shape
    shares = position.x / width, position.y / height, half_height / height
    confidence = round(min(1.0, max(0.0, position.confidence)), 2)
    return [position.page, *(round(share, 4) for share in shares), round(60 * position.tempo), confidence]


def _picture(page: np.ndarray) -> str:
    return picture_address(Image.fromarray(page), quality=_QUALITY)
