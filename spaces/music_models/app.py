"""The Space of the catalogue: search works on making music and datasets of notes, and see the works over the years.

    python spaces/music_models/app.py

User interface only, with `tab`: `search` finds rows, `corpora` knows the datasets, `timeline` draws, `show` writes the
HTML.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from scorehub.dataset_builders.music_models.works import read_works
from scorehub.spaces.jobs import HOUR
from scorehub.spaces.music_models import browser, show
from scorehub.spaces.music_models.corpora import FETCHED, read_corpora
from scorehub.spaces.music_models.search import Row, Table
from scorehub.spaces.music_models.tab import View, make_tab
from scorehub.spaces.theme import THEME

INTRO = """# Music by machine
Works that taught machines to write music, from 1959 on, and datasets of notes to teach them with: what each is, where
to find it, and **what of it runs here**."""
LAUNCH_OPTIONS: dict[str, Any] = {"theme": THEME, "css": browser.CSS, "max_file_size": "1mb", "footer_links": []}


def works_view(works: Sequence[Row], corpora: Sequence[Row]) -> View:
    """The works of the survey."""
    return View(
        table=Table(works),
        hint="name, author, data, idea",
        choices={"task": "Task", "family": "Architecture", "encoding": "Representation", "modality": "Modality"},
        switch=("status", "works", "Works here"),
        stem="music_models",
        found=show.works_found,
        rows=show.works_list,
        entry=lambda work: show.work_entry(work, corpora),
    )


def corpora_view(corpora: Sequence[Row], works: Sequence[Row]) -> View:
    """The datasets of notes."""
    return View(
        table=Table(corpora),
        hint="name, author, licence",
        choices={"music": "Music", "licence": "Licence"},
        switch=("access", FETCHED, "Fetched when loaded"),
        stem="music_datasets",
        found=show.corpora_found,
        rows=show.corpora_list,
        entry=lambda corpus: show.corpus_entry(corpus, works),
    )


def build_app() -> gr.Blocks:
    """The Space; start it by `build_app().launch(**LAUNCH_OPTIONS)`."""
    works, corpora = read_works(), read_corpora()
    kept = (HOUR, HOUR)  # files go an hour after their last use
    with gr.Blocks(title="Music by machine", analytics_enabled=False, fill_width=True, delete_cache=kept) as app:
        gr.Markdown(INTRO)
        with gr.Tab("Models"):
            make_tab(app, works_view(works, corpora))
        with gr.Tab("Datasets"):
            make_tab(app, corpora_view(corpora, works))
    return app


if __name__ == "__main__":
    build_app().launch(**LAUNCH_OPTIONS)
