"""What happens when a visitor does something: melodies are read, chorales written, voices of them drawn again."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.pipelines.chorales.sampling import Sampling
from scorehub.spaces import markup
from scorehub.spaces.chorales import show, writing
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.spaces.chorales.desk import COMPOSE, HARMONISE, Asked, Desk
from scorehub.spaces.chorales.melody import read_text
from scorehub.spaces.chorales.networks import NAMES, Network
from scorehub.spaces.chorales.tunes import TUNES
from scorehub.spaces.chorales.uploads import read_upload
from scorehub.spaces.chorales.writing import WritingJob, Written
from scorehub.spaces.jobs import ONE_JOB, QUIET, Updates, still_kept

# Between the seeds of a chorale and of voices of it that are drawn again: with its own they would come out the same.
_REDONE = 1_000_003
WRITTEN = "chorale must have been written"  # to be changed


def connect(networks: Mapping[str, Network], desk: Desk) -> None:
    """Connects all events."""
    inputs, results, buttons = desk.inputs, desk.results, desk.buttons
    events = Events(networks, desk)
    melody, read = inputs.melody, [*inputs.melody.all(), buttons.status]
    inputs.network.input(events.choose_network, inputs.network, [inputs.network, inputs.rounds], **QUIET)
    inputs.task.input(events.choose_task, inputs.task, [inputs.bars, melody.panel, buttons.start], **QUIET)
    # Dropdowns have "input" when they lose the focus, too, which would overwrite what is typed.
    melody.tune.select(events.open_tune, melody.tune, read, **QUIET)
    melody.upload.upload(events.open_upload, melody.upload, read, **QUIET)
    melody.text.blur(events.read_typed, [melody.text, melody.tune], read, **QUIET)
    next_seed = buttons.another.click(lambda seed: (seed or 0) + 1, inputs.seed, inputs.seed, **QUIET)
    buttons.connect(events.write, inputs.all(), desk.outputs(), next_seed, events.clear)
    waiting = results.redo.click(events.wait, None, desk.outputs(), **QUIET)
    again = waiting.then(events.redo, [results.chorale, results.voices, *inputs.all()], desk.outputs(), **ONE_JOB)
    buttons.stop.click(None, cancels=[again])
    again.failure(events.stopped, None, desk.outputs(), **QUIET)
    results.upbeat.release(events.move_bars, [results.chorale, results.upbeat], desk.outputs(), **ONE_JOB)


class Events:
    """Events' functions."""

    def __init__(self, networks: Mapping[str, Network], desk: Desk):
        self.networks, self.desk = networks, desk

    def choose_network(self, kind: str) -> Updates:
        """How it writes, and the rounds of the one that has them."""
        inputs = self.desk.inputs
        return {inputs.network: gr.Dropdown(info=NAMES[kind][1]), inputs.rounds: gr.Slider(visible=kind == "coconet")}

    def choose_task(self, task: str) -> Updates:
        """A length, or a melody."""
        inputs = self.desk.inputs
        bars, melody = gr.Slider(visible=task == COMPOSE), gr.Column(visible=task == HARMONISE)
        return {inputs.bars: bars, inputs.melody.panel: melody, self.desk.buttons.start: gr.Button(task)}

    def open_tune(self, name: str) -> Updates:
        """One to try."""
        text = TUNES[name].notation
        melody = self.desk.inputs.melody
        return {melody.upload: None, melody.text: text} | self.read(text)

    def open_upload(self, path: str) -> Updates:
        """A visitor's file; what can't be read leaves the melody that was there."""
        melody = self.desk.inputs.melody
        try:
            text = read_upload(Path(path))
        except ValueError as error:
            return {melody.upload: None, self.desk.buttons.status: markup.reason(error)}
        return {melody.tune: None, melody.text: text} | self.read(text)

    def read_typed(self, text: str, tune: str | None) -> Updates:
        """What may have been typed; if it has, it is no tune to try any more."""
        is_tune = tune is not None and text == TUNES[tune].notation
        return {self.desk.inputs.melody.tune: tune if is_tune else None} | self.read(text)

    def read(self, text: str) -> Updates:
        """The melody as it is understood, or why it isn't."""
        try:
            preview, said = show.melody_html(read_text(text)), ""
        except ValueError as error:
            preview, said = "", markup.reason(error)
        return {self.desk.inputs.melody.preview: preview, self.desk.buttons.status: said}

    def wait(self) -> Updates:
        """Before voices are drawn again."""
        running = self.desk.buttons.running(markup.progress("Waiting for the network", 0))
        return running | {self.desk.results.redo: gr.Button(interactive=False)}

    def clear(self) -> Updates:
        """When a job has been stopped: what was there before still is."""
        return {self.desk.results.growing: "", self.desk.results.redo: gr.Button(interactive=True)}

    def stopped(self) -> Updates:
        """After voices were to be drawn again."""
        return self.desk.buttons.idle(markup.progress("Stopped")) | self.clear()

    def write(self, *values: Any) -> Iterator[Updates]:
        """Writes a chorale, alone or below a melody."""
        asked = Asked(*values)
        seed = int(asked.seed or 0)

        def begin() -> tuple[WritingJob, int]:
            if asked.task == HARMONISE:
                melody = read_text(asked.text)
                return self._job(asked, writing.melody_known(melody), seed), melody.upbeat
            return self._job(asked, writing.nothing_known(asked.bars), seed), 0

        def finish(written: Written, upbeat: int) -> Chorale:
            return Chorale(asked.network, seed, written.pitches, upbeat, asked.tempo, written.nll)

        yield from self._run(asked.network, begin, finish)

    def redo(self, state: Chorale | None, voices: list[int], *values: Any) -> Iterator[Updates]:
        """Draws voices of a chorale again."""
        asked = Asked(*values)
        try:
            chorale = still_kept(state, WRITTEN)
        except ValueError as error:
            yield self._refused(error)
            return
        redone = chorale.redone + 1

        def begin() -> tuple[WritingJob, int]:
            known = writing.voices_known(chorale.pitches, voices)
            return self._job(asked, known, chorale.seed + redone * _REDONE), chorale.upbeat

        def finish(written: Written, upbeat: int) -> Chorale:
            return Chorale(
                asked.network, chorale.seed, written.pitches, upbeat, asked.tempo, written.nll, redone=redone
            )

        yield from self._run(asked.network, begin, finish)

    def move_bars(self, state: Chorale | None, upbeat: float) -> Iterator[Updates]:
        """Bar lines elsewhere."""
        try:
            chorale = still_kept(state, WRITTEN)
        except ValueError as error:
            yield {self.desk.buttons.status: markup.reason(error)}
            return
        with TemporaryDirectory() as folder:
            moved = replace(chorale, upbeat=round(4 * upbeat))
            yield self.desk.results.show(moved, self.networks[chorale.network], Path(folder))

    def _refused(self, error: ValueError) -> Updates:
        return self.desk.buttons.idle(markup.reason(error)) | self.clear()

    def _job(self, asked: Asked, known: Any, seed: int) -> WritingJob:
        sampling = Sampling(asked.temperature, asked.rounds)
        return writing.write_watched(self.networks[asked.network].model, known, sampling, seed)

    def _run(
        self,
        kind: str,
        begin: Callable[[], tuple[WritingJob, int]],
        finish: Callable[[Written, int], Chorale],
    ) -> Iterator[Updates]:
        """Shows a chorale as it grows, and when it is finished; or why there is none."""
        results, buttons = self.desk.results, self.desk.buttons
        yield buttons.running(markup.progress("Begun", 0)) | {results.redo: gr.Button(interactive=False)}
        begun = time.monotonic()
        try:
            job, upbeat = begin()
            for unfinished in job:
                line = markup.progress(unfinished.said, unfinished.done)
                yield {buttons.status: line, results.growing: show.unfinished_html(unfinished, upbeat)}
        except ValueError as error:
            yield self._refused(error)
            return
        line = markup.progress(f"Written in {time.monotonic() - begun:.1f} s")
        # Once only: Gradio loses files of components that one yield sets and the next one leaves as they are.
        with TemporaryDirectory() as folder:
            shown = results.show(finish(job.result, upbeat), self.networks[kind], Path(folder))
            yield buttons.idle(line) | shown | {results.redo: gr.Button(interactive=True)}
