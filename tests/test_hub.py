"""Pushing to the Hub and loading back, against a Hub on this machine; what loads does so without scorehub."""

import json
import re
import tarfile
import zipfile
from io import BytesIO

import pytest

from scorehub import hub

PUSH_TWICE = """
import json, sys
from scorehub import hub
push = getattr(hub, sys.argv[1])
options = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
up = push(sys.argv[2], sys.argv[3], **options)
assert push(sys.argv[2], sys.argv[3], **options) == up
print(json.dumps(up))
"""


def push(run_python, loopback_hub, *arguments):
    return [tuple(file) for file in json.loads(run_python(PUSH_TWICE, *arguments, env=loopback_hub.env))]


def sizes(loopback_hub, kind, repo_id, revision="main"):
    held = loopback_hub.files(kind, repo_id, revision)
    return sorted((path, len(content)) for path, content in held.items() if path != ".gitattributes")


@pytest.fixture
def tiny_dataset(tmp_path):
    """Two configs, `default` with two splits of three and one rows and `small` with one row, and a work folder."""
    from datasets import Dataset

    folder = tmp_path / "tiny"
    for name in ("data", "parts", "logs"):
        (folder / name).mkdir(parents=True)
    for split, rows in {"train": ["a", "b", "c"], "test": ["d"], "small": ["e"]}.items():
        Dataset.from_dict({"text": rows}).to_parquet(folder / f"data/{split}-00000-of-00001.parquet")
    (folder / "parts/0.parquet").write_bytes(b"unfinished")
    (folder / "logs/0.log").write_text("log")
    (folder / "manifest.csv").write_text("source\n")
    (folder / "README.md").write_text(
        "---\nlicense: cc0-1.0\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: data/train-*.parquet}\n  - {split: test, path: data/test-*.parquet}\n"
        "- config_name: small\n  data_files: data/small-*.parquet\n"
        "dataset_info:\n- config_name: default\n  features: [{name: text, dtype: string}]\n---\n# Tiny\n"
    )
    return folder


def test_a_pushed_dataset_loads_without_scorehub(run_python, loopback_hub, tiny_dataset):
    up = push(run_python, loopback_hub, "push_dataset", tiny_dataset, "tester/tiny")

    data = [f"data/{split}-00000-of-00001.parquet" for split in ("small", "test", "train")]
    assert [path for path, _ in up] == ["README.md", *data, "manifest.csv"]
    assert sizes(loopback_hub, "dataset", "tester/tiny") == up
    code = """
from datasets import load_dataset
assert {split: len(rows) for split, rows in load_dataset("tester/tiny").items()} == {"train": 3, "test": 1}
assert load_dataset("tester/tiny", split="train[1:]")["text"][:] == ["b", "c"]
assert load_dataset("tester/tiny", "small")["train"]["text"][:] == ["e"]
print([row["text"] for row in load_dataset("tester/tiny", split="train", streaming=True)])
"""
    assert run_python(code, env=loopback_hub.env, without_scorehub=True) == "['a', 'b', 'c']\n"


def test_an_archive_on_the_hub_is_read_as_a_stream(run_python, loopback_hub):
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("1.txt", "2.txt"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, BytesIO(name.encode()))
    loopback_hub.put("dataset", "tester/archive", {"train.tar.gz": buffer.getvalue()})
    code = """
from datasets import StreamingDownloadManager
files = StreamingDownloadManager().iter_archive("hf://datasets/tester/archive/train.tar.gz")
print([(name, file.read()) for name, file in files])
"""
    printed = run_python(code, env=loopback_hub.env, without_scorehub=True)
    assert printed == "[('1.txt', b'1.txt'), ('2.txt', b'2.txt')]\n"


def test_pushing_twice_makes_one_commit(run_python, loopback_hub, tiny_dataset):
    push(run_python, loopback_hub, "push_dataset", tiny_dataset, "tester/tiny", '{"message": "Ten tunes"}')

    titles = [commit.title for commit in loopback_hub.repos["dataset", "tester/tiny"].commits.values()]
    assert titles == ["initial commit", "Ten tunes"]


def test_a_push_takes_stale_shards_away_and_keeps_other_files(run_python, loopback_hub, tiny_dataset):
    loopback_hub.put("dataset", "tester/tiny", {"data/train-00001-of-00002.parquet": b"old", "NOTES.md": b"by hand"})

    up = push(run_python, loopback_hub, "push_dataset", tiny_dataset, "tester/tiny")

    assert sizes(loopback_hub, "dataset", "tester/tiny") == sorted([*up, ("NOTES.md", 7)])


def test_a_revision_is_a_branch_and_leaves_main_alone(run_python, loopback_hub, tiny_dataset):
    options = '{"revision": "draft", "private": true}'

    up = push(run_python, loopback_hub, "push_dataset", tiny_dataset, "tester/tiny", options)

    assert sizes(loopback_hub, "dataset", "tester/tiny", "draft") == up
    assert sizes(loopback_hub, "dataset", "tester/tiny") == []
    code = "from datasets import load_dataset\nprint(len(load_dataset('tester/tiny', revision='draft', split='test')))"
    assert run_python(code, env=loopback_hub.env) == "1\n"
    code = """
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
try:
    HfApi(token=False).dataset_info("tester/tiny")
except RepositoryNotFoundError:
    print("hidden")
"""
    assert run_python(code, env=loopback_hub.env) == "hidden\n"


@pytest.fixture
def tiny_model(tmp_path):
    """An image classifier of 2 classes with random weights, saved by transformers, and what training leaves."""
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessor

    torch.manual_seed(0)
    labels = {0: "other", 1: "score"}
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", id2label=labels)
    folder = tmp_path / "page_classifier"
    ResNetForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    card = "---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: image-classification\n---\n# Tiny\n"
    (folder / "README.md").write_text(card)
    (folder / "__init__.py").write_text("")
    for name in ("__pycache__/model.pyc", "checkpoint-1/optimizer.pt"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(b"left behind")
    return folder


def test_a_pushed_model_makes_a_pipeline_without_scorehub(run_python, loopback_hub, tiny_model):
    up = push(run_python, loopback_hub, "push_model", tiny_model, "tester/page_classifier")

    names = ["README.md", "config.json", "model.safetensors", "preprocessor_config.json"]
    assert [path for path, _ in up] == names
    assert sizes(loopback_hub, "model", "tester/page_classifier") == up
    code = """
from PIL import Image
from transformers import pipeline
classify = pipeline("image-classification", model="tester/page_classifier")
print(sorted(answer["label"] for answer in classify(Image.new("RGB", (20, 30)))))
"""
    assert run_python(code, env=loopback_hub.env, without_scorehub=True) == "['other', 'score']\n"


@pytest.fixture
def tiny_space(tmp_path):
    folder = tmp_path / "tiny_space"
    folder.mkdir()
    (folder / "app.py").write_text("import scorehub\n")
    (folder / "requirements.txt").write_text("torch\nscorehub\n")
    (folder / "README.md").write_text("---\ntitle: Tiny\nsdk: gradio\napp_file: app.py\n---\n")
    return folder


def test_a_pushed_space_installs_the_wheel_that_went_up_with_it(run_python, loopback_hub, tiny_space):
    up = push(run_python, loopback_hub, "push_space", tiny_space, "tester/tiny")

    held = loopback_hub.files("space", "tester/tiny")
    assert sizes(loopback_hub, "space", "tester/tiny") == up
    torch, requirement = held["requirements.txt"].decode().splitlines()
    assert torch == "torch"
    name = requirement.removeprefix(f"scorehub @ {loopback_hub.url}/spaces/tester/tiny/resolve/main/")
    assert re.fullmatch(r"scorehub-.+-py3-none-any\.whl", name)
    assert "scorehub/hub.py" in zipfile.ZipFile(BytesIO(held[name])).namelist()
    assert (tiny_space / "requirements.txt").read_text() == "torch\nscorehub\n"
    assert sum(len(repo.commits) for repo in loopback_hub.repos.values()) == 2, "the second push changes nothing"


PUSH_ALL = """
import json, sys
from scorehub import hub
dry_run, *folders = sys.argv[1:]
pushes = zip((hub.push_dataset, hub.push_model, hub.push_space), folders)
print(json.dumps([push(folder, "tester/x", dry_run=dry_run == "dry") for push, folder in pushes]))
"""


def test_a_dry_run_lists_what_a_push_uploads_and_asks_nothing_of_the_hub(
    run_python, loopback_hub, tiny_dataset, tiny_model, tiny_space
):
    folders = (tiny_dataset, tiny_model, tiny_space)
    listed = run_python(PUSH_ALL, "dry", *folders, env=loopback_hub.env)
    assert loopback_hub.requests == []
    assert listed == run_python(PUSH_ALL, "push", *folders, env=loopback_hub.env)
    assert {kind for kind, _ in loopback_hub.repos} == {"dataset", "model", "space"}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"one of pipelines/ \(.+\), got 'page_clasifier'"):
        hub.push_model("page_clasifier", "tester/x", dry_run=True)


@pytest.mark.parametrize("repo_id", ["tiny", "a/b/c", "tester/with space"])
def test_a_bad_repo_id_is_refused(tiny_dataset, repo_id):
    with pytest.raises(ValueError, match=r"[Rr]epo_?id|Repo id"):
        hub.push_dataset(tiny_dataset, repo_id, dry_run=True)


def test_a_folder_that_is_not_ready_is_refused_with_what_it_lacks(tiny_dataset, tmp_path):
    with pytest.raises(ValueError, match="folder must exist"):
        hub.push_dataset(tmp_path / "nowhere", "tester/x", dry_run=True)
    (tiny_dataset / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    with pytest.raises(ValueError, match="must have license, configs, dataset_info, got no configs"):
        hub.push_dataset(tiny_dataset, "tester/x", dry_run=True)
    (tiny_dataset / "README.md").unlink()
    with pytest.raises(ValueError, match=r"must hold a card README\.md"):
        hub.push_dataset(tiny_dataset, "tester/x", dry_run=True)


def test_a_private_space_that_needs_scorehub_is_refused(tiny_space):
    with pytest.raises(ValueError, match="private must be False"):
        hub.push_space(tiny_space, "tester/x", private=True, dry_run=True)


def test_a_push_without_a_token_says_how_to_get_one(tiny_dataset):
    with pytest.raises(ValueError, match="token must be set by HF_TOKEN or `hf auth login`"):
        hub.push_dataset(tiny_dataset, "tester/x")
