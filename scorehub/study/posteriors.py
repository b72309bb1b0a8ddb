"""What trained networks make of the validation and test staves: log posteriors, kept in small files.

Of a frame only those classes are kept whose log posterior is at most `REACH` below the best one's, and the blank:
word graphs of the scales and beams in `decoding` use no others. Files are `.npz` without pickles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scorehub.study.files import write_whole

if TYPE_CHECKING:
    from datasets import Dataset

    from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
    from scorehub.trainers.grad_spsa_data import Collator

REACH = 10.0  # natural logarithms
_BATCH = 16


@dataclass(frozen=True)
class Posteriors:
    """Log posteriors of N staves with F frames and E entries in all; V tokens.

    Attributes:
        ids: (N,)
        references: (N,) what is right, tokens with tabs between.
        vocabulary: (V + 1,) the blank first.
        frames: (N + 1,) frames of staff n begin at frames[n].
        entries: (F + 1,) entries of frame f begin at entries[f].
        classes: (E,) 0 to V.
        values: (E,) half precision.
    """

    ids: np.ndarray
    references: np.ndarray
    vocabulary: np.ndarray
    frames: np.ndarray
    entries: np.ndarray
    classes: np.ndarray
    values: np.ndarray

    def staff(self, number: int) -> "Staff":
        """Entries of one staff."""
        begin, end = self.frames[number : number + 2]
        entries = self.entries[begin : end + 1]
        kept = slice(entries[0], entries[-1])
        return Staff(entries - entries[0], self.classes[kept], self.values[kept], len(self.vocabulary))

    def tokens(self, number: int) -> tuple[str, ...]:
        """What is right."""
        return tuple(str(self.references[number]).split())

    def with_vocabulary(self, vocabulary: Sequence[str]) -> "Posteriors":
        """The same in terms of another vocabulary.

        Raises:
            ValueError: it lacks a token.
        """
        number_of = {token: number for number, token in enumerate(vocabulary)}
        missing = [token for token in self.vocabulary.tolist() if token not in number_of]
        if missing or vocabulary[0] != self.vocabulary[0]:
            raise ValueError(f"vocabulary must begin with the blank and have all tokens, got none of {missing[:3]}")
        numbers = np.array([number_of[token] for token in self.vocabulary.tolist()], np.uint16)
        return replace(self, vocabulary=np.array(vocabulary), classes=numbers[self.classes])

    def save(self, path: Path) -> None:
        """Writes a `.npz` file."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        write_whole(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> "Posteriors":
        """Reads what `save` wrote; nothing in it is executed."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Staff:
    """Entries of one staff, T frames; small enough to be sent to another process."""

    entries: np.ndarray  # (T + 1,)
    classes: np.ndarray
    values: np.ndarray
    n_classes: int

    def dense(self) -> np.ndarray:
        """Log posteriors (T, V + 1), -inf where nothing was kept."""
        n_frames = len(self.entries) - 1
        log_posteriors = np.full((n_frames, self.n_classes), -np.inf)
        frame = np.repeat(np.arange(n_frames), np.diff(self.entries))
        log_posteriors[frame, self.classes] = self.values
        return log_posteriors


def pack(
    ids: Sequence[str], references: Sequence[str], vocabulary: Sequence[str], posteriors: Iterator[np.ndarray]
) -> Posteriors:
    """Keeps what counts of log posteriors (T, V + 1), a staff after the other.

    Raises:
        ValueError: there are more classes than 16 bits have numbers.
    """
    if len(vocabulary) > 2**16:
        raise ValueError(f"vocabulary must have at most {2**16} classes, got {len(vocabulary)}")
    lengths, counts, classes, values = [], [], [], []
    for each in posteriors:
        kept = each >= each.max(1, keepdims=True) - REACH
        kept[:, 0] = True
        lengths.append(len(each))
        counts.append(kept.sum(1))
        classes.append(np.nonzero(kept)[1].astype(np.uint16))
        values.append(each[kept].astype(np.float16))
    return Posteriors(
        np.array(ids, np.str_),
        np.array(references, np.str_),
        np.array(vocabulary, np.str_),
        np.cumsum([0, *lengths]),
        np.cumsum(np.concatenate([[0], *counts])),
        np.concatenate([np.zeros(0, np.uint16), *classes]),
        np.concatenate([np.zeros(0, np.float16), *values]),
    )


def compute(model_dir: Path, staves: "Dataset") -> Posteriors:
    """Posteriors of the network that a training was about, for staves of `grad_spsa_data.make_staves`."""
    import torch

    from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
    from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
    from scorehub.trainers.grad_spsa_data import Collator

    model = MusicTranscriptionModel.from_pretrained(model_dir).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    collator = Collator(MusicTranscriptionProcessor.from_pretrained(model_dir))
    order = np.argsort(staves["length"], kind="stable")  # little padding
    ordered = staves.select(order)
    return pack(ordered["id"], ordered["semantic"], model.config.vocabulary, _run(model, ordered, collator))


def _run(model: "MusicTranscriptionModel", staves: "Dataset", collator: "Collator") -> Iterator[np.ndarray]:
    import torch
    from torch.utils.data import DataLoader
    from tqdm import tqdm

    loader: Any = DataLoader(staves, _BATCH, collate_fn=collator.inputs)
    for batch in tqdm(loader, desc="posteriors", disable=None):
        with torch.inference_mode():
            outputs = model(**{name: value.to(model.device) for name, value in batch.items()})
        posteriors, lengths = outputs.of_learner
        for each, length in zip(posteriors.cpu().numpy(), lengths.tolist(), strict=True):
            yield each[:length]
