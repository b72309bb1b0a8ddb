"""What it costs to follow a stream: time a frame beside the features' share, delay, memory over an hour of audio.

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
from scorehub.notes import read_midi
from scorehub.pipelines.score_following.follower import FRAME, Follower
from scorehub.pipelines.score_following.spectrogram import FRAME_SIZE, SAMPLE_RATE, LogSpectrogramStream
from scorehub.synthesis import synthesise

CHUNK = 1024  # samples: what a browser or a sound card hands over at once
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
    delay = FRAME_SIZE / 2 / SAMPLE_RATE + CHUNK / SAMPLE_RATE / 2 + FRAME / 2
    yield f"| from a sound to its position: half of a window, a chunk and a frame | {1000 * delay:.0f} ms |"
    yield f"| and computing | {frame:.0f} ms |"
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
