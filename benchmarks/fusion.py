"""Speed of decoding two networks' posteriors and of each fusion method, against plain prefix beam search.

    python benchmarks/fusion.py > benchmarks/fusion.md

Staves are made up, by seed: 25 to 40 tokens of 300 symbols, drawn so that each symbol has few usual continuations; 300
to 500 frames, blank but for a spike of about three frames a token, in which four neighbours of the symbol sound too.
At higher noise spikes are lower, neighbours louder, and there are spikes of tokens that are not there. The language
model is an order 5 modified Kneser-Ney one of 5,000 other such staves.

A stave's time is that of decoding both sides and of the method, on one thread, by the process's clock. Error rates say
how hard the staves are; how well methods do on music is another matter.
"""

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from scorehub.metrics.transcription import symbol_error_rate
from scorehub.pipelines.music_transcription import fusion
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.prefix_search import search_prefixes
from scorehub.pipelines.music_transcription.word_graph import WordGraph, best_path, decode, decode_greedily

N_TOKENS = 300
N_TRAINING = 5_000
NOISES = (0.0, 0.5, 0.7, 0.8)
METHODS: dict[str, Callable[[WordGraph, WordGraph], Sequence[int]]] = {
    "best path of either (the baseline's MBR)": fusion.best_of_both,
    "minimum Bayes risk": fusion.minimum_bayes_risk,
    "confusion networks": lambda optical, audio: fusion.fuse_networks(optical, audio, N_TOKENS),
    "Smith-Waterman": lambda optical, audio: fusion.fuse_aligned(best_path(optical)[0], best_path(audio)[0]),
    "lightly supervised OMR": fusion.lightly_supervised_omr,
    "lightly supervised A2S": fusion.lightly_supervised_a2s,
}


def make_staves(rng: np.random.Generator, n: int) -> list[list[int]]:
    """Token sequences in which each symbol is mostly followed by one of six."""
    following = np.random.default_rng(0).integers(1, N_TOKENS + 1, (N_TOKENS + 1, 6))
    staves = []
    for _ in range(n):
        staff = [0]
        for _ in range(rng.integers(25, 41)):
            usual = following[staff[-1], min(rng.geometric(0.4), 6) - 1]
            staff.append(int(usual if rng.random() < 0.9 else rng.integers(1, N_TOKENS + 1)))
        staves.append(staff[1:])
    return staves


def make_posteriors(rng: np.random.Generator, staff: Sequence[int], noise: float) -> np.ndarray:
    """Log posteriors (T, V + 1) of a network that hears the staff through noise, 0 to 1."""
    n_frames = int(rng.integers(300, 501))
    logits = rng.normal(-14, 2, (n_frames, N_TOKENS + 1))
    logits[:, 0] = 0
    places = np.sort(rng.choice(np.arange(2, n_frames - 2, 3), len(staff), replace=False))
    for place, token in zip(places.tolist(), staff, strict=True):
        heights = rng.normal(6 - 3 * noise, 2) + np.array([0.0, *rng.normal(4 * noise - 7, 1 + 1.5 * noise, 4)])
        classes = (token - 1 + np.array([0, -2, -1, 1, 2])) % N_TOKENS + 1
        for frame, drop in ((place - 1, rng.normal(5, 2)), (place, 0.0), (place + 1, rng.normal(5, 2))):
            logits[frame, classes] = np.maximum(logits[frame, classes], heights - drop)
    extra = rng.integers(0, n_frames, int(20 * noise))
    logits[extra, rng.integers(1, N_TOKENS + 1, len(extra))] = rng.normal(-4, 3, len(extra))
    return logits - np.logaddexp.reduce(logits, 1, keepdims=True)


def timed(work: Callable[..., object], *columns: Sequence[object]) -> tuple[list, float, float]:
    """Results for each item, seconds an item, and MB that were held at most beyond what was held before."""
    work(*(column[0] for column in columns))
    start = time.process_time()
    results = [work(*row) for row in zip(*columns, strict=True)]
    seconds = (time.process_time() - start) / len(results)
    tracemalloc.start()
    work(*(column[-1] for column in columns))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return results, seconds, peak


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    rng = np.random.default_rng(1)
    model = NgramModel.fit(make_staves(rng, N_TRAINING), N_TOKENS)
    staves = make_staves(rng, options.staves)
    yield f"# Late fusion\n\n`python benchmarks/fusion.py`, {options.staves} staves of {N_TOKENS} symbols, one thread."
    for noise in NOISES:
        sides = [[make_posteriors(rng, staff, noise) for staff in staves] for _ in range(2)]
        greedy, of_greedy, _ = timed(lambda side: decode_greedily(side).tokens.tolist(), sides[0])
        graphs = [timed(lambda side: decode(side, model), side) for side in sides]
        decoding = graphs[0][1] + graphs[1][1]
        paths = [best_path(graph)[0].tokens.tolist() for graph in graphs[0][0]]
        slow = sides[0][: options.slow]
        prefixes, of_prefixes, prefix_memory = timed(lambda side: search_prefixes(side, model, width=16)[0][0], slow)
        yield f"\n## Symbol error rate {symbol_error_rate(staves, greedy):.1f} %, greedily decoded\n"
        yield "| one side | SER % | staves/s | MB |\n|---|--:|--:|--:|"
        yield f"| greedy | {symbol_error_rate(staves, greedy):.1f} | {1 / of_greedy:,.0f} | |"
        yield f"| word graph | {symbol_error_rate(staves, paths):.1f} | {1 / graphs[0][1]:.0f} | {graphs[0][2]:.1f} |"
        error = symbol_error_rate(staves[: options.slow], prefixes)
        yield (
            f"| prefix beam search, width 16, {options.slow} staves "
            f"| {error:.1f} | {1 / of_prefixes:.2f} | {prefix_memory:.1f} |"
        )
        yield "\n| both sides | SER % | method alone, ms | staves/s with decoding | MB |\n|---|--:|--:|--:|--:|"
        for name, method in METHODS.items():
            results, seconds, memory = timed(method, graphs[0][0], graphs[1][0])
            error, speed = symbol_error_rate(staves, results), 1 / (seconds + decoding)
            yield f"| {name} | {error:.1f} | {1000 * seconds:.2f} | {speed:.0f} | {memory:.1f} |"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--staves", type=int, default=100)
    parser.add_argument("--slow", type=int, default=3, help="staves for prefix beam search")
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
