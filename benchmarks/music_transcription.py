"""Error rates of a folder that transcribes staves, on the test part of engraved incipits.

    python benchmarks/music_transcription.py --data_dir incipits > benchmarks/music_transcription.md
    python benchmarks/music_transcription.py >> benchmarks/music_transcription.md

Without incipits the staves are the lines of the public-domain tunes that come along. Pictures are as engraved,
distorted as Camera-PrIMuS's are, and photographed with a margin around the staff; sound is that of a piano at 120
quarters a minute. Sources of the fold that is tested were neither trained on nor chosen by. All rows of a table are of
the same staves; intervals are 95 % of a bootstrap over them.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import concatenate_datasets, load_dataset
from tqdm import tqdm

import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset
from scorehub.metrics.transcription import evaluate
from scorehub.pipelines import music_transcription
from scorehub.pipelines.music_transcription.decoding import fuse, read_side
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.pipelines.music_transcription.word_graph import decode_greedily
from scorehub.study.posteriors import Posteriors, compute
from scorehub.trainers.grad_spsa_data import PICTURES, Inputs, draw_rows, make_staves

SOUND = "sound"
Found = dict[str, list[str]]  # id -> tokens


@dataclass
class Results:
    """Transcriptions of each way to read a staff, and seconds a staff."""

    found: dict[str, Found]
    seconds: dict[str, float]


def read_posteriors(folder: Path, rows: Any, audio_rows: int) -> dict[str, Posteriors]:
    """Of each kind of picture, and of sound."""
    inputs = {name: Inputs((name,)) for name in PICTURES} | {SOUND: Inputs((), audio_rows)}
    return {name: compute(folder, make_staves(rows, each)) for name, each in inputs.items()}


def items(posteriors: Posteriors) -> Iterator[tuple[str, np.ndarray]]:
    """Id and log posteriors of each staff."""
    for number, name in enumerate(posteriors.ids.tolist()):
        yield name, posteriors.staff(number).dense()


def decode_all(posteriors: dict[str, Posteriors], processor: MusicTranscriptionProcessor) -> Results:
    """Every side greedily and by its word graph, and every picture fused with the sound."""
    names = np.array(processor.vocabulary)
    model, settings = processor.language_model, processor.decoding
    results, sides = Results({}, {}), {}
    for kind, each in posteriors.items():
        graph = settings.audio if kind == SOUND else settings.optical
        results.found[f"{kind}, greedy"] = {
            name: names[decode_greedily(staff).tokens].tolist() for name, staff in items(each)
        }
        start = time.process_time()
        sides[kind] = {name: read_side(staff, model, graph) for name, staff in tqdm(items(each), desc=kind)}
        results.seconds[kind] = (time.process_time() - start) / len(each.ids)
        results.found[kind] = {name: names[side.transcription.tokens].tolist() for name, side in sides[kind].items()}
    for kind in PICTURES:
        start = time.process_time()
        heard = sides[SOUND].keys() & sides[kind].keys()  # a staff of rests has no sound
        both = {name: list(fuse(sides[kind][name], sides[SOUND][name], settings)) for name in sorted(heard)}
        results.seconds[f"{kind} + {SOUND}"] = (time.process_time() - start) / len(both)
        results.found[f"{kind} + {SOUND}"] = {name: names[tokens].tolist() for name, tokens in both.items()}
    return results


def write_table(results: Results, references: dict[str, list[str]], ids: Sequence[str]) -> None:
    """Prints a row for each way to read."""
    sys.stdout.write("| read | symbol error rate, % | staves with an error, % |\n|---|---|---|\n")
    for name, found in results.found.items():
        rates = evaluate([references[item] for item in ids], [found[item] for item in ids])
        cells = [
            f"{rates[rate]:.2f} ({rates[f'{rate}_low']:.2f} to {rates[f'{rate}_high']:.2f})"
            for rate in ("symbol_error_rate", "sequence_error_rate")
        ]
        sys.stdout.write(f"| {name} | {cells[0]} | {cells[1]} |\n")


def load_rows(options: argparse.Namespace) -> Any:
    """The tested part of incipits, or all of the sample."""
    if not options.data_dir:
        parts: Any = load_dataset("camera_primus")
        return concatenate_datasets(list(parts.values()))
    named = {"data_dir": options.data_dir, "fold": options.fold, "seed": 0, "audio": True}
    return load_dataset("camera_primus", "engraved", num_proc=options.workers, **named)["test"]


def run(options: argparse.Namespace) -> None:
    """Prints the table."""
    rows = draw_rows(load_rows(options), options.staves, seed=0)
    processor = MusicTranscriptionProcessor.from_pretrained(options.model)
    posteriors = read_posteriors(Path(options.model), rows, processor.audio_rows)
    results = decode_all(posteriors, processor)
    references = {row["id"]: row["semantic"].split() for row in rows.select_columns(["id", "semantic"])}
    ids = [name for name in references if all(name in found for found in results.found.values())]
    unknown = sum(not set(references[name]) <= set(processor.vocabulary) for name in ids)
    settings = processor.decoding
    sys.stdout.write(
        f"`python {' '.join(sys.argv)}`: {len(ids)} staves, {sum(len(references[name]) for name in ids)} symbols; "
        f"{unknown} staves have symbols that the folder's vocabulary of {len(processor.vocabulary) - 1} lacks. "
        f"Fusion: `{settings.fusion}`, weight of the optical side {settings.weight}.\n\n"
    )
    write_table(results, references, ids)
    times = ", ".join(f"{kind} {1000 * seconds:.0f} ms" for kind, seconds in results.seconds.items())
    sys.stdout.write(f"\nDecoding, one core, a staff: {times} (the latter after both sides').\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default="", help="incipits to engrave; the sample of tunes if none")
    parser.add_argument("--model", default=music_transcription.__path__[0], help="folder of a trained pair")
    parser.add_argument("--staves", type=int, default=1000, help="of the test part, drawn by seed")
    parser.add_argument("--fold", type=int, default=0, help="that is tested")
    parser.add_argument("--workers", type=int, default=1, help="processes that engrave")
    torch.set_num_threads(1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
