"""Runs the networks on what was given, and makes all that a page shows of it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scorehub.audio import to_flac
from scorehub.notes import read_midi
from scorehub.pipelines.music_transcription.features import audio_features
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.staff_count import count_staves
from scorehub.spaces.music_transcription.engraved import Engraved, engrave_result
from scorehub.spaces.music_transcription.measures import doubt_measures
from scorehub.spaces.music_transcription.reading import Reading, make_reading
from scorehub.spaces.music_transcription.sources import Picture, Recording
from scorehub.synthesis import synthesise
from scorehub.transcription import write_result

MAX_PLAYED = 300.0  # seconds of a result that are made to sound
_SOUND_RATE = 22_050  # Hz
_FILES = {"musicxml": ".musicxml", "midi": ".mid", "tokens": ".semantic"}


@dataclass(frozen=True)
class Given:
    """What is to be read; one of the two at least."""

    picture: Picture | None = None
    recording: Recording | None = None

    @property
    def name(self) -> str:
        """Of files."""
        if self.picture is not None:
            return self.picture.name
        return self.recording.path.stem if self.recording is not None else "result"


@dataclass(frozen=True)
class Transcribed:
    """What came of it.

    Attributes:
        result: the pipeline's.
        engraved: None where there is nothing to engrave.
        spectrum: what the network hears of a recording, (120, W) from 0 to 1, low notes at the bottom.
        sound: how the result sounds, a FLAC file; None where it doesn't.
        doubts: what speaks against the result, in words.
        seconds: that it took to read.
    """

    given: Given
    result: dict[str, Any]
    reading: Reading
    engraved: Engraved | None
    spectrum: np.ndarray | None
    sound: bytes | None
    doubts: list[str]
    seconds: float

    def write(self, folder: Path) -> dict[str, Path]:
        """Writes MusicXML, MIDI and tokens, and the sound if there is one."""
        paths = {kind: folder / f"{self.given.name}{suffix}" for kind, suffix in _FILES.items()}
        for path in paths.values():
            write_result(self.result, path)
        if self.sound is not None:
            paths["sound"] = folder / f"{self.given.name}.flac"
            paths["sound"].write_bytes(self.sound)
        return paths


def transcribe(pipe: MusicTranscriptionPipeline, given: Given, fusion: str, weight: float) -> Transcribed:
    """Reads one staff.

    Raises:
        ValueError: nothing is given, or what is given is refused by the pipeline; says why.
    """
    if given.picture is None and given.recording is None:
        raise ValueError("a picture of a staff or a recording of it must be given, got neither")
    begun = time.monotonic()
    image = None if given.picture is None else given.picture.staff
    inputs: dict[str, Any] = {"image": image, "fusion": fusion, "weight": weight}
    if given.recording is not None:
        inputs |= {"audio": given.recording.samples, "sampling_rate": given.recording.sample_rate}
    result = pipe(**inputs)
    seconds = time.monotonic() - begun
    doubts = []
    if image is not None and not count_staves(image):
        doubts.append("No staff lines were found in the picture, so that what was read in it may be nonsense.")
    reading = make_reading(result)
    doubts += doubt_measures(reading.signs)
    engraved, sound = _engraving(result, doubts), _sound(result["midi"], doubts)
    spectrum = None if given.recording is None else _spectrum(given.recording)
    return Transcribed(given, result, reading, engraved, spectrum, sound, doubts, seconds)


def _engraving(result: dict[str, Any], doubts: list[str]) -> Engraved | None:
    try:
        return engrave_result(result)
    except ValueError as error:
        doubts.append(f"Nothing is engraved: {error}.")
        return None


def _sound(midi: bytes, doubts: list[str]) -> bytes | None:
    notes = read_midi(midi)
    if not len(notes):
        return None
    if notes.end > MAX_PLAYED:
        doubts.append(f"Nothing can be heard: the result lasts longer than {MAX_PLAYED / 60:.0f} minutes.")
        return None
    return to_flac(synthesise(notes, sample_rate=_SOUND_RATE), _SOUND_RATE)


def _spectrum(recording: Recording) -> np.ndarray:
    return audio_features(recording.samples, recording.sample_rate).numpy()
