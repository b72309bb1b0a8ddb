"""What happens when a visitor does something: fields and prompt follow each other, pages are drawn and read."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr
from PIL import Image

from scorehub.pipelines.text_to_score.pipeline import TextToScoreOutput, TextToScorePipeline
from scorehub.pipelines.text_to_score.prompt import write_prompt
from scorehub.pipelines.text_to_score.sampling import PRESETS
from scorehub.spaces import markup
from scorehub.spaces.jobs import QUIET, Updates
from scorehub.spaces.starting import summary_line
from scorehub.spaces.text_to_score import show
from scorehub.spaces.text_to_score.desk import Desk
from scorehub.spaces.text_to_score.drawing import MAX_PAGES, draw_watched, write_pdf, write_png
from scorehub.spaces.text_to_score.prompts import read_fields
from scorehub.spaces.text_to_score.verdict import Verdict, judge_page
from scorehub.text_to_score import Sampling, page_size


def connect(pipe: TextToScorePipeline, desk: Desk) -> None:
    """Connects all events."""
    inputs, buttons = desk.inputs, desk.buttons
    events = Events(pipe, desk)
    fields = list(inputs.fields.values())
    for field in fields:
        field.input(events.write, fields, [inputs.prompt, inputs.to_try], trigger_mode="always_last", **QUIET)
    inputs.prompt.input(None, None, inputs.to_try, js="() => null", **QUIET)
    inputs.prompt.blur(events.read, inputs.prompt, fields, **QUIET)
    inputs.to_try.input(events.open_prompt, inputs.to_try, [inputs.prompt, *fields], **QUIET)
    inputs.preset.input(events.choose_preset, inputs.preset, [inputs.steps, inputs.guidance], **QUIET)
    seed_and_count = [inputs.seed, inputs.count]
    next_seed = buttons.another.click(lambda seed, count: (seed or 0) + count, seed_and_count, inputs.seed, **QUIET)
    buttons.connect(events.draw, inputs.all(), desk.outputs(), next_seed, events.clear)


class Events:
    """Events' functions."""

    def __init__(self, pipe: TextToScorePipeline, desk: Desk):
        self.pipe, self.desk = pipe, desk
        self.size = page_size(pipe)

    def write(self, *values: str | None) -> Updates:
        """A prompt of what is picked."""
        inputs = self.desk.inputs
        picked = {name: value or "" for name, value in zip(inputs.fields, values, strict=True)}
        return {inputs.prompt: write_prompt(picked), inputs.to_try: None}

    def read(self, prompt: str) -> Updates:
        """What the prompt says is picked."""
        said = read_fields(prompt, self.desk.choices)
        return {field: said[name] for name, field in self.desk.inputs.fields.items()}

    def open_prompt(self, prompt: str) -> Updates:
        """A prompt to try."""
        return {self.desk.inputs.prompt: prompt} | self.read(prompt)

    def choose_preset(self, name: str) -> Updates:
        """Its steps and guidance."""
        return {self.desk.inputs.steps: PRESETS[name].steps, self.desk.inputs.guidance: PRESETS[name].guidance}

    def clear(self, count: int = 1) -> Updates:
        """Empty pages, as many as are asked for."""
        updates: Updates = {self.desk.pdf: gr.DownloadButton(visible=False)}
        for number, card in enumerate(self.desk.cards):
            updates[card.column] = gr.Column(visible=number < count)
            updates[card.picture] = show.empty_page(self.size)
            updates[card.files] = gr.Row(visible=False)
        return updates

    def draw(
        self, prompt: str, count: int, seed: int | None, preset: str, steps: int, guidance: float, negative: str
    ) -> Iterator[Updates]:
        """Draws pages, and shows them while they are drawn."""
        buttons = self.desk.buttons
        seeds = [int(seed or 0) + number for number in range(count)]
        yield buttons.running(markup.progress("Begun", 0)) | self.clear(count)
        begun = time.monotonic()
        try:
            sampling = Sampling(preset, steps, guidance, negative.strip() or None)
            job = draw_watched(self.pipe, prompt, seeds, sampling)
            for unfinished in job:
                line = markup.progress(f"Step {unfinished.step} of {steps}", min(1.0, unfinished.step / steps))
                yield {buttons.status: line} | self._pictures(unfinished.pages, seeds)
        except ValueError as error:
            yield buttons.idle(markup.reason(error)) | self.clear()
            return
        line = summary_line(job.evaluations, time.monotonic() - begun)
        # Once only: Gradio loses files of components that one yield sets and the next one leaves as they are.
        with TemporaryDirectory() as folder:
            yield buttons.idle(line) | self._results(job.result, seeds, Path(folder))

    def _pictures(
        self, pages: list[Image.Image], seeds: list[int], verdicts: Sequence[Verdict | None] = (None,) * MAX_PAGES
    ) -> Updates:
        cards = zip(self.desk.cards, pages, seeds, verdicts, strict=False)
        return {card.picture: show.page(page, seed, verdict) for card, page, seed, verdict in cards}

    def _results(self, made: TextToScoreOutput, seeds: list[int], folder: Path) -> Updates:
        """Pages, what was read in them, and files."""
        pages = made.images
        verdicts = [judge_page(page, prompt) for page, prompt in zip(pages, made.prompts, strict=True)]
        label = "Download PDF" if len(pages) == 1 else f"Download PDF of {len(pages)} pages"
        pdf = gr.DownloadButton(label, value=str(write_pdf(pages, seeds[0], folder)), visible=True)
        updates: Updates = {self.desk.pdf: pdf} | self._pictures(pages, seeds, verdicts)
        for card, page, seed in zip(self.desk.cards, pages, seeds, strict=False):
            paths = write_png(page, seed, folder)
            for button, path in zip((card.png, card.bitmap), paths, strict=True):
                updates[button] = gr.DownloadButton(value=str(path))
            updates[card.files] = gr.Row(visible=True)
        return updates
