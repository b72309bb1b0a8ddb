"""What both tabs have: the choice of sampler and steps, a line that tells how far it is."""

from collections.abc import Collection

import gradio as gr

from scorehub.spaces import markup
from scorehub.spaces.jobs import QUIET
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


def progress_line(progress: Progress, sampler: str, steps: int, in_parts: bool) -> str:
    """`Step 12 of 40, 12 evaluations`; a sampler that chooses its own steps tells the time that it has reached."""
    part = f"part {progress.part}, " if progress.part > 1 else ""
    if sampler == "ode" and not in_parts:
        step, done = f"step {progress.step}, time {progress.time:.2f}", 1 - progress.time
    else:
        step, done = f"step {progress.step} of {steps}", progress.step / steps
    return markup.progress(f"{part}{step}, {markup.count(progress.evaluations, 'evaluation')}".capitalize(), done)
