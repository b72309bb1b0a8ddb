"""A whole study on a dozen bars of music: what it leaves, and that it goes on where it was stopped."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from scorehub.study.fusion import run_study
from scorehub.study.settings import SYSTEMS, StudyConfig

NOTES = ("''4C8DE4FG/", "'4GECx4F/", "''2C4DE/", "'8GAGF4EC/")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def incipits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("incipits")
    for number in range(12):
        data = "".join(NOTES[(number * step) % 4] for step in (1, 2, 3)[: 1 + number % 3])
        (folder / f"tune{number}.pae").write_text(f"@clef:G-2\n@keysig:\n@timesig:4/4\n@data:{data}\n")
    return str(folder)


def settings(folder, incipits):
    """Trainings of an epoch, with networks of a channel or two."""
    return StudyConfig(
        str(folder),
        data_dir=incipits,
        folds="0",
        scenarios="1,3",
        shares=",".join(["0.8"] * 9),
        preset="default",
        epochs=1,
        optical_epochs=2,
        batch_size=4,
        width=0.02,
        validation_staves=1,
        ablations=False,
    )


def outcome(folder) -> dict[str, str]:
    """All that a study leaves that does not say where it is."""
    found = [
        *folder.glob("fold*/*.json"),
        *folder.glob("fold*/*/*.json"),
        *folder.glob("tables*"),
        *folder.glob("lists/*"),
    ]
    places = ("settings.json", "results.json")
    return {
        str(path.relative_to(folder)): path.read_text() for path in found if path.is_file() and path.name not in places
    }


@pytest.fixture(scope="module")
def whole(incipits, tmp_path_factory):
    """A study that nothing stopped, and what it said."""
    folder, said = tmp_path_factory.mktemp("whole"), []
    run_study(settings(folder, incipits), said.append)
    return folder, said


def test_a_study_leaves_tables_and_no_scraps(whole):
    folder, said = whole
    names = ["paper_optical_1", "paper_optical_0.8", "baseline", "grad_spsa", "audio"]
    assert said == [
        *(f"fold0/{name}" for name in names),
        *(f"fold0, {system}, scenario {name}" for system in SYSTEMS for name in ("1 H,H", "3 H,L")),
    ]
    for name in names:
        files = {path.name for path in (folder / "fold0" / name).iterdir()}
        assert files == {
            *("model", "settings.json", "results.json", "history.json"),
            *("validation.npz", "test.npz", "errors.json", "scales.json"),
        }
    assert not (folder / "fold0" / "cache").exists()
    assert "## Table 8" in (folder / "tables.md").read_text()
    assert not list(folder.rglob("*.unfinished"))


@pytest.mark.slow
def test_a_study_that_is_stopped_before_each_step_ends_as_one_that_is_not(whole, incipits, tmp_path):
    whole_folder, steps = whole
    config = settings(tmp_path / "study", incipits)
    for step in steps:

        def stop(line, step=step):
            if line == step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_study(config, stop)
    run_study(config)
    assert outcome(tmp_path / "study") == outcome(whole_folder)


def test_what_is_finished_is_not_done_again(whole, incipits):
    folder, _ = whole
    files = [path for path in folder.glob("fold0/**/*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    run_study(settings(folder, incipits))
    assert {path: path.stat().st_mtime_ns for path in folder.glob("fold0/**/*") if path.is_file()} == before


def test_a_folder_of_another_study_is_refused(whole, incipits):
    config = settings(whole[0], incipits)
    config.seed = 1
    with pytest.raises(ValueError, match="output_dir must be new or made with the same settings"):
        run_study(config)


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_ends_as_one_that_is_not(whole, incipits, tmp_path):
    """Kills come at any time, also while files are written; later ones come later, so that there is an end."""
    code = f"""
from scorehub.study.fusion import run_study
from scorehub.study.settings import StudyConfig
run_study(StudyConfig(**{vars(settings(tmp_path / "study", incipits))!r}))
"""
    seconds = 4.0
    while True:
        process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})
        try:
            assert process.wait(seconds) == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            seconds *= 1.2
    assert outcome(tmp_path / "study") == outcome(whole[0])
