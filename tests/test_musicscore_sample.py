"""The sample set: right music, right PDFs, right answers, and the same bytes every time."""

import csv
import json
import re
from fractions import Fraction
from itertools import islice
from pathlib import Path

import datasets
import pymupdf
import pytest
from datasets import load_dataset

import scorehub.dataset_builders
from scorehub.dataset_builders.musicscore.sample.books import BOOKS
from scorehub.dataset_builders.musicscore.sample.folder import key_name, make_pdf, work_metadata, write_sample
from scorehub.dataset_builders.musicscore.sample.pages import book_pages
from scorehub.dataset_builders.musicscore.sample.scans import page_kinds
from scorehub.dataset_builders.tunes.humdrum import staff_groups, to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune, parse_abc, tune_names
from scorehub.engraving import Layout, engrave

assert scorehub.dataset_builders  # makes the name known

HEADER = "T:Test\nC:Nobody\nM:4/4\nL:1/4\nK:G\n"
UNREADABLE = {book.imslp_id for book in BOOKS if book.fault in ("truncated", "encrypted")}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def truth(sample):
    with (sample / "truth.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", tune_names())
def test_every_tune_engraves_with_all_its_bars(name):
    tune = load_tune(name)  # raises where a bar does not fill its metre

    engrave(to_humdrum(tune), Layout(), n_measures=tune.n_bars)

    missing = {"T", "C", "K", "instrumentation", "style", "period", "genre", "note"} - set(tune.header)
    assert not missing


def test_tunes_cover_composers_instruments_keys_and_periods():
    headers = [load_tune(name).header for name in tune_names()]

    assert len(headers) >= 20
    assert len({header["C"] for header in headers} - {"Traditional"}) >= 10
    assert len({header["instrumentation"] for header in headers}) >= 8
    assert len({header["K"] for header in headers}) >= 10
    assert {header["period"] for header in headers} == {
        "Medieval",
        "Renaissance",
        "Baroque",
        "Classical",
        "Romantic",
        "Early 20th century",
    }


def test_every_composer_died_before_1926():
    dates = [load_tune(name).header.get("dates", "") for name in tune_names()]

    assert all(int(date[-4:]) < 1926 for date in dates if date)


def test_bars_of_all_voices_agree_and_fill_the_metre():
    with pytest.raises(ValueError, match="bar 2 must last 1, got 3/4"):
        parse_abc(HEADER + "V:1\nGABc|GAB|c4|]")
    with pytest.raises(ValueError, match="voice 2 must have the 2 bars of the first"):
        parse_abc(HEADER + "V:1\nGABc|c4|]\nV:2\nG4|c2|]")


def test_an_upbeat_may_be_short_but_not_long():
    assert parse_abc(HEADER + "V:1\nD|GABc|c3|]").n_bars == 3
    with pytest.raises(ValueError, match="bar 1 must last 1, got 5/4"):
        parse_abc(HEADER + "V:1\nDGABc|c4|]")


def test_accidentals_follow_the_key_and_last_for_the_bar():
    (voice,) = parse_abc(HEADER + "V:1\nF=FF^c|cfF,_B|]").voices.values()

    assert " ".join(event.token for bar in voice for event in bar.events) == "4f# 4fn 4fn 4cc# 4cc 4ff# 4F# 4b-"


def test_ties_must_be_taken_up():
    (voice,) = parse_abc(HEADER + "V:1\nG4-|G4-|G4|]").voices.values()
    assert [bar.events[0].token for bar in voice] == ["[1g", "1g_", "1g]"]
    with pytest.raises(ValueError, match="must go on with the tied notes"):
        parse_abc(HEADER + "V:1\nG4-|A4|]")


def test_triplets_beams_graces_and_lyrics_become_humdrum():
    tune = parse_abc(HEADER + "V:1\n(3G/A/B/ {d}c A2|]\nw:la li lo Hal-le")

    assert tune.voices["1"][0].events[0].duration == Fraction(1, 12)
    rows = to_humdrum(tune).splitlines()
    assert rows[-8:-2] == ["12gL\tla", "12a\tli", "12bJ\tlo", "8ddq\t.", "4cc\tHal-", "2a\t-le"]


def test_endings_of_repeats_are_engraved():
    tune = parse_abc(HEADER + "V:1\n|:G4|1A4:|2B4|]")

    assert "*>A1" in to_humdrum(tune)
    assert tune.n_bars == 3


@pytest.mark.parametrize("music", ["GAB?|", "!wiggle!G4|", "[K:D]G4|"])
def test_what_is_not_in_our_abc_is_refused(music):
    with pytest.raises(ValueError, match="must be"):
        parse_abc(HEADER + "V:1\n" + music)


def test_voices_share_staves_as_score_says():
    tune = parse_abc(HEADER + "%%score {1 (2 3)}\nV:1\nG4|]\nV:2\nG4|]\nV:3\nG4|]")

    assert staff_groups(tune) == ([["1"], ["2", "3"]], "{s1,s2}")


def test_keys_are_written_as_imslp_writes_them():
    assert [key_name(key) for key in ("C", "Am", "Bb", "C#m", "Edor")] == [
        "C major",
        "A minor",
        "B-flat major",
        "C-sharp minor",
        "E dorian",
    ]


def test_one_book_of_each_paper_has_the_same_bytes_again(sample):
    papers = {(book.paper, book.fault): book for book in BOOKS}

    for book in papers.values():
        assert make_pdf(book, book_pages(book)) == (sample / f"{book.imslp_id}.pdf").read_bytes()


def test_every_pdf_opens_but_the_two_bad_ones(sample):
    unreadable = set()
    for path in sample.glob("*.pdf"):
        try:
            with pymupdf.open(path) as document:
                if document.needs_pass:
                    unreadable.add(path.stem)
        except pymupdf.FileDataError:
            unreadable.add(path.stem)

    assert unreadable == UNREADABLE
    assert len(unreadable) == 2


def test_images_have_the_bits_of_their_paper(sample):
    for book in BOOKS:
        if book.imslp_id in UNREADABLE:
            continue
        with pymupdf.open(sample / f"{book.imslp_id}.pdf") as document:
            bits = [[image[4] for image in page.get_images()] for page in document]
        expected = {"1-bit": [1], "grey": [8], "colour": [8], "born-digital": []}
        assert bits == [expected[kind] for kind in islice(page_kinds(book.paper), len(bits))], book


def test_truth_names_every_page_of_every_readable_pdf(sample, truth):
    pages = {(row["source"], int(row["page"])) for row in truth}
    expected = set()
    for path in sample.glob("*.pdf"):
        if path.stem not in UNREADABLE:
            with pymupdf.open(path) as document:
                expected |= {(path.name, number) for number in range(1, len(document) + 1)}

    assert pages == expected


def test_there_is_something_to_decide(truth):
    scores = [row for row in truth if row["is_score"] == "1"]
    assert 40 <= len(scores) < len(truth)
    assert {row["content"] for row in truth if row["is_score"] == "0"} == {
        "title",
        "preface",
        "contents",
        "blank",
        "music",
    }
    assert {row["page_kind"] for row in truth} == {"1-bit", "8-bit", "born-digital"}
    # No page is so near to the two-thirds rule that musicians would not agree.
    assert not [row for row in truth if 0.6 < float(row["music_fraction"]) < 0.72]


def test_metadata_has_the_published_form_and_its_gaps(sample):
    rows = json.loads((sample / "metadata.json").read_text(encoding="utf-8"))
    ids = {row["ID"] for row in rows}
    pdfs = {path.stem for path in sample.glob("*.pdf")}

    assert all(re.fullmatch(r"IMSLP90000\d\d", row["ID"]) for row in rows)
    assert len(ids - pdfs) == 1
    assert len(pdfs - ids) == 1
    assert len({row["Composer"] for row in rows if "Composer" in row}) >= 10
    assert len({row["Key"] for row in rows if "Key" in row}) >= 10


def test_the_metadata_of_a_collection_leave_out_what_its_tunes_disagree_on():
    books = {book.number: book for book in BOOKS}

    songs = work_metadata(books[9000014])

    assert songs["Composer"] == "Various"
    assert songs["Language"] == "German"
    assert "Key" not in songs


def test_the_set_is_small(sample):
    assert sum(path.stat().st_size for path in sample.iterdir()) < 15e6


def test_the_sample_loads_with_nothing_but_its_name(truth):
    """The front door: engraved, curated with the committed weights, and right about every page."""
    splits = load_dataset("musicscore")
    kept = {(row["source"], row["page"]) for split in splits.values() for row in split.remove_columns("image")}
    curated = Path(datasets.config.HF_DATASETS_CACHE) / "musicscore_curation"
    pages = [row for path in curated.rglob("pages.csv") for row in csv.DictReader(path.open())]
    copies = {(row["source"], int(row["page"])) for row in pages if row["reason"].startswith("near-duplicate")}
    music = {
        (row["source"], int(row["page"]))
        for row in truth
        if row["content"] == "music" and row["page_kind"] in ("1-bit", "born-digital")
    }
    assert kept == music - copies
    assert ("IMSLP9000021.pdf", 1) in copies
    assert splits["train"][0]["license"] == "CC0 1.0"


def test_no_group_of_works_is_on_both_sides_of_a_split():
    groups = {split: set(rows["split_group"]) for split, rows in load_dataset("musicscore").items()}
    assert not groups["train"] & groups["validation"]
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & groups["test"]
