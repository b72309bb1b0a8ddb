"""The parts of the page: what a visitor asks for, and what is shown of the chorale."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.pipelines.chorales.grids import VOICES
from scorehub.spaces import markup
from scorehub.spaces.chorales import browser, show, uploads
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.spaces.chorales.melody import MAX_BARS, read_text
from scorehub.spaces.chorales.networks import NAMES, Network
from scorehub.spaces.chorales.tunes import TUNES
from scorehub.spaces.jobs import HOUR, Updates
from scorehub.spaces.starting import Buttons, seed_box, start_buttons

COMPOSE, HARMONISE = "Compose", "Harmonise"
TEXT = (
    "Plaine & Easie, with fields or notes alone, or kern of one spine. "
    "What is chosen, or a file's highest voice, comes here."
)
UPBEAT = "Before the first bar line; moves all bar lines of what is written."
_DOWNLOADS = {".mid": "MIDI", ".musicxml": "MusicXML", ".png": "PNG"}


@dataclass(frozen=True)
class Asked:
    """What a visitor asks for, as `Inputs.all` has it."""

    network: str
    task: str
    bars: int
    text: str
    temperature: float
    rounds: int
    tempo: float
    seed: int | None


@dataclass(frozen=True)
class MelodyInputs:
    """A melody that is to be harmonised; `panel` is seen where one is."""

    panel: gr.Column
    tune: gr.Dropdown
    upload: gr.File
    text: gr.Textbox
    preview: gr.HTML

    def all(self) -> list[Any]:
        """What changes with another melody."""
        return [self.tune, self.upload, self.text, self.preview]


@dataclass(frozen=True)
class Inputs:
    """Where it is asked for."""

    network: gr.Dropdown
    task: gr.Radio
    bars: gr.Slider
    melody: MelodyInputs
    temperature: gr.Slider
    rounds: gr.Slider
    tempo: gr.Slider
    seed: gr.Number

    def all(self) -> list[Any]:
        """In the order of `Asked`."""
        how = [self.temperature, self.rounds, self.tempo, self.seed]
        return [self.network, self.task, self.bars, self.melody.text, *how]


@dataclass(frozen=True)
class Results:
    """The chorale, and what can be done to it."""

    chorale: gr.State
    growing: gr.HTML
    finished: gr.Column
    page: gr.HTML
    downloads: dict[str, gr.DownloadButton]
    voices: gr.CheckboxGroup
    redo: gr.Button
    upbeat: gr.Slider

    def all(self) -> list[Any]:
        """What changes."""
        return [self.chorale, self.growing, self.finished, self.page, *self.downloads.values(), self.redo, self.upbeat]

    def show(self, chorale: Chorale, network: Network, folder: Path) -> Updates:
        """A finished chorale; its files are written into a folder."""
        paths = chorale.write(folder)
        page = show.result(chorale, network) | {"sound": markup.served_file(paths[".flac"])}
        files = {button: gr.DownloadButton(value=str(paths[suffix])) for suffix, button in self.downloads.items()}
        shown = {self.growing: "", self.finished: gr.Column(visible=True), self.page: page}
        return shown | files | {self.chorale: chorale, self.upbeat: chorale.upbeat / 4}


@dataclass(frozen=True)
class Desk:
    """All of it."""

    inputs: Inputs
    buttons: Buttons
    results: Results

    def outputs(self) -> list[Any]:
        """What a job changes."""
        return [*self.buttons.all(), *self.results.all()]


def make_desk(networks: Mapping[str, Network]) -> Desk:
    """Draws the parts for one network at least."""
    with gr.Row():
        with gr.Column(scale=1, min_width=340):
            inputs = _inputs(networks)
            buttons = start_buttons(COMPOSE)
        with gr.Column(scale=3, min_width=320):
            results = _results()
    return Desk(inputs, buttons, results)


def _inputs(networks: Mapping[str, Network]) -> Inputs:
    first = next(iter(networks))
    names = [(network.name, kind) for kind, network in networks.items()]
    network = gr.Dropdown(names, value=first, label="Network", info=NAMES[first][1])
    task = gr.Radio([COMPOSE, HARMONISE], value=COMPOSE, show_label=False, container=False, elem_classes="count")
    bars = gr.Slider(1, MAX_BARS, 8, step=1, label="Bars of four quarters")
    melody = _melody()
    temperature = gr.Slider(0.2, 1.5, 0.8, step=0.05, label="Temperature", info="The higher, the more it dares.")
    rounds = gr.Slider(
        8, 512, 128, step=8, label="Rounds", info="In which notes are drawn anew.", visible=first == "coconet"
    )
    tempo = gr.Slider(40, 160, 80, step=4, label="Tempo, quarters a minute")
    return Inputs(network, task, bars, melody, temperature, rounds, tempo, seed_box())


def _melody() -> MelodyInputs:
    name, tune = next(iter(TUNES.items()))
    with gr.Column(visible=False) as panel:
        titles = [(each.title, key) for key, each in TUNES.items()]
        tunes = gr.Dropdown(titles, value=name, label="A tune to try")
        upload = gr.File(
            label=f"Or MIDI, MusicXML up to {uploads.MAX_BYTES // 2**20} MB",
            file_types=[*uploads.MIDI_SUFFIXES, *uploads.XML_SUFFIXES],
            height=120,
            elem_classes="upload",
        )
        text = gr.Textbox(tune.notation, label="Or type it", info=TEXT, lines=4, max_lines=8)
        preview = gr.HTML(show.melody_html(read_text(tune.notation)))
    return MelodyInputs(panel, tunes, upload, text, preview)


def _results() -> Results:
    chorale = gr.State(None, time_to_live=HOUR)
    growing = gr.HTML(show.empty())
    with gr.Column(visible=False) as finished:
        page = gr.HTML({}, html_template=browser.RESULT, js_on_load=browser.PLAY_ALONG, elem_classes="result")
        with gr.Row():
            downloads = {
                suffix: gr.DownloadButton(f"Download {name}", size="md", min_width=110)
                for suffix, name in _DOWNLOADS.items()
            }
        with gr.Row():
            with gr.Column(min_width=300):
                voices = gr.CheckboxGroup(
                    [(name.capitalize(), number) for number, name in enumerate(VOICES)],
                    value=[1, 2],
                    label="Voices to be drawn again",
                    info="The others stay; the network chosen now draws them.",
                )
                redo = gr.Button("Draw these again", size="md")
            with gr.Column(min_width=300):
                upbeat = gr.Slider(0, 3.75, 0, step=0.25, label="Upbeat, quarters", info=UPBEAT)
    return Results(chorale, growing, finished, page, downloads, voices, redo, upbeat)
