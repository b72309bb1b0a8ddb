"""Notes to sound: renders `Notes` with a SoundFont by TinySoundFont, offline and to the sample.

Audio is mono float32 (N,), full scale 1; times are seconds. Every note starts at the sample nearest to its onset; how
soon it is heard after that is the instrument's attack.

    audio = synthesise(Path("piece.mid").read_bytes())
    flac = to_flac(audio)  # scorehub.audio
"""

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from tinysoundfont._tinysoundfont import OutputMode, SoundFont

from scorehub.audio import LOUDNESS, normalise_loudness
from scorehub.notes import DRUMS, Notes, read_midi
from scorehub.sandbox import Sandbox, SandboxError
from scorehub.soundfont import MAX_SOUNDFONT_BYTES, check_soundfont

MAX_SECONDS = 3600.0
MAX_TAIL = 5.0  # seconds in which the last notes may ring out
MAX_VOICES = 1024
_SILENCE = 1e-3  # the tail ends where it stays this far below the highest sample: -60 dB
_TAIL_BLOCK = 0.1  # seconds
_SAMPLE_RATES = (8000, 96000)


def default_soundfont() -> Path:
    """TimGM6mb.sf2, a General MIDI SoundFont of 6 MB that the package pretty_midi ships (which is not imported)."""
    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise ValueError("soundfont must be given where the package pretty_midi is not installed, got None")
    return Path(spec.origin).with_name("TimGM6mb.sf2")


def synthesise(
    notes: Notes | bytes,
    soundfont: str | Path | None = None,
    sample_rate: int = 22050,
    lufs: float | None = LOUDNESS,
) -> np.ndarray:
    """Mono audio (N,) from time 0 until the last note has decayed; the same every time.

    Args:
        notes: at least one; or the bytes of a MIDI file.
        soundfont: a .sf2 or .sf3 file; None for General MIDI (`default_soundfont`).
        lufs: loudness that the audio is brought to, by `normalise_loudness`; None leaves the SoundFont's own level,
            which can go beyond full scale.

    Raises:
        ValueError: there are no notes, they end after an hour, the SoundFont can't be read or lacks an instrument, or
            nothing can be heard.
    """
    if isinstance(notes, bytes):
        notes = read_midi(notes)
    if not len(notes) or notes.end > MAX_SECONDS:
        raise ValueError(
            f"notes must be at least one and end within {MAX_SECONDS:g} s, got {len(notes)}, {notes.end} s"
        )
    if not _SAMPLE_RATES[0] <= sample_rate <= _SAMPLE_RATES[1]:
        raise ValueError(f"sample rate must be {_SAMPLE_RATES[0]} to {_SAMPLE_RATES[1]} Hz, got {sample_rate}")
    path = Path(soundfont) if soundfont is not None else default_soundfont()
    # A copy shares the samples and has its own voices and channels: nothing rings over from the last call.
    synth = SoundFont(_load(path, _modified(path)))
    synth.set_output(OutputMode.Mono, sample_rate, 0.0)
    synth.set_max_voices(MAX_VOICES)
    audio = _render(synth, notes, sample_rate)
    if not np.isfinite(audio).all() or not audio.any():
        raise ValueError(f"notes must sound with SoundFont {path.name}, got silence or no numbers")
    return audio if lufs is None else normalise_loudness(audio, sample_rate, lufs)


def _render(synth: SoundFont, notes: Notes, sample_rate: int) -> np.ndarray:
    channels = _set_up_channels(synth, notes)
    start = np.round(notes.onset * sample_rate).astype(np.int64)
    stop = np.maximum(start + 1, np.round((notes.onset + notes.duration) * sample_rate).astype(np.int64))
    n = len(notes)
    # Events are (sample, on, note); at one sample notes end before others start, so that a repeated key sounds again.
    sample, on = np.concatenate([start, stop]), np.repeat([1, 0], n)
    order = np.lexsort((on, sample))
    audio = np.zeros(int(stop.max() + MAX_TAIL * sample_rate), np.float32)
    pitches, levels = notes.pitch.tolist(), (notes.velocity / 127).tolist()
    done = 0
    for now, is_on, note in zip(sample[order].tolist(), on[order].tolist(), (order % n).tolist(), strict=True):
        if now > done:
            synth.render(audio[done:now].view(np.uint8))  # it takes bytes
            done = now
        if is_on:
            synth.channel_note_on(channels[note], pitches[note], levels[note])
        else:
            synth.channel_note_off(channels[note], pitches[note])
    return _ring_out(synth, audio, done, int(_TAIL_BLOCK * sample_rate))


def _set_up_channels(synth: SoundFont, notes: Notes) -> list[int]:
    """The channel of each note, one for each pair of program and track: TinySoundFont has more than MIDI's 16."""
    pairs, channels = np.unique(np.stack([notes.program, notes.track]), axis=1, return_inverse=True)
    for channel, program in enumerate(pairs[0].tolist()):
        # Drum kits are bank 128. Without the check TinySoundFont would play another instrument instead.
        bank, preset = (128, 0) if program == DRUMS else (0, program)
        if synth.get_preset_index(bank, preset) < 0:
            raise ValueError(f"program must be one that the SoundFont has, got {program}")
        synth.channel_set_preset_number(channel, preset, program == DRUMS)
    return [int(channel) for channel in channels.ravel()]


def _ring_out(synth: SoundFont, audio: np.ndarray, done: int, block: int) -> np.ndarray:
    floor = _SILENCE * max(float(audio[:done].max(initial=0.0)), -float(audio[:done].min(initial=0.0)))
    while done < len(audio):
        tail = audio[done : done + block]
        synth.render(tail.view(np.uint8))
        done += len(tail)
        if np.abs(tail).max() <= floor:
            break
    return audio[:done]


def _modified(path: Path) -> int:
    # A folder or a pipe is no file; reading a pipe would wait for ever.
    if not path.is_file() or path.stat().st_size > MAX_SOUNDFONT_BYTES:
        raise ValueError(f"SoundFont must be a file of up to {MAX_SOUNDFONT_BYTES} bytes, got {path}")
    return path.stat().st_mtime_ns


@lru_cache(maxsize=4)
def _load(path: Path, modified: int) -> SoundFont:
    """A checked SoundFont, read once a process (`modified` tells a file that was written again)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"SoundFont must be a file that can be read, got {path}: {error.strerror}") from None
    if check_soundfont(data):
        # No table tells whether Ogg streams are sound, or how long they are: a child with limits decodes them first.
        with Sandbox("scorehub.synthesis", memory_mb=4096) as sandbox:
            try:
                sandbox.call("probe_soundfont", seconds=60, path=str(path))
            except SandboxError as error:
                raise ValueError(f"SoundFont must have samples that can be decoded, got: {error}") from None
    try:
        return SoundFont(data)
    except RuntimeError as error:
        raise ValueError(f"SoundFont must be whole and well formed, got: {error}") from None


def probe_soundfont(path: str) -> tuple[int, list[bytes]]:
    """Loads a SoundFont that passed `check_soundfont` and plays its presets, for `Sandbox`; how many there are."""
    synth = SoundFont(Path(path).read_bytes())
    synth.set_output(OutputMode.Mono, 22050, 0.0)
    synth.set_max_voices(MAX_VOICES)
    count = int(synth.get_preset_count())
    audio = np.zeros(2048, np.float32)
    for preset in range(count):
        for pitch in (24, 48, 60, 72, 96):
            synth.note_on(preset, pitch, 0.6)
        synth.render(audio.view(np.uint8))
        synth.note_off()
    return count, []
