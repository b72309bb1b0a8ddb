"""Pages of music from words, by the embedded model or any of Stable Diffusion's shape.

pipe = load_pipeline()
made = draw_pages(pipe, {"instrumentation": "violin", "key": "A major"}, seeds=[0, 1])
made.images, made.network_calls
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from scorehub.pipelines.text_to_score.pipeline import Prompt, TextToScoreOutput, TextToScorePipeline

SUFFIXES = (".png", ".pdf")
MAX_PAGES = 256  # in a file, or drawn by a command
MAX_STEPS = 1000  # as many as there are in training
MAX_GUIDANCE = 100
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Sampling:
    """How pages are drawn; see `TextToScorePipeline.__call__`.

    Raises:
        ValueError: a number is out of range.
    """

    preset: str = "fast"
    steps: int | None = None
    guidance: float | None = None
    negative: "Prompt | None" = None

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("steps", self.steps, 1, MAX_STEPS),
            ("guidance", self.guidance, 0, MAX_GUIDANCE),
        ):
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}, got {value}")


def load_pipeline(model: str | Path | None = None) -> "TextToScorePipeline":
    """The embedded model, or the one of a folder or Hub repository, of which no code is run.

    Raises:
        ValueError: there is no such model, it is of another kind, or none is named and none embedded.
    """
    folder = str(model or files("scorehub.pipelines.text_to_score"))
    if model is None and not Path(folder, "model_index.json").is_file():
        raise ValueError("model must be a folder or Hub repository where no trained one is embedded, got none")
    with _quiet_libraries():
        import torch
        from safetensors import SafetensorError

        from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline

        try:
            pipe: Any = TextToScorePipeline.from_pretrained(folder, dtype=torch.float32)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"model must be a folder or Hub repository of pages, got {folder}: {reason}") from None
    pipe.set_progress_bar_config(disable=True)
    return pipe


def open_pages(name: str, path: str, streaming: bool = False) -> Any:
    """The splits of a folder of Parquet, or of a dataset of the Hub, `train` among them, with the column `image`.

    Args:
        name: what errors call the data.

    Raises:
        ValueError: there are no such data, or they lack the split or the column.
    """
    import datasets

    try:
        found: Any = datasets.load_dataset(path, streaming=streaming)
    except (OSError, datasets.exceptions.DatasetNotFoundError) as error:
        raise ValueError(
            f"{name} must be a folder of Parquet or a dataset of the Hub, got {path!r}: {error}"
        ) from None
    if "train" not in found:
        raise ValueError(f"{name} must have a split train, got {', '.join(found)}")
    if "image" not in found["train"].features:
        raise ValueError(f"{name} must have a column image, got {', '.join(found['train'].features)}")
    return found


def page_size(pipe: "TextToScorePipeline") -> tuple[int, int]:
    """Width and height in px of the pages that a model has learnt to draw."""
    size = pipe.unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    return width * pipe.vae_scale_factor, height * pipe.vae_scale_factor


def draw_pages(
    pipe: "TextToScorePipeline",
    prompt: "Prompt",
    seeds: Sequence[int],
    sampling: Sampling | None = None,
    intermediates_every: int = 0,
    callback: Callable[..., dict[str, Any]] | None = None,
) -> "TextToScoreOutput":
    """A page for each seed; a seed draws the same page whatever others are drawn with it.

    Raises:
        ValueError: a seed is out of range, or as `TextToScorePipeline.__call__`.
    """
    import torch

    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed must be 0 to {MAX_SEED}, got {seed}")
    sampling = sampling or Sampling()
    return pipe(
        prompt,
        len(seeds),
        preset=sampling.preset,
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance,
        negative_prompt=sampling.negative,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        intermediates_every=intermediates_every,
        callback_on_step_end=callback,
    )


def page_paths(out: Path, count: int) -> list[Path]:
    """A name for each page: `page.png`, or `page-1.png`, `page-2.png` and so on.

    Raises:
        ValueError: there can't be so many, a file of that name can't hold pages, or there is no such folder.
    """
    if not 1 <= count <= MAX_PAGES:
        raise ValueError(f"count must be 1 to {MAX_PAGES}, got {count}")
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"out must end in one of {', '.join(SUFFIXES)}, got {out.name}")
    if not out.parent.is_dir():
        raise ValueError(f"out must be in a folder that exists, got {out}")
    return [out] if count == 1 else [out.with_stem(f"{out.stem}-{number}") for number in range(1, count + 1)]


def save_png(page: Image.Image, path: Path, bitmap: bool = False) -> None:
    """Writes a page as it is, or in black and white at 300 dpi of A4."""
    from scorehub.pipelines.text_to_score.page import DPI, to_bitmap

    if bitmap:
        to_bitmap(page).save(path, dpi=(DPI, DPI))
    else:
        page.save(path)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Without what libraries say while they load: bars of their own, and remarks on parts that pages don't need."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    both = diffusers_logging, transformers_logging
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in both]
    for library in both:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, has_bars) in zip(both, before, strict=True):
            library.set_verbosity(verbosity)
            if has_bars:
                library.enable_progress_bar()
