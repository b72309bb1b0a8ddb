"""What a piano roll (C, P, T) says, as notes, a MIDI file, sound or a picture.

Off is -1, on above; rows are pitches upward from `lowest`, frames last 1 / `fs` seconds, channels are instruments.
Values at onsets are 1, or velocity / 127 with `values="velocity"`. With `articulation` only onsets have those values
and what is held is 0; with both, an onset is (1 + velocity / 127) / 2.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import symusic
from PIL import Image

VALUES = ("binary", "velocity")
VELOCITY = 80  # where the roll says none
SAMPLE_RATE = 22050  # of audio, Hz
TEMPO, TICKS_PER_QUARTER = 120.0, 480
_TAIL = 2.0  # seconds in which the last notes ring out
# Light to dark for each channel in turn, as (red, green, blue).
_COLOURS = ((20, 40, 120), (170, 50, 30), (20, 120, 60), (140, 90, 10))


@dataclass(frozen=True)
class RollMeaning:
    """How to read a roll.

    Raises:
        ValueError: a value is out of range.
    """

    fs: float = 8.0  # frames a second
    lowest: int = 33  # MIDI pitch of row 0
    values: str = "binary"  # or "velocity"
    articulation: bool = False
    programs: tuple[int, ...] = (0,)  # General MIDI program of each channel; the last one's goes on

    def __post_init__(self) -> None:
        if not 0 < self.fs <= 1000 or not 0 <= self.lowest <= 127 or self.values not in VALUES:
            allowed = f"0 to 1000 frames a second, a MIDI pitch, one of {VALUES}"
            raise ValueError(f"fs, lowest and values must be {allowed}, got {self.fs}, {self.lowest}, {self.values!r}")
        if not self.programs or not all(0 <= program <= 127 for program in self.programs):
            raise ValueError(f"programs must be 0 to 127, one at least, got {self.programs}")

    @property
    def threshold(self) -> float:
        """Halfway between off and the least value that is on; what is held counts as on."""
        return 0.0 if self.values == "binary" and not self.articulation else -0.5

    @property
    def onset_threshold(self) -> float:
        """Halfway between what is held and the softest onset, with `articulation`."""
        return 0.5 if self.values == "binary" else 0.25


def to_notes(roll: np.ndarray, meaning: RollMeaning, threshold: float | None = None) -> np.ndarray:
    """The notes (N, 5) of a roll, in order: channel, pitch, first frame, frame after the last, velocity.

    Without `articulation` repeated notes are one. What is held from before the roll begins with it.

    Args:
        threshold: Above it a cell is on; without, that of `meaning`.

    Raises:
        ValueError: the roll is not (C, P, T) of finite numbers, or goes beyond MIDI's pitches.
    """
    if roll.ndim != 3 or not np.isfinite(roll).all() or meaning.lowest + roll.shape[1] > 128:
        raise ValueError(f"roll must be finite (C, P, T), pitches up to 127, got {roll.shape} from {meaning.lowest}")
    is_on = roll > (meaning.threshold if threshold is None else threshold)
    off = np.zeros_like(is_on[..., :1])
    begins = is_on & ~np.concatenate([off, is_on[..., :-1]], axis=-1)
    if meaning.articulation:
        begins |= is_on & (roll > meaning.onset_threshold)
    continues = np.concatenate([(is_on & ~begins)[..., 1:], off], axis=-1)
    # Beginnings and ends take turns in each row, so the n-th of one belongs to the n-th of the other.
    channel, row, first = np.nonzero(begins)
    last = np.nonzero(is_on & ~continues)[2] + 1
    velocity = _velocities(roll[channel, row, first], meaning)
    return np.stack([channel, row + meaning.lowest, first, last, velocity], axis=1)


def _velocities(values: np.ndarray, meaning: RollMeaning) -> np.ndarray:
    """Velocities of the values at onsets; notes that are held from before the roll are of `VELOCITY`."""
    if meaning.values == "binary":
        return np.full(len(values), VELOCITY)
    loudness = 2 * values - 1 if meaning.articulation else values
    velocities = np.clip(np.round(loudness * 127), 1, 127).astype(np.int64)
    return np.where(values > meaning.onset_threshold, velocities, VELOCITY) if meaning.articulation else velocities


def to_midi(roll: np.ndarray, meaning: RollMeaning) -> bytes:
    """A MIDI file with a track per channel."""
    notes = to_notes(roll, meaning)
    score: Any = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, TEMPO))
    ticks = TICKS_PER_QUARTER * TEMPO / 60 / meaning.fs
    for channel in range(len(roll)):
        mine = notes[notes[:, 0] == channel]
        track: Any = symusic.Track(str(channel), _program(meaning, channel), False)
        start, end = np.round(mine[:, 2] * ticks).astype(np.int32), np.round(mine[:, 3] * ticks).astype(np.int32)
        length, pitch, velocity = np.maximum(1, end - start), mine[:, 1].astype(np.int8), mine[:, 4].astype(np.int8)
        track.notes = symusic.Note.from_numpy(start, length, pitch, velocity)
        score.tracks.append(track)
    return bytes(score.dumps_midi())


def to_audio(roll: np.ndarray, meaning: RollMeaning, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Mono float32 (N,), within full scale, with the General MIDI SoundFont of the package pretty_midi.

    Raises:
        ValueError: the package is not installed, or as for `to_notes`.
    """
    import tinysoundfont

    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise ValueError("output_type must not be 'audio' where pretty_midi is not installed")
    synth = tinysoundfont.Synth(samplerate=sample_rate)
    font = synth.sfload(str(Path(spec.origin).with_name("TimGM6mb.sf2")))
    for channel in range(len(roll)):
        synth.program_select(channel, font, 0, _program(meaning, channel))
    notes, frame = to_notes(roll, meaning), sample_rate / meaning.fs
    # At one frame notes end before others start, so that a repeated key sounds again.
    events = [(int(note[3]), 0, note) for note in notes] + [(int(note[2]), 1, note) for note in notes]
    parts, done = [np.zeros(0, np.float32)], 0
    for at, is_on, (channel, pitch, _, _, velocity) in sorted(events, key=lambda event: event[:2]):
        if round(at * frame) > done:
            parts.append(_generate(synth, round(at * frame) - done))
            done = round(at * frame)
        if is_on:
            synth.noteon(int(channel), int(pitch), int(velocity))
        else:
            synth.noteoff(int(channel), int(pitch))
    silence = max(0, round(roll.shape[-1] * frame) - done)  # a roll lasts as long as its frames
    audio = np.concatenate([*parts, _generate(synth, silence + round(_TAIL * sample_rate))])
    return audio / max(1.0, float(np.abs(audio).max()))


def to_image(roll: np.ndarray, scale: int = 4) -> Image.Image:
    """An RGB picture, low notes at the bottom, `scale` pixels a cell, a colour per channel on white."""
    strength = np.clip((roll + 1) / 2, 0, 1)[:, ::-1]
    picture = np.full((*strength.shape[1:], 3), 255.0)
    for number, layer in enumerate(strength):
        picture += layer[..., None] * (np.array(_COLOURS[number % len(_COLOURS)]) - picture)
    return Image.fromarray(picture.round().astype(np.uint8).repeat(scale, 0).repeat(scale, 1))


def _program(meaning: RollMeaning, channel: int) -> int:
    return meaning.programs[min(channel, len(meaning.programs) - 1)]


def _generate(synth: Any, samples: int) -> np.ndarray:
    """The next samples, stereo brought to mono."""
    return np.frombuffer(synth.generate(samples), np.float32).reshape(-1, 2).mean(1)
