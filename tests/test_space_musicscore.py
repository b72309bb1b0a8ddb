"""The MusicScore Space: its index and texts, and the whole of it in a headless browser."""

import csv
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw
from space_browser import CHROMIUM, Space, visit

from scorehub.dataset_builders.musicscore.manifest import PAGE_COLUMNS, PDF_COLUMNS
from scorehub.spaces.musicscore import app, judgement, show
from scorehub.spaces.musicscore.catalog import ANY, FACETS, NOT_STATED, Catalog, load_pages

APP = Path(show.__file__).with_name("app.py")
EVERYTHING = dict.fromkeys(FACETS, ANY)


@pytest.fixture
def catalog(built_dataset):
    """3 pages of Bach for violin and piano, 2 of Mozart for string quartet, 1 without metadata."""
    return Catalog(load_pages(built_dataset))


def test_all_splits_are_in_one_table(catalog):
    assert catalog.rows["split"][:] == ["train"] * 3 + ["validation"] * 2 + ["test"]


def test_a_page_belongs_to_each_of_its_instruments(catalog):
    assert catalog.select(EVERYTHING | {"instrumentation": "violin"}) == [0, 1, 2, 3, 4]
    assert catalog.select(EVERYTHING | {"instrumentation": "viola"}) == [3, 4]


def test_choices_count_what_the_other_choices_leave(catalog):
    choices = EVERYTHING | {"composer": "Mozart, Wolfgang Amadeus"}
    assert catalog.counts("instrumentation", choices) == {ANY: 2, "cello": 2, "viola": 2, "violin": 2}
    assert catalog.counts("composer", choices) == {
        ANY: 6,
        "Bach, Johann Sebastian": 3,
        "Mozart, Wolfgang Amadeus": 2,
        NOT_STATED: 1,
    }


def test_a_choice_that_no_page_has_selects_nothing_and_stays_listed(catalog):
    choices = EVERYTHING | {"composer": NOT_STATED, "period": "Baroque"}
    assert catalog.select(choices) == []
    assert catalog.counts("period", choices) == {ANY: 1, "Baroque": 0, NOT_STATED: 1}


def test_a_one_bit_page_is_shown_in_grey_at_screen_size(catalog):
    picture = catalog.picture(0, 16)
    assert (picture.mode, picture.size) == ("L", (16, 20))


def test_a_missing_folder_and_foreign_columns_are_named(tmp_path):
    with pytest.raises(ValueError, match="folder of a built dataset"):
        load_pages(tmp_path / "nothing")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="without image"):
        load_pages(tmp_path / "foreign")


def test_markup_in_a_dataset_or_a_file_name_stays_text(catalog):
    row = catalog.row(0) | {"title": "<script>x</script>", "text": "<img src=x>"}
    assert "<script" not in show.page_details(row)
    assert "<img" not in show.page_details(row)
    pdf = dict.fromkeys(PDF_COLUMNS, "") | {"source": "<b>.pdf", "status": "failed", "reason": "<i>", "ms": 1.0}
    html = show.report(judgement.Judgement(pdf, [], []))
    assert "&lt;b&gt;.pdf" in html
    assert "<i>" not in html


def test_pages_beyond_those_that_are_drawn_are_counted():
    pdf = dict.fromkeys(PDF_COLUMNS, "") | {"status": "kept", "n_kept": 2, "n_pages": 2, "ms": 1.0}
    page = dict.fromkeys(PAGE_COLUMNS, "") | {"page": 1, "verdict": "kept"}
    html = show.report(judgement.Judgement(pdf, [page, page], [np.zeros((4, 3), np.uint8)]))
    assert html.count("<img") == 1
    assert "1 more" in html


def test_a_file_that_is_no_pdf_gets_a_reason_and_a_manifest(tmp_path):
    path = tmp_path / "fake.pdf"
    path.write_bytes(b"hello")
    judged = judgement.judge(path, "default", full_pages=False)
    manifest, pages = judged.write_csv(tmp_path)
    (row,) = read_csv(manifest)
    assert row["status"] == "failed"
    assert "not a readable PDF" in row["reason"]
    assert read_csv(pages) == []


def test_a_page_with_two_staves_is_music_but_not_a_full_page(tmp_path):
    path = tmp_path / "short.pdf"
    score_page(systems=2).save(path, resolution=200)
    (free,) = judgement.judge(path, "default", full_pages=False).pages
    (full,) = judgement.judge(path, "default", full_pages=True).pages
    assert (free["verdict"], full["verdict"]) == ("kept", "rejected")
    assert "67%" in full["reason"]


def test_a_pdf_is_judged_when_no_other_network_works(built_dataset):
    (event,) = [event for event in app.build_app(built_dataset).fns.values() if event.name == "judge"]
    assert (event.concurrency_limit, event.concurrency_id) == (1, "network")


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_filters_pages_judges_a_pdf_and_downloads_its_manifest(built_dataset, tmp_path):
    with Space(APP, tmp_path, {"MUSICSCORE_REPO": str(built_dataset)}) as space, visit(space) as page:
        browse(page)
        judge(page, tmp_path)
        page.screenshot(path=tmp_path / "judged.png", full_page=True)
        judge_bad_files(page, tmp_path)
    assert len(Image.open(tmp_path / "judged.png").convert("RGB").getcolors(2**24)) > 50


def browse(page):
    """Narrows 6 pages to the 2 by Mozart and opens the second."""
    page.get_by_text("6 of 6 pages").wait_for()
    page.get_by_label("Composer").click()
    page.get_by_role("option", name="Mozart, Wolfgang Amadeus (2)").click()
    page.get_by_text("2 of 6 pages").wait_for()
    page.get_by_label("Instrument").click()
    page.get_by_role("option", name="viola (2)").wait_for()
    assert page.get_by_role("option", name="piano").count() == 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Thumbnail 2 of 2").click()
    page.get_by_text("IMSLP002.pdf, page 3 of 3").wait_for()
    assert "CC BY 4.0" in page.locator("#details").inner_text()


def judge(page, folder):
    """Uploads a PDF of a 1-bit score page, an 8-bit one and a page of text; the authors' rule rejects all of it."""
    page.get_by_role("tab", name="Judge a PDF").click()
    page.locator("input[type=file]").last.set_input_files(three_page_pdf(folder))
    page.get_by_text("1 of 3 pages kept").wait_for()
    cards = page.locator("#report li")
    assert [text.split("\n")[0] for text in cards.all_inner_texts()] == [
        "✓ Page 1: kept",
        "✗ Page 2: rejected",
        "✗ Page 3: rejected",
    ]
    assert "8 bits per component" in cards.nth(1).inner_text()
    assert "not music" in cards.nth(2).inner_text()
    manifest, pages = (download(page, name, folder) for name in ("manifest.csv", "pages.csv"))
    assert (manifest[0]["source"], manifest[0]["status"], manifest[0]["color_depth"]) == (
        "own.pdf",
        "partial",
        "mixed",
    )
    assert [row["verdict"] for row in pages] == ["kept", "rejected", "rejected"]
    assert [row["page_kind"] for row in pages] == ["1-bit", "8-bit", "born-digital"]
    page.get_by_label("By file").check()
    page.get_by_text("0 of 3 pages kept").wait_for()


def judge_bad_files(page, folder):
    """A PDF with a password and half a PDF give their reasons; without a file the page is as before."""
    locked, half = folder / "locked.pdf", folder / "half.pdf"
    with pymupdf.open(folder / "own.pdf") as document:
        document.save(locked, encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="a", user_pw="b")
    half.write_bytes(b"%PDF-1.7\n" + bytes(100))
    for path, reason in ((locked, "encrypted"), (half, "not a readable PDF")):
        page.get_by_label("Clear").last.click()
        page.get_by_text("Drop a PDF on the left").wait_for()
        page.locator("input[type=file]").last.set_input_files(path)
        page.get_by_text("Could not be read").wait_for()
        assert reason in page.locator("#report").inner_text()


def download(page, name, folder):
    with page.expect_download() as event:
        page.get_by_text(f"Download {name}").click()
    assert event.value.suggested_filename == name
    event.value.save_as(folder / name)
    return read_csv(folder / name)


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def score_page(systems):
    """A 1-bit A4 page at 200 dpi: `systems` staves with clef-like curls, bar lines and stemmed notes."""
    page = Image.new("1", (1654, 2339), 1)
    draw, random = ImageDraw.Draw(page), np.random.default_rng(0)
    for top in range(150, 150 + 180 * systems, 180):
        for line in range(5):
            draw.line((120, top + 14 * line, 1534, top + 14 * line), fill=0, width=2)
        draw.arc((130, top - 20, 180, top + 76), 0, 320, fill=0, width=5)
        for x in range(230, 1500, 55):
            y = top + 7 * int(random.integers(0, 9))
            draw.ellipse((x - 10, y - 7, x + 10, y + 7), fill=0)
            draw.line((x + 9, y, x + 9, y - 48), fill=0, width=3)
        for x in range(120, 1535, 353):
            draw.line((x, top, x, top + 56), fill=0, width=3)
    return page


def three_page_pdf(folder):
    path, score = folder / "own.pdf", score_page(systems=11)
    score.save(folder / "scan.pdf", resolution=200)
    score.convert("L").resize((827, 1170)).save(folder / "grey.jpg")
    with pymupdf.open(folder / "scan.pdf") as document:
        grey = document.new_page(width=595, height=842)
        grey.insert_image(grey.rect, filename=folder / "grey.jpg")
        text = document.new_page(width=595, height=842)
        text.insert_textbox((72, 72, 523, 770), "The sonatas were first printed in Vienna. " * 60)
        document.save(path)
    return path
