"""Made-up non-score pages for the page classifier: title pages, prefaces, contents, tables, line art, empty sheets.

A page is a grey uint8 array (H, W), 255 = paper. Every function takes a seed or its own `numpy.random.Generator`, and
nothing else is random.
"""

import functools
import io

import numpy as np
import typst
from PIL import Image
from scipy import ndimage

VOCABULARY = """
Allegro Sonate für das Pianoforte con espressione op. No. Preface edition the of a and music score violin piano die
Ausgabe herausgegeben von Breitkopf Härtel Leipzig œuvres complètes pour par et de la Paris chez éditeur propriété
parte prima tempo giusto concerto symphony variations theme minor major C D E-flat F-sharp published copyright 1898
1904 revised fingering Lieder Gesang Stimme und Klavier text poem vers chanson canción obra cuaderno estudio index
page table contents notes performance dedicated to composer author library catalogue price Mk. net critical report
"""
WORDS = VOCABULARY.split()
FONTS = ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono")


def _words(rng: np.random.Generator, count: int) -> str:
    """Returns `count` random words with sentence ends, safe inside typst content brackets."""
    words = [WORDS[i] for i in rng.integers(len(WORDS), size=count)]
    return " ".join(f"{w.rstrip('.')}. \n" if rng.random() < 0.06 else w for w in words).strip().capitalize()


def _title(rng: np.random.Generator) -> str:
    lines = []
    for _ in range(rng.integers(1, 8)):
        style = rng.choice(["", "strong", "emph", "smallcaps", "underline"])
        text = f"#text(size:{rng.integers(8, 52)}pt)[{_words(rng, int(rng.integers(1, 5)))}]"
        lines.append((f"#{style}[{text}]" if style else text) + f"\n\n#v({rng.integers(0, 90)}pt)")
    return (
        f"#v({rng.integers(0, 250)}pt)\n#align({rng.choice(['center', 'center', 'left', 'right'])})["
        + "\n".join(lines)
        + "]"
    )


def _prose(rng: np.random.Generator) -> str:
    paragraphs = "\n\n".join(_words(rng, int(rng.integers(5, 170))) for _ in range(rng.integers(1, 9)))
    leading, justify = rng.uniform(0.4, 1.6), rng.choice(["true", "false"])
    heading = f"#align(center)[= {_words(rng, 3)}]\n" if rng.random() < 0.5 else ""
    setting = f"#set par(leading:{leading:.2f}em,justify:{justify})\n"
    return f"{setting}#columns({rng.choice([1, 1, 1, 2, 3])})[{heading}{paragraphs}]"


def _contents(rng: np.random.Generator) -> str:
    rows = []
    for number in range(rng.integers(3, 45)):
        leader = rng.choice(["#box(width:1fr,repeat[.])", "#box(width:1fr,repeat[. ])", "#h(1fr)", "#h(2em)"])
        rows.append(f"{number + 1} {_words(rng, int(rng.integers(1, 7)))} {leader} {rng.integers(1, 300)}")
    return f"#align(center)[= {_words(rng, 2)}]\n" + " \\\n".join(rows)


def _table(rng: np.random.Generator) -> str:
    columns, rows = rng.integers(1, 7), rng.integers(4, 38)
    filled = rng.random() < 0.7
    cells = ",".join(f"[{_words(rng, int(rng.integers(1, 4)))}]" if filled else "[]" for _ in range(columns * rows))
    widths = ",".join(["1fr"] * columns)
    stroke = rng.choice(["0.5pt", "1pt", "(y:0.6pt)", "(x:0.6pt)", "2pt"])
    return f"#table(columns:({widths},),stroke:{stroke},inset:{rng.integers(2, 9)}pt,{cells})"


def _drawing(rng: np.random.Generator) -> str:
    """Lines, boxes and circles, as in cover art, with a title over them."""
    shapes = []
    for _ in range(rng.integers(2, 25)):
        x, y = rng.integers(0, 400), rng.integers(0, 600)
        w, h = rng.integers(5, 300), rng.integers(1, 250)
        shape = rng.choice(
            [f"rect(width:{w}pt,height:{h}pt)", f"ellipse(width:{w}pt,height:{h}pt)", f"line(end:({w}pt,{h}pt))"]
        )
        shapes.append(f"#place(dx:{x}pt,dy:{y}pt,{shape})")
    return "\n".join(shapes) + _title(rng)


@functools.cache  # the folds of a cross-validation draw from the same pages
def typeset_text_pages(count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Typesets title pages, prefaces, contents, tables and line drawings of random words.

    Returns:
        `count` pages of mixed formats, the long side 842 px or so, like the thumbnails that the classifier sees.
    """
    rng = np.random.default_rng((seed, 1))
    makers = (_title, _title, _prose, _prose, _contents, _table, _drawing)
    pages = []
    for number in range(count):
        make = makers[number % len(makers)]
        landscape = rng.random() < 0.08
        paper, margin = rng.choice(["a4", "a4", "us-letter", "a5"]), rng.integers(25, 95)
        font, size = rng.choice(FONTS), rng.uniform(6, 16)
        setting = f'#set page(paper:"{paper}",flipped:{str(landscape).lower()},margin:{margin}pt)\n'
        setting += f'#set text(font:"{font}",size:{size:.1f}pt)\n'
        body = make(rng)
        if rng.random() < 0.2:
            width = rng.choice(["1pt", "3pt", "8pt"])
            body = f"#rect(width:100%,height:100%,stroke:{width})[#rect(width:100%,height:100%,inset:20pt)[{body}]]"
        drawn = typst.compile((setting + body).encode(), format="png", ppi=72)
        first = drawn[0] if isinstance(drawn, list) else drawn
        pages.append(np.asarray(Image.open(io.BytesIO(first)).convert("L")))
    return tuple(pages)


def blank_page(rng: np.random.Generator) -> np.ndarray:
    """An empty page, with now and then ruled lines, a stamp of grey texture, or manuscript paper without a note."""
    height, width = (840, int(rng.integers(560, 700))) if rng.random() < 0.85 else (int(rng.integers(560, 700)), 840)
    page = np.full((height, width), 255, np.uint8)
    kind = rng.random()
    if kind < 0.12:  # ruled paper: evenly spaced single lines
        pitch = int(rng.integers(12, 45))
        page[60 : height - 60 : pitch, 30 : width - 30] = rng.integers(0, 160)
    elif kind < 0.2:  # empty manuscript paper is no music
        pitch, gap = int(rng.integers(4, 8)), int(rng.integers(20, 60))
        for top in range(60, height - 60 - 4 * pitch, 4 * pitch + gap):
            page[top : top + 4 * pitch + 1 : pitch, 40 : width - 40] = rng.integers(0, 140)
    elif kind < 0.45:  # a picture: smooth random tones, sometimes as a halftone
        h, w = int(rng.integers(150, height - 100)), int(rng.integers(150, width - 60))
        tones = ndimage.zoom(rng.random((h // 40 + 3, w // 40 + 3)), 40, order=1)[:h, :w]
        tones = np.clip((tones - 0.2) * 400 * rng.uniform(0.6, 1.4), 0, 255)
        if rng.random() < 0.5:
            tones = np.where(tones > rng.uniform(0, 255, tones.shape), 255, 0)
        y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        page[y : y + h, x : x + w] = tones.astype(np.uint8)
    return page
