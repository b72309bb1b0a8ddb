"""The Space of music transcription: a picture of a staff, a recording of it or both in, music to see and hear out.

    python spaces/music_transcription/app.py
    MUSIC_TRANSCRIPTION_MODEL=me/transcriber python spaces/music_transcription/app.py  # a folder's model, or the Hub's

User interface only, with `desk`, `fusing` and `events`: `sources` reads what is given, `examples` makes some,
`transcribing` runs the networks, `reading`, `measures`, `engraved` and `words` are what comes of it, `show` and
`browser` what the browser gets.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.spaces.jobs import HOUR
from scorehub.spaces.music_transcription import browser, sources
from scorehub.spaces.music_transcription.desk import make_desk
from scorehub.spaces.music_transcription.events import connect
from scorehub.spaces.theme import THEME
from scorehub.transcription import load_transcriber

INTRO = """# Music transcription
One network reads a **picture** of a staff, another hears a **recording** of it. Give one or both: where the two differ
you see who says what, and what was chosen."""
LAUNCH_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": browser.CSS,
    "js": browser.PLAIN_MICROPHONE,
    "max_file_size": f"{sources.MAX_BYTES // 2**20}mb",
    "footer_links": [],
}


def build_app(model: Path | str | None = None) -> gr.Blocks:
    """The Space with a folder's or the Hub's model, or the embedded one; start it by `.launch(**LAUNCH_OPTIONS)`.

    Raises:
        OSError: there is no such model.
        ValueError: it is no transcription model.
    """
    pipe = load_transcriber(model)
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(
        title="Music transcription", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)
    ) as app:
        gr.Markdown(INTRO)
        connect(app, pipe, make_desk(pipe))
    return app


if __name__ == "__main__":
    build_app(os.environ.get("MUSIC_TRANSCRIPTION_MODEL")).launch(**LAUNCH_OPTIONS)
