"""The judgement of sets of pages as tables; see `scorehub.text_to_score_evaluation`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scorehub.metrics.image_distance import KernelDistance

READ = ("staves", "clef", "key")


@dataclass(frozen=True)
class Row:
    """What is found of a set of pages.

    Attributes:
        frechet, kernel: of sheet-music features; by number of pages, and of all.
        fid, kid: the same of Inception's; empty and None without it.
        nearest: median distance of pixels from the nearest training page.
        nearer: probability that it is nearer than that of a held-out page; 0.5 is as real music, 1 pure copying.
        read: of `READ` and `staff_key` what `summarise` gives; what was never asked for is missing.
        staves: that begin with a clef, a page.
        instruments: of each instrumentation that was asked for, how many pages, and `read` of them.
    """

    title: str
    frechet: dict[int, float]
    kernel: KernelDistance
    fid: dict[int, float]
    kid: KernelDistance | None
    nearest: float
    nearer: float
    read: dict[str, float]
    staves: float
    instruments: dict[str, tuple[int, dict[str, float]]]


def tables(rows: Sequence[Row]) -> str:
    """Markdown tables: distances from real pages, what a reader finds, and what of each instrumentation."""
    counts = sorted({n for row in rows for n in (*row.frechet, *row.fid)})
    has_fid = any(row.fid for row in rows)
    fid = [f"FID-{n}" for n in counts] + ["KID"] if has_fid else []
    head = ["pages", *fid, *(f"sheet-{n}" for n in counts), "sheet kernel", "nearest", "nearer than real"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        of_inception = [*_numbers(row.fid, counts), _kernel(row.kid)] if has_fid else []
        cells = [*of_inception, *_numbers(row.frechet, counts), _kernel(row.kernel)]
        lines.append(_line([row.title, *cells, f"{row.nearest:.3f}", f"{row.nearer:.2f}"]))
    head = ["pages", "staves found", "clef", "key", "key, of staves", "staves a page"]
    lines += ["", _line(head), _line(["---"] * len(head))]
    for row in rows:
        shares = [_share(row.read, name) for name in (*READ, "staff_key")]
        lines.append(_line([row.title, *shares, f"{row.staves:.1f}"]))
    head = ["pages", "instrumentation", "number", "staves found", "clef", "key"]
    lines += ["", _line(head), _line(["---"] * len(head))]
    for row in rows:
        for instrument, (count, read) in row.instruments.items():
            lines.append(_line([row.title, instrument, str(count), *(_share(read, name) for name in READ)]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _numbers(found: Mapping[int, float], counts: Sequence[int]) -> list[str]:
    return [f"{found[n]:.3g}" if n in found else "-" for n in counts]


def _kernel(distance: KernelDistance | None) -> str:
    return "-" if distance is None else f"{distance.value:.2g} ({distance.low:.2g} to {distance.high:.2g})"


def _share(read: Mapping[str, float], name: str) -> str:
    if name not in read or np.isnan(read[name]):
        return "-"
    return f"{read[name]:.0%} ({read[f'{name}_low']:.0%} to {read[f'{name}_high']:.0%})"
