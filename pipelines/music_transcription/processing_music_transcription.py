"""Pictures of staves, recordings and labels as a user has them, made ready for the transcription networks.

processor = MusicTranscriptionProcessor(vocabulary)
model(**processor(images=[image], labels=["clef-G2\tkeySignature-DM\tnote-D4_quarter\t"])).loss

It keeps, too, what makes tokens of posteriors: a language model, if there is one, and settings (`decoding`).
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import BatchFeature, ProcessorMixin
from transformers.utils.hub import cached_file

from .configuration_music_transcription import BLANK, check_vocabulary
from .cqt import N_BINS, SAMPLE_RATE
from .decoding import DecodingSettings
from .features import AUDIO_ROWS, Picture, audio_features, image_features
from .language_model import NgramModel

Recording = np.ndarray | torch.Tensor
LANGUAGE_MODEL = "language_model.safetensors"  # beside processor_config.json
LABEL_PADDING = -100  # as transformers has it
WIDTH_STEP = 64  # of batches: for each new width a CPU's convolutions are planned anew


class MusicTranscriptionProcessor(ProcessorMixin):
    """Makes tensors of images, samples and tokens, and tokens of classes.

    Args:
        vocabulary: what each class stands for, the model's own.
        audio_rows: of a transform: 120 for the default network, 256 for the papers'.
        decoding: `DecodingSettings` as a dict, as `processor_config.json` has it; what is missing is as by default.
        language_model: of the vocabulary's tokens; None: posteriors are read greedily.

    Raises:
        ValueError: the vocabulary does not begin with `<blank>` or repeats itself, there are other rows, a setting is
            wrong, or the language model has another number of tokens.
    """

    def __init__(
        self,
        vocabulary: Sequence[str] = (BLANK,),
        audio_rows: int = N_BINS,
        decoding: dict[str, Any] | None = None,
        language_model: NgramModel | None = None,
    ):
        super().__init__()
        check_vocabulary(vocabulary)
        if audio_rows not in AUDIO_ROWS:
            raise ValueError(f"audio_rows must be one of {AUDIO_ROWS}, got {audio_rows}")
        if language_model is not None and language_model.n_tokens != len(vocabulary) - 1:
            n_tokens = language_model.n_tokens
            raise ValueError(
                f"language_model must be of {len(vocabulary) - 1} tokens, as the vocabulary, got {n_tokens}"
            )
        self.vocabulary = list(vocabulary)
        self.audio_rows = audio_rows
        self.decoding = DecodingSettings.of(decoding or {})
        self.language_model = language_model
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

    def to_dict(self) -> dict[str, Any]:
        """What `processor_config.json` has; the language model has a file of its own."""
        found = {"vocabulary": self.vocabulary, "audio_rows": self.audio_rows, "decoding": asdict(self.decoding)}
        found |= {"language_model": self.language_model is not None, "processor_class": type(self).__name__}
        # The base class's own would copy the language model. `auto_map` is set when the code is saved along.
        return found | ({"auto_map": self.auto_map} if hasattr(self, "auto_map") else {})

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any
    ) -> list[str]:
        """Saves settings and language model; `kwargs` are those of `push_to_hub`."""
        paths: list[str] = super().save_pretrained(save_directory)
        if self.language_model is not None:
            paths.append(str(Path(save_directory, LANGUAGE_MODEL)))
            self.language_model.save(paths[-1])
        if push_to_hub:
            self.push_to_hub(kwargs.pop("repo_id", Path(save_directory).name), **kwargs)
        return paths

    @classmethod
    def get_processor_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the base class, with the language model of a folder or Hub repository that has one."""
        found, rest = super().get_processor_dict(pretrained_model_name_or_path, **kwargs)
        if found.pop("language_model", False):
            options = {name: kwargs[name] for name in _OF_THE_HUB if name in kwargs}
            path = cached_file(str(pretrained_model_name_or_path), LANGUAGE_MODEL, **options)
            assert path is not None
            found["language_model"] = NgramModel.load(path)
        return found, rest


_OF_THE_HUB = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def pad_pictures(name: str, pictures: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Pictures (H, W) as one batch (B, H, W) with zeros to the right, and their widths (B,)."""
    widths = torch.tensor([picture.shape[1] for picture in pictures])
    width = -(-int(widths.max()) // WIDTH_STEP) * WIDTH_STEP
    padded = torch.stack([nn.functional.pad(picture, (0, width - picture.shape[1])) for picture in pictures])
    return {name: padded, f"{name}_widths": widths}


def pad_labels(labels: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Classes of items as one batch (B, L), and how many each has."""
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(classes, dtype=torch.long) for classes in labels], batch_first=True, padding_value=LABEL_PADDING
    )
    return {"labels": padded, "label_lengths": torch.tensor([len(classes) for classes in labels])}
