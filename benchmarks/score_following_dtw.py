"""A baseline that is given what no page follower has, the notes of the score: on-line time warping of two recordings.

    python benchmarks/score_following_dtw.py --soundfont other.sf2 > benchmarks/score_following_dtw.md

The score is played by a synthesiser, and the performance is aligned to that, frame by frame, by the forward path of
dynamic time warping: Dixon, "Live tracking of musical performances using on-line time warping", DAFx 2005, with the
window and the limited steps of Arzt and Widmer, "Simple tempo models for real-time music tracking", SMC 2010. Features
are the followers' spectrogram and where it rises, the latter fading over five frames (after Ewert, Müller and Grosche,
"High resolution audio synchronization using chroma onset features", ICASSP 2009).

The table: tunes of the project on engraved pages, as written, as a person might play them, in a room, and by another
SoundFont if one is given; the score is always played as written, dry, by the default SoundFont. Beside it a guess that
hears nothing but knows when the performance ends: constant speed.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.signal import oaconvolve

from scorehub.dataset_builders.maestro.sample import TUNES
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import engrave_score
from scorehub.metrics.score_following.following import evaluate
from scorehub.metrics.score_following.score_map import ScoreMap, Track, map_noteheads
from scorehub.noteheads import find_noteheads
from scorehub.notes import Notes, read_midi
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND, LogSpectrogram
from scorehub.rooms import random_room, room_response
from scorehub.svg import svg_size_mm
from scorehub.synthesis import synthesise
from scorehub.tempo import humanise

WINDOW = 10.0  # seconds of the score before and after the position in which it is looked for
MOST_STEPS = 3  # frames of the score in one of the performance: three times its tempo
FADE = 5  # frames in which a rise is forgotten
QUIET_BANDS, QUIET_RISE = 0.05, 0.3  # norms that count as silence, so that noise is not blown up
PAGE_WIDTH = 835  # pixels
COLUMNS = ("within_0.05", "within_0.1", "within_0.5", "within_1", "error_median", "tracked")


class OnlineTimeWarping:
    """Where in the score each frame of a performance is, from the frames so far."""

    def __init__(self, score: np.ndarray, window: float = WINDOW, most_steps: int = MOST_STEPS):
        """`score` are the features (N, D) of its frames."""
        if score.ndim != 2 or not len(score):
            raise ValueError(f"features of the score must be of shape (N, D), N from 1, got {score.shape}")
        self.position = 0  # frame of the score
        self._score, self._most_steps = score, most_steps
        self._reach = max(1, round(window * FRAMES_PER_SECOND))
        self._n_heard = 0
        self._costs = np.full(len(score) + 1, np.inf)  # of the best path to each frame, from index 1

    def step(self, frame: np.ndarray) -> int:
        """The position after one more frame (D,) of the performance."""
        low, high = max(0, self.position - self._reach), min(len(self._score), self.position + self._reach)
        local = np.abs(self._score[low:high] - frame).sum(1, dtype=np.float64)
        # A path comes from the last frame of the performance, at the same frame of the score or the one before ...
        enter = np.minimum(self._costs[low + 1 : high + 1], self._costs[low:high]) + local
        if not self._n_heard:
            enter[0] = local[0]
        # ... or goes on in the score: min over k <= j of enter[k] + local[k + 1] + ... + local[j]
        run = np.cumsum(local)
        costs = run + np.minimum.accumulate(enter - run)
        self._costs[:] = np.inf
        self._costs[low + 1 : high + 1] = costs
        best = low + int((costs / (1 + self._n_heard + np.arange(low, high))).argmin())
        if self._n_heard:
            best = min(max(best, self.position), self.position + self._most_steps)
        self.position, self._n_heard = best, self._n_heard + 1
        return best


def features(audio: np.ndarray) -> np.ndarray:
    """(frames, 156) of mono audio at 22,050 Hz; each frame looks 46 ms ahead and five frames back."""
    with torch.inference_mode():
        bands = LogSpectrogram()(torch.from_numpy(audio[None]))[0].T.numpy()
    rise = np.maximum(0, np.diff(bands, axis=0, prepend=np.zeros_like(bands[:1])))
    rise /= np.linalg.norm(rise, axis=1, keepdims=True) + QUIET_RISE
    faded = rise.copy()
    for age in range(1, FADE):
        faded[age:] = np.maximum(faded[age:], (1 - age / FADE) * rise[:-age])
    return np.concatenate([bands / (np.linalg.norm(bands, axis=1, keepdims=True) + QUIET_BANDS), faded], 1)


def follow(score: np.ndarray, performance: np.ndarray) -> np.ndarray:
    """Seconds of the score in each frame (50 ms) of the performance; both are mono audio at 22,050 Hz."""
    warping = OnlineTimeWarping(features(score))
    return np.array([warping.step(frame) for frame in features(performance)]) / FRAMES_PER_SECOND


@dataclass(frozen=True)
class Piece:
    """A tune on pages: where its notes lie, at score times, and as they are written."""

    score: ScoreMap
    notes: Notes


def load_piece(name: str) -> Piece:
    """Engraves a tune of the project."""
    engraving = engrave_score(to_humdrum(load_tune(name)))
    dpi = PAGE_WIDTH / svg_size_mm(engraving.pages[0])[0] * 25.4
    return Piece(map_noteheads(find_noteheads(engraving, PAGE_WIDTH).notes, dpi), read_midi(engraving.midi()))


def to_track(score: ScoreMap, seconds: np.ndarray) -> Track:
    """The place in the score at score times (T,), a frame each: always that of the nearest onset."""
    middles = (score.onsets[1:] + score.onsets[:-1]) / 2
    times = np.arange(len(seconds)) / FRAMES_PER_SECOND
    return Track(times, *score.places.take(np.searchsorted(middles, seconds)))


@dataclass(frozen=True)
class Setting:
    """How a tune is played."""

    name: str
    human: bool = False
    room: bool = False
    soundfont: Path | None = None
    deaf: bool = False  # constant speed instead of a follower


def play(piece: Piece, setting: Setting, seed: int) -> tuple[ScoreMap, Track, float]:
    """The truth, the estimate, and the seconds that it took."""
    rng = np.random.default_rng(seed)
    notes, truth = piece.notes, piece.score
    if setting.human:
        notes, curve = humanise(notes, rng)
        truth = replace(truth, onset=curve.performed(truth.onset))
    audio = synthesise(notes, setting.soundfont)
    if setting.room:
        wet = oaconvolve(audio, room_response(random_room(rng), rng))[: len(audio)]
        audio = (wet * np.abs(audio).max() / np.abs(wet).max()).astype(np.float32)
    score_audio = synthesise(piece.notes)
    start = time.perf_counter()
    if setting.deaf:
        n_frames = int(np.ceil(len(audio) / 22050 * FRAMES_PER_SECOND))
        seconds = np.arange(n_frames) / FRAMES_PER_SECOND * piece.notes.end / notes.end
    else:
        seconds = follow(score_audio, audio)
    return truth, to_track(piece.score, seconds), time.perf_counter() - start


def line(pieces: list[Piece], setting: Setting) -> str:
    """A line of the table."""
    truths, tracks, took = zip(*(play(piece, setting, seed) for seed, piece in enumerate(pieces)), strict=True)
    result = evaluate(truths, tracks)
    cost = 1000 * sum(took) / sum(len(track.times) for track in tracks)
    interval = f"{result['within_0.1_low']:.3f}-{result['within_0.1_high']:.3f}"
    cells = [f"{result[name]:.3f}" for name in COLUMNS]
    return f"| {setting.name} | {' | '.join(cells)} | {interval} | {cost:.1f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", type=Path, help="plays the performance of the last line")
    parser.add_argument("--tunes", nargs="+", default=TUNES, metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = [
        Setting("as written"),
        Setting("human timing", human=True),
        Setting("human timing, room", human=True, room=True),
        Setting("constant speed, human timing", human=True, deaf=True),
    ]
    if options.soundfont:
        settings.append(
            Setting(
                f"human timing, room, {options.soundfont.stem}", human=True, room=True, soundfont=options.soundfont
            )
        )
    pieces = [load_piece(name) for name in options.tunes]
    n_onsets = sum(len(piece.score.onsets) for piece in pieces)
    print("# Score following by on-line time warping, given the symbolic score\n")
    font = f" --soundfont {options.soundfont.name}" if options.soundfont else ""
    print(f"`python benchmarks/score_following_dtw.py{font}`\n")
    print(f"{len(pieces)} tunes, {n_onsets:,} onsets, one thread. Shares of onsets; the interval is that of 0.1 s.\n")
    print(f"| performance | {' | '.join(COLUMNS)} | 95 % | ms a frame |")
    print(f"|---|{'--:|' * (len(COLUMNS) + 2)}")
    for setting in settings:
        print(line(pieces, setting), flush=True)


if __name__ == "__main__":
    main()
