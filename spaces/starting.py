"""Buttons that start a job, start it with the next seed, and stop it; and a line that says how far it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from scorehub.spaces import markup
from scorehub.spaces.jobs import ONE_JOB, QUIET, Updates

MAX_SEED = 2**31


@dataclass(frozen=True)
class Buttons:
    """Start with a seed, start with the next one, stop; and the line below."""

    start: gr.Button
    another: gr.Button
    stop: gr.Button
    status: gr.HTML

    def running(self, status: str) -> Updates:
        """While a job runs."""
        waiting = {self.start: gr.Button(interactive=False), self.another: gr.Button(visible=False)}
        return {**waiting, self.stop: gr.Button(visible=True), self.status: status}

    def idle(self, status: str) -> Updates:
        """When it has ended."""
        ready = {self.start: gr.Button(interactive=True), self.another: gr.Button(visible=True)}
        return {**ready, self.stop: gr.Button(visible=False), self.status: status}

    def all(self) -> list[Any]:
        """What `running` and `idle` change."""
        return [self.start, self.another, self.stop, self.status]

    def connect(
        self,
        job: Callable[..., Iterator[Updates]],
        inputs: list[Any],
        outputs: list[Any],
        next_seed: Any,
        clear: Callable[[], Updates] = dict,
    ) -> list[Any]:
        """Lets the buttons start a job, which may have to wait for those of other visitors, and stop it.

        Args:
            next_seed: The event that brings the next seed, a click of `another`.
            clear: What goes when the job is stopped, or fails.

        Returns:
            The job's events, for others that end it.
        """

        def wait() -> Updates:
            return self.running(markup.progress("Waiting for the network", 0))

        def stop() -> Updates:
            return self.idle(markup.progress("Stopped")) | clear()

        clicks = (self.start.click, next_seed.then)
        jobs = [click(wait, None, self.all(), **QUIET).then(job, inputs, outputs, **ONE_JOB) for click in clicks]
        self.stop.click(None, cancels=jobs)
        for event in jobs:
            event.failure(stop, None, outputs, **QUIET)  # comes after the last news of a job that is cancelled
        return jobs


def seed_box() -> gr.Number:
    """From 0."""
    return gr.Number(0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90)


def start_buttons(start: str) -> Buttons:
    """The buttons, idle."""
    with gr.Row():
        first = gr.Button(start, variant="primary", size="md", min_width=110)
        another = gr.Button("Another seed", size="md", min_width=110)
        stop = gr.Button("Stop", variant="stop", size="md", visible=False, min_width=110)
    return Buttons(first, another, stop, gr.HTML())


def summary_line(evaluations: int, seconds: float) -> str:
    """What a job took."""
    return markup.progress(f"{markup.count(evaluations, 'evaluation')} of the network in {seconds:.1f} s")
