"""Every snippet of the README runs, a section at a time, in a folder that holds small files of the names it uses.

Python blocks of a section run in order in one process, without the network but for a Hub on this machine; commands run
as they stand. What is not run is in `NOT_RUN` with its reason; that its options exist is checked all the same.
"""

import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from readme_files import (
    write_corpora,
    write_grids,
    write_midi,
    write_pdfs,
    write_published,
    write_score,
    write_staff,
    write_tune,
)
from typer.testing import CliRunner

from scorehub.cli import app

ROOT = Path(__file__).parent.parent
INTRODUCTION, *SECTIONS = re.split(r"^## ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
TEXTS = {"Introduction": INTRODUCTION} | {text.splitlines()[0]: text for text in SECTIONS}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

# What makes the files that a section names; the tree is no snippet.
FILES = {
    "Introduction": [],
    "MusicScore": [write_pdfs, write_published],
    "Staves, pages and performances": [write_corpora],
    "Piano rolls by score-SDE": [write_midi],
    "Score following": [write_score],
    "Transcription of staves": [write_staff],
    "Text to score": [],
    "Chorales": [write_tune],
    "The catalogue": [write_grids],
    "On the Hub": [],
}
# What must be true after a section's Python.
CHECKS = {
    "Staves, pages and performances": """
        assert len(tokens) == 9 and list(boxes["pitch"]) == [67, 69, 71, 74]
        assert camera.dtype == phone.dtype == "uint8" and len(audio) > 22050""",
    "Piano rolls by score-SDE": 'assert len(midi) == 4 and all(file.startswith(b"MThd") for file in midi)',
    "Score following": 'assert len(run["positions"]) == 80 and run["positions"][-1]["page"] == 0',
    "Transcription of staves": """
        assert [row["token"] for row in result["tokens"][:3]] == ["clef-G2", "keySignature-DM", "timeSignature-2/4"]
        assert "score-partwise" in result["musicxml"] and result["midi"].startswith(b"MThd")""",
    "Text to score": "assert page.size == (256, 352)",
    "Chorales": 'assert chorale["pitches"][:, 0].tolist() == [67] * 4 + [69] * 4 + [71] * 8',
    "The catalogue": 'assert len(works) == 39 and jsb["train"][0]["notes"]["pitch"][:4] == [48, 60, 64, 67]',
}
# Command lines by their beginning, and why they are not run.
NOT_RUN = {
    "make": "installs an environment of its own",
    "python spaces": "serves until it is stopped; tests/test_space_*.py do that",
    "scorehub listen": "hears a microphone; the line that hears a stream is run",
    "scorehub study fusion": "trains dozens of networks; tests/test_study_fusion.py runs it with tiny ones",
    "scorehub evaluate text_to_score": "draws 128 pages; tests/test_evaluate_text_to_score.py has tiny ones",
    "scorehub convert ldm": "takes the published weights; tests/test_convert_ldm.py makes small ones",
}
SLOW = (
    "scorehub push all",
    "scorehub generate roll",
    "scorehub generate repair",
    "scorehub generate page --instrumentation",
)
# What they load, the tests of the sample and of embedded models load each time.
SLOW_PYTHON = ("MusicScore", "Piano rolls by score-SDE", "Text to score")


def snippets(text):
    """The Python of a section's text, all blocks in one, and its command lines."""
    blocks = FENCE.findall(text)
    lines = [line for language, block in blocks if not language for line in block.splitlines() if line.strip()]
    return "\n".join(block for language, block in blocks if language == "python"), lines


COMMANDS = {title: snippets(text)[1] for title, text in TEXTS.items() if title != "The tree"}


def is_slow(line):
    return line.startswith(SLOW)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, as a checkout has it beside the files of a section."""
    torch.set_num_threads(1)
    for name in ("pipelines", "spaces"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(title, folder):
    for write in FILES[title]:
        write(folder)


def run_line(line):
    """Runs a command line and looks for the files that it was to write."""
    for beginning in NOT_RUN:
        if line.startswith(beginning):
            return check_options(beginning, line)
    heard, _, command = line.rpartition(" | ")
    words = shlex.split(command, comments=True)
    if words[0] == "python":
        return subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True, timeout=900)
    assert words[0] == "scorehub"
    result = CliRunner().invoke(app, words[1:], input=Path("recording.wav").read_bytes() if heard else None)
    assert result.exit_code == 0, f"{line}\n{result.output}"
    outputs = [after for word, after in pairwise(words) if word in ("--out", "--video", "--figures")]
    assert [name for name in outputs if not Path(name).exists()] == []


def check_options(beginning, line):
    words = shlex.split(line, comments=True)
    if words[0] == "scorehub":
        shown = CliRunner().invoke(app, [*beginning.split()[1:], "--help"]).output
        assert [word for word in words if word.startswith("--") and word not in shown] == []
    elif words[0] == "make":
        assert re.search(f"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert (ROOT / "tests" / f"test_space_{Path(words[1]).parent.name}.py").exists()
        assert (ROOT / words[1]).exists()


@pytest.mark.parametrize("title", [title for title, lines in COMMANDS.items() if lines])
def test_the_commands_of_a_section_run(title, folder):
    prepare(title, folder)
    for line in COMMANDS[title]:
        if not is_slow(line):
            run_line(line)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "line"), [(title, line) for title, lines in COMMANDS.items() for line in lines if is_slow(line)]
)
def test_a_slow_command_runs(title, line, folder):
    prepare(title, folder)
    run_line(line)


PYTHON = [title for title, text in TEXTS.items() if snippets(text)[0]]


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=[pytest.mark.slow] if title in SLOW_PYTHON else []) for title in PYTHON]
)
def test_the_python_of_a_section_runs(title, folder, loopback_hub):
    prepare(title, folder)
    code = f"{snippets(TEXTS[title])[0]}\n{dedent(CHECKS.get(title, ''))}"
    Path("snippet.py").write_text(code, encoding="utf-8")
    environment = {
        "HF_HOME": str(folder / "hf"),
        "HF_DATASETS_CACHE": str(folder / "hf/datasets"),
        "OMP_NUM_THREADS": "1",
    }
    if title == "MusicScore":
        archives = {f"MusicScore-200k/{path.name}": path.read_bytes() for path in Path("MusicScore").rglob("*.*")}
        loopback_hub.put("dataset", "ZheqiDAI/MusicScore", archives)
        environment |= loopback_hub.env
    command = [sys.executable, "-I", "snippet.py"]
    ran = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert (loopback_hub.requests != []) == (title == "MusicScore")


def test_reasons_are_for_lines_that_there_are():
    lines = [line for lines in COMMANDS.values() for line in lines]
    assert [name for name in (*NOT_RUN, *SLOW) if not any(line.startswith(name) for line in lines)] == []
