"""Pages of music from words: `TextToScorePipeline`, Stable Diffusion that knows the fields of a work.

    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
    page = pipe("a music score, instrumentation is violin, key is A major").images[0]
    pdf = pipe({"instrumentation": "violin", "key": "A major"}, 4, output_type="pdf").images

Any folder of Stable Diffusion's shape will do, also one without this file: `TextToScorePipeline.from_pretrained`.

Source: Lin et al., MusicScore, 2024, section 4 and appendix B.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.utils.outputs import BaseOutput
from PIL import Image

from .page import to_bitmap, to_pdf
from .prompt import check_prompt, check_values, parse_prompt, write_prompt
from .sampling import PRESETS, Preset, Watcher, page_generators

OUTPUT_TYPES = ("pil", "bitmap", "pdf", "np", "pt", "latent")
SIDES = (64, 2048)  # px
MAX_PAGES = 256
_CODE = ("pipeline.py", "page.py", "prompt.py", "sampling.py")

Prompt = str | Mapping[str, str]


@dataclass
class TextToScoreOutput(BaseOutput):
    """What a call makes.

    Attributes:
        images: as `output_type` says: pictures of mode L or RGB, of mode 1, one PDF file (bytes), an array
            (B, H, W, C) or a tensor (B, C, H, W) from 0 to 1, or latents.
        prompts: what the network read, one for each page.
        intermediates: for each of the steps that were asked for its pages, unfinished.
        network_calls: of the batch; with guidance each takes every page twice.
    """

    images: Any
    prompts: list[str]
    intermediates: list[list[Image.Image]]
    network_calls: int


class TextToScorePipeline(StableDiffusionPipeline):
    """Stable Diffusion's components, and what is known of a work as a prompt.

    Args:
        vocabulary: values of each field that the model has learnt; None where it takes any text.
    """

    vae: Any
    text_encoder: Any
    tokenizer: Any
    unet: Any
    scheduler: Any

    def __init__(
        self,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any,
        scheduler: Any,
        safety_checker: Any = None,
        feature_extractor: Any = None,
        image_encoder: Any = None,
        requires_safety_checker: bool = False,
        vocabulary: dict[str, list[str]] | None = None,
    ) -> None:
        checks = (safety_checker, feature_extractor, image_encoder, requires_safety_checker)
        super().__init__(vae, text_encoder, tokenizer, unet, scheduler, *checks)
        self.register_to_config(vocabulary=vocabulary)

    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any:
        """A folder's index. Called by name, this class is what pages are drawn with, not the code in the folder."""
        loaded = super().load_config(*args, **kwargs)
        index = loaded[0] if isinstance(loaded, tuple) else loaded
        index["_class_name"] = cls.__name__
        return loaded

    @torch.no_grad()
    def __call__(
        self,
        prompt: Prompt | list[Prompt],
        num_images_per_prompt: int = 1,
        preset: str = "fast",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        negative_prompt: Prompt | None = None,
        height: int | None = None,
        width: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        output_type: str = "pil",
        intermediates_every: int = 0,
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]] | None = None,
    ) -> TextToScoreOutput:
        """Draws pages.

        Args:
            prompt: text, or fields of `prompt.FIELDS`; or a list of them.
            preset: `"fast"`: 20 calls of the network with the folder's scheduler, guidance 3; `"paper"`: DDIM, 250
                calls, guidance 4.
            num_inference_steps, guidance_scale: in place of the preset's.
            negative_prompt: what pages must not be like.
            height, width: px; the network's own by default.
            generator: one, or a list of one per page. A page is the same whatever it is drawn with.
            latents: the noise to begin with.
            output_type: `"pil"`, `"bitmap"` (black and white, 300 dpi), `"pdf"`, `"np"`, `"pt"` or `"latent"`.
            intermediates_every: keeps the unfinished pages after each so many steps; 0: none.
            callback_on_step_end: as of diffusers.

        Raises:
            ValueError: an argument is not what it must be, or the folder lacks a component.
        """
        self._check(preset, output_type, height, width)
        prompts = self._read(prompt)
        n_pages = num_images_per_prompt * len(prompts)
        if not 1 <= n_pages <= MAX_PAGES:
            raise ValueError(f"pages must be 1 to {MAX_PAGES} in a call, got {n_pages}")
        chosen = PRESETS[preset]
        steps = chosen.steps if num_inference_steps is None else num_inference_steps
        guidance = chosen.guidance if guidance_scale is None else guidance_scale
        if steps < 1 or guidance < 0 or intermediates_every < 0:
            given = f"{steps}, {guidance} and {intermediates_every}"
            raise ValueError(
                f"num_inference_steps must be from 1, guidance and intermediates_every from 0, got {given}"
            )
        watcher = Watcher(intermediates_every, callback_on_step_end)
        with self._scheduler_of(chosen):
            made = super().__call__(
                prompts,
                height,
                width,
                steps,
                guidance_scale=guidance,
                negative_prompt=None if negative_prompt is None else self._read(negative_prompt) * len(prompts),
                num_images_per_prompt=num_images_per_prompt,
                generator=page_generators(generator, n_pages),
                latents=latents,
                output_type="pil" if output_type in ("bitmap", "pdf") else output_type,
                callback_on_step_end=watcher,
            )
        each = [text for text in prompts for _ in range(num_images_per_prompt)]
        return TextToScoreOutput(_convert(made.images, output_type), each, watcher.kept, watcher.calls)

    def encode_prompt(self, *args: Any, **kwargs: Any) -> Any:
        """As Stable Diffusion's, in the UNet's precision: transformers loads half-precision weights as they are."""
        states = super().encode_prompt(*args, **kwargs)
        return tuple(state if state is None else state.to(self.unet.dtype) for state in states)

    def decode(self, latents: torch.Tensor) -> list[Image.Image]:
        """Pages of latents as the network has them, also unfinished ones."""
        images = self.vae.decode(latents.to(self.vae.dtype) / self.vae.config.scaling_factor).sample
        pages: list[Image.Image] = self.image_processor.postprocess(images.detach(), output_type="pil")
        return pages

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | os.PathLike[str], safe_serialization: bool = True, variant: str | None = None
    ) -> None:
        """Saves weights, configurations and the code, so that the folder loads where nothing of ours is installed."""
        super().save_pretrained(save_directory, safe_serialization=safe_serialization, variant=variant)
        folder = Path(save_directory)
        for name in _CODE:
            code = Path(__file__).with_name(name).read_bytes()  # saved into its own folder it is overwritten by itself
            (folder / name).write_bytes(code)
        for path in (folder / self.config_name, *folder.glob("*/config.json")):
            config = json.loads(path.read_text(encoding="utf-8"))
            config.pop("_name_or_path", None)  # where it was loaded from on this machine
            if path.parent == folder:
                config["_class_name"] = ["pipeline", type(self).__name__]
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def _read(self, prompt: Prompt | list[Prompt]) -> list[str]:
        """Texts that the model can take."""
        given = prompt if isinstance(prompt, list) else [prompt]
        texts = [write_prompt(each) if isinstance(each, Mapping) else each for each in given]
        for text in texts:
            check_prompt(text)
            if self.config["vocabulary"] is not None:
                check_values(parse_prompt(text), self.config["vocabulary"])
            n_tokens = len(self.tokenizer(text).input_ids)
            if n_tokens > self.tokenizer.model_max_length:
                most = self.tokenizer.model_max_length
                raise ValueError(f"prompt must have at most {most} tokens, got {n_tokens}: {text[:100]!r}")
        return texts

    def _check(self, preset: str, output_type: str, height: int | None, width: int | None) -> None:
        missing = [name for name in ("vae", "text_encoder", "tokenizer", "unet") if getattr(self, name) is None]
        if missing:
            raise ValueError(f"folder must have vae, text_encoder, tokenizer and unet, got no {missing[0]}")
        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type must be one of {', '.join(OUTPUT_TYPES)}, got {output_type!r}")
        for name, side in (("height", height), ("width", width)):
            if side is not None and (not SIDES[0] <= side <= SIDES[1] or side % self.vae_scale_factor):
                allowed = f"{SIDES[0]} to {SIDES[1]} px, a multiple of {self.vae_scale_factor}"
                raise ValueError(f"{name} must be {allowed}, got {side}")

    @contextmanager
    def _scheduler_of(self, preset: Preset) -> Iterator[None]:
        """The preset's scheduler in place of the folder's, for a while."""
        own = self.scheduler
        if preset.scheduler is not None:
            self.scheduler = preset.scheduler.from_config(own.config)
        try:
            yield
        finally:
            self.scheduler = own


def _convert(images: Any, output_type: str) -> Any:
    if output_type == "bitmap":
        return [to_bitmap(page) for page in images]
    return to_pdf(images) if output_type == "pdf" else images
