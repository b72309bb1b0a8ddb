"""What happens when a visitor does something: what is given changes, and is read at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.spaces import markup
from scorehub.spaces.jobs import ONE_JOB, QUIET, Updates, still_kept
from scorehub.spaces.music_transcription import sources
from scorehub.spaces.music_transcription.desk import Desk
from scorehub.spaces.music_transcription.examples import EXAMPLES, load_example
from scorehub.spaces.music_transcription.sources import Picture
from scorehub.spaces.music_transcription.transcribing import Given, transcribe

# Nothing that is given while another thing is read may be lost.
_AT_ONCE: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
GIVEN = "picture must have been given"  # to be read
ASK = "Give a picture of a staff, a recording of it, or both."


def connect(app: gr.Blocks, pipe: MusicTranscriptionPipeline, desk: Desk) -> None:
    """Connects all events."""
    changes, inputs = _Changes(pipe, desk), desk.inputs
    example, audio = inputs.example, inputs.audio
    given = [
        gr.on([app.load, example.input], changes.open_example, example, desk.sources(), **_AT_ONCE),
        gr.on(
            [inputs.upload.upload, inputs.upload.clear],
            changes.open_picture,
            [inputs.upload, example],
            desk.sources(),
            **_AT_ONCE,
        ),
        gr.on(
            [audio.upload, audio.stop_recording, audio.clear],
            changes.open_recording,
            [audio, example],
            desk.sources(),
            **_AT_ONCE,
        ),
        gr.on([inputs.fusion.input, inputs.trust.release], changes.wait, None, desk.status, **_AT_ONCE),
    ]
    for event, edit in (
        (desk.editing.cutter.select, lambda picture, event: picture.cut(*event.corners)),
        (desk.editing.left.click, lambda picture, _: picture.turned(1)),
        (desk.editing.right.click, lambda picture, _: picture.turned(-1)),
        (desk.editing.whole.click, lambda picture, _: picture.whole()),
    ):
        given.append(event(changes.editing(edit), inputs.picture, desk.sources(), **_AT_ONCE))
    for change in given:
        change.then(changes.read, desk.read(), desk.outputs(), trigger_mode="always_last", **ONE_JOB)


class _Changes:
    """Events' functions; `read` comes after each of the others."""

    def __init__(self, pipe: MusicTranscriptionPipeline, desk: Desk):
        self.pipe, self.desk = pipe, desk

    def wait(self) -> Updates:
        """What is said until there is a result."""
        return {self.desk.status: markup.progress("Reading")}

    def open_example(self, name: str) -> Updates:
        """Picture and recording of an example, as far as the model can read them."""
        inputs, config = self.desk.inputs, self.pipe.model.config
        path, recording = load_example(name)
        picture = sources.load_picture(path) if path and config.optical else None
        files = {inputs.upload: str(path) if picture else None, inputs.audio: str(recording) if config.audio else None}
        hint = {inputs.example: gr.Dropdown(info=EXAMPLES[name].hint)}
        return hint | files | self.desk.show_picture(picture) | self.wait()

    def open_picture(self, path: str | None, example: str | None) -> Updates:
        """A visitor's picture, of which an example's recording is not; or none any more."""
        own = {self.desk.inputs.audio: None, **self._no_example()} if path and example else {}
        try:
            picture = sources.load_picture(Path(path)) if path else None
        except ValueError as error:
            return own | self.desk.show_picture(None, str(error)) | {self.desk.inputs.upload: None}
        return own | self.desk.show_picture(picture) | self.wait()

    def open_recording(self, audio: str | None, example: str | None) -> Updates:
        """A visitor's recording, of which an example's picture is not; or none any more."""
        own = self._no_example() | self.desk.show_picture(None) if audio and example else {}
        own |= {self.desk.inputs.upload: None} if own else {}
        try:
            if audio:
                sources.load_recording(Path(audio))
        except ValueError as error:
            return own | {self.desk.inputs.audio: None, self.desk.inputs.refused: str(error)}
        return own | {self.desk.inputs.refused: ""} | self.wait()

    def editing(self, edit: Callable[[Picture, Any], Picture]) -> Callable[..., Updates]:
        """An event that makes another picture of the one that is there."""

        def edited(event: gr.EventData, picture: Picture | None) -> Updates:
            try:
                return self.desk.show_picture(edit(still_kept(picture, GIVEN), event)) | self.wait()
            except ValueError as error:
                return self.desk.show_picture(None, str(error)) | {self.desk.inputs.upload: None}

        return edited

    def read(
        self, refused: str, upload: str | None, picture: Picture | None, audio: str | None, fusion: str, trust: float
    ) -> Iterator[Updates]:
        """Reads what there is, unless what was given last has been refused."""
        desk = self.desk
        if refused:
            yield desk.say(markup.reason(refused))
            return
        if upload is None and audio is None:
            yield desk.say(markup.progress(ASK))
            return
        try:
            picture = still_kept(picture, GIVEN) if upload else None
            recording = sources.load_recording(Path(audio)) if audio else None
            done = transcribe(self.pipe, Given(picture, recording), fusion, trust / 100)
        except ValueError as error:
            yield desk.say(markup.reason(error)) | {desk.editing.panel: gr.Accordion(open=True)}
            return
        # Once only: Gradio loses files of components that one yield sets and the next one leaves as they are.
        with TemporaryDirectory() as folder:
            yield desk.show_result(done, Path(folder))

    def _no_example(self) -> Updates:
        return {self.desk.inputs.example: gr.Dropdown(value=None, info="")}
