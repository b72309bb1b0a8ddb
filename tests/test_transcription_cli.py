"""`scorehub transcribe`: which file is which, what is written, what it says, and what it refuses."""

import shutil
from importlib.resources import files

import pytest
import soundfile
import torch
from PIL import Image
from random_transcriber import RATE, VOCABULARY, posteriors, random_pipeline, staff, tone
from typer.testing import CliRunner

from scorehub import transcription
from scorehub.cli import app
from scorehub.trainers.grad_spsa_saving import save_folder

FOLLOWER = str(files("scorehub.pipelines.score_following"))


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, and files whose names say nothing of what they are."""
    path = tmp_path_factory.mktemp("transcriber")
    pipe = random_pipeline()
    save_folder(pipe.model, pipe.processor, path / "model")
    Image.fromarray(staff()).save(path / "one.bin", format="PNG")
    soundfile.write(path / "two.bin", tone(), RATE, format="FLAC")
    (path / "three.bin").write_bytes(b"neither")
    return path


def run(folder, *arguments):
    texts = [str(folder / each) if str(each).endswith(".bin") else str(each) for each in arguments]
    return CliRunner().invoke(app, ["transcribe", *texts])


def test_files_are_told_apart_by_what_is_in_them(folder):
    picture, sound = folder / "one.bin", folder / "two.bin"
    assert transcription.tell_apart([sound, picture]) == {"image": picture, "audio": sound}
    assert transcription.tell_apart([sound]) == {"audio": sound}


@pytest.mark.parametrize("suffix", transcription.SUFFIXES)
def test_the_suffix_says_what_is_written(folder, suffix, tmp_path):
    out = tmp_path / f"staff{suffix}"
    result = run(folder, "two.bin", "one.bin", "--model", folder / "model", "--out", out)
    assert result.exit_code == 0, result.output
    found = transcription.load_transcriber(folder / "model")(image=folder / "one.bin", audio=folder / "two.bin")
    tokens = [row["token"] for row in found["tokens"]]
    if suffix.startswith(".mid"):
        assert out.read_bytes() == found["midi"]
    else:
        semantic = "".join(f"{token}\t" for token in tokens)
        assert out.read_text() == {".semantic": semantic}.get(suffix, found["musicxml"])
    stretches = found["disagreements"]
    assert f"{len(tokens)} tokens, {len(stretches)} disagreement" in result.output
    assert f", wrote {out}" in result.output
    lines = result.output.splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("x, px"))
    assert lines[header].split() == ["x,", "px", "time,", "s", "seen", "heard", "chosen"]
    assert len([line for line in lines[header + 1 :] if "-" in line]) >= len(stretches) > 0


def test_without_a_file_to_write_the_tokens_are_said(folder):
    result = run(folder, "one.bin", "--model", folder / "model")
    assert result.exit_code == 0, result.output
    last = result.output.splitlines()[-1].split("\t")
    assert set(last) <= set(VOCABULARY)
    assert f"{len(last)} tokens\n" in result.output


def test_the_table_has_a_line_for_each_disagreement():
    pipe = random_pipeline()
    seen, heard = posteriors((2, 0.9), (3, 0.6), (6, 0.9)), posteriors((2, 0.9), (4, 0.8), (0, 1.0))
    result = pipe.postprocess({"optical": (seen, 10.0), "audio": (heard, 0.5)}, weight=0.5)
    lines = transcription.disagreement_table(result).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["15", "0.50", "note-C4_quarter", "tie", "note-D4_quarter", "note-D4_quarter", "tie"]
    ]
    longer = posteriors((2, 0.9), (3, 0.6), (4, 0.6), (5, 0.9))
    result = pipe.postprocess({"optical": (longer, 10.0), "audio": (longer[:1], 0.5)})
    assert transcription.disagreement_table(result).splitlines()[1].split()[:8] == [
        *["15", "-", "note-C4_quarter", "note-D4_quarter", "...", "3", "in", "all"]
    ]
    same = pipe.postprocess({"optical": (seen, 10.0), "audio": (seen, 0.5)})
    assert transcription.disagreement_table(same) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one.bin", "--out", "staff.pdf"], "out must end in one of .musicxml, .xml, .mid, .midi, .semantic, got"),
        (["three.bin"], "file must be a picture or a recording, got three.bin"),
        (["one.bin", "one.bin"], "files must be one picture, one recording or one of each, got one.bin, one.bin"),
        (["one.bin", "two.bin", "two.bin"], "one of each, got one.bin, two.bin, two.bin"),
        (["missing.bin"], "missing.bin"),
        (["one.bin", "two.bin", "--fusion", "vote"], "fusion must be one of"),
        (["one.bin", "two.bin", "--weight", "3"], "weight must be 0 to 1, got 3.0"),
        (["one.bin", "--model", "no_such_folder"], "folder or Hub repository of a transcriber, got no_such_folder: "),
        (["one.bin", "--model", FOLLOWER], "model must be a transcriber, got one of another kind"),
    ],
)
def test_what_can_not_be_done_is_named_in_one_line(folder, arguments, message):
    model = [] if "--model" in arguments else ["--model", folder / "model"]
    result = run(folder, *arguments, *model)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("error: ") == 1
    assert "Traceback" not in result.output


def test_a_missing_embedded_model_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(transcription, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="model must be a folder or Hub repository where no trained one is embedded"):
        transcription.load_transcriber()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "processor_config.json"])
def test_half_a_file_of_a_model_is_named_in_one_line(folder, name, tmp_path):
    model = shutil.copytree(folder / "model", tmp_path / "model")
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 2])
    result = run(folder, "one.bin", "--model", model)
    assert result.exit_code == 2, result.output
    assert "model must be a folder or Hub repository of a transcriber, got" in result.output
    assert "Traceback" not in result.output
