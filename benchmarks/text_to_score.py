"""What a page of text-to-score costs, and how good it is then: the paper's sampler and faster ones, the same weights.

    python benchmarks/text_to_score.py pages > benchmarks/text_to_score.md

The argument is the folder of Parquet that the model was trained on, with the held-out pages that settings are judged
by. Each setting is timed page by page in a process of its own, so that memory is that of it alone. It takes about
an hour on two idle cores.
"""

import argparse
import resource
import time
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from scorehub.text_to_score import load_pipeline
from scorehub.text_to_score_evaluation import Judge, Setting, choose_prompts, draw, load_real_pages
from scorehub.text_to_score_tables import Row, tables

PAPER = Setting(4.0, 250, "ddim")
FAST = Setting(3.0, 20, "own")
OTHERS = (Setting(3.0, 50, "ddim"), Setting(3.0, 20, "ddim"), Setting(3.0, 10, "own"), Setting(3.0, 15, "unipc"))
# Guidance costs the same at any strength, so these are judged only.
GUIDED = tuple(Setting(guidance, steps, "own") for guidance in (1.5, 5.0) for steps in (10, 20))
TIMED = 3  # pages

ABOUT = """\
# Text-to-score: seconds, network calls, memory and quality

`python benchmarks/text_to_score.py PAGES --samples {samples} --training {training}`, {threads} threads.

The paper's sampler (DDIM, 250 steps, guidance 4), the default (DPM-Solver++, 20 steps, guidance 3), and others on the
same weights; with guidance a call takes the page twice. Seconds: median of {timed} pages one by one after a first one,
in a process of its own, whose most memory stands beside it, with PyTorch and everything else that it loads.

| setting | network calls | s a page | times faster than the paper's | memory, MB |
|---|--:|--:|--:|--:|"""
ABOUT_QUALITY = """
## Quality

The same {samples} prompts, of held-out pages, and the same seeds for every setting. As `scorehub evaluate
text_to_score` explains: distances from {training} training pages, and what a reader finds that knows nothing of the
model; 95 % intervals of a bootstrap over pages. The first row is real pages, so what the reader errs by itself.
"""


def measure(model: Path | None, setting: Setting) -> tuple[float, float]:
    """Seconds a page, and MB at most; in a fresh process."""
    pipe = load_pipeline(model)
    taken = []
    for _ in range(1 + TIMED):
        start = time.perf_counter()
        draw(pipe, [{"instrumentation": "violin", "key": "A major"}], setting, seed=0)
        taken.append(time.perf_counter() - start)
    return sorted(taken[1:])[TIMED // 2], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", help="folder of Parquet with pages, or a dataset of the Hub")
    parser.add_argument("--model", type=Path, help="pipeline's folder; the embedded one if none")
    parser.add_argument("--samples", type=int, default=64, help="pages judged of each setting")
    parser.add_argument("--training", type=int, default=2000, help="real pages to compare with")
    options = parser.parse_args()
    settings = (PAPER, *OTHERS, FAST)
    measured = {}
    for setting in settings:
        with get_context("spawn").Pool(1) as pool:
            measured[setting] = pool.apply(measure, (options.model, setting))
    values = {"samples": options.samples, "training": options.training}
    print(ABOUT.format(**values, threads=torch.get_num_threads(), timed=TIMED))
    for setting, (seconds, memory) in measured.items():
        ratio = measured[PAPER][0] / seconds
        print(f"| {setting} | {setting.steps} | {seconds:.2f} | {ratio:.1f} | {memory:.0f} |", flush=True)
    print(ABOUT_QUALITY.format(**values))
    judged = judge_settings(options.real, options.model, settings + GUIDED, (options.samples, options.training))
    print(tables(judged), end="")


def judge_settings(real: str, model: Path | None, settings: tuple[Setting, ...], counts: tuple[int, int]) -> list[Row]:
    """The judgement of real pages, and of each setting's."""
    pipe = load_pipeline(model)
    judge = Judge(load_real_pages(real, *counts, seed=0))
    prompts = choose_prompts(judge.held_out[1], counts[0], pipe.config["vocabulary"])
    rows = [judge.row("real, held out", *judge.held_out)]
    with tqdm(total=counts[0] * len(settings), unit="page", disable=None) as bar:
        for setting in settings:
            rows.append(judge.row(str(setting), draw(pipe, prompts, setting, 0, bar.update), prompts))
    return rows


if __name__ == "__main__":
    main()
