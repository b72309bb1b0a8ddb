"""The Space of the catalogue in a headless browser."""

import csv
import io
import json
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import expect
from space_browser import CHROMIUM, Space, visit

from scorehub.spaces.music_models import show

APP = Path(show.__file__).with_name("app.py")
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_searches_opens_entries_and_takes_tables_home(tmp_path):
    with Space(APP, tmp_path, {}) as space, visit(space) as page:
        look_at_the_timeline(page)
        narrow_down(page)
        refuse(page)
        take_home(page, tmp_path)
        look_at_datasets(page, tmp_path)


def look_at_the_timeline(page):
    """No two names touch as they are drawn; marks and rows open entries."""
    page.get_by_text("39 of 39 works").wait_for()
    boxes = page.locator(".timeline .mark").evaluate_all(
        "marks => marks.map(mark => { const box = mark.getBoundingClientRect();"
        " return [box.left, box.top, box.right, box.bottom]; })"
    )
    assert len(boxes) == 39
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
    page.locator(".timeline .mark", has_text="TonicNet").click()
    page.locator(".entry").get_by_text("--preset").wait_for()
    assert "Omar Peracha" in page.locator(".entry:visible").inner_text()
    assert page.locator("tr.chosen").all_inner_texts()[0].startswith("2019")
    page.get_by_role("button", name="WaveNet").press("Enter")
    page.locator(".entry").get_by_text("Described here, not built.").wait_for()


def narrow_down(page):
    """Choices count what is left, and timeline and table follow."""
    page.get_by_label("Works here").check()
    page.get_by_text("5 of 39 works").wait_for()
    page.get_by_label("Architecture").click()
    page.get_by_role("option", name="RNN (3)").click()
    page.get_by_text("3 of 39 works").wait_for()
    page.get_by_label("From").click()
    page.get_by_role("option", name="2017").click()
    page.get_by_text("2 of 39 works").wait_for()
    assert page.locator(".timeline .mark text").all_text_contents() == ["BachBot (ISMIR 2017)", "TonicNet"]
    expect(page.locator(".rows:visible tbody tr")).to_have_count(2)
    expect(page.locator(".timeline text.lane")).to_have_count(1)
    page.get_by_label("Works here").uncheck()
    page.get_by_text("3 of 39 works").wait_for()


def refuse(page):
    """What nobody would look for changes nothing but the rows."""
    box = page.get_by_label("Search").first
    box.fill("小提琴 [(.*" * 2000)
    page.get_by_text("Search must have at most 200 characters").wait_for()
    box.fill(HOSTILE)
    page.get_by_text("Nothing is left").wait_for()
    expect(page.locator("img[src=x]")).to_have_count(0)
    box.fill("tonicnet")
    page.get_by_text("1 of 39 works").wait_for()


def take_home(page, folder):
    name, text = download(page, "CSV", folder)
    assert name == "music_models.csv"
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["TonicNet"]
    name, text = download(page, "JSON", folder)
    assert (name, [row["id"] for row in json.loads(text)]) == ("music_models.json", ["tonicnet"])


def look_at_datasets(page, folder):
    page.get_by_role("tab", name="Datasets").click()
    page.get_by_text("12 of 12 datasets").wait_for()
    page.get_by_role("textbox", name="Search").last.fill("metamidi")
    page.get_by_text("1 of 12 datasets").wait_for()
    page.locator("tr:visible", has_text="436,631 files").click()
    page.locator(".entry:visible").get_by_text("@inproceedings{ens2021metamidi,").wait_for()
    name, text = download(page, "JSON", folder)
    assert (name, [row["id"] for row in json.loads(text)]) == ("music_datasets.json", ["metamidi"])


def download(page, button, folder):
    with page.expect_download() as event:
        page.locator("button:visible, a:visible").get_by_text(button, exact=True).click()
    path = folder / event.value.suggested_filename
    event.value.save_as(path)
    return path.name, path.read_text(encoding="utf-8")
