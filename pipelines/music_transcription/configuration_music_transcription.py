"""Configuration of the networks that transcribe music, from a picture of a staff, a recording, or both."""

from collections.abc import Sequence
from typing import Any

from transformers import PretrainedConfig

BLANK = "<blank>"
OPTICAL = ("default", "paper")
AUDIO = ("default", "baseline", "grad_spsa")


class MusicTranscriptionConfig(PretrainedConfig):
    """Which networks there are, and their sizes.

    Args:
        vocabulary: what each class stands for; `<blank>` of CTC comes first.
        optical: default, paper (Alfaro-Contreras et al. 2023, as the thesis has it) or None.
        audio: default, baseline (of the same paper), grad_spsa (of the thesis) or None.
        third_block: whether GradSPSA has its third convolutional block; else it attends at twice the length.
        interaction: whether GradSPSA has its interaction block; else the baseline's BiLSTM is in its place.
        dense: whether GradSPSA has dense connections; else each layer sees only the one before.
        width: what all channels and units are multiplied by.
        shifted_views: whether the default optical network, when it does not learn, reads a picture five times, moved
            by a pixel each way, and takes the mean.
        dropout: of the recurrent layers' inputs; None for 0.5 in the papers' networks and 0.1 in the default ones.

    Raises:
        ValueError: a value is out of range, or networks do not go together.
    """

    model_type = "music_transcription"

    vocabulary: tuple[str, ...] | list[str] = (BLANK,)
    optical: str | None = "default"
    audio: str | None = "default"
    third_block: bool = True
    interaction: bool = True
    dense: bool = True
    width: float = 1.0
    shifted_views: bool = False
    dropout: float | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Checks the values."""
        check_vocabulary(self.vocabulary)
        if self.optical is not None and self.optical not in OPTICAL:
            raise ValueError(f"optical must be one of {OPTICAL} or None, got {self.optical!r}")
        if self.audio is not None and self.audio not in AUDIO:
            raise ValueError(f"audio must be one of {AUDIO} or None, got {self.audio!r}")
        if self.optical is None and self.audio is None:
            raise ValueError("optical or audio must be a network, got None for both")
        if self.audio == "grad_spsa" and self.interaction and self.optical != "paper":
            raise ValueError(
                f"optical must be 'paper' where grad_spsa has its interaction block, got {self.optical!r}"
            )
        if not 0 < self.width <= 16:
            raise ValueError(f"width must be above 0 to 16, got {self.width}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be 0 to below 1 or None, got {self.dropout}")
        super().__post_init__(**kwargs)

    def scaled(self, size: int) -> int:
        """How many channels or units there are of `size` at the width of 1."""
        return max(1, round(size * self.width))


def check_vocabulary(vocabulary: Sequence[str]) -> None:
    """Raises ValueError unless a vocabulary begins with the blank and has each token once."""
    if not vocabulary or vocabulary[0] != BLANK:
        raise ValueError(f"vocabulary must begin with {BLANK!r}, got {list(vocabulary[:3])}")
    if len(set(vocabulary)) < len(vocabulary):
        repeated = next(token for number, token in enumerate(vocabulary) if token in vocabulary[:number])
        raise ValueError(f"vocabulary must have each token once, got {repeated!r} twice")
