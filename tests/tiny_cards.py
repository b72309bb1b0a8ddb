"""Cards of each kind in which nothing is amiss, and no more than must be there."""

CARDS = {
    "dataset": """\
---
license: cc0-1.0
pretty_name: Tiny
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*.parquet}
dataset_info:
- config_name: default
  features: [{name: text, dtype: string}]
---
# Tiny

Rows, after [another dataset](https://example.org/rows).

## Loading
```python
from datasets import load_dataset

rows = load_dataset(".")["train"]["text"][:]
```
## Splits
One.
## Columns
`text`
## Known limits
It is tiny.
## Licences
All: CC0.
## Citation
@misc{tiny}
""",
    "model": """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: image-classification
model-index:
- name: tiny
  results:
  - task: {type: image-classification}
    dataset: {name: pages, type: image-folder}
    metrics:
    - {type: accuracy, value: 0.5}
---
# Tiny

```python
import json

model = json.dumps(folder)
```
## Training
None.
## Results
Half of the pages.
## Limits
It guesses.
## Licence
Weights: Apache-2.0. Data: none.
## How to reproduce
```
python -m tiny
```
""",
    "space": """\
---
title: Tiny
emoji: 🎼
colorFrom: green
colorTo: gray
sdk: gradio
sdk_version: 6.31.0
app_file: app.py
license: apache-2.0
short_description: It shows nothing
---
# Tiny

## Run it
`python app.py`
""",
    "metric": """\
---
title: Tiny
emoji: 🎼
sdk: static
app_file: index.html
license: apache-2.0
tags: [evaluate, metric]
---
# Tiny

## How to use
`evaluate.load("tiny.py")`
## Inputs
<text>
## Output
Numbers.
## Limits
Many.
## Sources
None.
""",
}


def write_folder(folder, kind):
    """What a repository of this kind is made of, with content that differs from folder to folder."""
    files = {
        "dataset": {"data/train-00000-of-00001.parquet": b"", "failures.csv": b"item,reason\n"},
        "model": {"config.json": b"{}", "model.safetensors": folder.name.encode() * 100},
        "space": {"app.py": b"import scorehub\n", "requirements.txt": b"torch\nscorehub\n"},
        "metric": {f"{folder.name}.py": b"", "requirements.txt": b"numpy\n"},
    }[kind] | {"README.md": CARDS[kind].encode(), "__init__.py": b""}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if kind == "dataset":
        from datasets import Dataset

        Dataset.from_dict({"text": ["a", "b"]}).to_parquet(folder / "data/train-00000-of-00001.parquet")
    return folder
