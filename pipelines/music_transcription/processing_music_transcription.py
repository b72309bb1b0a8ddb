"""Pictures of staves, recordings and labels as a user has them, made ready for the transcription networks.

processor = MusicTranscriptionProcessor(vocabulary)
model(**processor(images=[image], labels=["clef-G2\tkeySignature-DM\tnote-D4_quarter\t"])).loss
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import BatchFeature, ProcessorMixin

from .configuration_music_transcription import BLANK, check_vocabulary
from .cqt import N_BINS, SAMPLE_RATE
from .features import AUDIO_ROWS, Picture, audio_features, image_features

Recording = np.ndarray | torch.Tensor
LABEL_PADDING = -100  # as transformers has it


class MusicTranscriptionProcessor(ProcessorMixin):
    """Makes tensors of images, samples and tokens, and tokens of classes.

    Args:
        vocabulary: what each class stands for, the model's own.
        audio_rows: of a transform: 120 for the default network, 256 for the papers'.

    Raises:
        ValueError: the vocabulary does not begin with `<blank>` or repeats itself, or there are other rows.
    """

    def __init__(self, vocabulary: Sequence[str] = (BLANK,), audio_rows: int = N_BINS):
        super().__init__()
        check_vocabulary(vocabulary)
        if audio_rows not in AUDIO_ROWS:
            raise ValueError(f"audio_rows must be one of {AUDIO_ROWS}, got {audio_rows}")
        self.vocabulary = list(vocabulary)
        self.audio_rows = audio_rows
        self._class_of = {token: number for number, token in enumerate(self.vocabulary)}

    def __call__(
        self,
        images: Picture | Sequence[Picture] | None = None,
        audio: Recording | Sequence[Recording] | None = None,
        sampling_rate: int = SAMPLE_RATE,
        labels: str | Sequence[str] | None = None,
    ) -> BatchFeature:
        """What the model takes.

        Args:
            images: one staff each, see `features.image_features`.
            audio: (N,) or (channels, N) each, full scale at 1.
            sampling_rate: Hz, of all recordings.
            labels: tokens of each item, separated by tabs as in `.semantic` files.

        Returns:
            Of images: `image` (B, 64, W), `image_widths` (B,). Of audio: `audio` (B, rows, W), `audio_widths` (B,).
            Of labels: `labels` (B, L), -100 beyond their `label_lengths` (B,).

        Raises:
            ValueError: nothing is given, an item is refused (see `features`), a token is not in the vocabulary, or
                there are not as many of one kind as of another.
            OSError: a picture's file is broken.
        """
        given: dict[str, list[Any]] = {}
        if images is not None:
            given["image"] = [images] if isinstance(images, Image.Image | np.ndarray) else list(images)
        if audio is not None:
            given["audio"] = [audio] if isinstance(audio, np.ndarray | torch.Tensor) else list(audio)
        if labels is not None:
            given["labels"] = [labels] if isinstance(labels, str) else list(labels)
        counts = {name: len(items) for name, items in given.items()}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            raise ValueError(f"images, audio and labels must be as many, one or more, got {counts or 'none'}")
        features: dict[str, torch.Tensor] = {}
        if "image" in given:
            features |= pad_pictures("image", [image_features(picture) for picture in given["image"]])
        if "audio" in given:
            transforms = [audio_features(recording, sampling_rate, self.audio_rows) for recording in given["audio"]]
            features |= pad_pictures("audio", transforms)
        if "labels" in given:
            features |= pad_labels([self.classes(text) for text in given["labels"]])
        return BatchFeature(features)

    def classes(self, text: str) -> list[int]:
        """Classes of tokens that white space separates.

        Raises:
            ValueError: a token is not in the vocabulary, or the blank.
        """
        tokens = text.split()
        unknown = next((token for token in tokens if not self._class_of.get(token)), None)
        if unknown is not None:
            raise ValueError(f"labels must be tokens of the vocabulary, got {unknown!r}")
        return [self._class_of[token] for token in tokens]

    def tokens(self, classes: Sequence[int] | torch.Tensor) -> list[str]:
        """What classes stand for, such as `best_paths` finds them; blanks and what pads labels are left out.

        Raises:
            ValueError: there is no such class.
        """
        numbers = [int(number) for number in classes]
        wrong = next((number for number in numbers if number >= len(self.vocabulary)), None)
        if wrong is not None:
            raise ValueError(f"classes must be below {len(self.vocabulary)}, got {wrong}")
        return [self.vocabulary[number] for number in numbers if number > 0]


def pad_pictures(name: str, pictures: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Pictures (H, W) as one batch (B, H, W) with zeros to the right, and their widths (B,)."""
    padded = torch.nn.utils.rnn.pad_sequence([picture.T for picture in pictures], batch_first=True).mT.contiguous()
    return {name: padded, f"{name}_widths": torch.tensor([picture.shape[1] for picture in pictures])}


def pad_labels(labels: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Classes of items as one batch (B, L), and how many each has."""
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(classes, dtype=torch.long) for classes in labels], batch_first=True, padding_value=LABEL_PADDING
    )
    return {"labels": padded, "label_lengths": torch.tensor([len(classes) for classes in labels])}
