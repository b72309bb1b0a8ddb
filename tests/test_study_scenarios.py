"""The nine scenarios, their counts on folds of the published sizes, and the trainings that they take."""

import gzip
import json

import numpy as np
import pytest

from scorehub.study import runs
from scorehub.study.corpus import Corpus, prepare, sample_lists
from scorehub.study.runs import Run, audio_run, drop_torn, is_trained, list_runs, read_history, trainer_config
from scorehub.study.scenarios import SCENARIOS, best_fold, choose_scenarios, chosen_items, training_count
from scorehub.study.settings import StudyConfig
from scorehub.trainers.grad_spsa import training_arguments

FOLDS, ALL, FIFTH = 5, 22_285, 4_457  # of the published lists


def fold_lists(fold: int) -> dict[str, list[str]]:
    """Ids as they were published: a fifth tests, another validates, three train."""
    ids = [f"{number:09d}-1_1_1" for number in range(ALL)]
    fifths = [ids[FIFTH * number : FIFTH * (number + 1)] for number in range(FOLDS)]
    turned = fifths[fold:] + fifths[:fold]
    return {"test": turned[0], "val": turned[1], "train": turned[2] + turned[3] + turned[4]}


@pytest.fixture(scope="module")
def lists_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    for fold in range(FOLDS):
        for part, ids in fold_lists(fold).items():
            with gzip.open(folder / f"{part}_gt_fold{fold}.dat.gz", "wt") as file:
                file.write("\n".join(ids))
    return str(folder)


def test_the_scenarios_are_the_published_ones():
    percent = [round(100 * scenario.share, 6) for scenario in SCENARIOS]
    assert percent == [2.5, 2.2, 2.0, 4.0, 3.7, 3.0, 10.5, 9.0, 6.3]
    assert [scenario.limit for scenario in SCENARIOS] == [None, 30, 10] * 3
    assert [scenario.name for scenario in SCENARIOS] == [
        *("1 H,H", "2 H,M", "3 H,L", "4 M,H", "5 M,M", "6 M,L", "7 L,H", "8 L,M", "9 L,L")
    ]


def test_optical_networks_learn_from_as_many_staves_as_published():
    # int(13371 * percent / 100), as the published code has it: 334.3, 294.2, 267.4, 534.8, 494.7, 401.1, ...
    assert [training_count(13_371, each.share) for each in SCENARIOS] == [
        334,
        294,
        267,
        534,
        494,
        401,
        1403,
        1203,
        842,
    ]
    # and of the thesis's sample of 8,023: 200.6, 176.5, 160.5, 320.9, 296.9, 240.7, 842.4, 722.1, 505.4
    assert [training_count(8_023, each.share) for each in SCENARIOS] == [200, 176, 160, 320, 296, 240, 842, 722, 505]
    assert training_count(1000, 0.063) == 63  # although 1000 * 0.063 might be a hair less
    assert training_count(10, 0.02) == 1


def test_the_sample_has_the_thesis_counts_on_the_published_folds(lists_dir, tmp_path):
    corpus = prepare(StudyConfig(str(tmp_path), data_dir="corpus", lists_dir=lists_dir, sample=0.6))
    tested = []
    for fold in range(FOLDS):
        lists, whole = corpus.lists(fold), fold_lists(fold)
        assert {part: len(ids) for part, ids in lists.items()} == {"train": 8_023, "validation": 2_674, "test": 2_674}
        assert sum(map(len, lists.values())) == 13_371  # table 1
        assert set(lists["train"]) < set(whole["train"])
        assert set(lists["validation"]) < set(whole["val"])
        tested += lists["test"]
    assert len(tested) == len(set(tested)) == 13_370  # table 4


def test_published_lists_are_taken_as_they_are_without_a_sample(lists_dir, tmp_path):
    corpus = prepare(StudyConfig(str(tmp_path), data_dir="corpus", lists_dir=lists_dir))
    assert corpus.data_dir == "corpus"
    for fold in range(FOLDS):
        whole = fold_lists(fold)
        assert corpus.lists(fold) == {"train": whole["train"], "validation": whole["val"], "test": whole["test"]}
        assert {len(whole["train"]), len(whole["val"]), len(whole["test"])} == {13_371, FIFTH}


def test_a_sample_is_drawn_by_seed():
    lists = {"test": fold_lists(0)["test"]}
    first, again, other = (sample_lists(lists, 0.6, seed)["test"] for seed in (0, 0, 1))
    assert first == again != other


def test_the_network_that_hears_chooses_the_test_items():
    rates = np.array([0.0, 10.0, 10.1, 30.0, 30.1, 100.0])
    assert chosen_items(rates, None).tolist() == [0, 1, 2, 3, 4, 5]
    assert chosen_items(rates, 30.0).tolist() == [0, 1, 2, 3]
    assert chosen_items(rates, 10.0).tolist() == [0, 1]
    assert chosen_items(rates[2:], 10.0).tolist() == []


def test_the_original_scheme_tests_the_fold_that_is_best_on_validation():
    assert best_fold({0: 12.0, 2: 9.5, 4: 9.6}) == 2
    assert best_fold({4: 9.5, 2: 9.5}) == 2
    assert best_fold({}) is None


def test_shares_can_be_set_for_small_corpora():
    shares = [0.1] * 3 + [0.2] * 3 + [0.5] * 3
    assert [each.share for each in choose_scenarios([3, 7], shares)] == [0.1, 0.5]
    assert [each.number for each in choose_scenarios([9, 1])] == [1, 9]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"folds": "0,5"}, "folds must be some of 0 to 4, got '0,5'"),
        ({"folds": ""}, "folds must be some of 0 to 4, got ''"),
        ({"folds": "first"}, "folds must be numbers with commas between, got 'first'"),
        ({"scenarios": "0"}, r"scenarios must be some of 1 to 9, got \[0\]"),
        ({"shares": "0.1,0.2"}, "shares must be 9 numbers above 0 to 1"),
        ({"shares": ",".join(["2"] * 9)}, "shares must be 9 numbers above 0 to 1"),
        ({"sample": 0.0}, "sample must be above 0 to 1, got 0.0"),
        ({"beside": "none"}, "beside must be all or scenario, got 'none'"),
        ({"preset": "big"}, "preset must be default or paper, got 'big'"),
        ({"jobs": 0}, "validation_staves must be from 0 and jobs from 1, got 500 and 0"),
    ],
)
def test_settings_out_of_range_are_named(options, reason):
    with pytest.raises(ValueError, match=reason):
        StudyConfig("study", **options).check()


def test_one_grad_spsa_serves_all_scenarios_of_a_fold():
    found = list_runs(StudyConfig("study"), 2)
    assert [run.name for run in found] == [
        "fold2/paper_optical_1",
        *(f"fold2/paper_optical_{share}" for share in (0.105, 0.09, 0.063, 0.04, 0.037, 0.03, 0.025, 0.022, "0.02")),
        "fold2/baseline",
        "fold2/grad_spsa",
        "fold2/audio",
    ]
    assert found[-2].beside() == found[0]


def test_beside_the_scenario_there_is_a_grad_spsa_for_each_share():
    config = StudyConfig("study", scenarios="1,2", beside="scenario")
    found = list_runs(config, 1)
    assert [run.name for run in found[-4:]] == [
        *("fold1/grad_spsa_0.022", "fold1/grad_spsa_0.025", "fold1/grad_spsa", "fold1/audio"),
    ]
    assert audio_run(config, 1, "grad_spsa", 0.022).beside() == Run(1, "paper_optical", 0.022)
    assert audio_run(config, 1, "baseline", 0.022).name == "fold1/baseline"


def test_parts_are_left_out_on_the_first_fold_alone_and_after_what_they_need():
    config = StudyConfig("study", folds="3,0")
    assert [run.ablated for run in list_runs(config, 3)[-4:]] == ["dense", "interaction", "third_block", "sharing"]
    assert not any(run.ablated for run in list_runs(config, 0))
    assert not any(run.ablated for run in list_runs(StudyConfig("study", ablations=False), 0))
    for fold in (3, 0):
        found = list_runs(config, fold)
        assert all(run.beside() in found[:place] for place, run in enumerate(found) if run.beside())


def staves_a_step(config):
    return training_arguments(config).per_device_train_batch_size


def test_trainings_are_the_thesis_trainings():
    config, corpus = StudyConfig("study", seed=4), Corpus("items", "lists")
    optical, baseline, pair = (
        trainer_config(config, corpus, run)
        for run in (Run(1, "paper_optical", 0.022), Run(1, "baseline"), Run(1, "grad_spsa", ablated="dense"))
    )
    assert [staves_a_step(each) for each in (optical, baseline, pair)] == [16, 4, 2]
    assert [each.fraction for each in (optical, baseline, pair)] == [0.022, 1, 1]
    assert {each.epochs for each in (optical, baseline, pair)} == {150}
    assert {each.learning_rate for each in (optical, baseline, pair)} == {1e-3}
    assert {(each.data_dir, each.lists_dir, each.fold, each.seed) for each in (optical, pair)} == {
        ("items", "lists", 1, 4)
    }
    assert (pair.optical_model, pair.ablate) == ("study/fold1/paper_optical_1/model", "dense")
    assert (optical.optical_model, baseline.optical_model) == ("", "")


def test_small_trainings_can_be_set():
    config = StudyConfig("study", preset="default", epochs=3, optical_epochs=9, batch_size=8, width=0.25, bf16=True)
    optical, pair, default = (
        trainer_config(config, Corpus("items", "lists"), run)
        for run in (Run(0, "paper_optical", 0.5), Run(0, "grad_spsa"), Run(0, "audio"))
    )
    assert (optical.epochs, optical.fraction) == (18, 0.5)  # as many steps as 9 epochs of all
    assert (pair.epochs, optical.batch_size, pair.width) == (3, 8, 0.25)
    assert optical.bf16
    assert (optical.pictures, optical.preset) == ("distorted", "default")
    assert (default.epochs, default.batch_size, default.width) == (3, 8, 1)


def test_the_default_network_is_trained_in_its_own_way():
    config = trainer_config(StudyConfig("study"), Corpus("items", "lists"), Run(0, "audio"))
    assert (config.preset, config.epochs, staves_a_step(config)) == ("default", 20, 8)


def write_state(folder, step, history):
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": history}))


def test_what_a_killed_training_half_wrote_is_dropped(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    write_state(checkpoints / "checkpoint-5", 5, [])
    write_state(checkpoints / "checkpoint-10", 10, [])
    (checkpoints / "checkpoint-15").mkdir()
    (checkpoints / "checkpoint-15" / "model.safetensors").write_bytes(b"half")
    (checkpoints / "checkpoint-10" / "trainer_state.json").write_text('{"global_st')
    (tmp_path / "settings.json").write_text("{")
    drop_torn(tmp_path)
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-5"]
    assert not (tmp_path / "settings.json").exists()
    (tmp_path / "settings.json").write_text('{"epochs": 3}')
    drop_torn(tmp_path)
    assert (tmp_path / "settings.json").read_text() == '{"epochs": 3}'


def test_a_training_is_finished_when_its_results_are_whole(tmp_path):
    config, run = StudyConfig(str(tmp_path)), Run(0, "baseline")
    folder = tmp_path / "fold0" / "baseline"
    folder.mkdir(parents=True)
    assert not is_trained(config, run)
    (folder / "results.json").write_text('{"eval_ser": 3')
    assert not is_trained(config, run)
    (folder / "results.json").write_text('{"eval_ser": 3}')
    assert is_trained(config, run)


def test_the_history_is_that_of_the_last_checkpoint_and_outlives_it(tmp_path):
    config, run = StudyConfig(str(tmp_path)), Run(0, "baseline")
    folder = tmp_path / run.name
    first = [{"epoch": 1.0, "loss": 3.0}, {"epoch": 1.0, "eval_ser": 40.0}]
    write_state(folder / "checkpoints" / "checkpoint-9", 9, first)
    write_state(folder / "checkpoints" / "checkpoint-18", 18, [*first, {"epoch": 2.0, "eval_ser": 30.0}])
    assert read_history(folder / "checkpoints") == [(1.0, 40.0), (2.0, 30.0)]
    (folder / "results.json").write_text("{}")
    runs.train(config, Corpus("", ""), run)
    assert json.loads((folder / "history.json").read_text()) == [[1.0, 40.0], [2.0, 30.0]]
    assert not (folder / "checkpoints").exists()
    # As after a kill while checkpoints were being dropped
    write_state(folder / "checkpoints" / "checkpoint-9", 9, first)
    runs.train(config, Corpus("", ""), run)
    assert json.loads((folder / "history.json").read_text()) == [[1.0, 40.0], [2.0, 30.0]]
