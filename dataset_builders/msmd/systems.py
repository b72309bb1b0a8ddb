"""Systems of a page whose noteheads and onsets are known, but not which belong together.

Two independent views: staves that a vertical line joins are one system (a piano system always begins with such a
line); and, in the order of time, a new system begins where the music jumps back to the left. Where both count the same
number, time decides to which system a notehead belongs, since noteheads on ledger lines can be nearer to the next
system; else the nearest staves do. Measured on 294 rebuilt pieces (655 pages): the counts differ on 6 pages.
"""

from collections.abc import Sequence

import numpy as np

from scorehub.pipelines.score_following.staves import Staff, find_staves

INK = 160  # darker is ink
JUMP = 0.2  # of the page's width, back to the left: a new system
JOINED = 0.95  # share of ink in a column between two staves of a system


def find_systems(page: np.ndarray, x: np.ndarray, y: np.ndarray, onset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The systems of a page from the top, and the system of each notehead.

    Args:
        page: grey uint8 (H, W), white paper.
        x: (N,), centres of noteheads in pixels.
        y: (N,).
        onset: (N,), any unit, in the order of the written score.

    Returns:
        boxes: (S, 4), x and y of the centre, width and height; from the first line of the first staff to the last.
        system: (N,), below S.
    """
    in_time = _split_in_time(x, onset, JUMP * page.shape[1])
    groups = _join_staves(page, find_staves(page))
    if not groups:
        corners = [_extent(x[in_time == k], y[in_time == k]) for k in range(in_time.max(initial=-1) + 1)]
        return _centred(corners), in_time
    by_place = _nearest(groups, y)
    system = in_time if _agree(in_time, len(groups), y) else by_place
    n_staves = max(map(len, groups))
    corners = []
    for number, group in enumerate(groups):
        box = _staff_box(page, group)
        mine = system == number
        # A staff that was not found still has its notes.
        corners.append(_around(box, _extent(x[mine], y[mine])) if len(group) < n_staves and mine.any() else box)
    return _centred(corners), system


def _split_in_time(x: np.ndarray, onset: np.ndarray, jump: float) -> np.ndarray:
    moments, moment = np.unique(np.round(onset, 3), return_inverse=True)
    # Chords with seconds have heads on both sides of the stem, hence the median.
    middle = np.array([np.median(x[moment == number]) for number in range(len(moments))])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(middle) < -jump)])[moment]


def _agree(system: np.ndarray, count: int, y: np.ndarray) -> bool:
    """Whether `system` has `count` systems, each lower on the page than the one before."""
    if system.max(initial=-1) + 1 != count:
        return False
    return bool(np.all(np.diff([np.median(y[system == number]) for number in range(count)]) > 0))


def _join_staves(page: np.ndarray, staves: Sequence[Staff]) -> list[list[Staff]]:
    groups: list[list[Staff]] = []
    for staff in staves:
        if groups:
            gap = page[round(groups[-1][-1].bottom) + 1 : round(staff.top)] < INK
            if not len(gap) or gap.mean(axis=0).max() >= JOINED:
                groups[-1].append(staff)
                continue
        groups.append([staff])
    return groups


def _nearest(groups: list[list[Staff]], y: np.ndarray) -> np.ndarray:
    tops, bottoms = np.array([(group[0].top, group[-1].bottom) for group in groups]).T
    return np.maximum(tops - y[:, None], y[:, None] - bottoms).argmin(axis=1)


def _staff_box(page: np.ndarray, group: list[Staff]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom; staff lines are the ink in the rows of the outer lines."""
    rows = [round(row) for staff in group for row in (staff.top, staff.bottom)]
    lines = np.stack([(page[max(0, row - 1) : row + 2] < INK).any(axis=0) for row in rows])
    inked = np.flatnonzero(lines.mean(axis=0) > 0.5)
    left, right = (inked[0], inked[-1]) if len(inked) else (0, page.shape[1] - 1)
    return float(left), group[0].top, float(right), group[-1].bottom


def _extent(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    return (x.min(), y.min(), x.max(), y.max()) if len(x) else (0.0, 0.0, 0.0, 0.0)


def _around(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float, float]:
    return min(first[0], second[0]), min(first[1], second[1]), max(first[2], second[2]), max(first[3], second[3])


def _centred(corners: list[tuple[float, float, float, float]]) -> np.ndarray:
    left, top, right, bottom = np.array(corners, np.float64).reshape(-1, 4).T
    return np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=1)
