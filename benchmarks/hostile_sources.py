"""The hostile cases that are written as PDF source, by kind: each function yields (name, bytes)."""

from collections.abc import Callable, Iterator

import hostile_drawings
import hostile_structures

KINDS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "page tree": hostile_structures.page_trees,
    "bomb": hostile_drawings.bombs,
    "page box": hostile_structures.page_boxes,
    "xref": hostile_structures.xrefs,
    "broken object": hostile_structures.broken_objects,
    "active": hostile_structures.active,
    "not a PDF": hostile_structures.not_pdfs,
    "loop": hostile_drawings.loops,
    "image": hostile_drawings.images,
    "font": hostile_drawings.fonts,
    "content": hostile_drawings.contents,
}
