"""The MusicScore Space: browse a dataset's pages, and see what curation decides about a PDF.

    MUSICSCORE_REPO=demo/musicscore python spaces/musicscore/app.py   # a built folder, or the Hub's dataset

User interface only: `catalog` finds pages, `judgement` judges a PDF, `show` writes the HTML.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.spaces.jobs import HOUR, IN_TURN
from scorehub.spaces.musicscore import judgement, show
from scorehub.spaces.musicscore.catalog import ANY, FACETS, Catalog, load_pages
from scorehub.spaces.theme import THEME

SHEET = 24  # pages in the gallery at a time
THUMBNAIL_WIDTH, PAGE_WIDTH = 320, 1400  # px

LABELS = {"composer": "Composer", "instrumentation": "Instrument", "key": "Key", "period": "Period"}
PRESETS = [
    ("Page by page: a scan must be 1-bit (default)", "default"),
    ("By file, as the authors: one image of more than 1 bit rejects all of it (paper)", "paper"),
]
INTRO = """# MusicScore
Pages of printed music with what is known about the work. Browse a dataset, or drop a PDF of your own to see which of
its pages would enter it, and why the others would not."""
LAUNCH_OPTIONS: dict[str, Any] = {"theme": THEME, "css": show.CSS, "max_file_size": "50mb", "footer_links": []}


def build_app(dataset: Path | str | None = None) -> gr.Blocks:
    """The Space on a built folder, a Hub id, or the sample; start it by `build_app(...).launch(**LAUNCH_OPTIONS)`.

    Raises:
        ValueError: no such folder, or a dataset of another form.
    """
    catalog = Catalog(load_pages(dataset))
    # Uploads and what is made of them go an hour after their last use.
    with gr.Blocks(title="MusicScore", analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)) as app:
        gr.Markdown(INTRO)
        with gr.Tab("Browse"):
            _browse_tab(app, catalog)
        with gr.Tab("Judge a PDF"):
            _judge_tab()
    return app


def _browse_tab(app: gr.Blocks, catalog: Catalog) -> None:
    sheet = gr.State(0)
    with gr.Row():
        filters = [gr.Dropdown([ANY], value=ANY, label=LABELS[facet]) for facet in FACETS]
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            with gr.Row(elem_classes="pager"):
                count = gr.Markdown(elem_id="count")
                back = gr.Button("◀ Previous", size="sm", scale=0, min_width=110)
                forward = gr.Button("Next ▶", size="sm", scale=0, min_width=110)
            gallery = gr.Gallery(label="Pages", show_label=False, allow_preview=False, buttons=[], elem_id="pages")
        with gr.Column(scale=2, min_width=320):
            picture = gr.Image(
                label="Page", show_label=False, buttons=["fullscreen"], interactive=False, elem_id="page"
            )
            details = gr.HTML(elem_id="details")

    def open_page(position: int) -> dict[Any, Any]:
        row = catalog.row(position)
        shown = gr.Image(catalog.picture(position, PAGE_WIDTH), alt_text=show.page_caption(row))
        return {picture: shown, details: show.page_details(row)}

    def open_sheet(number: int, *chosen: str) -> dict[Any, Any]:
        choices = dict(zip(FACETS, chosen, strict=True))
        found = catalog.select(choices)
        start = number * SHEET
        shown = found[start : start + SHEET]
        captions = [show.page_caption(catalog.row(position)) for position in shown]
        thumbnails = [catalog.picture(position, THUMBNAIL_WIDTH) for position in shown]
        updates = {
            sheet: number,
            count: show.page_count(start, len(shown), len(found), len(catalog.rows)),
            back: gr.Button(interactive=start > 0),
            forward: gr.Button(interactive=start + SHEET < len(found)),
            gallery: gr.Gallery(list(zip(thumbnails, captions, strict=True)), selected_index=0 if shown else None),
        }
        for box, facet in zip(filters, FACETS, strict=True):
            labels = [(f"{value} ({pages:,})", value) for value, pages in catalog.counts(facet, choices).items()]
            updates[box] = gr.Dropdown(labels, value=choices[facet])
        return updates | (open_page(shown[0]) if shown else {picture: None, details: ""})

    def open_thumbnail(event: gr.SelectData, number: int, *chosen: str) -> dict[Any, Any]:
        found = catalog.select(dict(zip(FACETS, chosen, strict=True)))
        return open_page(found[number * SHEET + event.index])

    inputs, outputs = [sheet, *filters], [sheet, count, back, forward, gallery, *filters, picture, details]
    gr.on([app.load, *(box.change for box in filters)], lambda *chosen: open_sheet(0, *chosen), filters, outputs)
    back.click(lambda number, *chosen: open_sheet(number - 1, *chosen), inputs, outputs)
    forward.click(lambda number, *chosen: open_sheet(number + 1, *chosen), inputs, outputs)
    gallery.select(open_thumbnail, inputs, [picture, details], show_progress="hidden")


def _judge_tab() -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            upload = gr.File(label="Score as PDF, up to 50 MB", file_types=[".pdf"])
            preset = gr.Radio(PRESETS, value="default", label="Rule")
            full_pages = gr.Checkbox(label="Music must fill two thirds of a page (the paper's full-page rule)")
            files = [
                gr.DownloadButton(f"Download {name}", interactive=False, size="md")
                for name in ("manifest.csv", "pages.csv")
            ]
        with gr.Column(scale=3, min_width=320):
            report = gr.HTML(show.EMPTY_REPORT, elem_id="report")

    def judge(path: str | None, rule: str, full: bool) -> Iterator[list[Any]]:
        if path is None:
            yield [show.EMPTY_REPORT, *(gr.DownloadButton(value=None, interactive=False) for _ in files)]
            return
        judged = judgement.judge(Path(path), rule, full)
        # Gradio copies what is yielded before it asks for more, so the folder can go then.
        with TemporaryDirectory() as folder:
            tables = judged.write_csv(Path(folder))
            yield [show.report(judged), *(gr.DownloadButton(value=str(table), interactive=True) for table in tables)]

    gr.on(
        [upload.upload, upload.clear, preset.input, full_pages.input],
        judge,
        [upload, preset, full_pages],
        [report, *files],
        **IN_TURN,
    )


if __name__ == "__main__":
    build_app(os.environ.get("MUSICSCORE_REPO")).launch(**LAUNCH_OPTIONS)
