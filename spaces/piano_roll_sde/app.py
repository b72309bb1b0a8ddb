"""The Space of score-SDE piano rolls: draw them from noise, and repair passages of a piece.

    python spaces/piano_roll_sde/app.py
    PIANO_ROLL_SDE_MODEL=me/rolls python spaces/piano_roll_sde/app.py  # a folder's model, or the Hub's

User interface only, with `controls`, `draw_tab` and `repair_tab`: `sampling` runs the network, `piece` and `passage`
cut notes, `show` writes the HTML.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.repair import load_pipeline
from scorehub.spaces.jobs import HOUR
from scorehub.spaces.piano_roll_sde import browser
from scorehub.spaces.piano_roll_sde.draw_tab import draw_tab
from scorehub.spaces.piano_roll_sde.repair_tab import repair_tab
from scorehub.spaces.theme import THEME

INTRO = """# Piano rolls from noise
A score network knows what piano music looks like under any amount of noise. Run backwards in time, it turns noise into
music: **draw** a new roll, or have a passage of a piece **repaired** so that it fits what is around it."""
LAUNCH_OPTIONS: dict[str, Any] = {"theme": THEME, "css": browser.CSS, "max_file_size": "2mb", "footer_links": []}


def build_app(model: Path | str | None = None) -> gr.Blocks:
    """The Space with a folder's or the Hub's model, or the embedded one; start it by `.launch(**LAUNCH_OPTIONS)`.

    Raises:
        OSError: there is no such model.
    """
    pipe = load_pipeline(model)
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(
        title="Piano rolls from noise", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)
    ) as app:
        gr.Markdown(INTRO)
        with gr.Tab("Draw"):
            draw_tab(pipe)
        with gr.Tab("Repair"):
            repair_tab(pipe)
    return app


if __name__ == "__main__":
    build_app(os.environ.get("PIANO_ROLL_SDE_MODEL")).launch(**LAUNCH_OPTIONS)
