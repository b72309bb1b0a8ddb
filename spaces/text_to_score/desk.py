"""The parts of the page: what a visitor asks for, and cards with the pages that are drawn."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline
from scorehub.pipelines.text_to_score.sampling import PRESETS
from scorehub.spaces.starting import Buttons, seed_box, start_buttons
from scorehub.spaces.text_to_score import show
from scorehub.spaces.text_to_score.drawing import MAX_PAGES
from scorehub.spaces.text_to_score.prompts import LABELS, field_choices, prompts_to_try, read_fields
from scorehub.text_to_score import page_size

MAX_STEPS = 250
MAX_GUIDANCE = 10
_PRESETS = [("Fast", "fast"), ("Paper's", "paper")]
_WHAT = "Fast: the model's own sampler, 20 steps. Paper's: DDIM, 250 steps."
_ANY = "any"


@dataclass(frozen=True)
class Inputs:
    """What is asked for."""

    to_try: gr.Dropdown
    fields: dict[str, Any]
    prompt: gr.Textbox
    count: gr.Radio
    seed: gr.Number
    preset: gr.Radio
    steps: gr.Slider
    guidance: gr.Slider
    negative: gr.Textbox

    def all(self) -> list[Any]:
        """What a drawing takes."""
        return [self.prompt, self.count, self.seed, self.preset, self.steps, self.guidance, self.negative]


@dataclass(frozen=True)
class Card:
    """A page to be seen, read and taken home."""

    column: gr.Column
    picture: gr.HTML
    files: gr.Row
    png: gr.DownloadButton
    bitmap: gr.DownloadButton

    def all(self) -> list[Any]:
        """What changes."""
        return [self.column, self.picture, self.files, self.png, self.bitmap]


@dataclass(frozen=True)
class Desk:
    """All of it."""

    choices: dict[str, list[str]]
    inputs: Inputs
    buttons: Buttons
    pdf: gr.DownloadButton
    cards: list[Card]

    def outputs(self) -> list[Any]:
        """What a drawing changes."""
        return [*self.buttons.all(), self.pdf, *(part for card in self.cards for part in card.all())]


def make_desk(pipe: TextToScorePipeline) -> Desk:
    """Draws the parts; fields that a model has not learnt can't be picked."""
    vocabulary = pipe.config["vocabulary"]
    choices = field_choices(vocabulary)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = _inputs(choices, prompts_to_try(vocabulary))
            buttons = start_buttons("Draw")
            pdf = gr.DownloadButton("Download PDF", size="md", visible=False)
        with gr.Column(scale=3, min_width=320), gr.Row():
            cards = [_card(number, page_size(pipe)) for number in range(MAX_PAGES)]
    return Desk(choices, inputs, buttons, pdf, cards)


def _inputs(choices: dict[str, list[str]], prompts: dict[str, str]) -> Inputs:
    begin = next(iter(prompts.values()))
    to_try = gr.Dropdown(list(prompts.items()), value=begin, label="Something to try")
    first = read_fields(begin, choices)
    with gr.Row():
        fields = {name: _field(name, values, first[name]) for name, values in choices.items()}
    prompt = gr.Textbox(begin, label="Prompt", info="Made of the fields above, or type one.", lines=3, max_lines=6)
    with gr.Row():
        count = gr.Radio(list(range(1, MAX_PAGES + 1)), value=1, label="Pages", min_width=180, elem_classes="count")
        seed = seed_box()
    with gr.Accordion("Preset, steps, guidance, what to avoid", open=False):
        fast = PRESETS["fast"]
        preset = gr.Radio(_PRESETS, value="fast", label="Preset", info=_WHAT)
        steps = gr.Slider(1, MAX_STEPS, fast.steps, step=1, label="Steps")
        guidance = gr.Slider(
            1, MAX_GUIDANCE, fast.guidance, step=0.5, label="Guidance", info="How much the prompt counts; 1: plainly."
        )
        negative = gr.Textbox(
            "",
            label="What pages must not be like",
            placeholder="a music score, key is C major",
            info="A prompt, or nothing.",
        )
    return Inputs(to_try, fields, prompt, count, seed, preset, steps, guidance, negative)


def _field(name: str, values: list[str], value: str) -> gr.Dropdown | gr.Textbox:
    if values:
        return gr.Dropdown([(_ANY, ""), *values], value=value, label=LABELS[name], min_width=130)
    return gr.Textbox(value, label=LABELS[name], placeholder=_ANY, min_width=130)


def _card(number: int, size: tuple[int, int]) -> Card:
    with gr.Column(min_width=420, visible=number == 0, elem_classes="card") as column:
        picture = gr.HTML(show.empty_page(size))
        with gr.Row(visible=False) as files:
            png = gr.DownloadButton("Download PNG", size="md", min_width=130)
            bitmap = gr.DownloadButton("Download 1-bit", size="md", min_width=130)
    return Card(column, picture, files, png, bitmap)
