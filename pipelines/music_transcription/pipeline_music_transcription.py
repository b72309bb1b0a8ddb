"""transformers' `pipeline("music-transcription")`: a picture of a staff, a recording or both in, music out.

pipe = pipeline("music-transcription", model=folder, trust_remote_code=True)
result = pipe(image="staff.png", audio="recording.wav")
result["musicxml"], result["midi"], result["disagreements"]
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from transformers import Pipeline

from .cqt import HOP, N_BINS, SAMPLE_RATE
from .decoding import WITHOUT_GRAPHS, fuse, read_side
from .features import FORMATS, SECONDS, Picture, grey_picture
from .music import write_score
from .processing_music_transcription import Recording
from .staff_count import count_staves
from .transcript import Reading, describe, describe_disagreements, describe_fused

GivenPicture = Picture | str | Path
GivenRecording = Recording | str | Path
MAX_SAMPLES = 2**28  # of all channels of a file
_Pipeline: Any = Pipeline  # whose steps have no types that a subclass could keep


class MusicTranscriptionPipeline(_Pipeline):
    """Transcribes staves; with a picture and a recording of the same music, by late fusion."""

    _load_processor = True
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def __call__(
        self,
        image: GivenPicture | Sequence[GivenPicture] | None = None,
        audio: GivenRecording | Sequence[GivenRecording] | None = None,
        sampling_rate: int = SAMPLE_RATE,
        fusion: str | None = None,
        weight: float | None = None,
    ) -> Any:
        """Transcribes one staff, or a list of them.

        Args:
            image: one staff: an image, a uint8 array or a path; or a list of such.
            audio: samples (N,) or (channels, N) at `sampling_rate`, or the path of a WAV, FLAC, Ogg or MP3 file, from
                0.1 to 600 s; or a list of such, each of the music in the picture of its place.
            fusion: one of `decoding.FUSIONS`; if not given, that of the folder's settings, without a language model
                `fuse_aligned`.
            weight: share of the optical side, 0 to 1; if not given, that of the folder's settings.

        Returns:
            A dict, of lists a list of dicts, with

            - `tokens`: of each `token`, as PrIMuS's semantic encoding has it; `probability`; `onset`, quarters from
              the start, None where it can't be read as music; `x`, px in the picture as given, None where nothing is
              seen in its stead; `time`, s in the recording, None where nothing is heard; `from`, the sides that say
              so, of `optical` and `audio`.
            - `optical`, `audio`: the same of each side by itself, as far as they were given.
            - `disagreements`: where these three differ, the ranges (begin, end) of `tokens`, `optical` and `audio`.
            - `musicxml`, str, and `midi`, bytes; `music` says what of a transcription they leave out.

        Raises:
            ValueError: nothing is given, the model has no network for it, it is refused (see `features`), a picture
                shows more than one staff, or fusion or weight is not as above.
            OSError: a file can't be read.
        """
        items = [
            {"image": picture, "audio": recording, "sampling_rate": sampling_rate}
            for picture, recording in _pairs(image, audio)
        ]
        is_list = isinstance(image, list | tuple) or isinstance(audio, list | tuple)
        return super().__call__(items if is_list else items[0], fusion=fusion, weight=weight)

    def _sanitize_parameters(
        self, fusion: str | None = None, weight: float | None = None
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        given = {"fusion": fusion, "weight": weight}
        return {}, {}, {name: value for name, value in given.items() if value is not None}

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the model takes, and how wide the picture was."""
        processor, config = self.processor, self.model.config
        if processor is None or processor.vocabulary != list(config.vocabulary):
            raise ValueError("processor must have the model's vocabulary, got none or another")
        for name, network in (("image", config.optical), ("audio", config.audio)):
            if inputs[name] is not None and network is None:
                raise ValueError(f"{name} must be None for a model without a network for it, got one")
        picture, audio, rate = inputs["image"], inputs["audio"], inputs["sampling_rate"]
        if picture is not None:
            picture = _read_staff(picture)
        if isinstance(audio, str | Path):
            audio, rate = _read_sound(audio)
        width = None if picture is None else picture.shape[1]
        return {**processor(images=picture, audio=audio, sampling_rate=rate), "picture_width": width}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        inputs = dict(model_inputs)
        width = inputs.pop("picture_width")
        for name in inputs.keys() & {"image", "audio"}:
            inputs[name] = inputs[name].to(self.model.dtype)
        outputs = self.model(**inputs)
        found: dict[str, Any] = {}
        if outputs.optical is not None:
            pixels = width / int(inputs["image_widths"][0])
            log_posteriors = outputs.optical[0, : int(outputs.optical_lengths[0])]
            found["optical"] = log_posteriors, pixels * _columns_a_frame(inputs["image"], outputs.optical)
        if outputs.audio is not None:
            seconds = HOP / SAMPLE_RATE * N_BINS / inputs["audio"].shape[1]  # more rows are as many more columns
            log_posteriors = outputs.audio[0, : int(outputs.audio_lengths[0])]
            found["audio"] = log_posteriors, seconds * _columns_a_frame(inputs["audio"], outputs.audio)
        return found

    def postprocess(
        self, model_outputs: dict[str, Any], fusion: str | None = None, weight: float | None = None
    ) -> dict[str, Any]:
        """Posteriors as tokens and music."""
        processor = self.processor
        model, vocabulary, settings = processor.language_model, processor.vocabulary, processor.decoding
        fusion = fusion or (WITHOUT_GRAPHS if model is None else settings.fusion)
        settings = replace(settings, fusion=fusion, weight=settings.weight if weight is None else weight)
        readings = {}
        for name, (log_posteriors, frame) in model_outputs.items():
            side = read_side(log_posteriors.double().numpy(), model, getattr(settings, name))
            readings[name] = Reading(name, side, frame)
        result: dict[str, Any] = {name: describe(reading, vocabulary) for name, reading in readings.items()}
        if len(readings) == 1:
            (tokens,) = result.values()
            result |= {"tokens": tokens, "disagreements": []}
        else:
            optical, audio = readings["optical"], readings["audio"]
            found = fuse(optical.side, audio.side, settings)
            result["tokens"] = describe_fused(found, optical, audio, settings.weight, vocabulary)
            result["disagreements"] = describe_disagreements(found, optical, audio)
        musicxml, midi = write_score([row["token"] for row in result["tokens"]])
        return result | {"musicxml": musicxml, "midi": midi}


def _pairs(image: Any, audio: Any) -> list[tuple[Any, Any]]:
    """What is given, item by item; ValueError where lists are not as long, or nothing is given."""
    given = [each for each in (image, audio) if each is not None]
    lengths = {len(each) if isinstance(each, list | tuple) else None for each in given}
    if len(lengths) != 1 or 0 in lengths:
        found = f"{len(given)} of unlike lengths" if given else "neither"
        raise ValueError(f"image or audio must be given, and lists of both be as long, got {found}")
    if lengths == {None}:
        return [(image, audio)]
    images, recordings = (each if each is not None else [None] * len(given[0]) for each in (image, audio))
    return list(zip(images, recordings, strict=True))


def _read_staff(given: GivenPicture) -> np.ndarray:
    """A picture as uint8 (H, W)."""
    if not isinstance(given, str | Path):
        grey = grey_picture(given)
    else:
        try:
            with Image.open(given, formats=FORMATS) as picture:
                grey = grey_picture(picture)
        except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
            raise ValueError(f"image must be a picture that can be read, got {Path(given).name}: {error}") from None
    n_staves = count_staves(grey)
    if n_staves > 1:
        raise ValueError(f"image must show one staff, got {n_staves}; cut it up, a picture for each staff")
    return grey


def _read_sound(path: str | Path) -> tuple[np.ndarray, int]:
    """Samples (channels, N) of a file, and their rate."""
    with open(path, "rb") as data:
        try:
            with soundfile.SoundFile(data) as file:
                # Checked before the read: a header of some bytes can claim any length, and the read makes room for it.
                seconds, n_samples = file.frames / file.samplerate, file.frames * file.channels
                if not SECONDS[0] <= seconds <= SECONDS[1] or n_samples > MAX_SAMPLES:
                    allowed = f"{SECONDS[0]} to {SECONDS[1]:.0f} seconds and at most {MAX_SAMPLES:,} samples"
                    raise ValueError(f"audio must have {allowed}, got {seconds:.3f} s and {n_samples:,}")
                return file.read(dtype="float32", always_2d=True).T, file.samplerate
        except soundfile.SoundFileError as error:
            name, reason = Path(path).name, str(error).rpartition(": ")[2]
            raise ValueError(f"audio must be a recording that can be read, got {name}: {reason}") from None


def _columns_a_frame(picture: Tensor, log_posteriors: Tensor) -> int:
    """Of what goes into a network, (B, H, W), to one frame of what comes out, (B, T, V)."""
    return round(picture.shape[2] / log_posteriors.shape[1])
