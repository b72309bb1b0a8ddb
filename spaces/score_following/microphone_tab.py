"""The tab that follows what is played before a microphone."""

from typing import Any

import gradio as gr
import numpy as np

from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.spaces.score_following import messages, piece
from scorehub.spaces.score_following.listening import Lead, Microphone
from scorehub.spaces.score_following.parts import HOUR, QUIET, Parts
from scorehub.spaces.score_following.piece import Piece

VISITORS = 4  # who can play at the same time
_EVERY = 0.25  # seconds
HINT = "Press *Record* and play from the first page on. What you play is heard, followed, and not kept."
Chunk = tuple[int, np.ndarray] | None


def microphone_tab() -> gr.Audio:
    """Fills the tab."""
    gr.Markdown(HINT, elem_classes="hint")
    return gr.Audio(sources=["microphone"], streaming=True, label="Microphone", show_label=False)


def connect_microphone(model: ScoreFollowerModel, parts: Parts, microphone: gr.Audio, lead: list[Any]) -> None:
    """What is played moves the cursor and turns the pages."""
    hearing = gr.State(None, time_to_live=HOUR)

    def hear(chunk: Chunk, now: Microphone | None, opened: Piece, amount: float, unit: str) -> tuple[Any, Any]:
        if chunk is None:
            return now, gr.skip()
        if now is None or now.piece is not opened:
            now = Microphone(model, opened, Lead(amount, unit))
        try:
            now.turn_at(Lead(amount, unit))
            now.hear(*chunk)
        except ValueError as error:
            text = str(error)
            raise gr.Error(text[:1].upper() + text[1:], print_exception=False) from None
        return now, messages.played(now)

    microphone.start_recording(lambda: None, None, hearing, **QUIET)
    microphone.stream(
        hear,
        [microphone, hearing, parts.piece, *lead],
        [hearing, parts.news],
        stream_every=_EVERY,
        time_limit=60 * piece.MAX_MINUTES,
        concurrency_limit=VISITORS,
        api_name="hear",
        **QUIET,
    )
