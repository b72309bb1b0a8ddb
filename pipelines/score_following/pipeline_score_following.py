"""transformers' `pipeline("score-following")`: pages and a recording in, places and page turns out.

pipe = pipeline("score-following", model=folder, trust_remote_code=True)
pipe(["page-1.png", "page-2.png"], audio="recording.wav")
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, UnidentifiedImageError
from transformers import Pipeline

from .follower import Follower
from .layout import FORMATS
from .page_turning import PageTurner
from .processing_score_follower import Picture, ScoreFollowerProcessor
from .spectrogram import SAMPLE_RATE

Recording = np.ndarray | str | Path
MAX_SAMPLES = 2**28  # of all channels of a file
_Pipeline: Any = Pipeline  # whose steps have no types that a subclass could keep


class ScoreFollowingPipeline(_Pipeline):
    """Follows a recording as it would be followed while it is played: no place knows what comes later."""

    _load_processor = False  # it has no settings
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def __call__(
        self,
        pages: Picture | str | Path | Sequence[Picture | str | Path],
        audio: Recording,
        sampling_rate: int = SAMPLE_RATE,
        lead: float | None = None,
    ) -> dict[str, list[dict[str, float]]]:
        """Follows.

        Args:
            pages: images, arrays or paths, in order.
            audio: samples (N,) or (channels, N) at `sampling_rate`, or the path of a WAV, FLAC, Ogg or MP3 file.
            lead: seconds before its end at which a page is turned; if not given, the constructor's, or else 1.

        Returns:
            `positions`, one for each 50 ms with `time` (s), `page` and `system` (from 0), `x` and `y` (px),
            `score_time` (quarters), `tempo` (quarters a second), `confidence`; `turns` with `time` and `page`.

        Raises:
            ValueError: see `ScoreFollowerProcessor`; a file is no picture or no recording, or longer than
                `MAX_SAMPLES`.
            OSError: a file can't be read.
        """
        listed = [pages] if isinstance(pages, Image.Image | np.ndarray | str | Path) else pages
        result: dict[str, list[dict[str, float]]] = super().__call__(
            {"pages": listed, "audio": audio, "sampling_rate": sampling_rate}, lead=lead
        )
        return result

    def _sanitize_parameters(self, lead: float | None = None) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {}, {} if lead is None else {"lead": lead}, {}

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Pages as grey arrays and samples at the network's rate."""
        processor = ScoreFollowerProcessor()
        audio, rate = inputs["audio"], inputs["sampling_rate"]
        if isinstance(audio, str | Path):
            audio, rate = _read_sound(audio)
        return {
            "pages": [_read_page(page) for page in inputs["pages"]],
            "samples": processor.samples(audio, rate),
        }

    def _forward(self, model_inputs: dict[str, Any], lead: float = 1.0) -> dict[str, Any]:
        follower = Follower(self.model, model_inputs["pages"])
        turner = PageTurner(follower.score, lead)  # which refuses a bad lead before anything is followed
        positions = follower.track(model_inputs["samples"].cpu()) + follower.end()
        turns = turner.turns(positions)
        return {"positions": [row._asdict() for row in positions], "turns": [row._asdict() for row in turns]}

    def postprocess(self, model_outputs: dict[str, Any]) -> dict[str, Any]:
        """Nothing is left to do."""
        return model_outputs


def _read_page(page: Picture | str | Path) -> np.ndarray:
    """A page as grey uint8 (H, W)."""
    processor = ScoreFollowerProcessor()
    if not isinstance(page, str | Path):
        return processor.page(page)
    try:
        with Image.open(page, formats=FORMATS) as picture:
            return processor.page(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"page must be an image that can be read, got {Path(page).name}: {error}") from None


def _read_sound(path: str | Path) -> tuple[np.ndarray, int]:
    """Samples (channels, N) of a file, and their rate."""
    name = Path(path).name
    with open(path, "rb") as data:
        try:
            with soundfile.SoundFile(data) as file:
                # Checked before the read: a header of some bytes can claim any length, and the read makes room for it.
                if not 0 < file.frames * file.channels <= MAX_SAMPLES:
                    size = f"{file.frames:,} x {file.channels} in {name}"
                    raise ValueError(f"audio must have 1 to {MAX_SAMPLES:,} samples, got {size}")
                return file.read(dtype="float32", always_2d=True).T, file.samplerate
        except soundfile.SoundFileError as error:
            reason = str(error).rpartition(": ")[2]
            raise ValueError(f"audio must be a recording that can be read, got {name}: {reason}") from None
