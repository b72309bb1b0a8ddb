"""Tables of a study in the thesis's form, as Markdown and CSV, with intervals, differences and what to beware of."""

from collections.abc import Callable, Iterator
from pathlib import Path

from scorehub.study import differences, results
from scorehub.study.corpus import Corpus
from scorehub.study.files import read_json, write_text
from scorehub.study.methods import METHODS
from scorehub.study.report import NONE, Study, Table
from scorehub.study.results import FUSION, SCHEMES
from scorehub.study.runs import Run
from scorehub.study.scenarios import LIMITS, training_count
from scorehub.study.settings import SYSTEMS, StudyConfig
from scorehub.study.traps import OWN_ITEMS, describe, list_traps


def write_tables(config: StudyConfig, corpus: Corpus) -> Path:
    """Writes `tables.md` and `tables/*.csv` of what is finished; returns the former's path."""
    study = Study(config, corpus)
    makers: list[Callable[[Study], Table]] = [partitions, epochs, methods, items, folds]
    makers += [differences.gains, differences.systems, differences.ablations, everything]
    tables = [make(study) for make in makers]
    for table in tables:
        write_text(study.output / "tables" / f"{table.name}.csv", table.csv())
    traps = "\n".join(f"- {trap}" for trap in list_traps(config))
    parts = ["# Late fusion of OMR and A2S", describe(config), "## What to beware of", traps]
    path = study.output / "tables.md"
    write_text(path, "\n\n".join([*parts, *(table.markdown() for table in tables[:-1])]))
    return path


def partitions(study: Study) -> Table:
    """Table 1, test items of known sources, and what OMR learns from."""
    lists = {fold: study.corpus.lists(fold) for fold in study.folds}
    rows = [[part, *(f"{len(lists[fold][part]):,}" for fold in study.folds)] for part in next(iter(lists.values()))]
    shared = [count_shared(lists[fold]["train"], lists[fold]["test"]) for fold in study.folds]
    rows.append(["test, of a source that train has too", *(f"{count:,}" for count in shared)])
    for scenario in study.scenarios:
        counts = [training_count(len(lists[fold]["train"]), scenario.share) for fold in study.folds]
        rows.append([f"OMR of scenario {scenario.name}: {100 * scenario.share:g} %", *(f"{n:,}" for n in counts)])
    header = ["part", *(f"fold {fold}" for fold in study.folds)]
    return Table("table1_partitions", "Table 1: items in the parts of each fold", header, rows)


def count_shared(train: list[str], test: list[str]) -> int:
    """Test items of which another part of the same source is trained on."""
    from scorehub.dataset_builders.camera_primus.splits import group_of

    sources = {group_of(item) for item in train}
    return sum(group_of(item) in sources for item in test)


def epochs(study: Study) -> Table:
    """Table 2."""
    networks = {"OMR": "paper_optical"} | {f"A2S, {system}": network for system, network in SYSTEMS.items()}
    rows = []
    for fold in study.folds:
        histories = [read_json(study.output / Run(fold, each).name / "history.json") for each in networks.values()]
        rows.append([f"fold {fold}", *(_best_epoch(history) for history in histories)])
    results = [read_json(study.output / Run(study.folds[0], each).name / "results.json") for each in networks.values()]
    rows.append(["weights that learn", *(f"{each['weights']:,}" if each else NONE for each in results)])
    title = "Table 2: epoch of the least symbol error rate on validation, and that rate"
    return Table("table2_epochs", title, ["fold", *networks], rows, "OMR that learns from the whole training part.")


def methods(study: Study) -> Table:
    """Table 3."""
    rows = []
    for system in SYSTEMS:
        for scheme in SCHEMES:
            found = [study.pooled(system, scenario, scheme) for scenario in study.scenarios]
            rates = [errors.rates(study.config.seed) if errors else {} for errors in found]
            for method in (*METHODS, FUSION):
                name = f"{system}, {scheme}: {method}" + (", best on validation" if method == FUSION else "")
                rows.append([name, *(str(rate[method]) if rate else NONE for rate in rates)])
            rows.append([f"{system}, {scheme}: test items", *(str(len(each.ids)) if each else "0" for each in found)])
    header = ["method", *(scenario.name for scenario in study.scenarios)]
    title = "Table 3: symbol error rates in percent (95 % of a bootstrap over staves)"
    note = f"Scenario OMR,A2S. Rates are of the staves of all folds together; the thesis averages folds. {OWN_ITEMS}"
    return Table("table3_methods", title, header, rows, note)


def items(study: Study) -> Table:
    """Table 4."""
    header = ["test items", *(f"{system} {scenario.name}" for system in SYSTEMS for scenario in study.scenarios)]
    found = [study.results[system, scenario.number] for system in SYSTEMS for scenario in study.scenarios]
    rows = [
        [f"fold {fold}", *(str(len(each[fold].errors.ids)) if fold in each else NONE for each in found)]
        for fold in study.folds
    ]
    rows.append(["total", *(str(sum(len(result.errors.ids) for result in each.values())) for each in found)])
    limits = ", ".join(f"{level}: at most {limit:g} %" for level, limit in LIMITS.items() if limit)
    note = f"Greatest error rate of A2S in an item; {limits}. {OWN_ITEMS}"
    return Table("table4_items", "Table 4: test items of each fold and scenario", header, rows, note)


def folds(study: Study) -> Table:
    """Table 5."""
    rows = []
    for system in SYSTEMS:
        found = [study.results[system, scenario.number] for scenario in study.scenarios]
        best = [results.scheme_folds(each, "original") for each in found]
        rows.append([system, *(str(fold[0]) if fold else NONE for fold in best)])
    header = ["system", *(scenario.name for scenario in study.scenarios)]
    note = f"The fold whose best fusion has the least error rate on validation. {OWN_ITEMS}"
    return Table("table5_folds", "Table 5: the fold that the original scheme tests", header, rows, note)


def everything(study: Study) -> Table:
    """All rates, one a row, for CSV."""
    header = ["system", "scheme", "scenario", "test_items_chosen_by", "method", "items"]
    header += [
        f"{rate}{end}" for rate in ("symbol_error_rate", "sequence_error_rate") for end in ("", "_low", "_high")
    ]
    return Table("results", "All rates", header, list(_all_rows(study)))


def _all_rows(study: Study) -> Iterator[list[str]]:
    seed = study.config.seed
    for (system, number), _ in study.results.items():
        scenario = next(each for each in study.scenarios if each.number == number)
        chosen_by = "all" if scenario.limit is None else "A2S"
        for scheme in SCHEMES:
            if errors := study.pooled(system, scenario, scheme):
                symbols, sequences = errors.rates(seed), errors.sequence_rates(seed)
                for method in errors.distances:
                    numbers = [f"{value:.3f}" for rate in (symbols, sequences) for value in rate[method]]
                    yield [system, scheme, scenario.name, chosen_by, method, str(len(errors.ids)), *numbers]


def _best_epoch(history: list[tuple[float, float]] | None) -> str:
    if not history:
        return NONE
    epoch, rate = min(history, key=lambda entry: entry[1])
    return f"{epoch:g} of {len(history)}: {rate:.1f}"
