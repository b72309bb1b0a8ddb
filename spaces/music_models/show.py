"""Tables and entries as HTML; all that comes from a table or a visitor is escaped."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from scorehub.spaces.markup import count, title
from scorehub.spaces.music_models import timeline
from scorehub.spaces.music_models.corpora import is_called, trained_on
from scorehub.spaces.music_models.search import Row

NOTHING = '<p class="nothing">Nothing is left. Take a word out of the search, or open up a choice.</p>'
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_UNKNOWN = "-"
_IMPORTS = "from datasets import load_dataset\nimport scorehub.dataset_builders\n"
_CODE = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"\S+")


def works_found(works: Sequence[Row], total: int) -> str:
    """`12 of 39 works`, and how many of them work here."""
    running = sum(work["status"] == "works" for work in works)
    here = f"{running} of them work{'s' * (running == 1)} here" if works else ""
    return title(f"{len(works)} of {count(total, 'work')}", here)


def corpora_found(corpora: Sequence[Row], total: int) -> str:
    """`3 of 12 datasets`."""
    return title(f"{len(corpora)} of {count(total, 'dataset')}")


def works_list(works: Sequence[Row], chosen: str) -> str:
    """Works over the years, and as a table."""
    if not works:
        return NOTHING
    cells = [
        {
            "Year": str(work["year"]),
            "Work": _opener(work["name"], work["title"]),
            "Architecture": escape(work["family"]),
            "Task": escape(work["task"]),
            "Representation": f"{escape(work['encoding'])}<small>{escape(work['modality'])}</small>",
            "Here": '<b class="works">works</b>' if work["status"] == "works" else "",
        }
        for work in works
    ]
    drawing = f'<div class="drawing">{timeline.draw(works, chosen)}</div>{timeline.legend(works)}'
    return drawing + _table(works, cells, chosen)


def corpora_list(corpora: Sequence[Row], chosen: str) -> str:
    """Datasets as a table."""
    if not corpora:
        return NOTHING
    cells = [
        {
            "Dataset": _opener(corpus["title"], corpus["music"]),
            "Size": escape(corpus["size"] or _UNKNOWN),
            "Licence": escape(corpus["licence"]),
            "Files": escape(corpus["access"]),
        }
        for corpus in corpora
    ]
    return _table(corpora, cells, chosen)


def work_entry(work: Row, corpora: Iterable[Row]) -> str:
    """All that is known of a work."""
    when = f"{_MONTHS[work['month'] - 1]} {work['year']}" if work["month"] else str(work["year"])
    data = work["training_data"]
    loadable = [f"`{corpus['id']}`" for corpus in corpora if any(is_called(corpus, name) for name in data)]
    facts = {
        "Task": escape(work["task"]),
        "Representation": _noted(work["representation"], f"{work['modality']}, {work['encoding']}"),
        "Architecture": _noted(work["architecture"], work["family"]),
        "Training data": _noted(", ".join(data), f"here as {', '.join(loadable)}" * bool(loadable)),
        "Paper": _link(work["paper"]),
        "Code": _link(work["code"]),
        "Licence": escape(work["licence"]),
    }
    full = "" if work["title"] == work["name"] else f"<p><cite>{escape(work['title'])}</cite></p>"
    authors = f'<p class="by">{escape(", ".join(work["authors"]))}</p>'
    return f"{title(work['name'], when)}{full}{authors}<p>{escape(work['summary'])}</p>{_here(work)}{_facts(facts)}"


def corpus_entry(corpus: Row, works: Iterable[Row]) -> str:
    """All that is known of a dataset, and how it is loaded."""
    named = (text.partition(": ") for text in corpus["configurations"])
    facts = {
        "Size": escape(corpus["size"]),
        "Licence": escape(corpus["licence"]),
        "Files": _noted(corpus["access"], f"data_dir: {corpus['obtain']}"),
        "Configurations": "".join(f"<div><code>{escape(name)}</code> {escape(what)}</div>" for name, _, what in named),
        "Homepage": _link(corpus["homepage"]),
        "Trained on it": escape(", ".join(work["name"] for work in trained_on(corpus, works))),
    }
    calls = (line.partition("  # ") for line in corpus["load"])
    load = _IMPORTS + "".join(f"\n# {note}\n{call}" for call, _, note in calls)
    citation = f"<h4>Citation</h4>{_code(corpus['citation'])}"
    return f"{title(corpus['title'], corpus['music'])}{_code(load)}{_facts(facts)}{citation}"


def _here(work: Row) -> str:
    """What of a work can be run."""
    if work["status"] != "works":
        return '<p class="here">Described here, not built.</p>'
    return f'<div class="here works"><b>Works here.</b> {escape(work["here"])}{_code(work["command"])}</div>'


def _opener(name: str, more: str) -> str:
    """A name that opens its row's entry, by keyboard, too."""
    return f"<button>{escape(name)}</button>" + (f"<small>{escape(more)}</small>" if more != name else "")


def _table(rows: Iterable[Row], cells: Sequence[Mapping[str, str]], chosen: str) -> str:
    """The cells (head -> HTML) of each row."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in cells[0])
    lines = (
        f'<tr data-id="{escape(row["id"])}"{" class=chosen" if row["id"] == chosen else ""}>'
        + "".join(f'<td data-head="{head}">{text}</td>' for head, text in each.items())
        + "</tr>"
        for row, each in zip(rows, cells, strict=True)
    )
    return f'<table class="rows"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _facts(facts: Mapping[str, str]) -> str:
    """Names and values in HTML, the unknown ones as a dash."""
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value or _UNKNOWN}</dd>" for name, value in facts.items()) + "</dl>"


def _noted(text: str, note: str) -> str:
    """A text with a small line below; code in it is marked."""
    main, small = (_CODE.sub(r"<code>\1</code>", escape(part)) for part in (text, note))
    return main + (f"<small>{small}</small>" if small else "")


def _link(address: str) -> str:
    """A link that shows where it leads."""
    shown = escape(address.partition("://")[2].rstrip("/"))
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{shown}</a>' if address else ""


def _code(text: str) -> str:
    """Code of which lines are broken between words only, so that no option loses its hyphens."""
    lines = (_WORD.sub(r"<span>\g<0></span>", escape(line)) for line in text.splitlines())
    return f"<pre><code>{''.join(f'<span>{line}</span>' for line in lines)}</code></pre>"
