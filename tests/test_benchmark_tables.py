"""Every table of a benchmark stands under the whole command that made it, and the README's results beside the same."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from scorehub.spaces.chorales.show import BACH
from scorehub.trainers.score_config import parse_config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = sorted((ROOT / "benchmarks").glob("*.md"))
COMMAND = re.compile(r"python benchmarks/(\w+)\.py([^`|>]*)")
RESULTS = re.findall(r"`([^`]*python benchmarks/[^`]*)` -> `(benchmarks/\w+\.md)`", README)
FREE = {"cache", "workers", "jobs"}  # change no result


def declared(script):
    """What a script's parser knows: the number of positional arguments, and the keywords of each option."""
    tree = ast.parse((ROOT / "benchmarks" / f"{script}.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [call for call in calls if getattr(call.func, "attr", "") == "add_argument"]
    keywords = {call.args[0].value: {word.arg: word.value for word in call.keywords} for call in added}
    options = {name.removeprefix("--"): found for name, found in keywords.items() if name.startswith("--")}
    return len(keywords) - len(options), options


def default(keywords):
    """An option's default as it would be typed; nothing where it is no plain value."""
    try:
        value = ast.literal_eval(keywords["default"])
    except (KeyError, ValueError):
        return None
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def given(arguments):
    """The words before the first option, and the values of each option."""
    before, *options = re.split(r"(?:^|\s)--", arguments.strip().replace("\\\n", " "))
    return shlex.split(before), {words[0]: words[1:] for words in map(shlex.split, options)}


def commands(text):
    return [(script, *given(arguments)) for script, arguments in COMMAND.findall(text)]


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_names_a_command_that_its_script_takes(path):
    text = path.read_text(encoding="utf-8")
    found = commands(text)
    assert found or "scorehub study" in text
    for script, positional, options in found:
        n_positional, known = declared(script)
        assert len(positional) >= n_positional
        assert set(options) <= set(known)
        assert {name for name in known if "required" in known[name]} <= set(options)


@pytest.mark.parametrize(("command", "table"), RESULTS, ids=[f"{table}-{command[-12:]}" for command, table in RESULTS])
def test_a_result_is_measured_as_its_table_was(command, table):
    ((script, positional, shown),) = commands(command)
    n_positional, known = declared(script)
    assert len(positional) >= n_positional
    assert {name for name in known if "required" in known[name]} <= set(shown) <= set(known)
    for other, _, used in commands((ROOT / table).read_text(encoding="utf-8")):
        for name, values in used.items() if other == script else ():
            usual = default(known[name])
            if name not in FREE and (name in shown or usual):
                assert shown.get(name, usual) == values


def test_what_the_space_says_of_bach_is_a_row_of_the_table():
    table = (ROOT / "benchmarks" / "chorales.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| Bach, all 382 \|(.*)", table, re.MULTILINE)
    assert [float(cell) for cell in row.split("|")[: len(BACH)]] == list(BACH.values())


def test_the_training_that_the_catalogue_names_can_be_started():
    (arguments,) = re.findall(r"python -m scorehub\.trainers\.score_sde (--dataset[^`]*)`", README)
    assert parse_config(shlex.split(arguments)).output_dir == "runs/pop909"
