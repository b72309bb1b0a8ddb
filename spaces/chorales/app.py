"""The Space of chorales: have one composed, or a melody harmonised, and voices that you don't like drawn again.

    python spaces/chorales/app.py
    CHORALES_MODEL=runs/tonicnet/model python spaces/chorales/app.py  # a folder's networks, or the Hub's

User interface only, with `desk` and `events`: `networks` finds those there are, `tunes`, `melody` and `uploads` are
what is harmonised, `writing` runs a network, `chorale` and `engraved` are what comes of it, `show` and `browser` what
the browser gets.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.spaces.chorales import browser, show, uploads
from scorehub.spaces.chorales.desk import make_desk
from scorehub.spaces.chorales.events import connect
from scorehub.spaces.chorales.networks import load_networks
from scorehub.spaces.jobs import HOUR
from scorehub.spaces.theme import THEME

INTRO = """# Chorales
Networks that have read Bach's chorales write in four parts: have one **compose** a chorale, or **harmonise** a melody.
Keep the voices that you like, and have the others drawn again."""
LAUNCH_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": browser.CSS,
    "max_file_size": f"{uploads.MAX_BYTES // 2**20}mb",
    "footer_links": [],
}


def build_app(model: Path | str | None = None) -> gr.Blocks:
    """The Space with a folder's networks, the Hub's, or the embedded ones; start it by `.launch(**LAUNCH_OPTIONS)`.

    Raises:
        ValueError: there is no such folder or model.
    """
    networks = load_networks(model)
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(title="Chorales", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)) as app:
        gr.Markdown(INTRO)
        if networks:
            connect(networks, make_desk(networks))
        else:
            gr.HTML(show.no_networks(model))
    return app


if __name__ == "__main__":
    build_app(os.environ.get("CHORALES_MODEL")).launch(**LAUNCH_OPTIONS)
