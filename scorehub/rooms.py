"""Rooms and microphones: audio as it would have been recorded, with every onset where it was.

A room response is mono float32 (L,), and causal in the strict sense that alignment needs: its first sample is the
direct sound with gain 1, and reflections only follow. So labels made for dry audio hold for the audio in the room.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import oaconvolve

SPEED_OF_SOUND = 343.0  # m/s
_DIRECT_SECONDS = 1e-3  # a measured direct sound is spread over less than this; the first reflections come later
_MAX_RESPONSE_SECONDS = 10.0
_ORDER = 3  # walls that a reflection has met at most; what met more is in the noise tail
# Air and soft walls take the high frequencies first: decay time relative to the mid band, by upper band edge in Hz.
_DECAY_BANDS = ((500.0, 1.1), (2000.0, 1.0), (6000.0, 0.7), (np.inf, 0.45))


@dataclass(frozen=True)
class Room:
    """A box-shaped room with a source and a microphone, all lengths in metres."""

    size: tuple[float, float, float] = (7.0, 5.0, 3.0)
    source: tuple[float, float, float] = (2.0, 1.5, 1.2)
    microphone: tuple[float, float, float] = (5.0, 3.2, 1.5)
    reverberation: float = 0.5  # RT60 of the mid band in seconds: how long the sound takes to fall by 60 dB
    direct_to_reverberant: float = 3.0  # dB, energy of the direct sound over that of all that follows

    def __post_init__(self) -> None:
        if not all(1 <= length <= 200 for length in self.size):
            raise ValueError(f"room must be 1 to 200 m long, wide and high, got {self.size}")
        for name, place in (("source", self.source), ("microphone", self.microphone)):
            if not all(0 < x < length for x, length in zip(place, self.size, strict=True)):
                raise ValueError(f"{name} must be within the room {self.size}, got {place}")
        if not 0.05 <= self.reverberation <= _MAX_RESPONSE_SECONDS:
            raise ValueError(f"reverberation must be 0.05 to {_MAX_RESPONSE_SECONDS:g} s, got {self.reverberation}")
        if not abs(self.direct_to_reverberant) <= 60:
            raise ValueError(f"direct to reverberant must be -60 to 60 dB, got {self.direct_to_reverberant}")


def random_room(rng: np.random.Generator) -> Room:
    """A room between a practice room and a concert hall, its reverberation 0.2 to 1.6 s, recorded from near or far."""
    volume = np.exp(rng.uniform(np.log(25.0), np.log(3000.0)))  # m3
    shape = rng.uniform(0.7, 1.4, 3) * (1.6, 1.2, 0.6)
    size = shape * np.cbrt(volume / shape.prod())
    (sx, sy, sz), (mx, my, mz) = rng.uniform(0.1, 0.9, (2, 3)) * size
    return Room(
        size=(size[0], size[1], size[2]),
        source=(sx, sy, sz),
        microphone=(mx, my, mz),
        reverberation=rng.uniform(0.2, 1.6),
        direct_to_reverberant=rng.uniform(-3.0, 12.0),
    )


def room_response(room: Room, rng: np.random.Generator, sample_rate: int = 22050) -> np.ndarray:
    """The response (L,) of `room`: reflections of up to three walls, and noise that decays as the room does.

    Image sources as in Allen & Berkley, J. Acoust. Soc. Am. 65 (1979); the seeded noise stands for the dense tail.
    """
    length = int(sample_rate * min(1.2 * room.reverberation + 0.1, _MAX_RESPONSE_SECONDS))
    delay, gain = _reflections(room)
    sample = np.round(delay * sample_rate).astype(np.int64)
    heard = sample < length
    rest = _tail(room, rng, length, sample_rate)
    np.add.at(rest, sample[heard], gain[heard])
    rest[0] = 0.0
    scale = 10 ** (-room.direct_to_reverberant / 20) / np.sqrt(np.square(rest).sum())
    response = (rest * scale).astype(np.float32)
    response[0] = 1.0
    return response


def _distance(room: Room) -> float:
    return max(0.1, float(np.linalg.norm(np.subtract(room.source, room.microphone))))


def _reflections(room: Room) -> tuple[np.ndarray, np.ndarray]:
    """Delay in seconds and gain of each reflection, relative to the direct sound."""
    size, source = np.array(room.size), np.array(room.source)
    cells = np.stack(np.meshgrid(*[np.arange(-_ORDER, _ORDER + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    order = np.abs(cells).sum(1)
    cells, order = cells[(order > 0) & (order <= _ORDER)], order[(order > 0) & (order <= _ORDER)]
    # The room is mirrored at its walls: odd copies are mirror images.
    images = cells * size + np.where(cells % 2 == 0, source, size - source)
    distance = np.linalg.norm(images - room.microphone, axis=1)
    # Sabine: absorption of the walls from volume, surface and reverberation.
    volume, surface = size.prod(), 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    reflected = np.sqrt(1 - min(0.95, 0.161 * volume / (surface * room.reverberation)))
    direct = _distance(room)
    return np.maximum(0, distance - direct) / SPEED_OF_SOUND, direct / distance * reflected**order


def _tail(room: Room, rng: np.random.Generator, length: int, sample_rate: int) -> np.ndarray:
    time = np.arange(length) / sample_rate
    n = next_fast_len(length)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / sample_rate)
    tail, lower = np.zeros(length), 0.0
    for upper, factor in _DECAY_BANDS:
        band = np.fft.irfft(np.where((frequency >= lower) & (frequency < upper), spectrum, 0), n)
        tail += band[:length] * 10 ** (-3 * time / (factor * room.reverberation))
        lower = upper
    volume = float(np.prod(room.size))
    # Images at distance ct are 4 pi (ct)^2 c / volume a second, each with power (distance / ct)^2: t cancels.
    level = np.sqrt(4 * np.pi * SPEED_OF_SOUND * _distance(room) ** 2 / (volume * sample_rate))
    # It swells while the single reflections thin out: Polack's mixing time, sqrt(volume) in ms.
    return np.asarray(tail * level * np.minimum(1.0, time / (1e-3 * np.sqrt(volume))))


def align_response(response: np.ndarray, sample_rate: int = 22050) -> np.ndarray:
    """A measured response (L,) cut and scaled so that it starts with its direct sound, gain 1.

    The direct sound is the highest sample within 1 ms of the first one above a tenth of the maximum (20 dB, where
    ISO 3382 starts a response), so a later reflection may be stronger.

    Raises:
        ValueError: the response is not (L,), silent, not finite, or longer than 10 s.
    """
    response = np.asarray(response, np.float64)
    if response.ndim != 1 or not 0 < len(response) <= _MAX_RESPONSE_SECONDS * sample_rate:
        raise ValueError(f"response must be (L,) of up to {_MAX_RESPONSE_SECONDS:g} s, got shape {response.shape}")
    level = np.abs(response)
    if not np.isfinite(level).all() or not level.any():
        raise ValueError(f"response must be finite and not silent, got a maximum of {level.max()}")
    first = int(np.argmax(level >= level.max() / 10))
    direct = first + int(np.argmax(level[first : first + max(1, round(_DIRECT_SECONDS * sample_rate))]))
    return (response[direct:] / response[direct]).astype(np.float32)


def apply_room(audio: np.ndarray, response: np.ndarray) -> np.ndarray:
    """`audio` (N,) heard through a response (L,) that starts with its direct sound: (N + L - 1,), it rings out."""
    if audio.ndim != 1 or not len(audio):
        raise ValueError(f"audio must be mono (N,) and not empty, got shape {audio.shape}")
    if response.ndim != 1 or not len(response) or response[0] == 0 or not np.isfinite(response).all():
        raise ValueError(
            "response must be (L,), finite and start with its direct sound, as align_response makes it, "
            f"got shape {response.shape} that begins with {response.ravel()[:3]}"
        )
    return np.asarray(oaconvolve(audio.astype(np.float32), response.astype(np.float32)), np.float32)


def add_noise(audio: np.ndarray, signal_to_noise: float, rng: np.random.Generator, slope: float = 1.0) -> np.ndarray:
    """`audio` (N,) with noise `signal_to_noise` dB below it, both by mean power.

    Args:
        slope: power falls with frequency to this power: 0 is white (a microphone's own), 1 pink, 2 brown (a street).
    """
    power = float(np.square(audio, dtype=np.float64).mean()) if len(audio) else 0.0
    if not power > 0:
        raise ValueError(f"audio must not be silent, got {len(audio)} samples")
    n = next_fast_len(len(audio))
    spectrum = np.fft.rfft(rng.standard_normal(n))
    # Bin 0 is left out: a constant offset is no noise.
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-slope / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n)[: len(audio)]
    noise_power = np.square(noise).mean()
    if noise_power == 0:  # a single sample has no noise but an offset
        return audio.astype(np.float32)
    return (audio + noise * np.sqrt(power / noise_power) * 10 ** (-signal_to_noise / 20)).astype(np.float32)
