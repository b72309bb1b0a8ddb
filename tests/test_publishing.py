"""All that is published goes to a Hub on this machine, once, with its card."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from space_browser import SPACES
from tiny_cards import CARDS, write_folder
from typer.testing import CliRunner

from scorehub.cli import app
from scorehub.dataset_builders.samples import build_sample, sample_names
from scorehub.publishing import plan
from scorehub.staging import Repository, name_repository, staged


def push_all(*arguments):
    return CliRunner().invoke(app, ["push", "all", "--namespace", "tester", *map(str, arguments)])


def requests_since(hub, count):
    return [(method, path) for method, path in hub.requests[count:] if method != "GET"]


@contextmanager
def refusing_commits(hub, name):
    """While the block runs the Hub takes files of a repository, but no commit."""
    handler = hub.server.RequestHandlerClass

    def refuse(self):
        if f"/{name}/commit/" not in self.path:
            return self.answer()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send(403, {"error": "no room is left"})

    handler.do_POST = refuse
    yield
    del handler.do_POST


def test_names_have_dashes_but_for_metrics_and_never_meet(tmp_path):
    repositories = plan("tester", tmp_path)
    kinds = ("dataset", "model", "metric", "space")
    ids = {kind: {r.repo_id for r in repositories if r.kind == kind} for kind in kinds}
    assert ids["metric"] == {"tester/score_following", "tester/symbol_error_rate"}
    assert {"tester/page-classifier", "tester/score-following", "tester/score-sde"} <= ids["model"]
    assert ids["space"] == {f"tester/{name.replace('_', '-')}" for name in SPACES}
    assert ids["dataset"] == {f"tester/{name.replace('_', '-')}" for name in sample_names()}
    assert len({(r.repo_type, r.repo_id) for r in repositories}) == len(repositories)
    assert all(list(r.folder.rglob("*.safetensors")) for r in repositories if r.kind == "model")


def test_datasets_are_those_in_the_folder_and_the_samples_that_are_missing(tmp_path):
    for name in ("maestro", "my_tunes"):
        write_folder(tmp_path / name, "dataset")
    (tmp_path / "pdfs").mkdir()  # no dataset
    (tmp_path / "lakh").mkdir()  # a dataset's name, and nothing built yet

    built = [r.folder.name for r in plan("tester", tmp_path, ["datasets"], samples=False)]

    assert built == ["lakh", "maestro", "my_tunes"]
    everything = {r.folder.name for r in plan("tester", tmp_path, ["datasets"])}
    assert everything == {*built, *sample_names()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "weights"], "only must be some of datasets, models, metrics, spaces, got 'weights'"),
        (["--namespace", "a/b"], "namespace must be a user or an organisation, got 'a/b'"),
        (["--namespace", "a b"], "a b/scorehub"),
        (["--no-samples", "--datasets", "nowhere"], "must be a folder of built datasets, got 'nowhere' without any"),
        (["--only", "metrics"], "you must be signed in, by HF_TOKEN or `hf auth login`, got:"),
    ],
)
def test_what_can_not_be_done_is_named_in_one_line(arguments, message):
    result = push_all(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_dry_run_without_the_hub_lists_every_repository(tmp_path):
    folder = write_folder(tmp_path / "my_tunes", "dataset")
    size = sum((folder / path).stat().st_size for path in ("README.md", "data/train-00000-of-00001.parquet"))
    size += len("item,reason\n") + len("tester/my-tunes") - len(".")  # the card names its repository

    result = push_all("--only", "datasets", "--no-samples", "--datasets", tmp_path, "--dry-run")

    line, summary = result.output.splitlines()
    assert re.fullmatch(rf"dataset +tester/my-tunes +3 files +{size:,} bytes  not compared: the Hub .*", line)
    assert summary == "1 repositories: 1 to send, 0 unchanged, 0 failed"
    assert result.exit_code == 0


def test_failures_stand_at_the_end_and_in_the_exit_code(tmp_path):
    write_folder(tmp_path / "bad", "dataset")
    (tmp_path / "bad/README.md").write_text(CARDS["dataset"].replace("@misc{tiny}\n", ""))
    write_folder(tmp_path / "good", "dataset")

    result = push_all("--only", "datasets", "--no-samples", "--datasets", tmp_path, "--dry-run")

    lines = result.output.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["tester/bad", "tester/good"]
    assert lines[2] == "2 repositories: 1 to send, 0 unchanged, 1 failed"
    mended = "the dataset's card must be mended: section 'Citation' must have text, got none"
    assert lines[3:] == [f"failed: dataset tester/bad: {mended}"]
    assert result.exit_code == 1


def test_a_dry_run_asks_without_a_token_and_sends_nothing(publish, loopback_hub, tmp_path):
    model, rows = write_folder(tmp_path / "net", "model"), write_folder(tmp_path / "rows", "dataset")
    publish(("dataset", rows))
    stale = "data/train-00001-of-00002.parquet"
    held = loopback_hub.files("dataset", "tester/rows")
    loopback_hub.put("dataset", "tester/rows", {**held, stale: b"", "notes.txt": b""})
    (rows / "failures.csv").write_text("item,reason\na,b\n")
    count, commits = len(loopback_hub.requests), len(loopback_hub.repos["dataset", "tester/rows"].commits)

    found = publish(("model", model), ("dataset", rows), token=False, dry_run=True)

    net = ["README.md", "config.json", "model.safetensors"]
    assert found == [["tester/net", net, [], ""], ["tester/rows", ["failures.csv"], [stale], ""]]
    assert requests_since(loopback_hub, count) == []
    assert list(loopback_hub.repos) == [("dataset", "tester/rows")]
    assert len(loopback_hub.repos["dataset", "tester/rows"].commits) == commits


def test_a_second_push_sends_nothing_and_a_change_alone_goes_up(publish, loopback_hub, tmp_path):
    items = [(kind, write_folder(tmp_path / kind, kind)) for kind in ("dataset", "model", "metric")]
    first = publish(*items)
    count = len(loopback_hub.requests)

    assert [sent for _, sent, _, _ in publish(*items)] == [[], [], []]

    assert requests_since(loopback_hub, count) == []
    assert all(len(sent) >= 3 for _, sent, _, _ in first)
    (tmp_path / "model/config.json").write_text("[]")
    assert [sent for _, sent, _, _ in publish(*items)] == [[], ["config.json"], []]
    assert loopback_hub.files("model", "tester/model")["config.json"] == b"[]"


def test_a_failure_does_not_keep_the_others_back_and_the_next_run_sends_the_rest(publish, loopback_hub, tmp_path):
    models = [("model", write_folder(tmp_path / name, "model")) for name in ("one", "two", "three")]
    paths = ["README.md", "config.json", "model.safetensors"]

    with refusing_commits(loopback_hub, "two"):
        one, two, three = publish(*models)

    assert one == ["tester/one", paths, [], ""]
    assert three == ["tester/three", paths, [], ""]
    assert "403" in two[3]
    count = len(loopback_hub.requests)
    assert [sent for _, sent, _, _ in publish(*models)] == [[], paths, []]
    again = requests_since(loopback_hub, count)
    assert not [path for method, path in again if method == "PUT"], "the weights of the first run are still there"
    assert all("tester/two" in path for _, path in again if path.startswith("/api/models/"))
    assert loopback_hub.files("model", "tester/two")["model.safetensors"] == b"two" * 100


def test_a_card_with_faults_keeps_its_repository_back(publish, loopback_hub, tmp_path):
    folder = write_folder(tmp_path / "net", "model")
    (folder / "README.md").write_text(CARDS["model"].replace("python -m tiny", ""))
    ((_, sent, _, failure),) = publish(("model", folder))
    assert sent == []
    assert failure.startswith("the model's card must be mended: section 'How to reproduce' must have a command")
    assert loopback_hub.repos == {}


def test_spaces_share_one_wheel_and_name_it_by_their_own_address(publish, loopback_hub, tmp_path):
    names = ["first", "second"]
    spaces = [("space", write_folder(tmp_path / name, "space")) for name in names]
    private = publish(*spaces, private=True)
    assert {failure for *_, failure in private} == {
        "private must be False for a Space that installs scorehub from itself, got True"
    }

    assert [failure for *_, failure in publish(*spaces)] == ["", ""]

    wheels = []
    for name in names:
        held = loopback_hub.files("space", f"tester/{name}")
        torch, scorehub = held["requirements.txt"].decode().splitlines()
        wheel = scorehub.removeprefix(f"scorehub @ {loopback_hub.url}/spaces/tester/{name}/resolve/main/")
        assert (torch, set(held) - {".gitattributes"}) == ("torch", {"README.md", "app.py", "requirements.txt", wheel})
        wheels.append(held[wheel])
    assert wheels[0] == wheels[1]
    assert (tmp_path / "first/requirements.txt").read_text() == "torch\nscorehub\n"


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("dataset", 'load_dataset(".", split="train")', 'load_dataset("me/x", split="train")'),
        ("dataset", 'load_dataset("maestro")', 'load_dataset("maestro")'),
        ("metric", 'evaluate.load("x_y.py")', 'evaluate.load("me/x")'),
        ("model", "```python\nload(folder)\n```", '```python\nfolder = "me/x"\nload(folder)\n```'),
        ("model", '```python\nfolder = "x"  # or\na = folder\n```', '```python\nfolder = "me/x"\na = folder\n```'),
        ("model", "```python\nload()\n```\n```python\nfolder\n```", "```python\nload()\n```\n```python\nfolder\n```"),
        ("space", 'load_dataset(".")', 'load_dataset(".")'),
    ],
)
def test_the_snippets_of_a_card_name_its_repository(kind, old, new):
    assert name_repository(old, kind, "me/x") == new


def test_a_metric_has_its_card_as_its_page(tmp_path):
    folder = write_folder(tmp_path / "tiny", "metric")
    with staged(Repository("metric", "me/tiny", folder), tmp_path) as ready:
        page = (ready / "index.html").read_text(encoding="utf-8")
    assert "<title>Tiny</title>" in page
    assert "# Tiny\n" in page
    assert '`evaluate.load("me/tiny")`'.replace('"', "&quot;") in page
    assert "&lt;text&gt;" in page
    assert not (folder / "index.html").exists()


@pytest.mark.parametrize("kind", ["dataset", "space"])
@pytest.mark.parametrize("name", [".", ".."])
def test_a_folder_named_from_within_is_staged_apart(kind, name, tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "tiny", kind)
    (folder / "requirements.txt").write_text("torch\n")
    (folder / "within").mkdir()
    before = (folder / "README.md").read_bytes()
    monkeypatch.chdir(folder if name == "." else folder / "within")
    with staged(Repository(kind, "me/tiny", Path(name)), tmp_path) as ready:
        assert ready.name == "tiny"
    assert (folder / "README.md").read_bytes() == before


def test_a_single_push_checks_the_card_and_says_what_was_sent(tmp_path):
    folder = write_folder(tmp_path / "net", "model")
    push = ["push", "model", str(folder), "--repo-id", "me/net", "--dry-run"]
    lines = CliRunner().invoke(app, push).output.splitlines()
    assert [line.split()[-1] for line in lines[:3]] == ["README.md", "config.json", "model.safetensors"]
    assert lines[3:] == ["not compared: the Hub doesn't answer", "would go to me/net"]
    (folder / "README.md").write_text(CARDS["model"].replace("It guesses.\n", ""))
    result = CliRunner().invoke(app, push)
    assert result.exit_code == 2
    assert result.output == "error: the model's card must be mended: section 'Limits' must have text, got none\n"


def test_a_sample_never_takes_the_place_of_what_is_there(tmp_path):
    (tmp_path / "maestro/parts").mkdir(parents=True)
    with pytest.raises(ValueError, match="folder of a sample must be new"):
        build_sample("maestro", tmp_path / "maestro")
    assert (tmp_path / "maestro/parts").is_dir()
