"""What is published loads from a Hub on this machine where scorehub is not installed; Spaces start."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import huggingface_hub
import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from slow_parameters import some_slow
from space_browser import SPACES, Space

from scorehub.dataset_builders.parquet_shards import find_shards
from scorehub.dataset_builders.samples import sample_names
from scorehub.publishing import plan

METRICS = {
    "score_following": {"within_0.1": 0.75, "right_system": 0.75, "turns_in_time": 1.0},
    "symbol_error_rate": {"symbol_error_rate": 40.0, "sequence_error_rate": 50.0},
}

# Runs the first snippet of a published card; a model's as far as the model is loaded, for there is no page to read.
LOAD = """
import re, sys
from huggingface_hub import hf_hub_download
kind, repo_id = sys.argv[1:]
repo_type = "space" if kind == "metric" else kind
card = open(hf_hub_download(repo_id, "README.md", repo_type=repo_type), encoding="utf-8").read()
lines = re.search(r"```python\\n(.*?)```", card, re.DOTALL)[1].splitlines()
if kind == "model":
    lines = lines[: lines.index(f'folder = "{repo_id}"') + 2]
names = {}
exec("\\n".join(lines), names)
"""


@pytest.mark.slow
def test_published_metrics_load_where_scorehub_is_not(loopback_hub, run_python):
    """By the snippets of their cards, which say what comes out."""
    pytest.importorskip("evaluate")
    command = "import sys; from scorehub.cli import app; app(sys.argv[1:])"
    arguments = ("push", "all", "--namespace", "tester", "--only", "metrics")
    printed = run_python(command, *arguments, env=loopback_hub.env)
    assert printed.endswith("2 repositories: 2 sent, 0 unchanged, 0 failed\n")
    code = f"{LOAD}import json; print(json.dumps(names['result']))"
    for name, said in METRICS.items():
        printed = run_python(code, "metric", f"tester/{name}", env=loopback_hub.env, without_scorehub=True)
        found = json.loads(printed)
        assert {key: found[key] for key in said} == pytest.approx(said)


@pytest.mark.slow
def test_a_published_model_loads_where_scorehub_is_not(publish, loopback_hub, run_python):
    folder = Path(str(files("scorehub.pipelines.page_classifier")))
    publish(("model", folder))
    code = f"""{LOAD}
from PIL import Image
print(names["classify"](Image.new("RGB", (600, 840), "white"))[0]["label"])
"""
    arguments = ("model", "tester/page_classifier")
    assert run_python(code, *arguments, env=loopback_hub.env, without_scorehub=True) == "non-score\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_names())
def test_a_published_sample_loads_where_scorehub_is_not(name, publish, loopback_hub, run_python, tmp_path):
    ((repo_id, sent, _, failure),) = publish(("dataset", tmp_path / "datasets" / name))
    assert (repo_id, failure) == (f"tester/{name}", "")
    assert {"README.md"} < set(sent)

    code = f"{LOAD}print({{split: len(rows) for split, rows in names['dataset'].items()}})"
    printed = run_python(code, "dataset", repo_id, env=loopback_hub.env, without_scorehub=True)

    shards = find_shards(tmp_path / "datasets" / name)
    lengths = {split: sum(pq.read_metadata(path).num_rows for path in paths) for split, paths in shards.items()}
    assert printed == f"{lengths}\n"


def installed_by(requirements):
    """The distributions of this environment that `pip install` of these lines would bring."""
    found, todo = set(), [Requirement(line) for line in requirements]
    while todo:
        wanted = todo.pop()
        if (wanted.name, extras := frozenset(wanted.extras)) in found:
            continue
        found.add((wanted.name, extras))
        try:
            needs = map(Requirement, importlib.metadata.requires(wanted.name) or [])
        except importlib.metadata.PackageNotFoundError:
            continue
        for need in needs:
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                todo.append(need)
    return {canonicalize_name(name) for name, _ in found}


@pytest.mark.parametrize("name", some_slow(SPACES, "chorales"))
def test_a_space_asks_for_what_it_imports(name, run_python):
    """A Space starts where nothing can be imported but what its requirements.txt brings, and Gradio."""
    lines = files(f"scorehub.spaces.{name}").joinpath("requirements.txt").read_text(encoding="utf-8").split("\n")
    brought = installed_by([*filter(None, lines), "gradio"])
    distributions = importlib.metadata.packages_distributions()
    owners = {module: set(map(canonicalize_name, names)) for module, names in distributions.items()}
    refused = [module for module, names in owners.items() if not names & brought]
    assert "pytest" in refused
    code = """
import importlib, json, sys
sys.modules.update(dict.fromkeys(json.loads(sys.argv[1])))
importlib.import_module(f"scorehub.spaces.{sys.argv[2]}.app").build_app
"""
    run_python(code, json.dumps(refused), name)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A Hub on which the command has published all that there is."""
    with LoopbackHub() as hub:
        folder = tmp_path_factory.mktemp("everything")
        command = [shutil.which("scorehub"), "push", "all", "--namespace", "tester", "--datasets", folder / "datasets"]
        env = os.environ | hub.env | {"HF_HOME": str(folder / "hf")}
        pushed = subprocess.run(command, env=env, capture_output=True, text=True)
        assert pushed.returncode == 0, pushed.stderr[-4000:]
        yield hub


@pytest.mark.slow
def test_everything_that_is_published_loads_where_scorehub_is_not(everything, run_python, tmp_path):
    repositories = [r for r in plan("tester", tmp_path) if r.kind != "space"]
    assert {(r.repo_type, r.repo_id) for r in repositories} <= set(everything.repos)
    for repository in repositories:
        run_python(LOAD, repository.kind, repository.repo_id, env=everything.env, without_scorehub=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_a_published_space_starts_from_its_own_requirements(name, everything, tmp_path, monkeypatch):
    """In a fresh environment, as the Hub makes one: Debian packages, Gradio, requirements.txt, and nothing else."""
    space = tmp_path / "space"
    for path, content in everything.files("space", f"tester/{name.replace('_', '-')}").items():
        (space / path).parent.mkdir(parents=True, exist_ok=True)
        (space / path).write_bytes(content)
    packages = (space / "packages.txt").read_text().split() if (space / "packages.txt").exists() else []
    if packages and subprocess.run(["dpkg", "--status", *packages], capture_output=True).returncode:
        pytest.skip(f"the Hub installs {', '.join(packages)} first")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    gradio = huggingface_hub.metadata_load(space / "README.md")["sdk_version"]
    # CPU PyTorch first, as in the Makefile; it is what scorehub asks for, in the smallest form.
    for what in (["torch==2.13.0"], [f"gradio=={gradio}"], ["-r", space / "requirements.txt"]):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *what], check=True)
    for library in tmp_path.glob("venv/lib/*/site-packages/torchaudio/lib/*.so"):
        library.unlink()  # likewise: they can't be loaded beside a CPU PyTorch
    monkeypatch.setattr(sys, "executable", str(python))
    with Space(space / "app.py", tmp_path, {"HF_HUB_OFFLINE": "1"}):
        pass  # it answers
