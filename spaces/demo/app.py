"""The front door: all Spaces as tabs of one page, offline, with the models that are embedded.

    scorehub demo
    MUSICSCORE_REPO=me/musicscore python spaces/demo/app.py  # with a folder's pages, or the Hub's

A Space that can't be opened, say because its weights are not there, says so in its tab. To add one: its import, and
its line in `SPACES`. The front page shows the picture of its name that `benchmarks/gallery.py` put beside this file.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr

from scorehub.spaces import markup
from scorehub.spaces.chorales import app as chorales
from scorehub.spaces.demo import front_page
from scorehub.spaces.jobs import HOUR
from scorehub.spaces.music_models import app as music_models
from scorehub.spaces.music_transcription import app as music_transcription
from scorehub.spaces.musicscore import app as musicscore
from scorehub.spaces.piano_roll_sde import app as piano_roll_sde
from scorehub.spaces.score_following import app as score_following
from scorehub.spaces.text_to_score import app as text_to_score
from scorehub.spaces.theme import THEME


@dataclass(frozen=True)
class Space:
    """What is behind a tab."""

    app: ModuleType  # has `build_app` and `LAUNCH_OPTIONS`
    title: str
    says: str

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.app.__name__.split(".")[-2]


SPACES = (
    Space(musicscore, "MusicScore", "Pages of printed music, and what is known of each. Would a PDF of yours enter?"),
    Space(text_to_score, "Text to score", "Say what a piece is to be: a page of it is drawn, and read."),
    Space(music_transcription, "Transcription", "A picture of a staff, a recording of it, or both become notes."),
    Space(score_following, "Score following", "A cursor goes along with what is played, and pages turn themselves."),
    Space(piano_roll_sde, "Piano rolls", "Music out of noise, and passages of a piece that are made anew."),
    Space(chorales, "Chorales", "Four parts in Bach's manner, from nothing or below a melody of yours."),
    Space(music_models, "Catalogue", "Works that taught machines to write music, and what of them runs here."),
)


def scoped(css: str, name: str) -> str:
    """Style of a Space that holds in its tab alone: the same names mean other things in other Spaces."""
    return f"#{name} {{\n{css.replace('.dark ', '.dark & ')}\n}}\n"


_OPTIONS: list[dict[str, Any]] = [space.app.LAUNCH_OPTIONS for space in SPACES]
LAUNCH_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": front_page.CSS + "".join(scoped(space.app.LAUNCH_OPTIONS["css"], space.name) for space in SPACES),
    "js": "() => {" + "".join(f"({options['js']})();" for options in _OPTIONS if "js" in options) + "}",
    # Each Space has limits of its own below the largest.
    "max_file_size": max((options["max_file_size"] for options in _OPTIONS), key=lambda size: int(size[:-2])),
    "footer_links": [],
}


def build_app(dataset: Path | str | None = None) -> gr.Blocks:
    """All Spaces; start them by `build_app(...).launch(**LAUNCH_OPTIONS)`.

    Args:
        dataset: of MusicScore, a built folder or Hub id; the sample without one.
    """
    opened = {space: _open(space, [dataset] if space.app is musicscore else []) for space in SPACES}
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(title="scorehub", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)) as app:
        with gr.Tabs() as tabs:
            with gr.Tab("What is here", elem_id="front_page"):
                doors = front_page.front_page({space.name: (space.title, space.says) for space in SPACES})
            for space, content in opened.items():
                with gr.Tab(space.title, id=space.name, elem_id=space.name):
                    content.render()
        for name, door in doors.items():
            door.click(lambda name=name: gr.Tabs(selected=name), None, tabs, show_progress="hidden")
    return app


def _open(space: Space, arguments: list[Any]) -> gr.Blocks | gr.HTML:
    try:
        return space.app.build_app(*arguments)
    except Exception as error:  # whatever it is, the others are to be seen
        return gr.HTML(markup.reason(f"{space.title} can't be shown: {error}"), render=False)


if __name__ == "__main__":
    build_app(os.environ.get("MUSICSCORE_REPO")).launch(**LAUNCH_OPTIONS)
