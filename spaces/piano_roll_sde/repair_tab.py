"""The tab that makes a passage of a piece anew."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np

from scorehub.notes import write_midi
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.repair import MAX_SECONDS, Sampling, repair_passage, roll_spec
from scorehub.rolls import RollSpec
from scorehub.spaces.piano_roll_sde import browser, controls, piece, show
from scorehub.spaces.piano_roll_sde.controls import QUIET, Updates
from scorehub.spaces.piano_roll_sde.passage import ROW, Passage, Sound
from scorehub.spaces.piano_roll_sde.piece import Piece
from scorehub.spaces.piano_roll_sde.sampling import Job

FIRST_TUNE = "bach_prelude_in_c"
TAKES = "The more, the better the new fits what is around it, and the longer it takes."
CLICK = 0.3  # seconds; a drag over less is a click
CONTINUATION, LONGEST_CONTINUATION = 4.0, 16.0  # seconds


def repair_tab(pipe: ScoreSDEPipeline) -> None:
    """Fills the tab."""
    spec, tune = roll_spec(pipe), piece.load_tune(FIRST_TUNE)
    first = Passage(tune, None, *tune.first_passage())
    state, repaired = gr.State(tune), gr.State(None)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            upload = gr.File(
                label="MIDI file, up to 2 MB", file_types=[".mid", ".midi"], height=120, elem_classes="upload"
            )
            titles = [(title, name) for name, title in piece.tune_titles().items()]
            tunes = gr.Dropdown(titles, value=FIRST_TUNE, label="Or a tune to try")
            start, end = _sliders(first)
            go_on = gr.Button("Continue after the end", size="sm")
            with gr.Accordion("Sampler, steps, takes, seed", open=False):
                sampler, steps = controls.sampler_controls()
                takes = gr.Slider(1, 10, 5, step=1, label="Takes of each step", info=TAKES)
                seed = controls.seed_box()
            buttons = controls.start_buttons("Repair")
        with gr.Column(scale=3, min_width=320):
            with gr.Column(elem_classes="card"):
                before, sound_before = _roll_and_sound(first.pictures(spec)[0], first.sounds()[0])
            with gr.Column(elem_classes="card", visible=False) as results:
                after, sound_after = _roll_and_sound("", None)
                with gr.Row():
                    midi = gr.DownloadButton("Download MIDI", size="md")
                    keep = gr.Button("Keep it and go on", size="md")
    marked, rolls, sounds = [state, repaired, start, end], [before, after], [sound_before, sound_after]
    shown = {*marked, *rolls, *sounds, results}

    def show_passage(new: Passage) -> Updates:
        values = [new.piece, new.repaired, *_sliders(new), *new.pictures(spec), *new.sounds()]
        visible = gr.Column(visible=new.repaired is not None)
        return dict(zip([*marked, *rolls, *sounds], values, strict=True)) | {results: visible}

    def open_upload(path: str) -> Updates:
        try:
            chosen = piece.load_upload(Path(path))
        except ValueError as error:
            return {upload: None, buttons.status: show.reason(error)}
        return show_passage(Passage(chosen, None, *chosen.first_passage())) | {tunes: None, buttons.status: ""}

    def open_tune(name: str) -> Updates:
        chosen = piece.load_tune(name)
        return show_passage(Passage(chosen, None, *chosen.first_passage())) | {upload: None, buttons.status: ""}

    def drag(event: gr.EventData, *now: Any) -> Updates:
        return show_passage(_marked_anew(Passage(*now), event.start, event.end))

    def repair(
        chosen: Piece, start: float, end: float, sampler: str, steps: int, takes: int, seed: int | None
    ) -> Iterator[Updates]:
        nothing = {repaired: None, after: "", sound_after: None, results: gr.Column(visible=False)}
        yield buttons.running(show.progress("Waiting for the network", 0)) | nothing
        job, begun = _job(pipe, (chosen, start, end), (sampler, steps, takes, int(seed or 0))), time.monotonic()
        try:
            for progress in job:
                line = controls.progress_line(progress, sampler, steps, in_parts=True)
                idea = {after: _idea(progress.rolls[0], spec), results: gr.Column(visible=True)}
                yield {buttons.status: line, **idea}
        except ValueError as error:
            yield buttons.idle(show.reason(error)) | nothing
            return
        line = controls.summary_line(job.evaluations, time.monotonic() - begun)
        done = buttons.idle(line) | show_passage(Passage(chosen, job.result, start, end))
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{chosen.name}_repaired.mid")
            path.write_bytes(write_midi(job.result))
            yield done | {midi: gr.DownloadButton(value=str(path))}

    def stop() -> Updates:
        return buttons.idle(show.progress("Stopped")) | {results: gr.Column(visible=False)}

    upload.upload(open_upload, upload, {*shown, upload, tunes, buttons.status})
    tunes.input(open_tune, tunes, {*shown, upload, buttons.status})
    for slider in (start, end):
        slider.input(lambda *now: Passage(*now).pictures(spec), marked, rolls, trigger_mode="always_last", **QUIET)
        slider.release(lambda *now: Passage(*now).sounds(), marked, sounds, **QUIET)
    for roll in rolls:
        roll.select(drag, marked, shown, **QUIET)
    go_on.click(lambda *now: show_passage(_continuation(Passage(*now))), marked, shown, **QUIET)
    keep.click(lambda *now: show_passage(_kept(Passage(*now))), marked, shown)
    next_seed = buttons.another.click(lambda seed: (seed or 0) + 1, seed, seed)
    inputs, outputs = [state, start, end, sampler, steps, takes, seed], {*shown, *buttons.all(), midi}
    jobs = [event(repair, inputs, outputs, **controls.ONE_JOB) for event in (buttons.start.click, next_seed.then)]
    buttons.stop.click(stop, None, {*buttons.all(), results}, cancels=jobs)


def _sliders(passage: Passage) -> tuple[gr.Slider, gr.Slider]:
    """Start and end, as far as they may go."""
    last = passage.piece.notes.end
    start = gr.Slider(0, _down(last), passage.start, step=0.1, label="From (seconds)")
    return start, gr.Slider(0, _down(last + LONGEST_CONTINUATION), passage.end, step=0.1, label="To (seconds)")


def _roll_and_sound(picture: str, sound: Sound) -> tuple[gr.HTML, gr.Audio]:
    roll = gr.HTML(picture, elem_classes="markable", js_on_load=browser.MARK_AND_PLAY_ALONG)
    return roll, gr.Audio(sound, show_label=False, interactive=False, buttons=["download"])


def _job(pipe: ScoreSDEPipeline, passage: tuple[Piece, float, float], options: tuple[str, int, int, int]) -> Job[Any]:
    (chosen, start, end), (sampler, steps, takes, seed) = passage, options
    return Job(
        pipe,
        lambda callback: repair_passage(
            pipe, chosen.notes, start, end, Sampling(sampler, steps, takes, seed, callback)
        ),
    )


def _marked_anew(passage: Passage, start: float, end: float) -> Passage:
    """What was dragged over; a click moves the passage."""
    length = passage.end - passage.start if end - start < CLICK else end - start
    last = passage.piece.notes.end
    start = _down(min(max(start, 0.0), last))
    return replace(passage, start=start, end=_down(min(start + min(length, MAX_SECONDS), last + LONGEST_CONTINUATION)))


def _continuation(passage: Passage) -> Passage:
    last = _down(passage.piece.notes.end)
    return replace(passage, start=last, end=_down(last + CONTINUATION))


def _kept(passage: Passage) -> Passage:
    """The repaired piece, to be repaired further."""
    if passage.repaired is None:
        return passage
    return replace(passage, piece=replace(passage.piece, notes=passage.repaired), repaired=None)


def _down(seconds: float) -> float:
    """The tenth of a second that a slider can be at."""
    return int(seconds * 10 + 1e-6) / 10


def _idea(roll: np.ndarray, spec: RollSpec) -> str:
    """A roll (C, P, T) on its way."""
    frame = show.Frame(spec.lowest, spec.n_pitches, 0.0, spec.seconds)
    head = show.title("Repairing", f"the passage and what is around it, {spec.seconds:g} s")
    return head + show.roll_html(list(roll), frame, row=ROW, ruler=False)
