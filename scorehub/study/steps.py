"""The steps of a study, each of which leaves a file and is done once: trainings, posteriors, scales, comparisons."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scorehub.metrics.symbol_error_rate.edits import edit_distances
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import decode_greedily
from scorehub.study.comparison import Protocol, Side, compare, draw
from scorehub.study.corpus import Corpus
from scorehub.study.decoding import fit_language_model, tune
from scorehub.study.files import read_json, write_json
from scorehub.study.posteriors import Posteriors, compute
from scorehub.study.runs import Run, audio_run, train
from scorehub.study.scenarios import Scenario
from scorehub.study.settings import StudyConfig

if TYPE_CHECKING:
    from datasets import DatasetDict

PARTS = ("validation", "test")


def load_rows(config: StudyConfig, corpus: Corpus, fold: int, audio: bool) -> "DatasetDict":
    """All parts of a fold, as the trainer loads them."""
    from datasets import load_dataset

    import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset

    options = {"data_dir": corpus.data_dir, "lists_dir": corpus.lists_dir}
    rows = load_dataset("camera_primus", "cleansed", **options, fold=fold, seed=config.seed, audio=audio)
    return cast("DatasetDict", rows)


def keep_texts(config: StudyConfig, corpus: Corpus, fold: int) -> list[str]:
    """Transcriptions of the training part."""
    path = Path(config.output_dir) / f"fold{fold}" / "training.json"
    texts: list[str] | None = read_json(path)
    if texts is None:
        texts = list(load_rows(config, corpus, fold, audio=False)["train"]["semantic"])
        write_json(path, texts)
    return texts


def finish_run(config: StudyConfig, corpus: Corpus, run: Run) -> None:
    """Trains, keeps posteriors of both parts, what is wrong with them, and the scales of their word graphs."""
    folder = Path(config.output_dir) / run.name
    train(config, corpus, run)
    for part in PARTS:
        if not (path := folder / f"{part}.npz").exists():
            compute(folder / "model", load_staves(config, corpus, run, part)).save(path)
    if read_json(folder / "errors.json") is None:
        errors = {part: count_errors(Posteriors.load(folder / f"{part}.npz")) for part in PARTS}
        write_json(folder / "errors.json", errors)
    if not run.ablated and read_json(folder / "scales.json") is None:
        validation = Posteriors.load(folder / "validation.npz")
        chosen = draw(validation.ids.tolist(), config.validation_staves, config.seed)
        places = [number for number, item in enumerate(validation.ids.tolist()) if item in set(chosen)]
        model = fit_language_model(keep_texts(config, corpus, run.fold), validation.vocabulary.tolist())
        settings, tried = tune(validation, places, model, config.jobs)
        write_json(folder / "scales.json", {"settings": asdict(settings), "tried": tried})


def load_staves(config: StudyConfig, corpus: Corpus, run: Run, part: str) -> Any:
    """Staves of a part, with what the run's network takes."""
    from scorehub.trainers.grad_spsa_data import Inputs, make_staves
    from scorehub.trainers.grad_spsa_settings import NETWORKS

    optical, audio, audio_rows = NETWORKS[run.network]
    rows = load_rows(config, corpus, run.fold, bool(audio))[part]
    return make_staves(rows, Inputs(("distorted",) if optical else (), audio_rows))


def count_errors(posteriors: Posteriors) -> dict[str, list[int]]:
    """Edit distance and length of each staff, decoded greedily."""
    numbers = range(len(posteriors.ids))
    classes = (decode_greedily(posteriors.staff(number).dense()).tokens for number in numbers)
    found = [posteriors.vocabulary[each].tolist() for each in classes]
    distances, lengths = edit_distances([posteriors.tokens(number) for number in numbers], found)
    return dict(zip(posteriors.ids.tolist(), zip(distances.tolist(), lengths.tolist(), strict=True), strict=True))


def load_side(folder: Path, vocabulary: list[str]) -> Side:
    """A finished run, in terms of a vocabulary."""
    validation, test = (Posteriors.load(folder / f"{part}.npz").with_vocabulary(vocabulary) for part in PARTS)
    settings = GraphSettings(**read_json(folder / "scales.json")["settings"])
    return Side(validation, test, settings, read_json(folder / "errors.json"))


def finish_comparison(config: StudyConfig, corpus: Corpus, fold: int, system: str, scenario: Scenario) -> None:
    """All methods in a scenario, in `fold0/baseline_scenario1.json`."""
    output = Path(config.output_dir)
    path = result_path(output, fold, system, scenario.number)
    if read_json(path) is not None:
        return
    runs = (Run(fold, "paper_optical", scenario.share), audio_run(config, fold, system, scenario.share))
    folders = [output / run.name for run in runs]
    first, *tokens = Posteriors.load(folders[0] / "test.npz").vocabulary.tolist()
    others = Posteriors.load(folders[1] / "test.npz").vocabulary.tolist()
    vocabulary = [first, *sorted({*tokens, *others} - {first})]
    sides = [load_side(folder, vocabulary) for folder in folders]
    model = fit_language_model(keep_texts(config, corpus, fold), vocabulary)
    protocol = Protocol(scenario.limit, config.validation_staves, config.seed, config.jobs)
    write_json(path, compare(sides[0], sides[1], model, protocol))


def result_path(output: Path, fold: int, system: str, number: int) -> Path:
    """Where the comparison of a scenario is."""
    return output / f"fold{fold}" / f"{system}_scenario{number}.json"
