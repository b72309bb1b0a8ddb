"""The Space of text-to-score: pick what a piece is to be, see a page of it being drawn, and whether it can be read.

    python spaces/text_to_score/app.py
    TEXT_TO_SCORE_MODEL=me/pages python spaces/text_to_score/app.py  # a folder's model, or the Hub's

User interface only, with `desk` and `events`: `prompts` writes them, `drawing` runs the network, `show` writes the
HTML.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from scorehub.spaces.jobs import HOUR
from scorehub.spaces.text_to_score import show
from scorehub.spaces.text_to_score.desk import make_desk
from scorehub.spaces.text_to_score.events import connect
from scorehub.spaces.theme import THEME
from scorehub.text_to_score import load_pipeline

INTRO = """# Text to score
Say what a piece is to be: a network that has seen pages of music **draws** one, and another program, which knows
nothing of your words, **reads** what was drawn."""
LAUNCH_OPTIONS: dict[str, Any] = {"theme": THEME, "css": show.CSS, "max_file_size": "1mb", "footer_links": []}


def build_app(model: Path | str | None = None) -> gr.Blocks:
    """The Space with a folder's or the Hub's model, or the embedded one; start it by `.launch(**LAUNCH_OPTIONS)`.

    Raises:
        ValueError: there is no such model.
    """
    pipe = load_pipeline(model)
    # What is made goes an hour after its last use.
    with gr.Blocks(title="Text to score", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)) as app:
        gr.Markdown(INTRO)
        connect(pipe, make_desk(pipe))
    return app


if __name__ == "__main__":
    build_app(os.environ.get("TEXT_TO_SCORE_MODEL")).launch(**LAUNCH_OPTIONS)
