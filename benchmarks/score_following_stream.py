"""What it costs to follow a stream: time a frame beside the features' share, delay in real time, memory over an hour.

    python benchmarks/score_following_stream.py > benchmarks/score_following_stream.md

A tune of the project is engraved and played again and again, to an embedded follower on one core. Nothing is read but
what the project holds.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import torch
from tqdm import tqdm

from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.following import load_follower
from scorehub.listening import listen
from scorehub.metrics.score_following.score_map import ScoreMap, map_noteheads
from scorehub.notes import read_midi
from scorehub.pipelines.score_following.follower import FRAME, Follower
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE, LogSpectrogramStream
from scorehub.synthesis import synthesise

CHUNK = 1024  # samples: what a browser or a sound card hands over at once
DPI = 100.0  # of pages that don't say
NEAR = 4.0  # pixels of a page, half a notehead
MINUTES = (1, 5, 15, 30, 45, 60)


def chunks(audio: np.ndarray, seconds: float) -> Iterator[np.ndarray]:
    """The recording from its beginning again and again."""
    place = 0
    for _ in range(round(seconds * SAMPLE_RATE / CHUNK)):
        yield np.take(audio, range(place, place + CHUNK), mode="wrap")
        place = (place + CHUNK) % len(audio)


def time_chunks(take: Callable[[torch.Tensor], object], audio: np.ndarray, seconds: float) -> np.ndarray:
    """Seconds that each chunk takes."""
    times = []
    for chunk in chunks(audio, seconds):
        samples = torch.from_numpy(chunk)
        start = time.perf_counter()
        take(samples)
        times.append(time.perf_counter() - start)
    return np.array(times)


class SoundCard:
    """A recording as a sound card gives it: each chunk (N, 1) when its last sample has sounded.

    Attributes:
        began: when its first sample sounded, `time.perf_counter`.
    """

    def __init__(self, audio: np.ndarray):
        self.audio = audio
        self.began = time.perf_counter()

    def __iter__(self) -> Iterator[np.ndarray]:
        self.began = time.perf_counter()
        for place in range(0, len(self.audio), CHUNK):
            chunk = self.audio[place : place + CHUNK, None]
            due = self.began + (place + len(chunk)) / SAMPLE_RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            yield chunk


def measure_delays(follower: Follower, score: ScoreMap, audio: np.ndarray) -> np.ndarray:
    """Seconds from each onset to the moment at which the follower has told that its place, or more, is reached.

    Left out are onsets that it never reaches, or a second before which it is further already, as after a repeat.
    """
    card = SoundCard(audio)
    told = [(position, time.perf_counter() - card.began) for position in listen(follower, card, SAMPLE_RATE)]
    times, page, x, y = np.array([(known, place.page, place.x, place.y) for place, known in told]).T
    system = score.nearest_system(page.astype(int), y)
    delays = []
    for onset in score.onsets:
        row = np.flatnonzero(score.onset == onset)[0]
        reached = (system > score.system[row]) | ((system == score.system[row]) & (x >= score.x[row] - NEAR))
        reached = reached[times > onset - 1.0]
        if reached.any() and not reached[0]:
            delays.append(times[times > onset - 1.0][reached.argmax()] - onset)
    return np.array(delays)


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    torch.set_num_threads(1)
    item = sample_item(options.tune)
    pages = [read_image(page) for page in item.score.pages]
    audio = synthesise(read_midi(item.midi)).astype(np.float32)
    model = load_follower(options.model)
    start = time.perf_counter()
    follower = Follower(model, pages)
    reading = time.perf_counter() - start
    whole = time_chunks(follower.track, audio, options.timed)
    features = time_chunks(LogSpectrogramStream().feed, audio, options.timed)
    frame, spectrogram = (1000 * times.sum() * FRAME / options.timed for times in (whole, features))
    yield "# Following a stream\n\n`python benchmarks/score_following_stream.py`, one thread, chunks of 1,024."
    yield "\n| what | |\n|---|--:|"
    yield f"| reading {len(pages)} pages before the music begins | {reading:.2f} s |"
    yield f"| a frame of 50 ms | {frame:.2f} ms |"
    yield f"| of which spectrogram | {spectrogram:.2f} ms |"
    yield f"| a chunk, median | {1000 * np.median(whole):.2f} ms |"
    yield f"| a chunk, 99.9 % are faster than | {1000 * np.quantile(whole, 0.999):.2f} ms |"
    score = map_noteheads(item.score.noteheads, item.score.dpi or DPI)
    delays = 1000 * measure_delays(Follower(model, pages), score, audio)
    early, late = np.quantile(delays, (0.25, 0.75))
    yield f"| from an onset to its place being told, in real time, median | {np.median(delays):.0f} ms |"
    yield f"| the middle half of {len(delays)} of {len(score.onsets)} onsets | {early:.0f} to {late:.0f} ms |"
    yield "\nResident memory while it goes on:\n\n| minutes of audio | MB |\n|--:|--:|"
    process, heard, due = psutil.Process(), 0.0, list(MINUTES)
    total = options.minutes * 60
    for chunk in tqdm(chunks(audio, total), total=round(total * SAMPLE_RATE / CHUNK), disable=None):
        follower.track(chunk)
        heard += CHUNK / SAMPLE_RATE
        if due and heard >= 60 * due[0] - 1:
            yield f"| {due.pop(0)} | {process.memory_info().rss / 2**20:.0f} |"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default="petzold_minuet_in_g")
    parser.add_argument("--model", help="folder or Hub repository; the embedded one if none")
    parser.add_argument("--timed", type=float, default=60.0, help="seconds of audio that are timed")
    parser.add_argument("--minutes", type=float, default=60.0, help="of audio over which memory is watched")
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
