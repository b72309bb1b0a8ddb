"""The tab that follows a recording, the choice of its pages, and what can be downloaded of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.following_video import write_video
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.spaces import markup
from scorehub.spaces.jobs import IN_TURN, ONE_JOB, QUIET, Updates, still_kept
from scorehub.spaces.score_following import messages, piece
from scorehub.spaces.score_following.listening import Heard, Hearing, Lead
from scorehub.spaces.score_following.parts import OPENED, Parts, in_words
from scorehub.spaces.score_following.piece import EXAMPLES, Piece

OWN_PAGES, OWN_RECORDING = "Open pages of yours", "Take a recording of yours"
LIMITS = f"Images or a PDF, up to {piece.MAX_PAGES} pages; FLAC, WAV, Ogg or MP3, up to {piece.MAX_MINUTES} minutes."
VIDEO_SECONDS = 300  # of a recording that are filmed
_NEWS_SECONDS = 0.3  # between two reports of a job


def choose_piece() -> tuple[gr.Dropdown, gr.UploadButton]:
    """Tunes to try, and pages from outside."""
    titles = [(example.title, tune) for tune, example in EXAMPLES.items()]
    tunes = gr.Dropdown(titles, value=next(iter(EXAMPLES)), label="A piece to try")
    types = [".pdf", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"]
    return tunes, gr.UploadButton(OWN_PAGES, file_types=types, file_count="multiple", size="md", elem_classes="pages")


def recording_tab() -> tuple[gr.UploadButton, gr.Button, gr.Button]:
    """Fills the tab: a recording, and buttons to start and stop."""
    types = [".flac", ".wav", ".ogg", ".mp3"]
    recording = gr.UploadButton(OWN_RECORDING, file_types=types, size="md", elem_classes="recording")
    with gr.Row():
        start = gr.Button("Follow the recording", variant="primary", size="md", min_width=160)
        stop = gr.Button("Stop", variant="stop", size="md", visible=False, min_width=110)
    return recording, start, stop


def connect_recording(
    model: ScoreFollowerModel,
    parts: Parts,
    recording: gr.UploadButton,
    buttons: tuple[gr.Button, gr.Button],
    lead: list[Any],
) -> Any:
    """A recording is followed; returns the job, for others that end it."""
    start, stop = buttons

    def running(is_running: bool) -> Updates:
        return {start: gr.Button(interactive=not is_running), stop: gr.Button(visible=is_running)}

    def wait() -> Updates:
        return running(True) | parts.forget() | {parts.status: markup.progress("Waiting for the network", 0)}

    def listen(state: Piece | None, own: str | None, amount: float, unit: str) -> Iterator[Updates]:
        begun, told = time.monotonic(), 0.0
        with in_words():
            opened = still_kept(state, OPENED)
            path = _recording(opened, own)
            hearing = Hearing(model, opened, piece.load_recording(path))
        for position in hearing:
            if time.monotonic() - told > _NEWS_SECONDS:
                told = time.monotonic()
                yield parts.on_the_way(opened, position, hearing.seconds)
        turns = Lead(amount, unit).turns(opened.score, hearing.positions)
        heard = Heard(opened, path, hearing.positions, turns)
        took = f"{markup.duration(hearing.seconds)} heard in {markup.duration(time.monotonic() - begun)}"
        with TemporaryDirectory() as folder:  # Gradio copies what is yielded before it asks for more
            done = {parts.status: markup.progress(f"{took}: press play below the page")}
            yield parts.show_heard(heard, Path(folder)) | done | running(False)

    def stopped() -> Updates:
        return running(False) | parts.forget()

    outputs = [start, stop, *parts.all()]
    job = start.click(wait, None, outputs, **QUIET).then(listen, [parts.piece, recording, *lead], outputs, **ONE_JOB)
    stop.click(None, cancels=[job])
    job.failure(stopped, None, outputs, **QUIET)
    return job


def _recording(opened: Piece, own: str | None) -> Path:
    """The recording that is to be followed.

    Raises:
        ValueError: there is none.
    """
    if own:
        return Path(own)
    if opened.name not in EXAMPLES:
        raise ValueError("pages of yours must have a recording of yours, got none")
    return piece.example_recording(opened.name)


def connect_sources(
    model: ScoreFollowerModel, parts: Parts, sources: tuple[gr.Dropdown, gr.UploadButton, gr.UploadButton], job: Any
) -> None:
    """Pages are opened, which ends what is being done to those before; another recording is taken."""
    tunes, pages, recording = sources

    def open_tune(tune: str) -> Updates:
        own = {pages: None, recording: gr.UploadButton(OWN_RECORDING, value=None)}
        return parts.open(piece.load_example(model, tune)) | own

    def open_upload(paths: list[str]) -> Iterator[Updates]:
        yield {parts.status: markup.progress("Reading the pages", 0)}
        with in_words():
            opened = piece.load_upload(model, [Path(path) for path in paths])
        found = f"{markup.count(len(opened.score.systems), 'system')} on {markup.count(len(opened.pages), 'page')}"
        yield parts.open(opened) | {tunes: None, parts.status: markup.progress(f"{opened.title}: {found}")}

    def take(path: str) -> Updates:
        return parts.forget() | {recording: gr.UploadButton(f"Recording: {Path(path).name}")}

    outputs = [tunes, pages, recording, *parts.all()]
    # Cancelled on its own: together with what follows, a job that is begun right after that would be cancelled too.
    gr.on([tunes.input, pages.upload, recording.upload], None, cancels=[job])
    tunes.input(open_tune, tunes, outputs, **ONE_JOB)
    reading = pages.upload(open_upload, pages, outputs, **ONE_JOB)
    reading.failure(lambda: {pages: None, parts.status: ""}, None, outputs, **QUIET)
    recording.upload(take, recording, outputs, **QUIET)


def connect_lead(parts: Parts, lead: list[Any]) -> None:
    """Another lead turns the pages of what was heard at other times."""

    def turn(heard: Heard | None, amount: float, unit: str) -> Iterator[Updates]:
        if heard is None:
            return
        turned = replace(heard, turns=Lead(amount, unit).turns(heard.piece.score, heard.positions))
        with in_words(), TemporaryDirectory() as folder:
            yield {parts.heard: turned, parts.news: messages.turns(turned.turns)} | parts.files(turned, Path(folder))

    amount, unit = lead
    for event in (amount.release, unit.input):
        event(turn, [parts.heard, *lead], parts.all(), trigger_mode="always_last", **QUIET)


def connect_video(parts: Parts) -> None:
    """A video is made when it is asked for."""

    def film(state: Heard | None, progress: gr.Progress = gr.Progress(track_tqdm=True)) -> Iterator[Updates]:  # noqa: B008
        with in_words(), TemporaryDirectory() as folder:
            heard = still_kept(state, "recording must have been followed")
            path = Path(folder, f"{heard.piece.name}.mp4")
            write_video(heard.run(VIDEO_SECONDS), path)
            made = gr.DownloadButton(value=str(path), visible=True)
            yield {parts.make_video: gr.Button(visible=False), parts.video: made}

    outputs = [parts.make_video, parts.video]
    parts.make_video.click(film, parts.heard, outputs, **IN_TURN)
