"""The parts of the page, and what they show of a picture and of a result."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.spaces import markup
from scorehub.spaces.jobs import HOUR, Updates
from scorehub.spaces.music_transcription import browser, show, sources
from scorehub.spaces.music_transcription.examples import EXAMPLES
from scorehub.spaces.music_transcription.fusing import fusion_controls
from scorehub.spaces.music_transcription.sources import Picture
from scorehub.spaces.music_transcription.transcribing import Transcribed

HINT = (
    f"One staff, upright, with little around it; up to {sources.MAX_BYTES // 2**20} MB. One voice; WAV, FLAC, Ogg or "
    f"MP3 of up to {sources.MAX_SECONDS} s, piano for choice."
)
_DOWNLOADS = {"musicxml": "MusicXML", "midi": "MIDI", "tokens": "tokens"}


@dataclass(frozen=True)
class Inputs:
    """What is read, and how."""

    example: gr.Dropdown
    upload: gr.File
    audio: gr.Audio
    picture: gr.State
    refused: gr.State  # why what was given last can't be read; "" if it can
    fusion: gr.Dropdown
    trust: gr.Slider


@dataclass(frozen=True)
class Editing:
    """Where a picture is cut and turned."""

    panel: gr.Accordion
    cutter: gr.HTML
    left: gr.Button
    right: gr.Button
    whole: gr.Button


@dataclass(frozen=True)
class Desk:
    """All of it."""

    inputs: Inputs
    status: gr.HTML
    editing: Editing
    results: gr.Column
    result: gr.HTML
    downloads: dict[str, gr.DownloadButton]

    def read(self) -> list[Any]:
        """What a reading takes."""
        inputs = self.inputs
        return [inputs.refused, inputs.upload, inputs.picture, inputs.audio, inputs.fusion, inputs.trust]

    def sources(self) -> list[Any]:
        """What changes when something is given."""
        given = [self.inputs.example, self.inputs.upload, self.inputs.audio, self.inputs.picture, self.inputs.refused]
        return [*given, self.editing.panel, self.editing.cutter, self.status]

    def outputs(self) -> list[Any]:
        """What a reading changes."""
        shown = [self.status, self.results, self.result, *self.downloads.values()]
        return [*shown, self.editing.panel]

    def say(self, line: str) -> Updates:
        """A line in place of a result."""
        return {self.status: line, self.results: gr.Column(visible=False)}

    def show_picture(self, picture: Picture | None, refused: str = "") -> Updates:
        """A picture, to be cut and turned; or none, and maybe why."""
        cutter = "" if picture is None else show.cutter(picture)
        panel = gr.Accordion(visible=picture is not None)
        state = {self.inputs.picture: picture, self.inputs.refused: refused}
        return state | {self.editing.panel: panel, self.editing.cutter: cutter}

    def show_result(self, done: Transcribed, folder: Path) -> Updates:
        """What was read; its files are written into a folder."""
        paths = done.write(folder)
        sounds = {"result": paths.get("sound"), "recording": done.given.recording and done.given.recording.path}
        page = {name: path and markup.served_file(path) for name, path in sounds.items()} | show.page(done)
        files = {button: gr.DownloadButton(value=str(paths[kind])) for kind, button in self.downloads.items()}
        picture = done.given.picture
        is_cut = picture is not None and picture.box != sources.WHOLE
        shown = {self.status: "", self.results: gr.Column(visible=True), self.result: page}
        return shown | files | ({self.editing.panel: gr.Accordion(open=False)} if is_cut else {})


def make_desk(pipe: MusicTranscriptionPipeline) -> Desk:
    """Draws the parts; what a model has no network for can't be given."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = _inputs(pipe)
        with gr.Column(scale=3, min_width=320):
            status, editing = gr.HTML(), _editing()
            with gr.Column(visible=False) as results:
                result = gr.HTML({}, html_template=browser.RESULT, js_on_load=browser.LINK, elem_classes="result")
                with gr.Row():
                    downloads = {
                        kind: gr.DownloadButton(f"Download {name}", size="md", min_width=110)
                        for kind, name in _DOWNLOADS.items()
                    }
    return Desk(inputs, status, editing, results, result, downloads)


def _inputs(pipe: MusicTranscriptionPipeline) -> Inputs:
    titles = [(example.title, name) for name, example in EXAMPLES.items()]
    example = gr.Dropdown(titles, value=next(iter(EXAMPLES)), label="Something to try")
    upload = gr.File(
        label="Picture of a staff",
        file_types=[*sources.FORMATS.values(), ".jpeg", ".tiff"],
        height=120,
        elem_classes="upload",
        visible=pipe.model.config.optical is not None,
    )
    audio = gr.Audio(
        label="Recording of it",
        sources=["upload", "microphone"],
        type="filepath",
        elem_classes="recording",
        visible=pipe.model.config.audio is not None,
    )
    gr.Markdown(HINT, elem_classes="hint")
    states = gr.State(None, time_to_live=HOUR), gr.State("")
    return Inputs(example, upload, audio, *states, *fusion_controls(pipe))


def _editing() -> Editing:
    with gr.Accordion("Cut one staff out of the picture, or turn it", open=False, visible=False) as panel:
        gr.Markdown("Drag over the staff that is to be read.", elem_classes="hint")
        cutter = gr.HTML(js_on_load=browser.CUT)
        with gr.Row():
            names = ("Turn left", "Turn right", "Whole picture")
            buttons = [gr.Button(name, size="md", min_width=110) for name in names]
    return Editing(panel, cutter, *buttons)
