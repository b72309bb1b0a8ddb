"""Piano rolls as HTML: pictures inside the page itself, of any width, with keys, octaves and seconds.

Pictures are uint8 (P, T, 3), the highest pitch first; the browser enlarges them without smoothing. Rolls are float
(C, P, T) in [-1, 1], row 0 the lowest pitch: what is held is 0, so its ink is half as strong as that of an onset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scorehub.notes import Notes
from scorehub.rolls import RollSpec, make_roll
from scorehub.spaces import markup

INKS = ((17, 78, 74), (190, 18, 24), (30, 64, 175), (113, 63, 18))  # the second one's is that of what is new
FRAMES_PER_SECOND = 25.0  # of pieces, whose notes begin between the frames of a model
OVERVIEW_FRAMES = 1200
LONGEST_RULER = 12  # labels
_BLACK_KEYS = (1, 3, 6, 8, 10)
_KEY_EDGES = (0, 5, *_BLACK_KEYS)
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_PAPER, _DARK_PAPER = (255, 255, 255), (238, 240, 241)  # behind white and black keys


@dataclass(frozen=True)
class Frame:
    """What a picture shows: pitches from the lowest, and seconds."""

    lowest: int
    n_pitches: int
    begin: float
    end: float

    def roll(self, notes: Notes, fs: float = FRAMES_PER_SECOND) -> np.ndarray:
        """What the notes look like in it, (1, P, T)."""
        seconds = max(self.end - self.begin, 1 / fs)
        spec = RollSpec(fs, self.lowest, self.n_pitches, seconds, articulation=True)
        return make_roll(notes, spec, self.begin)


def ink(layers: Sequence[np.ndarray], lowest: int) -> np.ndarray:
    """A picture of rolls (P, T), each in the next ink over those before."""
    rows = np.arange(len(layers[0])) + lowest
    is_black = np.isin(rows % 12, _BLACK_KEYS)[:, None, None]
    picture = np.broadcast_to(np.where(is_black, _DARK_PAPER, _PAPER), (*layers[0].shape, 3)).astype(np.float64)
    for number, layer in enumerate(layers):
        strength = np.clip((layer + 1) / 2, 0, 1)[..., None]
        picture += strength * (np.array(INKS[number % len(INKS)]) - picture)
    return picture[::-1].round().astype(np.uint8)


def roll_html(
    layers: Sequence[np.ndarray],
    frame: Frame,
    passage: tuple[float, float] | None = None,
    row: float = 7,
    ruler: bool = True,
) -> str:
    """A roll, its keys and its seconds.

    Args:
        passage: Seconds that are shaded.
        row: Height of a pitch in px.
    """
    marked = _band("passage", passage, frame) if passage else ""
    return (
        f'<figure class="roll" style="--rows: {frame.n_pitches}; --row: {row}px">'
        f'<div class="keys">{_keys(frame)}</div>'
        f'<div class="paper" data-begin="{frame.begin}" data-end="{frame.end}">'
        f"{_image(ink(layers, frame.lowest))}{_grid(frame, ruler)}{marked}</div>"
        f"{_ruler(frame) if ruler else ''}</figure>"
    )


def strip_html(notes: Notes, frame: Frame, passage: tuple[float, float], seen: tuple[float, float]) -> str:
    """The whole piece, small, with the passage and what is seen of it large."""
    picture = ink(list(frame.roll(notes, OVERVIEW_FRAMES / max(1.0, frame.end - frame.begin))), frame.lowest)
    return (
        '<figure class="roll strip" style="--rows: 1; --row: 56px"><div class="keys"></div>'
        f'<div class="paper" data-begin="{frame.begin}" data-end="{frame.end}">'
        f"{_image(picture)}{_band('passage', passage, frame)}{_band('frame', seen, frame)}</div></figure>"
    )


def count_notes(notes: Notes) -> str:
    """`57 notes, C2 to A5`."""
    if not len(notes):
        return "no notes"
    lowest, highest = pitch_name(int(notes.pitch.min())), pitch_name(int(notes.pitch.max()))
    return f"{markup.count(len(notes), 'note')}, {lowest} to {highest}"


def pitch_name(pitch: int) -> str:
    """MIDI pitch 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _image(picture: np.ndarray) -> str:
    return f'<img alt="Piano roll" src="{markup.picture_address(Image.fromarray(picture), "png")}">'


def _keys(frame: Frame) -> str:
    """A keyboard on its side, with the name of each C."""
    highest = frame.lowest + frame.n_pitches - 1
    pitches = range(frame.lowest, highest + 1)
    black = "".join(
        f'<rect width="60" height="1" y="{highest - pitch}" fill="#292524"/>'
        for pitch in pitches
        if pitch % 12 in _BLACK_KEYS
    )
    # White keys meet behind the middle of a black one; below C and F nothing is between them.
    edges = [highest - pitch + (1 if pitch % 12 in (0, 5) else 0.5) for pitch in pitches if pitch % 12 in _KEY_EDGES]
    lines = "".join(f"M0 {edge}H100" for edge in edges)
    names = "".join(
        f'<span style="bottom: min({100 * (pitch - frame.lowest) / frame.n_pitches:.2f}%, 100% - 10px)">'
        f"{pitch_name(pitch)}</span>"
        for pitch in pitches
        if pitch % 12 == 0
    )
    box = f'viewBox="0 0 100 {frame.n_pitches}" preserveAspectRatio="none"'
    return f'<svg {box}><path d="{lines}" stroke="#a8a29e"/>{black}</svg>{names}'


def _grid(frame: Frame, ruler: bool) -> str:
    """Lines below each C and at the seconds of the ruler."""
    highest, length = frame.lowest + frame.n_pitches - 1, frame.end - frame.begin
    octaves = "".join(
        f"M0 {highest - pitch + 1}H{length:g}" for pitch in range(frame.lowest, highest + 1) if pitch % 12 == 0
    )
    seconds = "".join(f"M{at - frame.begin:g} 0V{frame.n_pitches}" for at in _ticks(frame)) if ruler else ""
    box = f'viewBox="0 0 {length:g} {frame.n_pitches}" preserveAspectRatio="none"'
    return f'<svg {box}><path d="{octaves}" stroke="#a8a29e"/><path d="{seconds}" stroke="rgb(0 0 0 / 0.13)"/></svg>'


def _ticks(frame: Frame) -> list[float]:
    """Whole seconds, not too many of them."""
    length = frame.end - frame.begin
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300) if length / step <= LONGEST_RULER), 600)
    first = int(np.ceil(frame.begin / step - 1e-9)) * step
    return [float(at) for at in np.arange(first, frame.end, step)]


def _ruler(frame: Frame) -> str:
    length = frame.end - frame.begin
    labels = "".join(
        f'<span style="left: {100 * (at - frame.begin) / length:.3f}%">{markup.clock(at)}'
        f"{' s' if number == 0 and at < 60 else ''}</span>"
        for number, at in enumerate(_ticks(frame))
        if at < frame.end - length / 20  # there is no room for it
    )
    return f'<div class="ruler">{labels}</div>'


def _band(kind: str, span: tuple[float, float], frame: Frame) -> str:
    length = frame.end - frame.begin
    left, right = (100 * (min(max(at, frame.begin), frame.end) - frame.begin) / length for at in sorted(span))
    return f'<div class="{kind}" style="left: {left:.3f}%; width: {right - left:.3f}%"></div>'
