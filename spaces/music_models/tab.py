"""A tab that searches a table: words and choices, the rows that they leave, and one of these in full."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from scorehub.spaces import markup
from scorehub.spaces.jobs import QUIET, Updates
from scorehub.spaces.music_models import browser
from scorehub.spaces.music_models.search import ANY, Row, Table, Wanted


@dataclass(frozen=True)
class View:
    """What a tab shows.

    Attributes:
        hint: what can be looked for.
        choices: field -> label.
        switch: field, the value that is wanted of it where the switch is on, label.
        stem: of the names of files.
        found: the line above the rows, from these and the number of all.
        rows: HTML of rows, of which the one with that id is chosen.
        entry: HTML of a row in full.
    """

    table: Table
    hint: str
    choices: Mapping[str, str]
    switch: tuple[str, str, str]
    stem: str
    found: Callable[[Sequence[Row], int], str]
    rows: Callable[[Sequence[Row], str], str]
    entry: Callable[[Row], str]


@dataclass(frozen=True)
class Parts:
    """The parts of a tab; there are no `years` where rows have none."""

    search: gr.Textbox
    choices: list[gr.Dropdown]
    years: list[gr.Dropdown]
    switch: gr.Checkbox
    chosen: gr.State
    found: gr.HTML
    files: list[gr.DownloadButton]
    rows: gr.HTML
    entry: gr.HTML

    def wanted(self) -> list[Any]:
        """What a visitor looks for."""
        return [self.search, self.switch, *self.choices, *self.years]

    def outputs(self) -> list[Any]:
        """What a search changes."""
        return [*self.choices, self.chosen, self.found, *self.files, self.rows, self.entry]


def make_tab(app: gr.Blocks, view: View) -> Parts:
    """Draws the parts and connects their events."""
    parts = make_parts(view)
    events = Events(view, parts)
    gr.on(
        [app.load, *(box.change for box in parts.wanted())],
        events.search,
        [parts.chosen, *parts.wanted()],
        parts.outputs(),
        trigger_mode="always_last",
        **QUIET,
    )
    parts.rows.select(events.open, None, [parts.chosen, parts.entry], **QUIET)
    return parts


def make_parts(view: View) -> Parts:
    """Draws the parts."""
    with gr.Row(elem_classes="choices"):
        search = gr.Textbox(label="Search", placeholder=view.hint, max_lines=1, scale=2, min_width=220)
        choices = [gr.Dropdown([ANY], value=ANY, label=label, min_width=150) for label in view.choices.values()]
        numbers = sorted({row["year"] for row in view.table.rows if "year" in row})
        ends = (("From", numbers[:1]), ("To", numbers[-1:])) if numbers else ()
        years = [gr.Dropdown(numbers, value=end[0], label=label, min_width=110) for label, end in ends]
        switch = gr.Checkbox(label=view.switch[2], elem_classes="switch")
    with gr.Row(elem_classes="catalogue"):
        with gr.Column(scale=7, min_width=540):
            with gr.Row():
                found = gr.HTML()
                files = [gr.DownloadButton(kind, size="sm", scale=0, min_width=80) for kind in ("CSV", "JSON")]
            rows = gr.HTML(js_on_load=browser.OPEN)
        with gr.Column(scale=4, min_width=320, elem_classes="entry"):
            entry = gr.HTML()
    return Parts(search, choices, years, switch, gr.State(""), found, files, rows, entry)


class Events:
    """Events' functions."""

    def __init__(self, view: View, parts: Parts):
        self.view, self.parts = view, parts

    def search(self, chosen: str, search: str | None, is_on: bool, *picked: Any) -> Iterator[Updates]:
        """The rows that are wanted; the one that was chosen stays so, if it is among them, else it is the first."""
        view, parts = self.view, self.parts
        wanted = self._wanted(search or "", is_on, picked)
        try:
            rows = view.table.select(wanted)
        except ValueError as error:
            yield self._refuse(error)
            return
        row = next((row for row in rows if row["id"] == chosen), rows[0] if rows else None)
        updates: Updates = {
            parts.chosen: row["id"] if row else "",
            parts.found: view.found(rows, len(view.table.rows)),
            parts.rows: view.rows(rows, row["id"] if row else ""),
            parts.entry: view.entry(row) if row else "",
        }
        for box, name in zip(parts.choices, view.choices, strict=True):
            labels = [(f"{value} ({number})", value) for value, number in view.table.count(name, wanted).items()]
            updates[box] = gr.Dropdown(labels, value=wanted.choices[name])
        # Gradio copies what is yielded before it asks for more, so the folder can go then.
        with TemporaryDirectory() as folder:
            paths = view.table.write(rows, view.stem, Path(folder))
            files = zip(parts.files, paths, strict=True)
            yield updates | {button: gr.DownloadButton(value=str(path), interactive=True) for button, path in files}

    def open(self, event: gr.EventData) -> Updates:
        """The row that was clicked; what no row is called changes nothing."""
        row = next((row for row in self.view.table.rows if row["id"] == event.id), None)
        return {self.parts.chosen: row["id"], self.parts.entry: self.view.entry(row)} if row else {}

    def _wanted(self, search: str, is_on: bool, picked: Sequence[Any]) -> Wanted:
        field, value, _ = self.view.switch
        number = len(self.view.choices)
        choices = {name: each or ANY for name, each in zip(self.view.choices, picked[:number], strict=True)}
        years = [year for year in picked[number:] if year]
        span = (min(years), max(years)) if years else None
        return Wanted(search, choices | {field: value if is_on else ANY}, span)

    def _refuse(self, error: ValueError) -> Updates:
        """Why nothing is shown."""
        parts = self.parts
        files = {button: gr.DownloadButton(value=None, interactive=False) for button in parts.files}
        return {parts.found: "", parts.rows: markup.reason(error), parts.entry: "", **files}
