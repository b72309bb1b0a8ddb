"""Pages as HTML, and what was read in them."""

from html import escape

from PIL import Image

from scorehub.spaces import markup
from scorehub.spaces.text_to_score.verdict import Finding, Verdict

EMPTY = "Press Draw"

CSS = (
    markup.CSS
    + """
.card .drawn { display: flex; flex-wrap: wrap; gap: 0.8rem 1.2rem; }
.card .drawn > * { flex: 0 1 34rem; min-width: min(100%, 16rem); margin: 0; }
.card .drawn > .verdict { flex: 1 1 16rem; }
.sheet { display: flex; align-items: center; justify-content: center; background: white; border: 1px solid #a8a29e;
  color: #57534e; }
.sheet img { display: block; width: 100%; height: 100%; margin: 0; }
.sheet.empty { border-style: dashed; }
.verdict { align-self: start; padding: 0.6rem 0.9rem; border-left: 6px solid;
  background: var(--block-background-fill); }
.verdict.good { border-color: #15803d; }
.verdict.fair { border-color: #b45309; }
.verdict.bad { border-color: #b91c1c; }
.verdict > b { font-size: 1.1rem; }
.verdict dl { display: grid; grid-template-columns: 1.2rem 1fr; gap: 0.5rem 0.4rem; margin: 0.6rem 0 0; }
.verdict dt, .verdict dd { margin: 0; }
.verdict dd small { display: block; font-size: 0.85rem; color: var(--body-text-color-subdued); }
.verdict .agrees { color: #15803d; }
.verdict .differs { color: #b91c1c; }
.dark .verdict .agrees { color: #4ade80; }
.dark .verdict .differs { color: #f87171; }
"""
)


def page(picture: Image.Image, seed: int, verdict: Verdict | None = None) -> str:
    """A page with its verdict; without one it is not finished."""
    width, height = picture.size
    address = markup.picture_address(picture, "png" if verdict else "webp")
    return (
        markup.title(f"Seed {seed}", f"{width} x {height} px")
        + f'<div class="drawn"><figure class="sheet" style="aspect-ratio: {width} / {height}">'
        f'<img alt="Page that was drawn with seed {seed}" src="{address}"></figure>'
        f"{verdict_html(verdict) if verdict else ''}</div>"
    )


def empty_page(size: tuple[int, int]) -> str:
    """Paper of a width and height, before there is a page."""
    ratio = f"{size[0]} / {size[1]}"
    sheet = f'<div class="sheet empty" style="aspect-ratio: {ratio}">{EMPTY}</div>'
    return f'{markup.title("Paper")}<div class="drawn">{sheet}</div>'


def verdict_html(verdict: Verdict) -> str:
    """Whether a page can be read, what was found, and what was asked for."""
    rows = "".join(_row(finding) for finding in verdict.findings)
    return f'<div class="verdict {verdict.level}"><b>{escape(verdict.heading)}</b><dl>{rows}</dl></div>'


def _row(finding: Finding) -> str:
    name, sign = {None: ("", ""), True: ("agrees", "✓"), False: ("differs", "✗")}[finding.agrees]
    note = f"<small>{escape(finding.note)}</small>" if finding.note else ""
    return (
        f'<dt class="{name}" aria-label="{name}">{sign}</dt>'
        f"<dd>{escape(finding.what)}: <b>{escape(finding.found)}</b>{note}</dd>"
    )
