"""What the README shows runs."""

import re
from pathlib import Path

from scorehub.dataset_names import FOLDERS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_parts_of_the_builders_work_as_shown():
    (snippet,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "read_pae" in block)
    names = {}
    exec(snippet, names)
    assert len(names["tokens"]) == 9
    assert names["camera"].dtype == names["phone"].dtype == "uint8"
    assert len(names["audio"]) > 22050
    assert list(names["boxes"]["pitch"]) == [67, 69, 71, 74]


def test_every_folder_of_a_builder_stands_in_the_table():
    table = README[README.index("## What is where") : README.index("## MusicScore")]
    assert [name for name in FOLDERS if f"| `dataset_builders/{name}/` |" not in table] == []


def test_every_module_stands_in_the_tree():
    tree = README[README.index("## The tree") :]
    root = Path(__file__).parent.parent
    missing = [
        path.relative_to(root).as_posix()
        for folder in ("scorehub", "dataset_builders", "trainers")
        for path in (root / folder).rglob("*.py")
        if path.name != "__init__.py" and path.parent.name not in ("notation", "tunes", "sample")
        if path.name not in tree
    ]
    assert missing == []
