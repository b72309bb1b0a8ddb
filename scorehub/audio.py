"""Audio on its way from a renderer into a data set: loudness, sample rate, FLAC bytes.

Audio is mono float32 (N,) within -1 to 1, full scale 1. Loudness is ITU-R BS.1770-4's, in LUFS, by pyloudnorm.
"""

import io

import numpy as np

LOUDNESS = -23.0  # LUFS, EBU R 128's programme level
PEAK = 10 ** (-1 / 20)  # -1 dBFS
MAX_AUDIO_BYTES = 512 * 2**20
MAX_SAMPLES = 2**28  # of all channels: an hour of stereo at 37 kHz, 1 GiB as float32
SAMPLE_RATES = (4000, 192000)
_BLOCK_SECONDS = 0.4  # BS.1770's gating block: nothing shorter has a loudness


def measure_loudness(audio: np.ndarray, sample_rate: int = 22050) -> float:
    """Integrated loudness in LUFS; -inf for silence. Audio under 0.4 s is measured with silence after it."""
    import pyloudnorm

    _check(audio, sample_rate)
    # pyloudnorm compares lengths with 0.4 x rate unrounded, hence the sample more.
    missing = max(0, int(_BLOCK_SECONDS * sample_rate) + 1 - len(audio))
    padded = np.pad(audio.astype(np.float32, copy=False), (0, missing))
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(padded))


def normalise_loudness(audio: np.ndarray, sample_rate: int = 22050, lufs: float = LOUDNESS) -> np.ndarray:
    """`audio` at `lufs`, or as near below as its highest sample stays at -1 dBFS: it is never clipped or compressed.

    Raises:
        ValueError: the audio is silent, not finite or not mono.
    """
    _check(audio, sample_rate)
    peak = float(np.abs(audio).max(initial=0.0))
    if peak == 0:
        raise ValueError(f"audio must not be silent, got {len(audio)} zeros")
    full_scale = audio / peak  # so that the absolute gate at -70 LUFS does not depend on the gain that it came with
    loudness = measure_loudness(full_scale, sample_rate)
    gain = min(PEAK, 10 ** ((lufs - loudness) / 20)) if np.isfinite(loudness) else PEAK
    return (full_scale * gain).astype(np.float32)


def resample(audio: np.ndarray, sample_rate: int, new_rate: int) -> np.ndarray:
    """`audio` (N,) at `new_rate`, (about N x new_rate / sample_rate,), by soxr: linear phase, onsets stay in place."""
    import soxr

    _check(audio, sample_rate)
    _check_rate(new_rate)
    if new_rate == sample_rate:
        return audio.astype(np.float32)
    return np.asarray(soxr.resample(audio.astype(np.float32), sample_rate, new_rate), np.float32)


def to_flac(audio: np.ndarray, sample_rate: int = 22050) -> bytes:
    """A mono 16-bit FLAC file.

    Raises:
        ValueError: the audio is empty, not mono, not finite, or beyond full scale (it would be clipped).
    """
    import soundfile

    _check(audio, sample_rate)
    peak = float(np.abs(audio).max(initial=0.0))
    if not 0 <= peak <= 1 or not len(audio):
        raise ValueError(f"audio must have samples within -1 to 1, got {len(audio)} with a peak of {peak:.3g}")
    file = io.BytesIO()
    soundfile.write(file, audio, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def read_audio(data: bytes) -> tuple[np.ndarray, int]:
    """Mono float32 audio (N,) and its sample rate from an audio file (FLAC, WAV, Ogg, MP3); channels are averaged.

    Raises:
        ValueError: it is no audio file, it is damaged, empty or too large.
    """
    import soundfile

    if len(data) > MAX_AUDIO_BYTES:
        raise ValueError(f"audio file must have at most {MAX_AUDIO_BYTES} bytes, got {len(data)}")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            # Checked before the read: a header of some bytes can claim any length, and the read makes room for it.
            if not 0 < file.frames * file.channels <= MAX_SAMPLES:
                raise ValueError(
                    f"audio file must have 1 to {MAX_SAMPLES} samples, got {file.frames} x {file.channels}"
                )
            audio = file.read(dtype="float32", always_2d=True)
            frames, sample_rate = file.frames, file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(error).rpartition(": ")[2]  # what is before names an object in memory
        raise ValueError(f"audio file must be whole and of a known format, got: {reason}") from None
    if len(audio) != frames or not np.isfinite(audio).all():
        raise ValueError(f"audio file must be whole and finite, got {len(audio)} of {frames} frames")
    return np.ascontiguousarray(audio.mean(axis=1)), sample_rate


def _check(audio: np.ndarray, sample_rate: int) -> None:
    _check_rate(sample_rate)
    if audio.ndim != 1 or not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(f"audio must be mono floating point (N,), got {audio.dtype} {audio.shape}")
    if not np.isfinite(audio).all():
        raise ValueError("audio must be finite, got NaN or infinity")


def _check_rate(sample_rate: int) -> None:
    if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
        raise ValueError(f"sample rate must be {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, got {sample_rate}")
