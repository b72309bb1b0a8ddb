"""What shows a passage of a piece: where it begins and ends, and the piece before and after a repair."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from scorehub.rolls import RollSpec
from scorehub.spaces import markup
from scorehub.spaces.jobs import Updates
from scorehub.spaces.piano_roll_sde import browser, show
from scorehub.spaces.piano_roll_sde.passage import ROW, Passage, Sound


@dataclass(frozen=True)
class Marks:
    """A passage, as `Passage` has it."""

    piece: gr.State
    repaired: gr.State
    start: gr.Slider
    end: gr.Slider

    def all(self) -> list[Any]:
        """In the order of `Passage`."""
        return [self.piece, self.repaired, self.start, self.end]


@dataclass(frozen=True)
class PieceView:
    """The piece on the rolls of a model, and below it the repaired one; `finished` is there when that is whole."""

    spec: RollSpec
    marks: Marks
    before: gr.HTML
    sound_before: gr.Audio
    results: gr.Column
    after: gr.HTML
    finished: gr.Column
    sound_after: gr.Audio

    def all(self) -> list[Any]:
        """What changes."""
        before, after = [self.before, self.sound_before], [self.results, self.after, self.finished, self.sound_after]
        return [*self.marks.all(), *before, *after]

    def show(self, passage: Passage) -> Updates:
        """All of a passage."""
        values = [passage.piece, passage.repaired, *_sliders(passage)]
        is_repaired = passage.repaired is not None
        visible = {part: gr.Column(visible=is_repaired) for part in (self.results, self.finished)}
        return (
            dict(zip(self.marks.all(), values, strict=True))
            | self.show_pictures(passage)
            | visible
            | self.play(passage)
        )

    def show_pictures(self, passage: Passage) -> Updates:
        """The pictures alone, while the passage is being moved."""
        before, after = passage.pictures(self.spec)
        return {self.before: before} | ({self.after: after} if after else {})

    def play(self, passage: Passage) -> Updates:
        """The sounds alone."""
        before, after = passage.sounds()
        return {self.sound_before: before, self.sound_after: after}

    def show_idea(self, roll: np.ndarray) -> Updates:
        """A roll (C, P, T) of the model on its way."""
        frame = show.Frame(self.spec.lowest, self.spec.n_pitches, 0.0, self.spec.seconds)
        head = markup.title("Repairing", f"the passage and what is around it, {self.spec.seconds:g} s")
        picture = head + show.roll_html(list(roll), frame, row=ROW, ruler=False)
        return {self.after: picture, self.results: gr.Column(visible=True)}

    def without_result(self) -> Updates:
        """Before a repair, and where there is none."""
        hidden = {part: gr.Column(visible=False) for part in (self.results, self.finished)}
        return {self.marks.repaired: None, self.after: "", self.sound_after: None, **hidden}


def make_marks(first: Passage) -> Marks:
    """Sliders of where a passage begins and ends."""
    return Marks(gr.State(first.piece), gr.State(first.repaired), *_sliders(first))


def make_view(first: Passage, spec: RollSpec, marks: Marks) -> tuple[PieceView, gr.DownloadButton, gr.Button]:
    """The view, with the buttons below the result: download it, keep it."""
    with gr.Column(elem_classes="card"):
        before, sound_before = _roll(first.pictures(spec)[0]), _player(first.sounds()[0])
    with gr.Column(elem_classes="card", visible=False) as results:
        after = _roll("")
        with gr.Column(visible=False) as finished:
            sound_after = _player(None)
            with gr.Row():
                midi = gr.DownloadButton("Download MIDI", size="md")
                keep = gr.Button("Keep and go on", size="md")
    return PieceView(spec, marks, before, sound_before, results, after, finished, sound_after), midi, keep


def _sliders(passage: Passage) -> tuple[gr.Slider, gr.Slider]:
    last_start, last_end = passage.limits()
    start = gr.Slider(0, last_start, passage.start, step=0.1, label="From (seconds)")
    return start, gr.Slider(0, last_end, passage.end, step=0.1, label="To (seconds)")


def _roll(picture: str) -> gr.HTML:
    return gr.HTML(picture, elem_classes="markable", js_on_load=browser.MARK_AND_PLAY_ALONG)


def _player(sound: Sound) -> gr.Audio:
    return gr.Audio(sound, show_label=False, interactive=False, buttons=["download"])
