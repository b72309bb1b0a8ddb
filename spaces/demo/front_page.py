"""The first tab: what there is, a picture of each, and the way there."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import gradio as gr

INTRO = """# scorehub
Sheet music for machine learning. Every tab is a Space that also stands alone; all of them work with the models that
come with the project."""

CSS = """
.doors { display: grid !important; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.door { display: flex; flex-direction: column; justify-content: space-between; }
.door .html-container { padding: 0 !important; }
.door img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover; margin: 0 0 0.6rem; background: white;
  border: 1px solid var(--border-color-primary); border-radius: 4px; }
.door h2 { margin: 0; font-size: 1.1rem; }
.door p { margin: 0.2rem 0 0; }
"""


def front_page(spaces: Mapping[str, tuple[str, str]]) -> dict[str, gr.Button]:
    """Fills the tab.

    Args:
        spaces: title, and what is to be said of it, by the name of each Space.

    Returns:
        The buttons that open them.
    """
    gr.Markdown(INTRO)
    with gr.Row(elem_classes="doors"):
        return {name: _door(name, title, says) for name, (title, says) in spaces.items()}


def _door(name: str, title: str, says: str) -> gr.Button:
    with gr.Column(min_width=0, elem_classes="door"):
        gr.HTML(f"{_picture(name, title)}<h2>{escape(title)}</h2><p>{escape(says)}</p>")
        return gr.Button(f"Open {title}", size="md")


def _picture(name: str, title: str) -> str:
    """What the Space made, as `benchmarks/gallery.py` has cut it out; nothing of one that is not in the gallery."""
    path = Path(__file__).with_name(f"{name}.webp")
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(title)}, an example" src="data:image/webp;base64,{data}">'
