"""Pages to train text-to-score on: pictures and prompts, latents that are made once, and what is drawn of them.

Every draw is seeded by its number: draw n is the same page, crop, prompt, noise and time in any run, on any number of
processes, and after any interruption.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, cast

import datasets
import numpy as np
import torch
from accelerate import PartialState
from datasets.fingerprint import Hasher
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from scorehub.pipelines.text_to_score.prompt import FIELDS, write_prompt
from scorehub.text_to_score import open_pages
from scorehub.trainers.draw_order import EpochOrder, time_fraction

Pages: TypeAlias = datasets.Dataset | datasets.IterableDataset
Row = Mapping[str, Any]
Item = dict[str, Tensor]

HELD_OUT = 0.05  # of data that have no validation part
BUFFER = 1000  # rows among which a stream is shuffled
KEPT_PROMPTS = 8192


def load_pages(path: str, streaming: bool, seed: int) -> tuple[Pages, Pages]:
    """Pages for training and held-out ones: the splits `train` and `validation`, or a part that is held out.

    Raises:
        ValueError: there are no such data, or they lack the column `image`.
    """
    found = open_pages("data", path, streaming)
    train, held_out = found["train"], found.get("validation")
    if held_out is None and streaming:
        held_out, train = train.take(BUFFER), train.skip(BUFFER)
    elif held_out is None:
        parts = train.train_test_split(HELD_OUT, seed=seed)
        train, held_out = parts["train"], parts["test"]
    if streaming:  # one file after the other: the order of several read at once would be another in each run
        train = train.shuffle(seed=seed, buffer_size=BUFFER, max_buffer_input_shards=1)
    return train, held_out


def find_vocabulary(pages: datasets.Dataset, least: int) -> dict[str, list[str]]:
    """The values of each field that stand with as many pages, sorted."""
    counts = {name: Counter(pages[name]) for name in FIELDS if name in pages.column_names}
    known = {name: sorted(v for v, n in count.items() if v and n >= least) for name, count in counts.items()}
    return {name: values for name, values in known.items() if values}


def to_pixels(image: Image.Image, channels: int, height: int, width: int) -> np.ndarray:
    """A picture as float32 (C, H, W) from -1 to 1, brought to a size."""
    grey = image.convert("L" if channels == 1 else "RGB")
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(grey, np.float32).reshape(height, width, -1).transpose(2, 0, 1)
    return pixels / np.float32(127.5) - 1


def encode_pages(pages: Pages, vae: Any, height: int, width: int) -> Pages:
    """The pages as latents' `mean` and `std`, (c, h, w) each, scaled as the UNet has them, in place of `image`.

    What was made before of the same pages with the same VAE is read again.
    """
    scale = float(vae.config.scaling_factor)

    @torch.no_grad()
    def encode(batch: dict[str, list[Any]]) -> dict[str, Any]:
        pixels = [to_pixels(image, vae.config.in_channels, height, width) for image in batch["image"]]
        posterior = vae.encode(torch.from_numpy(np.stack(pixels)).to(vae.device, vae.dtype)).latent_dist
        return {
            name: (values.float().cpu().numpy() * scale).astype(np.float16)
            for name, values in (("mean", posterior.mean), ("std", posterior.std))
        }

    if isinstance(pages, datasets.IterableDataset):
        return pages.map(encode, batched=True, batch_size=8, remove_columns=["image"])
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    latents = datasets.Array3D((vae.config.latent_channels, height // factor, width // factor), "float16")
    kept = {name: feature for name, feature in pages.features.items() if name != "image"}
    weights = {name: weight.float().cpu().numpy() for name, weight in vae.state_dict().items()}
    with PartialState().main_process_first():
        return pages.map(
            encode,
            batched=True,
            batch_size=8,
            remove_columns=["image"],
            features=datasets.Features({**kept, "mean": latents, "std": latents}),
            new_fingerprint=Hasher.hash([pages._fingerprint, weights, height, width, scale]),
            desc="latents",
        )


class PixelItems:
    """Makes of a row `pixels`, a square of `crop` px that begins at a latent or the whole page, and their `noise`."""

    def __init__(self, vae: Any, height: int, width: int, crop: int) -> None:
        self.channels, self.latents = vae.config.in_channels, vae.config.latent_channels
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.size = height, width
        self.crop = (crop, crop) if crop else self.size
        if any(side % self.factor for side in (*self.size, *self.crop)) or crop > min(self.size):
            allowed = f"multiples of {self.factor} px, crop at most the page"
            raise ValueError(f"height, width and crop must be {allowed}, got {height}, {width} and {crop}")

    def __call__(self, row: Row, number: int, rng: np.random.Generator) -> Item:
        """See the class."""
        page = to_pixels(row["image"], self.channels, *self.size)
        top, left = (
            self.factor * int(rng.integers((side - part) // self.factor + 1))
            for side, part in zip(self.size, self.crop, strict=True)
        )
        pixels = page[:, top : top + self.crop[0], left : left + self.crop[1]]
        shape = self.latents, *(side // self.factor for side in self.crop)
        return {
            "pixels": torch.from_numpy(pixels.copy()),
            "noise": torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)),
        }


class LatentItems:
    """Makes of a row `latents`, `noise` for them, `u` in [0, 1) that sets its time, and the prompt's `text`.

    Args:
        encoder: a text encoder that is not trained, whose states are kept for the next time; None: `text` is tokens.
        vocabulary: values of each field that are learnt; None: all.
        field_dropout, text_dropout: share of prompts that lack a field, and of empty ones.
        fixed: for evaluation: whole prompts, and times on a grid.
    """

    def __init__(
        self,
        tokenizer: Any,
        encoder: Any,
        vocabulary: Mapping[str, Sequence[str]] | None,
        dropouts: tuple[float, float],
        *,
        fixed: bool = False,
    ) -> None:
        self.tokenizer, self.encoder, self.vocabulary = tokenizer, encoder, vocabulary
        self.field_dropout, self.text_dropout = (0.0, 0.0) if fixed else dropouts
        self.fixed = fixed
        self._text = lru_cache(KEPT_PROMPTS)(self._read)

    def __call__(self, row: Row, number: int, rng: np.random.Generator) -> Item:
        """See the class."""
        mean, std = (np.asarray(row[name], np.float32) for name in ("mean", "std"))
        latents = mean + std * rng.standard_normal(mean.shape, dtype=np.float32)
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        return {
            "latents": torch.from_numpy(latents),
            "noise": torch.from_numpy(noise),
            "u": torch.tensor(time_fraction(number, self.fixed)).float(),
            "text": self._text(self.prompt(row, rng)),
        }

    def prompt(self, row: Row, rng: np.random.Generator) -> str:
        """A row's prompt, without fields that are not known, not learnt, or dropped."""
        empty, *dropped = rng.random(1 + len(FIELDS))
        fields = {
            name: row.get(name) or "" for name, draw in zip(FIELDS, dropped, strict=True) if draw >= self.field_dropout
        }
        if self.vocabulary is not None:
            fields = {name: value for name, value in fields.items() if value in self.vocabulary.get(name, ())}
        return "" if empty < self.text_dropout else write_prompt(fields)

    @torch.no_grad()
    def _read(self, prompt: str) -> Tensor:
        length = self.tokenizer.model_max_length
        tokens: Tensor = self.tokenizer(
            prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        ).input_ids
        if self.encoder is None:
            return tokens[0]
        return cast(Tensor, self.encoder(tokens.to(self.encoder.device))[0][0].float().cpu())


class PageDraws(Dataset[Item]):
    """`length` items of `pages`: epoch by epoch, each in its own order; of fixed items in the order of the pages."""

    def __init__(self, pages: datasets.Dataset, items: Any, length: int, seed: int, *, fixed: bool = False) -> None:
        self.pages, self.items, self.length, self.seed, self.fixed = pages, items, length, seed, fixed
        self._order = EpochOrder(len(pages), seed)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> Item:
        rng = np.random.default_rng([self.seed, number])
        page = number % len(self.pages) if self.fixed else self._order[number]
        return cast(Item, self.items(self.pages[page], number, rng))


class StreamedDraws(IterableDataset[Item]):
    """Items of streamed pages, without end: after the last page it begins again, in another order."""

    def __init__(self, pages: datasets.IterableDataset, items: Any, seed: int) -> None:
        self.pages, self.items, self.seed = pages, items, seed

    def __iter__(self) -> Iterator[Item]:
        number = 0
        for epoch in range(2**31):
            self.pages.set_epoch(epoch)
            for row in self.pages:
                yield self.items(row, number, np.random.default_rng([self.seed, number]))
                number += 1
            if not number:
                raise ValueError("data must have a page at least, got none")
