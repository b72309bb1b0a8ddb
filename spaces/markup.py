"""What the pages of all Spaces have: lines of text, pictures inside the page itself, and their style."""

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

CSS = """
.html-container { padding: 0 !important; }
.title { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin: 0 0 0.35rem; }
.title small { color: var(--body-text-color-subdued); font-size: 0.9rem; }
.hint, .hint p { font-size: 0.85rem !important; color: var(--body-text-color-subdued); }
.progress { margin: 0; min-height: 1.9rem; font-variant-numeric: tabular-nums; }
.progress span { display: block; height: 6px; margin-bottom: 0.3rem; border-radius: 3px; overflow: hidden;
  background: var(--border-color-primary); }
.progress i { display: block; height: 100%; background: #0d9488; }
.reason { border-left: 5px solid #b91c1c; padding: 0.5rem 0.8rem; background: var(--block-background-fill); }
.count .wrap { gap: 0.3rem; flex-wrap: nowrap; }
.count label { padding: 0.45rem 0.75rem; }
.count label.selected { background: #0d9488; border-color: #0d9488; color: white; }
.count label:focus-within { outline: 2px solid #115e59; }
.count label > span { margin: 0; }
.count input { position: absolute; opacity: 0; }
.upload button:not(.icon-button) { padding-top: 1.3rem; }
.upload .icon-wrap { display: none; }
"""


def title(name: str, *facts: str) -> str:
    """The line above something that is shown."""
    return f'<p class="title"><b>{escape(name)}</b> <small>{escape(" · ".join(filter(None, facts)))}</small></p>'


def count(number: int, name: str) -> str:
    """`1 note`, `1,057 notes`."""
    return f"{number:,} {name}{'s' * (number != 1)}"


def clock(seconds: float) -> str:
    """`9`, `1:05`, `1:00:00`; with a tenth where there is one."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths // 10, 60)
    tenth = f".{tenths % 10}" * bool(tenths % 10)
    if not minutes:
        return f"{rest}{tenth}"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02}" if hours else f"{minutes}") + f":{rest:02}{tenth}"


def duration(seconds: float) -> str:
    """`9.5 s`, `1:05 min`, `1:00:00 h`."""
    text = clock(seconds)
    return f"{text} {('s', 'min', 'h')[text.count(':')]}"


def progress(text: str, done: float | None = None) -> str:
    """A line under a bar; `done` is a fraction, None for no bar."""
    bar = "" if done is None else f'<span><i style="width: {100 * done:.1f}%"></i></span>'
    return f'<p class="progress">{bar}{escape(text)}</p>'


def reason(error: Exception | str) -> str:
    """Why something could not be done."""
    return f'<p class="reason">{escape(sentence(error))}</p>'


def sentence(text: object) -> str:
    """The same with a capital letter; errors begin without one."""
    said = str(text)
    return said[:1].upper() + said[1:]


def picture_address(picture: Image.Image, kind: str = "webp", quality: int = 80) -> str:
    """The picture itself as an address, so that no file of it outlives the page; `quality` is not for `png`."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def served_file(path: Path) -> dict[str, Any]:
    """A part of an HTML component's value: Gradio puts the file where a browser can get it, and says where."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}
