"""Tables, web pages and models that nobody makes by accident; see `reliability_archives`."""

import json
import pickle
import zipfile
from functools import cache, partial
from pathlib import Path

import reliability_seeds as seeds
import reliability_texts as texts
import reliability_weights as weights
from reliability_archives import BLOCK, ESCAPED, Hostile, gzips
from reliability_containers import zip_of

ROWS = 3_000_000  # of one text, which a Parquet file keeps once


def tables() -> Hostile:
    """CSV, JSON and YAML."""
    aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    merges = "m0: &m0 {a: 1}\n" + "".join(
        f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}\n" for n in range(1, 9)
    )
    header = texts.RISM.partition("\n")[0] + "\n"
    return {
        "JSON in depth": b"[" * 100_000,
        "objects in depth": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "JSON of a long number": b'{"ID": ' + b"9" * 10_000 + b"}",
        "JSON of no numbers": b'[{"ID": NaN, "Key": Infinity, "Year": -1e999}]',
        "JSON of halves of characters": b'{"text": "NOTE_ON \\ud800", "ID": "\\udfff", "Key": "\\u0000"}',
        "JSON of other kinds": b'{"train": [1, null, {"a": []}, [[1e400]], "x"], "valid": [], "test": [[[{}]]]}',
        "JSON of records in records": json.dumps([{"ID": [[{"a": [1]}]], "Key": {"a": {}}}] * 3).encode(),
        "JSON lines": b'{"ID": "1"}\n' * 20_000 + b'{"ID": ',
        "YAML of aliases": f"train: [a]\n{aliases}valid: *a8\n".encode(),
        "YAML of merges": f"{merges}train:\n  <<: *m8\n".encode(),
        "YAML that runs": b'train: !!python/object/apply:builtins.open ["escaped", "w"]\n',
        "YAML in depth": b"train: " + b"[" * 20_000,
        "YAML of other kinds": b"train: [1, 2020-01-01, null]\n1: [a]\n",
        "CSV of a long field": header.encode() + b'"' + b"a" * 500_000,
        "CSV of short rows": header.encode() + b"1\n" * 20_000,
        "CSV of long rows": header.encode() + b"\t" * 100_000,
        "CSV of no names": b",,,\n1,2,3,4\n",
        "CSV of NUL": texts.ASAP.replace("Bach", "Ba\0ch").encode(),
        "CSV of formulas": texts.MAESTRO_CSV.replace("Anon", "=cmd|' /C calc'!A0").encode(),
        "CSV of ways out": texts.RECORDS_CSV.replace("x.krn", "../../../../../etc/passwd").encode(),
        "lines of annotations": b"0.1\t0.1\tb\n" * 60_000,
        "annotations of no time": b"nan\t0\tdb\ninf\t0\tb\n",
    } | gzips()


def pages() -> Hostile:
    """HTML and wikitext."""
    wiki = b"{{#fte:imslppage\n|Key="
    return {
        "tags in depth": b'<div class="wi_body"><table><tr><th>Key</th><td>' + b"<b>" * 50_000,
        "tags that never close": b"<" * 100_000,
        "quotes that never close": b'<a href="' * 50_000,
        "30,000 rows": b'<div class="wi_body"><table>' + b"<tr><th>Key</th><td>G<br></td></tr>" * 20_000,
        "tables in tables": b'<div class="wi_body">' + b"<table><tr><th>Copyright</th><td>" * 90 + b"x",
        "files without end": b'<div id="IMSLP1">' * 10_000 + texts.WORK_PAGE.encode(),
        "entities": b"<th>Work Title</th>" + b"&#x110000;&#0;&#xD800;&a" * 10_000,
        "templates in depth": wiki + b"{{Key|" * 20_000,
        "templates that end": wiki + b"{{Key|" * 300 + b"G" + b"}}" * 301,
        "links in depth": wiki + b"[[a|" * 20_000 + b"}}",
        "markup in depth": wiki + b"''a'''b" * 5000 + b"}}",
        "tables of wikitext": wiki + b"{|\n|-\n" * 3000 + b"}}",
        "tags of wikitext": wiki + b"<ref><b>" * 5000 + b"}}",
        "external links": wiki + b"[http://" * 10_000 + b"}}",
    }


@cache
def parquets() -> Hostile:
    """A long text in millions of rows, columns of other kinds, none, and in each other."""
    text = "x" * 60_000
    notes = {name: [0.0] for name in seeds.NOTE_COLUMNS}
    kern = {"file": ["a.krn"], "spine": [1], "first_measure": [1], "kern": ["**kern"]}
    return {
        "names of 180 GB": _repeated(notes | {"piece": [text]}),
        "kern of 180 GB": _repeated(kern | {"kern": [text]}),
        "kern of numbers": seeds.parquet(kern | {"kern": [1], "file": [2.5]}),
        "kern of nothing": seeds.parquet(kern | {"kern": [None], "file": [None]}),
        "kern of bytes": seeds.parquet(kern | {"kern": [b"\xff"], "file": [b"\xff"]}),
        "notes of text": seeds.parquet(notes | {"piece": ["a"], "x": ["one"]}),
        "notes of lists": seeds.parquet(notes | {"piece": [["a"]], "x": [[1.0]]}),
        "notes of nothing": seeds.parquet(notes | {"piece": [None], "x": [None]}),
        "notes of no number": seeds.parquet(notes | {"piece": ["a"], "x": [float("nan")], "page": [1e300]}),
        "no rows": seeds.parquet({name: [] for name in (*notes, *kern, "piece")}),
        "no columns": seeds.parquet({}),
    }


def _repeated(columns: dict[str, list[object]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            name: pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), ROWS), pa.array(values))
            for name, values in columns.items()
        }
    )
    return seeds.saved(lambda path: pq.write_table(table, path, compression="zstd"))


@cache
def checkpoints() -> Hostile:
    """Pickles that name functions, tensors that are larger than their files, names that are none."""
    import torch

    own = weights.checkpoint_weights()
    layers = {name: torch.zeros(2) for name in own if "resblocks" in name}
    itself: dict[str, object] = {}
    itself["state_dict"] = itself
    contents: dict[str, object] = {
        "names of numbers": {"state_dict": {3: torch.zeros(1), None: torch.zeros(1)}},
        "values of numbers": {**own, "model.diffusion_model.b": 3},
        "no text encoder": {name: value for name, value in own.items() if name not in layers},
        "a text encoder of one": {
            **own,
            **dict.fromkeys(layers, torch.zeros(())),
            "cond_stage_model.model.a": own["betas"],
        },
        "a text encoder without layers": {
            **{name: value for name, value in own.items() if name not in layers},
            "cond_stage_model.model.ln_final.weight": torch.zeros(2),
        },
        "a tensor of 4 TB": {**own, "model.diffusion_model.b": torch.zeros(1).expand(2**40)},
        "wrappers in wrappers": {"state_dict": {"state_dict": {"module": []}}},
        "no weights": {},
        "a wrapper in itself": itself,
        "a list": [1, 2],
    }
    whole = weights.checkpoint()
    runs, version = seeds.runs(Path(ESCAPED)), ("archive/version", b"3\n")
    return {name: seeds.saved(partial(torch.save, content)) for name, content in contents.items()} | {
        "a pickle that runs": pickle.dumps({"state_dict": 1}) + runs,
        "a checkpoint that runs": zip_of([("archive/data.pkl", runs), version]),
        "a checkpoint of zeros": zip_of([("archive/data.pkl", BLOCK), version], zipfile.ZIP_DEFLATED),
        "a checkpoint of nothing": zip_of([version]),
        "not the first byte": whole[1:],
        "lists in lists": b"\x80\2" + b"]" * 300_000 + b"a" * 299_999 + b".",
        "a list in itself": b"\x80\2" + b"]q\0" + b"h\0a" * 100_000 + b".",
    }


_SIZES = {
    "chorales": ("width", "layers", "heads", "embedding", "context"),
    "score_follower": ("embedding_size", "sheet_hidden", "audio_hidden", "sheet_channels"),
}


def configurations() -> Hostile:
    """`config.json` of models."""
    values = (10**9, -1, 0, 1.5, "x", None, [1], {"a": 1}, 1e300, True, [10**9] * 4)
    found = {
        f"{name} of {value}": json.dumps(json.loads(weights.model_files(kind)["config.json"]) | {name: value}).encode()
        for kind, names in _SIZES.items()
        for name in names
        for value in values
    }
    return found | {
        "another model": b'{"model_type": "bert"}',
        "a model that runs": b'{"model_type": "chorales", "auto_map": {"AutoModel": "escaped--x.Y"}}',
        "a list": b"[]",
        "a type of numbers": b'{"model_type": "chorales", "dtype": "os.system"}',
        "few bits": b'{"model_type": "chorales", "quantization_config": {"quant_method": "bitsandbytes"}}',
    }
