"""The orders in which sequence models write a grid: so many tokens a step, each of a kind of its own.

Tokens are first the values of voices (`grids`), then the same as held from the step before, then chords, then the end
of a step; the last token of the vocabulary stands before the first step.

Source: TonicNet: Peracha 2019, section 3 (chord, soprano, bass, alto, tenor). BachBot: Liang et al., Automatic
Stylistic Composition of Bach Chorales with Deep LSTM, 2017, section 3 (voices from the highest, each with whether it
is held, then the frame's end). Music Transformer: Huang et al. 2018, section 4.1 (soprano, alto, tenor, bass).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .grids import CHORDS, UNKNOWN, VALUES, find_chords

HELD = VALUES  # added to the values of voices that are held
CHORD = 2 * VALUES  # the first chord
END = CHORD + CHORDS  # of a step
START = END + 1
VOCABULARY = START + 1


@dataclass(frozen=True)
class Order:
    """What a step is written as.

    Attributes:
        voices: soprano 0 to bass 3, in the order in which they are written.
        has_chord: its chord comes first.
        has_holds: voices say whether they are held, and the step has an end.
    """

    voices: tuple[int, ...]
    has_chord: bool = False
    has_holds: bool = False

    @property
    def per_step(self) -> int:
        """Tokens a step."""
        return len(self.voices) + self.has_chord + self.has_holds

    def encode(self, grid: Tensor) -> Tensor:
        """Tokens (B, T * per_step) of grids (B, T, 4)."""
        columns = [grid[..., voice] for voice in self.voices]
        if self.has_holds:
            before = torch.cat([torch.full_like(grid[:, :1], UNKNOWN), grid[:, :-1]], 1)
            columns = [grid[..., voice] + HELD * (grid == before)[..., voice] for voice in self.voices]
            columns.append(torch.full_like(columns[0], END))
        if self.has_chord:
            chords = torch.from_numpy(np.ascontiguousarray(find_chords(grid.cpu().numpy()))).to(grid)
            columns.insert(0, chords + CHORD)
        return torch.stack(columns, -1).flatten(1)

    def voice_at(self, slot: int) -> int | None:
        """The voice that is written at a place of a step; None for a chord or an end."""
        place = slot - self.has_chord
        return self.voices[place] if 0 <= place < len(self.voices) else None


ORDERS = {
    "bachbot": Order((0, 1, 2, 3), has_holds=True),
    "tonicnet": Order((0, 3, 1, 2), has_chord=True),
    "music_transformer": Order((0, 1, 2, 3)),
}
