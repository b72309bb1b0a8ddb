"""A chorale that has been written: what is in it, what can be heard of it, its files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scorehub.audio import to_flac
from scorehub.chorales import SUFFIXES, write_chorale
from scorehub.notes import read_midi
from scorehub.pipelines.chorales.grids import STEPS_PER_BAR, STEPS_PER_QUARTER, make_grid, write_midi
from scorehub.synthesis import synthesise

_SOUND_RATE = 22_050  # Hz
_PARTS = ("", "¼", "½", "¾")


@dataclass(frozen=True)
class Chorale:
    """What a network has written.

    Attributes:
        network: its kind.
        seed: that it began with.
        pitches: (T, 4), MIDI, -1 for a rest.
        upbeat: sixteenths before the first bar line; 0 for none.
        tempo: quarters a minute.
        nll: negative log-likelihood, nats a voice and sixteenth.
        redone: how often voices of it have been drawn again.
    """

    network: str
    seed: int
    pitches: np.ndarray
    upbeat: int
    tempo: float
    nll: float
    redone: int = 0

    @property
    def name(self) -> str:
        """Of files."""
        return f"chorale_{self.network}_{self.seed}" + f"_redone_{self.redone}" * (self.redone > 0)

    @property
    def bars(self) -> float:
        """How long it is."""
        return len(self.pitches) / STEPS_PER_BAR

    def notated(self) -> np.ndarray:
        """The same in whole bars: an upbeat comes after rests."""
        rests = np.full((self._silence, self.pitches.shape[1]), -1)
        return np.concatenate([rests, self.pitches])

    def place(self, step: int) -> str:
        """Bar and beat of a sixteenth, as they are counted where it is notated."""
        bar, within = divmod(step + self._silence, STEPS_PER_BAR)
        beat, part = divmod(within, STEPS_PER_QUARTER)
        return f"bar {bar + 1}, beat {beat + 1}{_PARTS[part]}"

    def seconds(self, step: int) -> float:
        """When a sixteenth is heard."""
        return step / STEPS_PER_QUARTER * 60 / self.tempo

    def write(self, folder: Path) -> dict[str, Path]:
        """Writes `.mid`, `.musicxml` and `.png`, and how it sounds as `.flac`."""
        paths = {suffix: folder / f"{self.name}{suffix}" for suffix in (*SUFFIXES, ".flac")}
        for suffix in SUFFIXES:
            write_chorale(self.pitches if suffix == ".mid" else self.notated(), paths[suffix], self.tempo)
        notes = read_midi(write_midi(make_grid(self.pitches), self.tempo))
        paths[".flac"].write_bytes(to_flac(synthesise(notes, sample_rate=_SOUND_RATE), _SOUND_RATE))
        return paths

    @property
    def _silence(self) -> int:
        """Sixteenths of rests before an upbeat."""
        return -self.upbeat % STEPS_PER_BAR
