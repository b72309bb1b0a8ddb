"""The tab that makes a passage of a piece anew."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.notes import Notes, write_midi
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.samplers import Callback
from scorehub.repair import Sampling, repair_passage, roll_spec
from scorehub.spaces import markup
from scorehub.spaces.jobs import QUIET, Updates
from scorehub.spaces.piano_roll_sde import controls, piece, piece_view
from scorehub.spaces.piano_roll_sde.passage import Passage
from scorehub.spaces.piano_roll_sde.piece import Repaired
from scorehub.spaces.piano_roll_sde.piece_view import PieceView
from scorehub.spaces.piano_roll_sde.sampling import Job
from scorehub.spaces.starting import Buttons, seed_box, start_buttons, summary_line

FIRST_TUNE = "bach_prelude_in_c"
TAKES = "The more, the better the new fits what is around it, and the longer it takes."


def repair_tab(pipe: ScoreSDEPipeline) -> None:
    """Fills the tab."""
    first = Passage.first(piece.load_tune(FIRST_TUNE))
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            upload, tunes = _sources()
            marks = piece_view.make_marks(first)
            go_on = gr.Button("Continue after the end", size="sm")
            with gr.Accordion("Sampler, steps, takes, seed", open=False):
                sampler, steps = controls.sampler_controls()
                takes = gr.Slider(1, 10, 5, step=1, label="Takes of each step", info=TAKES)
                seed = seed_box()
            buttons = start_buttons("Repair")
        with gr.Column(scale=3, min_width=320):
            view, midi, keep = piece_view.make_view(first, roll_spec(pipe), marks)
    jobs = _repair_events(pipe, view, midi, [sampler, steps, takes, seed], buttons)
    _open_events(view, upload, tunes, buttons, jobs)
    _mark_events(view, go_on, keep)


def _sources() -> tuple[gr.File, gr.Dropdown]:
    label, types = f"MIDI file, up to {piece.MAX_BYTES // 2**20} MB", [".mid", ".midi"]
    upload = gr.File(label=label, file_types=types, height=120, elem_classes="upload")
    titles = [(title, name) for name, title in piece.tune_titles().items()]
    return upload, gr.Dropdown(titles, value=FIRST_TUNE, label="Or a tune to try")


def _open_events(view: PieceView, upload: gr.File, tunes: gr.Dropdown, buttons: Buttons, jobs: list[Any]) -> None:
    """A piece is opened, which ends what is being done to the one before."""

    def open_upload(path: str) -> Updates:
        try:
            chosen = piece.load_upload(Path(path))
        except ValueError as error:
            return {upload: None, buttons.status: markup.reason(error)}
        return view.show(Passage.first(chosen)) | {tunes: None, buttons.status: ""}

    def open_tune(name: str) -> Updates:
        return view.show(Passage.first(piece.load_tune(name))) | {upload: None, buttons.status: ""}

    outputs = [*view.all(), upload, tunes, buttons.status]
    upload.upload(open_upload, upload, outputs, cancels=jobs)
    tunes.input(open_tune, tunes, outputs, cancels=jobs)


def _mark_events(view: PieceView, go_on: gr.Button, keep: gr.Button) -> None:
    """A passage is marked by sliders, by dragging over a roll, by buttons."""
    inputs, outputs = view.marks.all(), view.all()

    def drag(event: gr.EventData, *marked: Any) -> Updates:
        return view.show(Passage(*marked).marked(event.start, event.end))

    def move(*marked: Any) -> Updates:
        return view.show_pictures(Passage(*marked))

    for slider in (view.marks.start, view.marks.end):
        slider.input(move, inputs, outputs, trigger_mode="always_last", **QUIET)
        slider.release(lambda *marked: view.play(Passage(*marked)), inputs, outputs, **QUIET)
    for roll in (view.before, view.after):
        roll.select(drag, inputs, outputs, **QUIET)
    go_on.click(lambda *marked: view.show(Passage(*marked).continuation()), inputs, outputs, **QUIET)
    keep.click(lambda *marked: view.show(Passage(*marked).kept()), inputs, outputs, **QUIET)


def _repair_events(
    pipe: ScoreSDEPipeline, view: PieceView, midi: gr.DownloadButton, options: list[Any], buttons: Buttons
) -> list[Any]:
    """A passage is repaired; returns the events that do it.

    Args:
        options: Sampler, steps, takes and seed.
    """

    def repair(*values: Any) -> Iterator[Updates]:
        passage, (sampler, steps, takes, seed) = Passage(*values[:-4]), values[-4:]
        yield buttons.running(markup.progress("Begun", 0)) | view.without_result()
        job, begun = _job(pipe, passage, Sampling(sampler, steps, takes, int(seed or 0))), time.monotonic()
        try:
            for progress in job:
                line = controls.progress_line(progress, sampler, steps, in_parts=True)
                yield {buttons.status: line} | view.show_idea(progress.rolls[0])
        except ValueError as error:
            yield buttons.idle(markup.reason(error)) | view.without_result()
            return
        line = summary_line(job.evaluations, time.monotonic() - begun)
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{passage.piece.name}_repaired.mid")
            path.write_bytes(write_midi(job.result))
            repaired = Repaired(job.result, passage.start, passage.end)
            done = view.show(replace(passage, repaired=repaired))
            yield buttons.idle(line) | done | {midi: gr.DownloadButton(value=str(path))}

    seed = options[-1]
    next_seed = buttons.another.click(lambda seed: (seed or 0) + 1, seed, seed, **QUIET)
    inputs, outputs = [*view.marks.all(), *options], [*view.all(), *buttons.all(), midi]
    return buttons.connect(repair, inputs, outputs, next_seed, view.without_result)


def _job(pipe: ScoreSDEPipeline, passage: Passage, sampling: Sampling) -> Job[Notes]:
    def work(callback: Callback) -> Notes:
        options = replace(sampling, callback=callback)
        return repair_passage(pipe, passage.piece.notes, passage.start, passage.end, options)

    return Job(pipe, work)
