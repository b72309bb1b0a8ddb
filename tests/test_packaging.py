"""The package is what setup.cfg says, imports point one way, and importing it costs little."""

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scorehub.wheels import build_wheel

ROOT = Path(__file__).parent.parent
MAPPED = ("dataset_builders", "trainers", "pipelines", "spaces", "model_cards")
# Who may import whom; scorehub and dataset_builders may also use what a pipeline's folder shares.
ALLOWED = {
    "scorehub": {"pipelines"},
    "dataset_builders": {"pipelines"},
    "trainers": {"dataset_builders", "pipelines"},
    "spaces": {"dataset_builders", "trainers", "pipelines"},
}


def setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def test_every_folder_with_code_is_a_listed_package():
    listed = set(setup_cfg()["options"]["packages"].split())
    found = {
        ".".join(("scorehub", *init.parent.relative_to(ROOT).parts)).replace("scorehub.scorehub", "scorehub")
        for folder in (*MAPPED, "scorehub")
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert listed == found


def test_every_mapped_folder_is_a_package():
    assert all((ROOT / folder / "__init__.py").exists() for folder in MAPPED)
    assert not (ROOT / "tests" / "__init__.py").exists()


def imports(path):
    """Dotted names that a module imports at its top level, relative ones with their dots."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names if node.module)


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_point_one_way(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "scorehub" and len(parts) > 1 and parts[1] in MAPPED and parts[1] != folder:
                assert parts[1] in ALLOWED[folder], f"{path.relative_to(ROOT)} imports {name}"


def test_pipelines_import_only_their_siblings():
    for path in (ROOT / "pipelines").rglob("*.py"):
        for name in imports(path):
            assert not name.startswith(("scorehub", "..")), f"{path.relative_to(ROOT)} imports {name}"


def test_importing_scorehub_loads_nothing_heavy():
    code = "import sys, scorehub, scorehub.cli; print([m for m in ('torch', 'datasets', 'numpy') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_wheel_carries_code_weights_and_cards(tmp_path):
    with zipfile.ZipFile(tmp_path / build_wheel(tmp_path)) as wheel:
        names = set(wheel.namelist())
    weights = "pipelines/page_classifier/model.safetensors"
    for name in ("cli.py", "py.typed", weights, "model_cards/musicscore.md", "spaces/musicscore/requirements.txt"):
        assert f"scorehub/{name}" in names
