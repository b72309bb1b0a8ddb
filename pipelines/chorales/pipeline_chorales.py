"""`pipeline("chorales")`: writes four-part chorales, or three voices below a melody.

from transformers import pipeline

write = pipeline("chorales", model=folder, trust_remote_code=True)
chorale = write(seed=1)[0]
harmonised = write(melody=[67] * 4 + [69] * 4 + [71] * 8, seed=1)[0]  # MIDI pitches, a sixteenth each
harmonised["pitches"], harmonised["midi"]
"""

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
import torch
from transformers import Pipeline

from .grids import HIGHEST, LOWEST, MAX_STEPS, REST, UNKNOWN, VOICES, to_pitches, write_midi
from .sampling import Sampling, melody_only

MAX_CHORALES = 64  # at once
_KINDS: dict[str, Any] = dict.fromkeys(("steps", "count", "seed", "rounds"), Integral)
_KINDS |= {"temperature": Real, "tempo": Real}
# Those of `Sampling` are checked there.
_RANGES = {"steps": (1, MAX_STEPS), "count": (1, MAX_CHORALES), "seed": (-(2**63), 2**63 - 1), "tempo": (10, 1000)}


class ChoralesPipeline(Pipeline):
    """Melodies in, or nothing; chorales out."""

    def __call__(  # type: ignore[override]
        self, melody: Any = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Chorales.

        Args:
            melody: MIDI pitches of the soprano, one for each sixteenth, below 0 for a rest; None: it is written, too.
            options: `steps` (128) of a chorale without melody; `count` (1); `seed` (0), from which the next ones
                follow; `temperature` (1) and `rounds` of `Sampling`; `tempo` (80) of the MIDI files, quarters a
                minute. What is given to the constructor holds where a call has nothing else.

        Returns:
            for each chorale `pitches`, int64 (T, 4), soprano to bass, -1 for a rest; and `midi`, a file's bytes.

        Raises:
            ValueError: an option is unknown or out of range, or the melody is none.
        """
        chorales: list[dict[str, Any]] = super().__call__({"melody": melody}, **options)
        return chorales

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        # Without defaults: a call's options go over the constructor's, and so would a default.
        given = {name: _checked(name, value) for name, value in options.items()}

        def some(*names: str) -> dict[str, Any]:
            return {name: given[name] for name in names if name in given}

        forward = some("seed")
        if sampling := some("temperature", "rounds"):
            earlier = getattr(self, "_forward_params", {})  # which the constructor has not yet
            before = earlier.get("sampling", Sampling())
            forward["sampling"] = replace(before, **sampling)
        return some("steps", "count"), forward, some("tempo")

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
        wrong = pitches[(pitches >= 0) & ((pitches < LOWEST) | (pitches > HIGHEST))]
        if len(wrong):
            raise ValueError(f"melody must have pitches {LOWEST} to {HIGHEST}, or below 0 for a rest, got {wrong[0]}")
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


def _checked(name: str, value: Any) -> int | float:
    """An option as a Python number, which the libraries take where they refuse NumPy's."""
    if name not in _KINDS:
        raise ValueError(f"options must be some of {', '.join(_KINDS)}, got {name!r}")
    if isinstance(value, bool) or not isinstance(value, _KINDS[name]):
        kind = "whole number" if _KINDS[name] is Integral else "number"
        raise ValueError(f"{name} must be a {kind}, got {value!r}")
    number = int(value) if isinstance(value, Integral) else float(value)
    if name in _RANGES and not _RANGES[name][0] <= number <= _RANGES[name][1]:
        raise ValueError(f"{name} must be {' to '.join(map(str, _RANGES[name]))}, got {number}")
    return number
