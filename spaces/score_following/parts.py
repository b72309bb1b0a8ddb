"""The parts of the page that several events change, and what they show while a job runs and when it has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.following import write_positions
from scorehub.following_video import draw_run
from scorehub.pipelines.score_following.follower import Position
from scorehub.spaces import markup
from scorehub.spaces.jobs import Updates
from scorehub.spaces.score_following import browser, messages
from scorehub.spaces.score_following.listening import Heard
from scorehub.spaces.score_following.piece import Piece

OPENED = "pages must have been opened"  # to be followed


@dataclass(frozen=True)
class Parts:
    """What several events change."""

    piece: gr.State
    heard: gr.State
    stand: gr.HTML
    news: gr.HTML
    status: gr.HTML
    results: gr.Column
    table: gr.DownloadButton
    picture: gr.DownloadButton
    make_video: gr.Button
    video: gr.DownloadButton

    def all(self) -> list[Any]:
        """For `outputs`."""
        return list(vars(self).values())

    def open(self, piece: Piece) -> Updates:
        """A piece of which nothing has been heard."""
        return {self.piece: piece, self.stand: messages.open_piece(piece)} | self.forget()

    def forget(self) -> Updates:
        """Nothing has been heard."""
        return {self.heard: None, self.status: "", self.results: gr.Column(visible=False)}

    def show_heard(self, heard: Heard, folder: Path) -> Updates:
        """A recording that was followed, ready to be played."""
        opened = {self.heard: heard, self.stand: messages.open_piece(heard.piece, heard)}
        return opened | self.files(heard, folder) | {self.results: gr.Column(visible=True)}

    def files(self, heard: Heard, folder: Path) -> Updates:
        """What can be downloaded, written into a folder; a video is made when it is asked for."""
        table, picture = (folder / f"{heard.piece.name}_{name}" for name in ("positions.csv", "run.png"))
        write_positions(heard.positions, table)
        draw_run(heard.run()).save(picture)
        shown = {self.table: table, self.picture: picture}
        updates = {button: gr.DownloadButton(value=str(path)) for button, path in shown.items()}
        return updates | {self.make_video: gr.Button(visible=True), self.video: gr.DownloadButton(visible=False)}

    def on_the_way(self, piece: Piece, position: Position, seconds: float) -> Updates:
        """How far a recording has been heard, and where that is."""
        heard = min(position.time, seconds)
        line = f"Heard {markup.duration(int(heard))} of {markup.duration(int(seconds))}"
        return {self.status: markup.progress(line, heard / seconds), self.news: messages.on_the_way(piece, position)}


def make_stand(first: Piece) -> tuple[gr.HTML, gr.HTML]:
    """The stand, and the part that brings it news."""
    # Its children are the script's, so that a new value must not change the template.
    stand = gr.HTML(messages.open_piece(first), html_template=browser.STAND, js_on_load=browser.MOVE, render=False)
    return stand, gr.HTML({}, html_template="", js_on_load=browser.NEWS, visible="hidden", render=False)


@contextmanager
def in_words() -> Iterator[None]:
    """What is wrong with what a visitor sent is told to them."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(markup.sentence(error), print_exception=False) from None
