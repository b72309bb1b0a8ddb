"""`scorehub study fusion`: five folds, nine scenarios, all methods, three networks that hear; stopped, it goes on.

    run_study(StudyConfig("study", data_dir="incipits.tsv.gz", width=0.25, epochs=20))

Fold after fold: trainings (`runs`), posteriors and scales (`steps`), comparisons (`comparison`), and the tables of all
that is finished (`tables`). What datasets keep on disk while a fold is at work, about a megabyte a staff, goes away
with it; posteriors stay.

Source: Brouwer, Gradual Soft Parameter Sharing with Attention for Music Transcription, 2026, sections 4 and 5.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scorehub.study.corpus import prepare
from scorehub.study.files import alone
from scorehub.study.runs import drop_torn, list_runs
from scorehub.study.settings import FREE, SYSTEMS, StudyConfig
from scorehub.study.steps import finish_comparison, finish_run
from scorehub.study.tables import write_tables


def run_study(config: StudyConfig, say: Callable[[str], object] = lambda line: None) -> Path:
    """Does what is not yet done, and writes the tables; returns their file.

    Args:
        say: is told of each step.

    Raises:
        ValueError: a setting or the data are not what they must be, the folder belongs to a study with other settings,
            or another process is at work in it.
    """
    config.check()
    from scorehub.trainers.run_settings import claim_folder

    output = Path(config.output_dir)
    with alone(output):
        drop_torn(output)
        claim_folder(config, FREE)
        corpus = prepare(config)
        for fold in config.tested_folds():
            with dataset_cache(output / f"fold{fold}" / "cache"):
                for run in list_runs(config, fold):
                    say(run.name)
                    finish_run(config, corpus, run)
                for system in SYSTEMS:
                    for scenario in config.chosen_scenarios():
                        say(f"fold{fold}, {system}, scenario {scenario.name}")
                        finish_comparison(config, corpus, fold, system, scenario)
            tables = write_tables(config, corpus)
    return tables


@contextmanager
def dataset_cache(folder: Path) -> Iterator[None]:
    """Lets `datasets` keep what it makes in a folder that goes away when all is done."""
    from datasets import config

    before = config.HF_DATASETS_CACHE
    config.HF_DATASETS_CACHE = folder
    try:
        yield
    finally:
        config.HF_DATASETS_CACHE = before
    shutil.rmtree(folder, ignore_errors=True)
