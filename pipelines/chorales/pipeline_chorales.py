"""`pipeline("chorales")`: writes four-part chorales, or three voices below a melody.

from transformers import pipeline

write = pipeline("chorales", model=folder, trust_remote_code=True)
chorale = write(seed=1)[0]
harmonised = write(melody=[67] * 4 + [69] * 4 + [71] * 8, seed=1)[0]  # MIDI pitches, a sixteenth each
harmonised["pitches"], harmonised["midi"]
"""

from typing import Any, cast

import numpy as np
import torch
from transformers import Pipeline

from .grids import HIGHEST, LOWEST, MAX_STEPS, REST, UNKNOWN, VOICES, to_pitches, write_midi
from .sampling import Sampling, melody_only

MAX_CHORALES = 64  # at once


class ChoralesPipeline(Pipeline):
    """Melodies in, or nothing; chorales out."""

    def __call__(  # type: ignore[override]
        self, melody: Any = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Chorales.

        Args:
            melody: MIDI pitches of the soprano, one for each sixteenth, below 0 for a rest; None: it is written, too.
            options: `steps` (128) of a chorale without melody; `count` (1); `seed` (0), from which the next ones
                follow; `temperature` (1) and `rounds` of `Sampling`; `tempo` (80) of the MIDI files.

        Returns:
            for each chorale `pitches`, int64 (T, 4), soprano to bass, -1 for a rest; and `midi`, a file's bytes.

        Raises:
            ValueError: an option is unknown or out of range, or the melody is none.
        """
        chorales: list[dict[str, Any]] = super().__call__({"melody": melody}, **options)
        return chorales

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        kinds = {"steps": int, "count": int, "seed": int, "temperature": float, "rounds": int, "tempo": float}
        for name, value in options.items():
            if name not in kinds:
                raise ValueError(f"options must be some of {', '.join(kinds)}, got {name!r}")
            if not isinstance(value, (int, kinds[name])):
                raise ValueError(f"{name} must be a number, got {value!r}")
        tempo = options.pop("tempo", 80.0)
        if not 10 <= tempo <= 1000:
            raise ValueError(f"tempo must be 10 to 1000 quarters a minute, got {tempo}")
        steps, count = options.pop("steps", 128), options.pop("count", 1)
        if not 1 <= steps <= MAX_STEPS or not 1 <= count <= MAX_CHORALES:
            raise ValueError(f"steps must be 1 to {MAX_STEPS} and count 1 to {MAX_CHORALES}, got {steps} and {count}")
        seed = options.pop("seed", 0)
        return {"steps": steps, "count": count}, {"seed": seed, "sampling": Sampling(**options)}, {"tempo": tempo}

    def preprocess(  # type: ignore[override]
        self, inputs: dict[str, Any], steps: int = 128, count: int = 1
    ) -> dict[str, Any]:
        """The grid with what is known."""
        melody = inputs["melody"]
        if melody is None:
            return {"known": torch.full((count, steps, len(VOICES)), UNKNOWN)}
        pitches = np.asarray(melody)
        if pitches.ndim != 1 or not 1 <= len(pitches) <= MAX_STEPS or pitches.dtype.kind not in "iu":
            raise ValueError(f"melody must be 1 to {MAX_STEPS} whole numbers, got {pitches.dtype} {pitches.shape}")
        if np.any((pitches >= 0) & ((pitches < LOWEST) | (pitches > HIGHEST))):
            raise ValueError(f"melody must have pitches {LOWEST} to {HIGHEST}, or below 0 for a rest")
        values = np.where(pitches >= 0, pitches - LOWEST + 1, REST).astype(np.int64)
        return {"known": melody_only(torch.from_numpy(values)[None].expand(count, -1))}

    def _forward(  # type: ignore[override]
        self, inputs: dict[str, Any], seed: int = 0, sampling: Sampling | None = None
    ) -> dict[str, Any]:
        chosen, model = sampling or Sampling(), cast(Any, self.model)
        grids = [
            model.write(each[None], chosen, torch.Generator().manual_seed(seed + number))[0]
            for number, each in enumerate(inputs["known"])
        ]
        return {"grids": torch.stack(grids)}

    def postprocess(  # type: ignore[override]
        self, outputs: dict[str, Any], tempo: float = 80.0
    ) -> list[dict[str, Any]]:
        """Pitches and MIDI files."""
        grids = outputs["grids"].numpy()
        return [{"pitches": to_pitches(grid), "midi": write_midi(grid, tempo)} for grid in grids]
