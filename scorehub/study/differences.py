"""Tables of differences: fusion against single models, systems against each other, GradSPSA without its parts."""

from collections import Counter
from itertools import combinations

from scorehub.study import results
from scorehub.study.report import NONE, Study, Table
from scorehub.study.results import A2S, FUSION, OMR, Errors, Result
from scorehub.study.runs import ABLATED, Run, audio_run
from scorehub.study.scenarios import Scenario
from scorehub.study.settings import SYSTEMS
from scorehub.study.traps import OWN_ITEMS

LEAST_ITEMS = 100  # for a difference to be given

Pair = tuple[str, str]  # of systems


def gains(study: Study) -> Table:
    """What fusion gains over both single models."""
    rows = []
    for system in SYSTEMS:
        for scenario in study.scenarios:
            found = study.results[system, scenario.number]
            if errors := study.pooled(system, scenario, "k-fold"):
                rows.append([system, scenario.name, *_gain(study, errors, found)])
    header = ["system", "scenario", "items", "OMR alone", "A2S alone", "fusion", "fusion - OMR", "fusion - A2S"]
    header += ["below both", "methods chosen", "OMR of all, greedy"]
    note = (
        f"All folds; each side and the fusion by what is best on validation. Differences from {LEAST_ITEMS} items on. "
        f"OMR of all: that of the whole training part. {OWN_ITEMS}"
    )
    return Table("table6_gains", "Table 6: fusion against both single models", header, rows, note)


def _gain(study: Study, errors: Errors, found: dict[int, Result]) -> list[str]:
    seed = study.config.seed
    rates = errors.rates(seed)
    differences = [errors.difference(FUSION, single, seed) for single in (OMR, A2S)]
    enough = len(errors.ids) >= LEAST_ITEMS
    below = "yes" if all(each and each.high < 0 for each in differences) else "no"
    chosen = Counter(result.chosen[FUSION] for result in found.values() if result.errors.ids)
    of_all = [results.greedy_errors({"": study.output / Run(fold, "paper_optical").name}) for fold in found]
    whole = results.pool(of_all).only(errors.ids).rates(seed)
    return [
        str(len(errors.ids)),
        *(str(rates[name]) for name in (OMR, A2S, FUSION)),
        *(str(each) if enough else NONE for each in differences),
        below if enough else "too few items",
        ", ".join(f"{name} ({count})" for name, count in chosen.most_common()),
        str(whole[""]) if whole else NONE,
    ]


def systems(study: Study) -> Table:
    """Each two systems on the same staves."""
    rows = []
    for pair in ((second, first) for first, second in combinations(SYSTEMS, 2)):
        same = {"A2S alone, greedy, all test items": _audio_alone(study, pair)}
        same |= {f"fusion, scenario {scenario.name}": _fused(study, pair, scenario) for scenario in study.scenarios}
        rows += [[f"{pair[0]}, {pair[1]}", what, *_compared(study, pair, errors)] for what, errors in same.items()]
    header = ["systems", "what", "items", "first", "second", "first - second"]
    note = f"All folds, items that both tested. Below 0: the first is better. {OWN_ITEMS}"
    return Table("table7_systems", "Table 7: systems against each other", header, rows, note)


def _audio_alone(study: Study, pair: Pair) -> Errors | None:
    parts = []
    for fold in study.folds:
        runs = {system: audio_run(study.config, fold, system, 1.0) for system in pair}
        if study.finished(list(runs.values())):
            parts.append(results.greedy_errors({system: study.output / run.name for system, run in runs.items()}))
    return results.pool(parts) if parts else None


def _fused(study: Study, pair: Pair, scenario: Scenario) -> Errors | None:
    found = [study.pooled(system, scenario, "k-fold") for system in pair]
    common = sorted(set.intersection(*(set(each.ids) if each else set() for each in found)))
    both = {system: each.only(common) for system, each in zip(pair, found, strict=True) if each}
    if len(both) < len(pair):
        return None
    distances = {system: each.distances[FUSION] for system, each in both.items()}
    return Errors(both[pair[0]].ids, both[pair[0]].lengths, distances)


def _compared(study: Study, pair: Pair, errors: Errors | None) -> list[str]:
    if errors is None or not errors.ids:
        return ["0", *[NONE] * 3]
    rates = errors.rates(study.config.seed)
    difference = errors.difference(*pair, study.config.seed)
    return [str(len(errors.ids)), *(str(rates[system]) for system in pair), str(difference)]


def ablations(study: Study) -> Table:
    """The ablation that the thesis lacks."""
    fold = study.folds[0]
    whole = Run(fold, "grad_spsa")
    others = {"baseline": Run(fold, "baseline")}
    others |= {f"without {part}": Run(fold, "grad_spsa", ablated=part) for part in ABLATED}
    rows = []
    for name, run in others.items():
        if study.finished([whole, run]):
            errors = results.greedy_errors({"whole": study.output / whole.name, name: study.output / run.name})
            rates = errors.rates(study.config.seed)
            difference = errors.difference(name, "whole", study.config.seed)
            rows.append([name, str(len(errors.ids)), str(rates[name]), str(rates["whole"]), str(difference)])
    header = ["A2S", "items", "symbol error rate", "whole GradSPSA", "difference"]
    note = f"Fold {fold}, all its test items, greedily decoded, one training each. Above 0: what is missing helps."
    return Table("table8_ablations", "Table 8: GradSPSA without its parts", header, rows, note)
