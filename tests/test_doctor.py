"""What is there is named, what is missing is named with its remedy."""

import pytest
from typer.testing import CliRunner

from scorehub import doctor
from scorehub.cli import app


def run():
    result = CliRunner().invoke(app, ["doctor"])
    return result.exit_code, result.output.splitlines()


def test_all_that_is_needed_is_here():
    code, lines = run()
    assert code == 0
    assert {"ok       Python", "ok       torch", "ok       SoundFont"} <= {line.partition(":")[0] for line in lines}


@pytest.mark.parametrize(("name", "line"), [("torch", "missing  torch, for all models: pip install torch==2.13.0")])
def test_what_is_needed_and_missing_fails(monkeypatch, name, line):
    found = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda asked: None if asked == name else found(asked))
    code, lines = run()
    assert code == 1
    assert line in lines


def test_what_is_optional_and_missing_is_told(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**80)
    code, lines = run()
    assert code == 0
    assert any(line.startswith("optional pdftoppm, for the paper's preset") for line in lines)
    assert any(line.startswith("optional disk, for caches") for line in lines)
