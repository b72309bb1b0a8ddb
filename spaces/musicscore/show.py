"""What the Space says, as HTML and Markdown; every value from a PDF or a dataset is escaped."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from scorehub.spaces.markup import picture_address
from scorehub.spaces.musicscore.judgement import Judgement

PICTURE_WIDTH = 360  # px
STATUS = {"kept": "Kept", "partial": "Kept in part", "rejected": "Rejected", "failed": "Could not be read"}
EMPTY_REPORT = '<p class="hint">Drop a PDF on the left: each of its pages appears here with its verdict.</p>'

CSS = """
.facts { width: 100%; border-collapse: collapse; }
.facts, .facts tbody, .facts tr { border: 0 !important; }
.facts th, .facts td { padding: 0.35rem 0.6rem 0.35rem 0 !important; text-align: left; vertical-align: top;
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; overflow-wrap: anywhere; }
.facts th { width: 9.5rem; font-weight: 600; }
.caption { margin-top: 0.8rem; }
.hint { padding: 2rem 0; }
.pager { align-items: center; }
#pages .grid-wrap { max-height: none; }
#pages .grid-container { grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); }
#pages .thumbnail-lg { aspect-ratio: auto; height: 100%; display: flex; flex-direction: column; }
#pages .thumbnail-lg img { aspect-ratio: 3 / 4; height: auto; width: 100%; object-fit: contain; background: white; }
#pages .caption-label { position: static; max-width: none; width: 100%; white-space: normal; text-align: left;
  border: 0; background: none; color: var(--body-text-color); display: block; opacity: 1 !important; }
.verdict { padding: 0.8rem 1rem; border-left: 6px solid; background: var(--block-background-fill);
  margin-bottom: 0.8rem; font-size: 1.05rem; }
.verdict b { font-size: 1.2rem; }
.sheets { list-style: none; padding: 0; margin: 1rem 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); }
.sheets li { border-top: 6px solid; box-shadow: 0 0 0 1px var(--border-color-primary); padding: 0.6rem; margin: 0;
  background: var(--block-background-fill); display: flex; flex-direction: column; gap: 0.2rem; }
.sheets img { width: 100%; aspect-ratio: 3 / 4; object-fit: contain; background: white; margin: 0 0 0.4rem; }
.sheets small { font-size: 0.85rem; }
.verdict.kept, .sheets .kept { border-color: #15803d; }
.verdict.partial { border-color: #b45309; }
.verdict.rejected, .verdict.failed, .sheets .rejected { border-color: #b91c1c; }
"""


def page_count(start: int, shown: int, found: int, total: int) -> str:
    """`**37 of 84 pages**, here 25 to 37`, in Markdown."""
    here = f", here {start + 1:,} to {start + shown:,}" if shown < found else ""
    return f"**{found:,} of {total:,} pages**{here}"


def page_caption(row: Mapping[str, Any]) -> str:
    """The line under a thumbnail: title or file, composer, page."""
    return ", ".join(filter(None, [row["title"] or row["source"], row["composer"], f"p. {row['page']}"]))


def page_details(row: Mapping[str, Any]) -> str:
    """What is known about a page of the dataset."""
    facts = {
        "Title": row["title"],
        "Composer": row["composer"],
        "Key": row["key"],
        "Instrumentation": row["instrumentation"],
        "Piece style": row["piece_style"],
        "Period": row["period"],
        "Year": row["year"],
        "Licence": row["license"],
        "Source": f"{row['source']}, page {row['page']} of {row['n_pages']}",
        "Kind": row["page_kind"],
        "Music": ", ".join(_music(row)),
        "Split": row["split"],
    }
    return f'{_table(facts)}<p class="caption"><b>Caption:</b> {escape(row["text"])}</p>'


def report(judged: Judgement) -> str:
    """The verdict on a PDF, its manifest row, and a card for each page."""
    pdf = judged.pdf
    pages = f"{pdf['n_kept']} of {pdf['n_pages']} pages kept" if judged.pages else ""
    why = "<br>".join(escape(line) for line in (pages, pdf["reason"]) if line)
    facts = {"File": pdf["source"], "Colour depth": pdf["color_depth"], "Time": f"{pdf['ms'] / 1000:.1f} s"}
    cards = (_card(page, picture) for page, picture in zip(judged.pages, judged.pictures, strict=False))
    more = len(judged.pages) - len(judged.pictures)
    rest = f'<p class="hint">Judged but not shown, see pages.csv: {more:,} more.</p>' if more else ""
    return (
        f'<p class="verdict {pdf["status"]}"><b>{STATUS[pdf["status"]]}</b><br>{why}</p>'
        f'{_table(facts)}<ol class="sheets">{"".join(cards)}</ol>{rest}'
    )


def _card(page: Mapping[str, Any], picture: np.ndarray | None) -> str:
    sign = "✓" if page["verdict"] == "kept" else "✗"
    lines = [page["page_kind"], *(_music(page) or ["not checked for music"])]
    return (
        f'<li class="{page["verdict"]}">{_image(picture, page["page"])}'
        f"<b>{sign} Page {page['page']}: {page['verdict']}</b><span>{escape(page['reason'])}</span>"
        f"<small>{'<br>'.join(lines)}</small></li>"
    )


def _music(facts: Mapping[str, Any]) -> list[str]:
    """What the classifier and the staff finder say; nothing of pages that they didn't see, as those of other rules."""
    if facts["score_probability"] in ("", None):
        return []
    return [
        f"music with probability {facts['score_probability']:.3f}",
        f"staves span {facts['music_fraction']:.0%} of the page",
    ]


def _image(picture: np.ndarray | None, number: int) -> str:
    """The picture inside the page itself, so that no file of an upload outlives it."""
    if picture is None:
        return ""
    image = Image.fromarray(picture)
    image.thumbnail((PICTURE_WIDTH, 2 * PICTURE_WIDTH))
    return f'<img loading="lazy" alt="Page {number}" src="{picture_address(image)}">'


def _table(facts: Mapping[str, Any]) -> str:
    """Names and values, the unknown ones as a dash."""
    rows = (
        f'<tr><th scope="row">{name}</th><td>{escape(str(value or "-"))}</td></tr>' for name, value in facts.items()
    )
    return f'<table class="facts">{"".join(rows)}</table>'
