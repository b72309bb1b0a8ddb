"""Rates with intervals, the schemes' folds, and the tables with their traps, on results that are written by hand."""

import csv

import numpy as np
import pytest
from scipy.stats import binom

from scorehub.study.corpus import Corpus
from scorehub.study.files import write_json, write_text
from scorehub.study.methods import METHODS
from scorehub.study.results import A2S, FUSION, OMR, Errors, pool, read_result, scheme_folds
from scorehub.study.runs import Run
from scorehub.study.settings import SYSTEMS, StudyConfig
from scorehub.study.steps import result_path
from scorehub.study.tables import write_tables
from scorehub.study.traps import OWN_ITEMS, list_traps

N = 120  # test items of a fold


def single_symbols(**wrong):
    """Staves of a single symbol; of each method, which are wrong."""
    n = len(next(iter(wrong.values())))
    return Errors(
        [str(number) for number in range(n)], np.ones(n), {key: np.array(it, int) for key, it in wrong.items()}
    )


def binomial_interval(n, share):
    """In percent: what a bootstrap of n staves, of which a share is wrong, tends to."""
    return 100 * binom.ppf([0.025, 0.975], n, share) / n


def test_the_interval_of_a_rate_is_the_binomial_one():
    errors = single_symbols(x=np.arange(400) < 120)
    rate = errors.rates()["x"]
    assert rate.value == pytest.approx(30)
    assert [rate.low, rate.high] == pytest.approx(binomial_interval(400, 0.3), abs=0.5)  # two staves
    assert errors.sequence_rates()["x"].value == pytest.approx(30)


def test_the_interval_of_a_difference_is_that_of_the_staves_that_differ():
    """Two methods are wrong in the same 200 staves, and one in 40 more: unpaired, the interval would be wider."""
    wrong = np.arange(400) < 200
    errors = single_symbols(x=wrong, y=np.arange(400) < 240)
    difference = errors.difference("y", "x")
    assert difference.value == pytest.approx(10)
    assert [difference.low, difference.high] == pytest.approx(binomial_interval(400, 0.1), abs=0.5)
    assert errors.difference("x", "y").high == pytest.approx(-difference.low)


def test_rates_are_of_all_symbols_together():
    errors = Errors(["p", "q"], np.array([90, 10]), {"x": np.array([9, 10])})
    assert errors.rates()["x"].value == pytest.approx(100 * 19 / 100)
    assert errors.sequence_rates()["x"].value == 100
    assert errors.only(["q"]).rates()["x"].value == pytest.approx(100)
    assert errors.only(()).rates() == {}
    assert errors.only(()).difference("x", "x") is None
    assert errors.only(["q", "none", "p"]).lengths.tolist() == [10, 90]
    both = pool([errors, errors.only(["p"])])
    assert both.ids == ["p", "q", "p"]
    assert both.rates()["x"].value == pytest.approx(100 * 28 / 190)


def content(fold, wrong, validation, ids=N):
    """What a comparison writes: staves of ten symbols, `wrong` edits in each by method, the least named first."""
    return {
        "ids": [f"fold{fold}staff{number}" for number in range(ids)],
        "lengths": [10] * ids,
        "arguments": {name: [] for name in METHODS},
        "validation": dict.fromkeys(METHODS, 50.0) | validation,
        "validation_items": 30,
        "distances": {name: [wrong.get(name, 5)] * ids for name in METHODS},
    }


def test_fusion_and_sides_are_those_that_validation_chose_not_test():
    validation = {"Smith-Waterman": 7.0, "Confusion network": 8.0, "OMR, word graph": 20.0, "A2S, greedy": 21.0}
    wrong = {"Smith-Waterman": 4, "Confusion network": 0, "OMR, word graph": 3, "OMR, greedy": 1, "A2S, greedy": 2}
    result = read_result(content(0, wrong, validation))
    assert result.chosen == {FUSION: "Smith-Waterman", OMR: "OMR, word graph", A2S: "A2S, greedy"}
    assert {name: result.errors.rates()[name].value for name in (FUSION, OMR, A2S)} == {FUSION: 40, OMR: 30, A2S: 20}


def test_the_original_scheme_looks_at_validation_and_needs_items():
    good = read_result(content(0, {"Smith-Waterman": 9}, {"Smith-Waterman": 5.0}))
    bad = read_result(content(1, {"Smith-Waterman": 0}, {"Smith-Waterman": 6.0}))
    empty = read_result(content(2, {}, {"Smith-Waterman": 1.0}, ids=0))
    assert scheme_folds({0: good, 1: bad, 2: empty}, "original") == [0]
    assert scheme_folds({0: good, 1: bad, 2: empty}, "k-fold") == [0, 1, 2]
    assert scheme_folds({}, "original") == []


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folds 0 and 1 of scenarios 1 and 3. In scenario 3 each A2S chose other items, GradSPSA's too few.

    The default network has done nothing but scenario 1.
    """
    folder = tmp_path_factory.mktemp("study")
    config = StudyConfig(str(folder), folds="0,1", scenarios="1,3", lists_dir="published", sample=0.6)
    for fold in (0, 1):
        train = [f"{number:09d}-1_1_1" for number in range(8023)]
        test = ["000000001-2_1_1", "000000002-1_1_2", "900000000-1_1_1"]  # two are of sources that train has
        for part, ids in (("train", train), ("val", test[2:]), ("test", test)):
            write_text(folder / "lists" / f"{part}_gt_fold{fold}.dat", "\n".join(ids))
        validation = {"Smith-Waterman": 9.0 - fold, "OMR, greedy": 30.0, "A2S, greedy": 20.0}
        for system, edits in zip(SYSTEMS, (2, 1, 0), strict=True):
            wrong = {"Smith-Waterman": edits, "OMR, greedy": 4, "A2S, greedy": 3}
            write_json(result_path(folder, fold, system, 1), content(fold, wrong, validation))
        wrong = {"Smith-Waterman": 2, "OMR, greedy": 4, "A2S, greedy": 2}
        write_json(result_path(folder, fold, "baseline", 3), content(fold, wrong, validation, ids=60))
        write_json(result_path(folder, fold, "grad_spsa", 3), content(fold, wrong, validation, ids=40 * fold))
        write_run(folder, Run(fold, "paper_optical"), fold, 1)
        write_run(folder, Run(fold, "baseline"), fold, 3)
        write_run(folder, Run(fold, "grad_spsa"), fold, 2)
    write_run(folder, Run(0, "grad_spsa", ablated="dense"), 0, 5)
    corpus = Corpus("items", str(folder / "lists"))
    return write_tables(config, corpus).read_text(), folder / "tables"


def write_run(folder, run, fold, edits):
    """A finished training with so many edits in each test staff."""
    test = {f"fold{fold}staff{number}": [edits, 10] for number in range(N)}
    write_json(folder / run.name / "errors.json", {"validation": {}, "test": test})
    write_json(folder / run.name / "results.json", {"weights": 12_345})
    write_json(folder / run.name / "history.json", [[1.0, 50.0], [2.0, 40.0], [3.0, 45.0]])


def table(study, name):
    with (study[1] / f"{name}.csv").open() as file:
        header, *rows = csv.reader(file)
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def test_table_1_has_the_parts_and_what_omr_learns_from(study):
    found = table(study, "table1_partitions")
    assert found["train"] == {"fold 0": "8,023", "fold 1": "8,023"}
    assert found["test, of a source that train has too"]["fold 0"] == "2"
    assert found["OMR of scenario 1 H,H: 2.5 %"]["fold 0"] == "200"
    assert found["OMR of scenario 3 H,L: 2 %"]["fold 0"] == "160"


def test_table_2_has_the_best_epochs(study):
    found, networks = table(study, "table2_epochs"), ("OMR", "A2S, baseline", "A2S, grad_spsa")
    assert found["fold 1"] == dict.fromkeys(networks, "2 of 3: 40.0") | {"A2S, default": "-"}
    assert found["weights that learn"] == dict.fromkeys(networks, "12,345") | {"A2S, default": "-"}


def test_table_3_has_a_row_for_each_method_system_and_scheme(study):
    found = table(study, "table3_methods")
    assert len(found) == 3 * 2 * (len(METHODS) + 2)
    assert found["baseline, k-fold: Smith-Waterman"]["1 H,H"] == "20.0 (20.0 to 20.0)"
    assert found["grad_spsa, k-fold: Fusion, best on validation"]["1 H,H"] == "10.0 (10.0 to 10.0)"
    assert found["baseline, k-fold: OMR, greedy"]["1 H,H"] == "40.0 (40.0 to 40.0)"
    assert found["baseline, k-fold: test items"] == {"1 H,H": "240", "3 H,L": "120"}
    assert found["baseline, original: test items"] == {"1 H,H": "120", "3 H,L": "60"}
    assert found["grad_spsa, original: test items"] == {"1 H,H": "120", "3 H,L": "40"}


def test_table_4_counts_test_items(study):
    found = table(study, "table4_items")
    assert found["fold 0"] == {
        "baseline 1 H,H": "120", "baseline 3 H,L": "60", "grad_spsa 1 H,H": "120", "grad_spsa 3 H,L": "0",
        "default 1 H,H": "120", "default 3 H,L": "-",
    }  # fmt: skip
    assert found["total"]["grad_spsa 3 H,L"] == "40"


def test_table_5_names_the_fold_that_is_best_on_validation(study):
    assert table(study, "table5_folds")["baseline"] == {"1 H,H": "1", "3 H,L": "1"}


def test_table_6_says_whether_fusion_is_below_both_single_models(study):
    with (study[1] / "table6_gains.csv").open() as file:
        rows = {(row["system"], row["scenario"]): row for row in csv.DictReader(file)}
    gain = rows["baseline", "1 H,H"]
    assert gain["fusion - OMR"] == "-20.0 (-20.0 to -20.0)"
    assert gain["fusion - A2S"] == "-10.0 (-10.0 to -10.0)"
    assert gain["below both"] == "yes"
    assert gain["methods chosen"] == "Smith-Waterman (2)"
    assert gain["OMR of all, greedy"] == "10.0 (10.0 to 10.0)"
    assert rows["baseline", "3 H,L"]["below both"] == "no"  # equal to A2S
    assert rows["grad_spsa", "3 H,L"]["below both"] == "too few items"
    assert rows["grad_spsa", "3 H,L"]["fusion - OMR"] == "-"


def test_table_7_compares_on_the_same_items(study):
    with (study[1] / "table7_systems.csv").open() as file:
        found = {(row.pop("systems"), row.pop("what")): row for row in csv.DictReader(file)}
    assert found["grad_spsa, baseline", "A2S alone, greedy, all test items"] == {
        "items": "240",
        "first": "20.0 (20.0 to 20.0)",
        "second": "30.0 (30.0 to 30.0)",
        "first - second": "-10.0 (-10.0 to -10.0)",
    }
    assert found["grad_spsa, baseline", "fusion, scenario 1 H,H"]["first - second"] == "-10.0 (-10.0 to -10.0)"
    assert found["default, baseline", "fusion, scenario 1 H,H"]["first - second"] == "-20.0 (-20.0 to -20.0)"
    assert (
        found["grad_spsa, baseline", "fusion, scenario 3 H,L"]["items"] == "40"
    )  # of the 120 and 40 that the two chose
    assert found["default, grad_spsa", "fusion, scenario 3 H,L"]["first - second"] == "-"


def test_table_8_has_what_each_part_is_worth(study):
    found = table(study, "table8_ablations")
    assert found["without dense"]["difference"] == "30.0 (30.0 to 30.0)"
    assert found["baseline"]["difference"] == "10.0 (10.0 to 10.0)"
    assert set(found) == {"baseline", "without dense"}


def test_every_table_of_chosen_items_says_so(study):
    sections = {section.split(":")[0]: section for section in study[0].split("## Table")}
    for number in (3, 4, 5, 6, 7):
        assert OWN_ITEMS in sections[f" {number}"]


def test_the_protocols_traps_are_named(study):
    beware = study[0].split("## What to beware of")[1].split("## Table 1")[0]
    for words in (
        "A2S model chooses its own test items",
        "not of the same staves",
        "one fold of five, picked by its validation error",
        "transcriptions of the test part alone",
        "GradSPSA's A2S sees the picture too",
        "learned from the whole training part",
        "share their source with training items",
        "simple random sample",
    ):
        assert words in beware


def test_traps_are_those_of_the_settings():
    plain = " ".join(list_traps(StudyConfig("study", beside="scenario")))
    assert "share their source" not in plain
    assert "simple random sample" not in plain
    assert "learned from the whole training part" not in plain
    assert "other shares" in " ".join(list_traps(StudyConfig("study", shares="0.1")))


def test_the_rows_of_all_rates_say_who_chose_the_items(study):
    with (study[1] / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["scenario"], row["test_items_chosen_by"]) for row in rows} == {("1 H,H", "all"), ("3 H,L", "A2S")}
    row = next(row for row in rows if row["method"] == "Smith-Waterman" and row["system"] == "grad_spsa")
    assert [float(row[name]) for name in ("symbol_error_rate", "sequence_error_rate")] == [10, 100]


def test_tables_can_be_made_before_anything_is_finished(tmp_path):
    for part in ("train", "val", "test"):
        write_text(tmp_path / "lists" / f"{part}_gt_fold0.dat", "one\ntwo")
    text = write_tables(StudyConfig(str(tmp_path), folds="0"), Corpus("items", str(tmp_path / "lists"))).read_text()
    assert "| fold 0 | - | - | - |" in text
    assert "| OMR of scenario 1 H,H: 2.5 % | 1 |" in text
