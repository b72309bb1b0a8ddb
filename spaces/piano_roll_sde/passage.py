"""Passages of a piece: where they can be, and what is seen and heard of them before and after their repair."""

from dataclasses import dataclass, replace

import numpy as np

from scorehub.repair import MAX_SECONDS
from scorehub.rolls import RollSpec
from scorehub.spaces import markup
from scorehub.spaces.piano_roll_sde import piece, show
from scorehub.spaces.piano_roll_sde.piece import Piece, Repaired

ROW = 5  # px of a pitch
CLICK = 0.3  # seconds; a drag over less is a click
CONTINUATION, LONGEST_CONTINUATION = 4.0, 16.0  # seconds
Sound = tuple[int, np.ndarray] | None


@dataclass(frozen=True)
class Passage:
    """A passage of a piece, in seconds, and what became of the piece, maybe by another passage, if anything."""

    piece: Piece
    repaired: Repaired | None
    start: float
    end: float

    @classmethod
    def first(cls, chosen: Piece) -> "Passage":
        """The one that is marked when a piece is opened."""
        return cls(chosen, None, *chosen.first_passage())

    def limits(self) -> tuple[float, float]:
        """The last start and the last end that there can be."""
        last = self.piece.notes.end
        return _down(last), _down(last + LONGEST_CONTINUATION)

    def marked(self, start: float, end: float) -> "Passage":
        """The one that was dragged over; a click moves the passage."""
        length = self.end - self.start if end - start < CLICK else end - start
        last_start, last_end = self.limits()
        start = _down(min(max(start, 0.0), last_start))
        return replace(self, start=start, end=_down(min(start + min(length, MAX_SECONDS), last_end)))

    def continuation(self) -> "Passage":
        """What comes after the end."""
        last, _ = self.limits()
        return replace(self, start=last, end=_down(last + CONTINUATION))

    def kept(self) -> "Passage":
        """The same one of the repaired piece, to be repaired further."""
        if self.repaired is None or not len(self.repaired.notes):
            return self
        opened = Passage(replace(self.piece, notes=self.repaired.notes), None, self.start, self.end)
        return opened.marked(self.start, self.end)  # the piece may be shorter now

    def pictures(self, spec: RollSpec) -> tuple[str, str]:
        """Before and after, on the pitches of the piece and of a model's rolls; nothing where there is no after."""
        notes, frame, span = self.piece.notes, self._frame(spec), (self.start, self.end)
        whole = show.Frame(frame.lowest, frame.n_pitches, 0.0, max(notes.end, *span))
        head = markup.title(self.piece.title, show.count_notes(notes), f"{markup.duration(notes.end)} long")
        strip = show.strip_html(notes, whole, span, (frame.begin, frame.end))
        before = head + strip + show.roll_html([frame.roll(notes)[0]], frame, span, ROW)
        if self.repaired is None:
            return before, ""
        kept, new = self.repaired.split()
        head = markup.title(
            "Repaired", f"{markup.count(len(new), 'new note')}, in red", f"{len(kept):,} of {len(notes):,} kept"
        )
        layers = [frame.roll(part)[0] for part in (kept, new)]
        return before, head + show.roll_html(layers, frame, span, ROW)

    def sounds(self) -> tuple[Sound, Sound]:
        """Before and after, of what is seen."""
        view = self.piece.view(self.start, self.end)
        before = piece.sound(piece.excerpt(self.piece.notes, *view))
        return before, piece.sound(piece.excerpt(self.repaired.notes, *view)) if self.repaired else None

    def _frame(self, spec: RollSpec) -> show.Frame:
        pitches = self.piece.notes.pitch
        lowest = min(spec.lowest, int(pitches.min()))
        highest = max(spec.lowest + spec.n_pitches - 1, int(pitches.max()))
        return show.Frame(lowest, highest - lowest + 1, *self.piece.view(self.start, self.end))


def _down(seconds: float) -> float:
    """The tenth of a second that a slider can be at."""
    return int(seconds * 10 + 1e-6) / 10
