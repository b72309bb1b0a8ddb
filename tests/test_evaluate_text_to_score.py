"""The evaluation draws what it is asked for, and its figures are those of pages that are known."""

import io

import datasets
import numpy as np
import pytest
from PIL import Image
from test_page_reader import engraved_page
from tiny_diffusion import tiny_pipeline
from typer.testing import CliRunner

from scorehub.cli_evaluate import app
from scorehub.page_reader import PageReading, StaffReading
from scorehub.text_to_score_evaluation import (
    MIN_PAGES,
    Judge,
    RealPages,
    Setting,
    choose_prompts,
    draw,
    load_real_pages,
    read_instruments,
    read_rates,
)
from scorehub.text_to_score_tables import tables

FIELDS = {"instrumentation": "violin", "key": "A major"}


@pytest.fixture(scope="module")
def real():
    """Eight training and eight held-out pages for violin in A major."""
    pages = [engraved_page("G2", 3, seed)[0] for seed in range(2 * MIN_PAGES)]
    return RealPages(pages[:MIN_PAGES], pages[MIN_PAGES:], [FIELDS] * MIN_PAGES)


@pytest.fixture(scope="module")
def judge(real):
    return Judge(real)


def save_pages(folder, real, split="validation"):
    """Parquet as the corpus of pages has it."""
    parts = {"train": real.training, split: real.held_out}
    (folder / "data").mkdir()
    for name, pages in parts.items():
        rows = []
        for page in pages:
            page.save(file := io.BytesIO(), "PNG")
            rows.append({"image": {"bytes": file.getvalue(), "path": None}, "composer": "", **FIELDS})
        found = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
        found.to_parquet(folder / "data" / f"{name}-00000.parquet")
    return folder


def test_training_pages_are_found_to_be_copies(judge, real):
    row = judge.row("copies", real.training, [FIELDS] * MIN_PAGES)
    assert (row.nearest, row.nearer) == (pytest.approx(0, abs=1e-6), 1)
    assert row.frechet[8] == pytest.approx(0, abs=1e-4)


def test_real_pages_are_as_near_as_real_pages_and_read_as_they_were_engraved(judge):
    row = judge.row("held out", *judge.held_out)
    assert row.nearer == 0.5
    assert (row.read["staves"], row.read["clef"], row.read["key"]) == (1, 1, 1)
    assert row.staves > 5


def test_noise_is_farther_than_music_and_has_no_staves(judge):
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (352, 256), dtype=np.uint8)) for _ in range(MIN_PAGES)]
    row = judge.row("noise", noise, [FIELDS] * MIN_PAGES)
    held_out = judge.row("held out", *judge.held_out)
    assert row.frechet[8] > 100 * held_out.frechet[8]
    assert row.kernel.low > held_out.kernel.high
    assert (row.read["staves"], row.read["clef"], row.read["key"], row.staves) == (0, 0, 0, 0)


def test_shares_are_of_the_pages_that_were_asked():
    reading = PageReading(3, (StaffReading("G2", 3, 0), StaffReading("G2", 3, 1), StaffReading("G2", 2, 2)))
    fields = [FIELDS, {"key": "C major"}, {"instrumentation": "cello"}, {}]
    found = read_rates([reading] * 4, fields)
    assert (found["staves"], found["clef"], found["key"]) == (1, 0.5, 0.5)
    assert found["staff_key"] == pytest.approx(2 / 6)  # three staves of two pages, whose keys have 3 and 0 sharps


def test_each_instrumentation_has_its_own_shares():
    reading = PageReading(3, (StaffReading("G2", 3, 0), StaffReading("G2", 3, 1), StaffReading("G2", 3, 2)))
    fields = [FIELDS, {"instrumentation": "cello", "key": "A major"}, {"key": "C major"}, FIELDS]
    found = read_instruments([reading] * 4, fields)
    assert list(found) == ["cello", "violin"]
    assert {name: (count, read["clef"], read["key"]) for name, (count, read) in found.items()} == {
        "cello": (1, 0, 1), "violin": (2, 1, 1)
    }  # fmt: skip


def test_a_page_has_its_own_seed_and_each_setting_its_scheduler():
    pipe = tiny_pipeline()
    own = pipe.scheduler
    prompts = [FIELDS] * 5
    pages = draw(pipe, prompts, Setting(1.0, 2), seed=7)
    alone = draw(pipe, prompts[:1], Setting(1.0, 2), seed=10)
    assert len(pages) == 5
    ddim = draw(pipe, prompts[:1], Setting(1.0, 2, "ddim"), seed=10)
    same, other, scheduled = (np.asarray(page, int) for page in (alone[0], pages[2], ddim[0]))
    assert np.abs(pages[3] - same).max() <= 1  # grey levels: sums of batches are rounded in another order
    assert min(np.abs(page - same).max() for page in (other, scheduled)) > 5
    assert pipe.scheduler is own


@pytest.mark.parametrize("scheduler", ["own", "ddim", "dpm++", "euler", "euler_a", "heun", "unipc"])
def test_every_scheduler_draws(scheduler):
    assert draw(tiny_pipeline(), [FIELDS], Setting(2.0, 3, scheduler), seed=0)[0].size == (64, 96)


def test_prompts_name_only_what_a_model_has_learnt():
    pages = [FIELDS, {"key": "D minor", "composer": "Bach"}]
    assert choose_prompts(pages, 3, None) == [*pages, FIELDS]
    assert choose_prompts(pages, 2, {"key": ["A major"]}) == [{"key": "A major"}, {}]


def test_pages_are_taken_from_parquet_with_their_fields(tmp_path, real):
    found = load_real_pages(str(save_pages(tmp_path, real)), 8, 100, seed=0)
    assert (len(found.training), len(found.held_out)) == (8, 8)
    assert found.fields == [FIELDS] * 8
    known = {page.tobytes() for page in real.held_out}
    assert {page.convert("L").tobytes() for page in found.held_out} == known


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((3.0, 20, "plms"), "scheduler must be one of own, ddim, .*got 'plms'"),
        ((-1.0, 20), "guidance must be 0 to 100"),
        ((3.0, 0), "steps must be 1 to 1000, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Setting(*values)


def test_too_few_pages_are_refused(tmp_path, judge, real):
    with pytest.raises(ValueError, match="pages must be at least 8, got 7"):
        judge.row("few", real.training[:7], [FIELDS] * 7)
    few = RealPages(real.training[:7], real.held_out, real.fields)
    with pytest.raises(ValueError, match=r"real must have at least 8 pages .*, got 7 and 8"):
        load_real_pages(str(save_pages(tmp_path, few)), 8, 100, seed=0)


def test_pages_without_a_split_for_training_are_refused(tmp_path, real):
    folder = save_pages(tmp_path, real, split="test")
    (folder / "data" / "train-00000.parquet").unlink()
    with pytest.raises(ValueError, match="real must have a split train, got test"):
        load_real_pages(str(folder), 8, 100, seed=0)


def test_tables_have_a_line_for_each_set_and_a_cell_for_each_column(judge):
    row = judge.row("held out", *judge.held_out)
    distances, read, instruments = tables([row, row]).strip().split("\n\n")
    for table in (distances, read, instruments):
        lines = table.splitlines()
        assert len(lines) == 4
        assert len({line.count("|") for line in lines}) == 1
    assert "| held out | 100% (100% to 100%) |" in read
    assert "| held out | violin | 8 | 100% (100% to 100%) |" in instruments


def test_the_command_writes_its_table_and_keeps_pages(tmp_path, real):
    tiny_pipeline().save_pretrained(tmp_path / "model")
    folder = tmp_path / "pages"
    folder.mkdir()
    arguments = ["text_to_score", "--real", save_pages(folder, real), "--model", tmp_path / "model", "--samples", 8]
    arguments += f"--steps 1 --guidance 1 --guidance 3 --out {tmp_path}/t.md --keep {tmp_path}/kept".split()
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    table = (tmp_path / "t.md").read_text()
    assert table in result.output
    assert table.count("| guidance 1, 1 steps, own |") == table.count("| guidance 3, 1 steps, own |") == 3
    assert len(list((tmp_path / "kept" / "guidance_3-1_steps-own").glob("*.png"))) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "7"], "samples must be at least 8, got 7"),
        (["--scheduler", "plms"], "scheduler must be one of"),
        (["--model", "nowhere/at/all"], "model must be a folder"),
    ],
)
def test_what_can_not_be_evaluated_is_named_in_one_line(arguments, message, tmp_path):
    result = CliRunner().invoke(app, ["text_to_score", "--real", str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
