"""What both tabs have: the choice of sampler and steps, buttons to start and stop, a line that tells how far it is."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from scorehub.spaces import markup
from scorehub.spaces.jobs import ONE_JOB, QUIET, Updates
from scorehub.spaces.piano_roll_sde.sampling import Progress

# Name, and what it does.
SAMPLERS = {
    "ode_fast": ("Fast flow (DPM-Solver++)", "ode_fast: the probability flow in few, large steps."),
    "ode": ("Exact flow (Runge-Kutta)", "ode: the probability flow in as many steps as it takes."),
    "euler_maruyama": ("Random walk (Euler-Maruyama)", "euler_maruyama: new noise in each of many steps."),
    "predictor_corrector": (
        "Corrected walk (predictor-corrector)",
        "predictor_corrector: a random walk, and a correction before each step.",
    ),
}
# Fewest, most, at first, and step of the slider.
STEPS = {
    "ode_fast": (5, 100, 40, 1),
    "ode": (5, 40, 20, 1),
    "euler_maruyama": (50, 1000, 500, 10),
    "predictor_corrector": (25, 500, 250, 5),
}
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


def sampler_controls(chooses_steps: Collection[str] = ()) -> tuple[gr.Dropdown, gr.Slider]:
    """Sampler and steps.

    Args:
        chooses_steps: Samplers that choose their steps themselves.
    """
    names = [(name, sampler) for sampler, (name, _) in SAMPLERS.items()]
    sampler = gr.Dropdown(names, value="ode_fast", label="Sampler", info=SAMPLERS["ode_fast"][1])
    fewest, most, first, step = STEPS["ode_fast"]
    steps = gr.Slider(fewest, most, first, step=step, label="Steps")

    def adapt(chosen: str) -> tuple[gr.Dropdown, gr.Slider]:
        fewest, most, first, step = STEPS[chosen]
        own = chosen in chooses_steps
        label = "Steps: as many as it takes" if own else "Steps"
        slider = gr.Slider(fewest, most, first, step=step, label=label, interactive=not own)
        return gr.Dropdown(info=SAMPLERS[chosen][1]), slider

    sampler.input(adapt, sampler, [sampler, steps], **QUIET)
    return sampler, steps


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


def progress_line(progress: Progress, sampler: str, steps: int, in_parts: bool) -> str:
    """`Step 12 of 40, 12 evaluations`; a sampler that chooses its own steps tells the time that it has reached."""
    part = f"part {progress.part}, " if progress.part > 1 else ""
    if sampler == "ode" and not in_parts:
        step, done = f"step {progress.step}, time {progress.time:.2f}", 1 - progress.time
    else:
        step, done = f"step {progress.step} of {steps}", progress.step / steps
    return markup.progress(f"{part}{step}, {markup.count(progress.evaluations, 'evaluation')}".capitalize(), done)


def summary_line(evaluations: int, seconds: float) -> str:
    """What a job took."""
    return markup.progress(f"{markup.count(evaluations, 'evaluation')} of the network in {seconds:.1f} s")
