"""What is seen and heard of a passage, before and after its repair."""

from dataclasses import dataclass

import numpy as np

from scorehub.notes import Notes
from scorehub.rolls import RollSpec
from scorehub.spaces.piano_roll_sde import piece, show
from scorehub.spaces.piano_roll_sde.piece import Piece

ROW = 5  # px of a pitch
Sound = tuple[int, np.ndarray] | None


@dataclass(frozen=True)
class Passage:
    """A passage of a piece, in seconds, and what became of the piece, if anything."""

    piece: Piece
    repaired: Notes | None
    start: float
    end: float

    def pictures(self, spec: RollSpec) -> tuple[str, str]:
        """Before and after, on the pitches of the piece and of a model's rolls; nothing where there is no after."""
        notes, frame, span = self.piece.notes, self._frame(spec), (self.start, self.end)
        whole = show.Frame(frame.lowest, frame.n_pitches, 0.0, max(notes.end, *span))
        head = show.title(self.piece.title, show.count_notes(notes), f"{show.clock(notes.end)} long")
        strip = show.strip_html(notes, whole, span, (frame.begin, frame.end))
        before = head + strip + show.roll_html([frame.roll(notes)[0]], frame, span, ROW)
        if self.repaired is None:
            return before, ""
        kept, new = piece.split_new(notes, self.repaired)
        head = show.title("Repaired", f"{len(new):,} new notes, in red", f"{len(kept):,} of {len(notes):,} kept")
        layers = [frame.roll(part)[0] for part in (kept, new)]
        return before, head + show.roll_html(layers, frame, span, ROW)

    def sounds(self) -> tuple[Sound, Sound]:
        """Before and after, of what is seen."""
        view = self.piece.view(self.start, self.end)
        before = piece.sound(piece.excerpt(self.piece.notes, *view))
        return before, piece.sound(piece.excerpt(self.repaired, *view)) if self.repaired else None

    def _frame(self, spec: RollSpec) -> show.Frame:
        pitches = self.piece.notes.pitch
        lowest = min(spec.lowest, int(pitches.min()))
        highest = max(spec.lowest + spec.n_pitches - 1, int(pitches.max()))
        return show.Frame(lowest, highest - lowest + 1, *self.piece.view(self.start, self.end))
