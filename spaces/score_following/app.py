"""The Space of score following: a cursor goes along in the pages with a recording or a microphone, pages turn.

    python spaces/score_following/app.py
    SCORE_FOLLOWING_MODEL=me/follower python spaces/score_following/app.py  # a folder's model, or the Hub's

User interface only, with `parts`, `recording_tab` and `microphone_tab`: `piece` reads pages and recordings,
`listening` runs the follower, `messages` and `browser` are what the browser gets.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.following import load_follower
from scorehub.spaces.jobs import HOUR, QUIET
from scorehub.spaces.score_following import browser, piece
from scorehub.spaces.score_following.microphone_tab import connect_microphone, microphone_tab
from scorehub.spaces.score_following.parts import Parts, make_stand
from scorehub.spaces.score_following.piece import Piece
from scorehub.spaces.score_following.recording_tab import (
    LIMITS,
    VIDEO_SECONDS,
    choose_piece,
    connect_lead,
    connect_recording,
    connect_sources,
    connect_video,
    recording_tab,
)
from scorehub.spaces.theme import THEME

TITLE = "# Score following"
INTRO = """A network listens to music and finds the place in images of its pages: the cursor goes along, and pages turn
by themselves. At each moment it knows only what has sounded so far, in a recording too."""
LAUNCH_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": browser.CSS,
    "max_file_size": f"{piece.MAX_BYTES // 2**20}mb",
    "footer_links": [],
}


def build_app(model: Path | str | None = None) -> gr.Blocks:
    """The Space with a folder's or the Hub's model, or the embedded one; start it by `.launch(**LAUNCH_OPTIONS)`.

    Raises:
        OSError: there is no such model.
    """
    follower = load_follower(model)
    first = piece.load_example(follower, next(iter(piece.EXAMPLES)))
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(
        title="Score following", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)
    ) as app:
        gr.Markdown(TITLE)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=1, min_width=300):
                gr.Markdown(INTRO)
                tunes, pages = choose_piece()
                with gr.Tab("Recording"):
                    recording, *buttons = recording_tab()
                with gr.Tab("Microphone"):
                    microphone = microphone_tab()
                status = gr.HTML()
                gr.Markdown(LIMITS, elem_classes="hint")
                lead = _lead()
                parts = _parts(first, status)
            with gr.Column(scale=3, min_width=320):
                parts.stand.render()
                parts.news.render()
        job = connect_recording(follower, parts, recording, (buttons[0], buttons[1]), lead)
        connect_sources(follower, parts, (tunes, pages, recording), job)
        connect_lead(parts, lead)
        connect_video(parts)
        connect_microphone(follower, parts, microphone, lead)
        # Not as the state's own value, which it would have again when a visitor's pages have gone.
        app.load(lambda: first, None, parts.piece, **QUIET)
    return app


def _lead() -> list[Any]:
    amount = gr.Slider(0, 8, 1, step=0.5, label="Turn the page ahead by")
    units = [("seconds", "seconds"), ("quarter notes", "quarters")]
    unit = gr.Radio(units, value="seconds", show_label=False, container=False, elem_classes="count")
    return [amount, unit]


def _parts(first: Piece, status: gr.HTML) -> Parts:
    """All but the stand are drawn here."""
    with gr.Column(visible=False) as results:
        with gr.Row():
            table = gr.DownloadButton("Positions (CSV)", size="md", min_width=120)
            picture = gr.DownloadButton("Picture (PNG)", size="md", min_width=120)
        film = gr.Button(f"Make a video (first {VIDEO_SECONDS // 60} minutes)", size="md")
        video = gr.DownloadButton("Download video", size="md", visible=False)
    opened, heard = gr.State(None, time_to_live=HOUR), gr.State(None, time_to_live=HOUR)
    return Parts(opened, heard, *make_stand(first), status, results, table, picture, film, video)


if __name__ == "__main__":
    build_app(os.environ.get("SCORE_FOLLOWING_MODEL")).launch(**LAUNCH_OPTIONS)
