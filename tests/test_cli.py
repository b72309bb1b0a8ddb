"""The command says what it does, shows an example for everything, and names in one line what it can't do."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scorehub.cli import app
from scorehub.dataset_names import DATASETS, OF_NOTES

COMMANDS = {"build", "load", "check", "stats", "classify", "distort", "download", "demo", "push", "generate"}
COMMANDS |= {"convert", "doctor", "evaluate", "follow", "listen", "study", "transcribe"}
GENERATES = {"roll", "repair", "page", "chorale"}
PUSHES = {"all", "dataset", "model", "space"}
STUDIES = {"fusion"}
CONVERTS = {"ldm"}
EVALUATES = {"text_to_score"}
BUILDS = {"musicscore", "camera_primus", "msmd", "performances", "maestro", "notes"}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_commands_are_those_of_the_readme():
    commands = get_command(app).commands
    assert set(commands) == COMMANDS
    assert set(commands["push"].commands) == PUSHES
    assert set(commands["build"].commands) == BUILDS
    assert set(commands["generate"].commands) == GENERATES
    assert set(commands["study"].commands) == STUDIES
    assert set(commands["convert"].commands) == CONVERTS
    assert set(commands["evaluate"].commands) == EVALUATES


@pytest.mark.parametrize("command", sorted(COMMANDS - {"push", "build", "generate", "study", "convert", "evaluate"}))
def test_each_command_shows_an_example(command):
    assert f"scorehub {command} " in run(command, "--help").output


def test_each_of_several_examples_has_a_line_of_its_own():
    lines = [line.strip() for line in run("listen", "--help").output.splitlines()]
    assert "scorehub listen score.pdf" in lines


def test_a_task_that_failed_is_named_in_one_line(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("1 of 2 tasks failed, see parts/logs")

    monkeypatch.setattr("scorehub.dataset_builders.build.build", fail)
    result = run("build", "maestro", "--out", tmp_path)
    assert (result.exit_code, result.output) == (2, "error: 1 of 2 tasks failed, see parts/logs\n")


@pytest.mark.parametrize("dataset", sorted(BUILDS))
def test_each_build_shows_an_example(dataset):
    assert f"scorehub build {dataset} " in run("build", dataset, "--help").output


def options(command, path=()):
    """All options of a command and of those below it, with their help."""
    for name, below in getattr(command, "commands", {}).items():
        yield from options(below, (*path, name))
    for option in command.params:
        yield path, option.name, getattr(option, "help", None)


def test_options_of_one_meaning_are_spelt_and_explained_alike():
    found = list(options(get_command(app)))
    assert len({text for _, name, text in found if name == "model"}) == 1
    assert {path[1] for path, name, _ in found if name == "license"} == {"msmd", "maestro"}
    assert "licence" not in {name for _, name, _ in found}


@pytest.mark.parametrize(("command", "names"), [(["load"], DATASETS), (["build", "notes"], OF_NOTES)])
def test_the_names_of_datasets_stand_in_the_help(command, names):
    listed = run(*command, "--help").output.split("One of ")[1].split(".")[0]
    assert " ".join(listed.split()) == ", ".join(names)


def test_a_dataset_without_a_sample_is_shown_in_its_own_default():
    result = run("load", "music_models", "--rows", "1")
    assert result.exit_code == 0
    assert "year: 1959" in result.output


@pytest.mark.parametrize("what", sorted(GENERATES))
def test_each_generate_shows_an_example(what):
    assert f"scorehub generate {what} " in run("generate", what, "--help").output


@pytest.mark.parametrize("kind", sorted(CONVERTS))
def test_each_convert_shows_an_example(kind):
    assert f"scorehub convert {kind} " in run("convert", kind, "--help").output


@pytest.mark.parametrize("model", sorted(EVALUATES))
def test_each_evaluate_shows_an_example(model):
    assert f"scorehub evaluate {model} " in run("evaluate", model, "--help").output


@pytest.mark.parametrize("study", sorted(STUDIES))
def test_each_study_shows_an_example(study):
    assert f"scorehub study {study} " in run("study", study, "--help").output


@pytest.mark.parametrize("kind", sorted(PUSHES))
def test_each_push_shows_an_example(kind):
    assert f"scorehub push {kind} " in run("push", kind, "--help").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "camera_primus", "--fold", "5"], "fold must be 0 to 4, got 5"),
        (["build", "musicscore", "--config", "14k"], "config must be sample, or pdf with --data-dir, got '14k'"),
        (["build", "musicscore", "--config", "pdf"], "with --data-dir"),
        (["build", "musicscore", "--config", "pdf", "--data-dir", "nowhere"], "pdf_dir must be a folder, got nowhere"),
        (["check", "musicscore", "--data-dir", "x", "--config", "15k"], "config must be one of 400, 14k, 200k"),
        (["check", "pop909", "--data-dir", "x"], "dataset must be musicscore, got 'pop909'"),
        (["load", "musicscore", "--config", "pdf"], "data_dir must be a folder of PDFs"),
        (["load", "pop909"], "data_dir must be a checkout of github.com/music-x-lab/POP909-Dataset"),
        (["load", "no_such_dataset"], "dataset must be one of musicscore, camera_primus"),
        (["generate", "roll", "--out", "x.mp3"], "out must end in one of .mid, .wav, .png, .npy, got x.mp3"),
        (["generate", "roll", "--out", "x.mid", "--preset", "big"], "preset must be one of ['default', 'paper']"),
        (["generate", "roll", "--out", "x.mid", "--steps", "0"], "error: steps must be 1 or more, got 0"),
        (
            ["generate", "repair", "x.mid", "--start", "0", "--end", "1", "--out", "y.mid", "--steps", "0"],
            "error: steps must be 1 or more, got 0",
        ),
        (["generate", "chorale", "--out", "x.mid", "--bars", "0"], "error: bars must be 1 to 256, got 0"),
        (["generate", "chorale", "--out", "x.mid", "--bars", "257"], "error: bars must be 1 to 256, got 257"),
        (["classify", "missing.pdf"], "error: PDF must be a file, got missing.pdf"),
        (["generate", "page"], "prompt must be a text, or fields by options such as --key, got none"),
        (["generate", "page", "a music score", "--out", "x.jpg"], "out must end in one of .png, .pdf, got x.jpg"),
        (["evaluate", "text_to_score", "--real", "x", "--samples", "7"], "samples must be at least 8, got 7"),
        (["study", "fusion", "--output-dir", "x", "--folds", "0,5"], "folds must be some of 0 to 4, got '0,5'"),
        (["push", "model", "no_such_model", "--repo-id", "me/x", "--dry-run"], "no_such_model"),
        (["push", "space", "musicscore", "--repo-id", "not a repo id", "--dry-run"], "not a repo id"),
    ],
)
def test_what_can_not_be_done_is_named_in_one_line_and_leaves_nothing(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_a_dry_run_lists_files_and_sizes():
    result = run("push", "model", "page_classifier", "--repo-id", "me/page-classifier", "--dry-run")
    assert result.exit_code == 0
    assert "model.safetensors" in result.output
    assert result.output.endswith("would go to me/page-classifier\n")


def test_an_image_is_judged(tmp_path):
    from PIL import Image

    Image.new("L", (600, 840), 255).save(tmp_path / "blank.png")
    result = run("classify", tmp_path / "blank.png")
    assert "music with probability 0.0" in result.output
    assert result.output.endswith("on 0% of the page\n")


@pytest.mark.parametrize("command", ["classify", "distort"])
def test_what_is_no_picture_is_refused_by_name(tmp_path, command):
    (tmp_path / "evil.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n")
    result = run(command, tmp_path / "evil.png")
    assert result.exit_code == 2
    assert "error: page must be an image that can be read, got evil.png" in result.output
    assert result.output.count("\n") == 1


def test_a_pdf_is_judged_page_by_page(tmp_path):
    from PIL import Image

    pages = [Image.new("1", (600, 840), 1), Image.new("L", (600, 840), 200)]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:])
    lines = run("classify", tmp_path / "two.pdf").output.splitlines()
    assert "page 1: rejected, not music, 1-bit" in lines[0]
    assert "page 2: rejected, 8 bits per component, 8-bit" in lines[1]


def test_a_built_dataset_is_counted(built_dataset, tmp_path):
    result = run("stats", built_dataset, "--figures", tmp_path / "figures")
    assert "violin" in result.output
    assert len(list((tmp_path / "figures").glob("*.png"))) == 5
