"""Score following while the music is played: samples as they come in, positions as soon as they are known.

for position in listen(follower, *open_microphone()):  # or *open_wav("-")
    print(position.page, position.x)
"""

import queue
import sys
import wave
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import soxr

from scorehub.audio import SAMPLE_RATES
from scorehub.pipelines.score_following.follower import Follower, Position
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE

CHUNK = 0.05  # seconds that are read at once
MICROPHONE_RATE = 44_100
_SCALES = {1: 2.0**7, 2: 2.0**15, 4: 2.0**31}  # full scale by bytes a sample


def open_wav(path: str) -> tuple[Iterator[np.ndarray], int]:
    """Chunks (N, channels), full scale at 1, of a PCM WAV file, or of standard input for `-`, and their rate.

    Raises:
        OSError: there is no such file.
        ValueError: it is no PCM WAV of 8, 16 or 32 bits, or at no rate from 4,000 to 192,000 Hz.
    """
    try:
        stream = wave.open(sys.stdin.buffer if path == "-" else path, "rb")  # noqa: SIM115 - read to its end
    except (wave.Error, EOFError, RuntimeError) as error:  # the last one of a chunk that ends beyond the file
        raise ValueError(f"stream must be a PCM WAV file, got {str(error) or 'nothing'}") from None
    rate, width = stream.getframerate(), stream.getsampwidth()
    if width not in _SCALES or not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
        raise ValueError(f"stream must be 8, 16 or 32 bits at 4,000 to 192,000 Hz, got {8 * width} bits at {rate} Hz")
    return _read_wav(stream), rate


def _read_wav(stream: wave.Wave_read) -> Iterator[np.ndarray]:
    width, channels = stream.getsampwidth(), stream.getnchannels()
    while data := stream.readframes(round(CHUNK * stream.getframerate())):
        whole = len(data) // (width * channels) * width * channels  # a stream can be cut anywhere
        if width == 1:
            samples = np.frombuffer(data[:whole], np.uint8).astype(np.float32) - _SCALES[1]
        else:
            samples = np.frombuffer(data[:whole], f"<i{width}").astype(np.float32)
        yield samples.reshape(-1, channels) / _SCALES[width]


def open_microphone() -> tuple[Iterator[np.ndarray], int]:
    """Chunks (N, 1) of the default microphone, without end, and their rate.

    Raises:
        ValueError: the extra `microphone` or PortAudio is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        wanted = 'pip install "scorehub[microphone]" and the system\'s PortAudio (libportaudio2)'
        raise ValueError(f"a microphone needs {wanted}, got {error}") from None
    heard: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()
    try:
        source = sounddevice.InputStream(
            samplerate=MICROPHONE_RATE,
            blocksize=round(CHUNK * MICROPHONE_RATE),
            channels=1,
            callback=lambda samples, *_: heard.put(samples.copy()),
        )
    except sounddevice.PortAudioError as error:
        raise ValueError(f"microphone must be there to be listened to, got {error}") from None
    return _read_microphone(source, heard), MICROPHONE_RATE


def _read_microphone(source: Any, heard: "queue.SimpleQueue[np.ndarray]") -> Iterator[np.ndarray]:
    with source:
        while True:
            yield heard.get()


def resampled(chunks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Mono chunks (N,) at the follower's rate, of chunks (N, channels) at another."""
    stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1)
    for chunk in chunks:
        yield stream.resample_chunk(np.ascontiguousarray(chunk.mean(axis=1), np.float32))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def listen(follower: Follower, chunks: Iterable[np.ndarray], rate: int) -> Iterator[Position]:
    """Positions, one for each 50 ms, until the sound ends or Ctrl-C is pressed."""
    with suppress(KeyboardInterrupt):
        for chunk in resampled(chunks, rate):
            yield from follower.track(chunk)
