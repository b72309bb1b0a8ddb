"""Pages for the text-to-score trainer: engraved ones say what they are, pieces of scans lie where the others do."""

import csv
import io
import tarfile

import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

from scorehub.notation.kern import read_kern
from scorehub.page_reader import agreement, read_score_page
from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    Clef,
    KeySignature,
    Note,
    Rest,
    TimeSignature,
    parse_semantic,
)
from scorehub.pipelines.score_following.layout import read_page
from scorehub.trainers import text_to_score_corpus as corpus
from scorehub.trainers.text_to_score_pages import BRACED_TOPS, LEFT, Work, draw_page, find_works, name_key
from scorehub.trainers.text_to_score_parts import INSTRUMENTS, SOLO, find_parts, join_melodies, write_parts
from scorehub.trainers.text_to_score_scans import cut_scan, find_scans

MELODY = "**kern\n*clefG2\n*k[]\n*M4/4\n=-\n" + "4c\n4e\n4g\n4cc\n=\n4a\n8g\n8f\n4e\n4d\n=\n" * 40 + "*-\n"


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    folder = tmp_path_factory.mktemp("excerpts")
    for name in ("one", "two"):
        (folder / f"{name}.krn").write_text(MELODY + f"!! {name}\n")
    return [Work(work.name, 2 * work.excerpts) for work in find_works(folder)]  # one melody for each hand


def drawn(work, instrument):
    """A page for an instrument."""
    pages = (draw_page(work, np.random.default_rng(seed)) for seed in range(100))
    return next(page for page in pages if page and page["instrumentation"] == instrument)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_page_has_its_staves_on_the_grid_and_the_fields_of_what_it_shows(works, instrument):
    page = drawn(works[0], instrument)
    assert page["image"].size == (256, 352)
    systems = read_page(np.asarray(page["image"])).systems
    tops = [20 + 48 * n for n in range(7)] if instrument in SOLO else [top for system in BRACED_TOPS for top in system]
    assert [round(staff.top) for system in systems for staff in system.staves] == pytest.approx(tops, abs=1)
    assert {len(system.staves) for system in systems} == {1 if instrument in SOLO else 2}
    assert page["key"].endswith("major")  # C E G C stands for its tonic in every signature
    assert agreement(read_score_page(page["image"]), page) == {"staves": True, "clef": True, "key": True}
    again = drawn(works[0], instrument)
    assert np.array_equal(np.asarray(page["image"]), np.asarray(again["image"]))


def test_the_hands_of_a_piano_play_melodies_of_one_meter_measure_by_measure(tmp_path):
    short = "**kern\n*clefG2\n*k[]\n*M4/4\n=-\n4c\n=\n4c\n=\n*-\n"  # measures that are not full
    waltz = "**kern\n*clefG2\n*k[]\n*M3/4\n=-\n2.c\n=\n2.c\n=\n*-\n"
    low = MELODY.replace("4cc", "4r")
    for name, text in (("a", MELODY), ("b", low), ("c", short), ("d", waltz), ("e", low)):
        (tmp_path / f"{name}.krn").write_text(text)
    excerpts = [work.excerpts[0] for work in sorted(find_works(tmp_path), key=lambda work: work.name)]
    right, left = find_parts(excerpts, "piano", -2)
    assert right[:3] == [Clef("G", 2), KeySignature(-2), TimeSignature("4/4")]
    assert left[:3] == [Clef("F", 4), KeySignature(-2), TimeSignature("4/4")]
    assert not any(isinstance(token, Rest) for token in right)
    assert any(isinstance(token, Rest) for token in left)
    assert sum(isinstance(token, Barline) for token in right) == sum(isinstance(token, Barline) for token in left)
    assert not find_parts(excerpts[2:4], "piano", 0)
    bass, treble = zip(*(line.split("\t") for line in write_parts([right, left]).splitlines()), strict=True)
    assert [bass[2], treble[2]] == ["*staff2", "*staff1"]
    assert read_kern("\n".join(line for line in treble if line != ".")) == right


def test_melodies_are_moved_into_the_key_and_the_clef(works):
    tokens = join_melodies(works[0].excerpts, *SOLO["cello"], 3)
    assert tokens[:2] == [Clef("F", 4), KeySignature(3)]
    steps = [str(token.pitch)[:-1] for token in tokens if isinstance(token, Note)][:4]
    assert steps == ["A", "C#", "E", "A"]
    assert sum(isinstance(token, KeySignature) for token in tokens) == 1
    original = [token.length for token in read_kern(works[0].excerpts[0].notation) if isinstance(token, Note)]
    assert [token.length for token in tokens if isinstance(token, Note)][: len(original)] == original


@pytest.mark.parametrize(
    ("notes", "fifths", "key"),
    [
        ("C4 E4 G4 C5", 0, "C major"),
        ("A3 C4 E4 A4", 0, "A minor"),
        ("F#4 A#4 C#5", 6, "F sharp major"),
        ("D#4 F#4 A#4", 6, "D sharp minor"),
        ("Cb4 Eb4 Gb4", -7, "C flat major"),
        ("Ab4 Cb5 Eb5", -7, "A flat minor"),
        ("A#3 C#4 E#4", 7, "A sharp minor"),
        ("G3 Bb3 D4", -2, "G minor"),
    ],
)
def test_a_key_is_named_by_its_signature_and_the_triad_that_is_heard(notes, fifths, key):
    tokens = parse_semantic("\t".join(f"note-{pitch}_quarter" for pitch in notes.split()))
    assert name_key(tokens, fifths) == key


def test_a_work_that_fills_no_page_has_none(tmp_path):
    (tmp_path / "short.krn").write_text("**kern\n*clefG2\n*k[]\n*M4/4\n=-\n4c\n4e\n4g\n4cc\n*-\n")
    assert draw_page(find_works(tmp_path)[0], np.random.default_rng(0)) is None


def piano_page(systems=4):
    """Systems of two staves, 9 px a space, from 40 px on and at other distances than on engraved pages."""
    page = np.full((200 + 300 * systems, 800), 255, np.uint8)
    for number in range(systems):
        left, first = (90, 100) if number == 0 else (60, 100 + 290 * number + 7 * (number % 2))
        for top in (first, first + 110):
            for line in range(5):
                page[top + 9 * line : top + 9 * line + 2, left:740] = 0
        page[first : first + 147, left - 2 : left + 2] = 0
        page[first : first + 147, 736:740] = 0
    return Image.fromarray(page)


def write_scans(folder, archived=True, page=None):
    folder.mkdir()
    file = io.BytesIO()
    (page or piano_page()).save(file, "PNG")
    if archived:
        with tarfile.open(folder / "pages.tar", "w") as archive:
            member = tarfile.TarInfo("a_1.png")
            member.size = len(file.getvalue())
            archive.addfile(member, io.BytesIO(file.getvalue()))
    else:
        (folder / "a_1.png").write_bytes(file.getvalue())
    row = {
        "file": "a_1.png", "work": "a", "composer": "Haydn, Joseph", "key": "D major", "instrumentation": "piano",
        "genre": "sonata", "period": "Classical",
    }  # fmt: skip
    with (folder / "pages.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, row)
        writer.writeheader()
        writer.writerow(row)


@pytest.mark.parametrize("archived", [True, False])
def test_a_piece_of_a_scan_has_its_systems_where_engraved_pages_have_theirs(tmp_path, archived):
    write_scans(tmp_path / "scans", archived)
    pieces = cut_scan(find_scans(tmp_path / "scans")[0])
    assert [(piece["composer"], piece["piece_style"]) for piece in pieces] == [("Haydn, Joseph", "Classical")]
    page = np.asarray(pieces[0]["image"])
    assert page.shape == (352, 256)
    lines = np.flatnonzero(page[:, 100:].mean(1) < 225)
    tops = [top for system in BRACED_TOPS for top in system]
    assert all(np.abs(lines - (top + 4 * line)).min() <= 1 for top in tops for line in range(5))
    between = page[[top + 20 for top in tops[::2]]]  # the paper between the staves of a system
    assert [int(np.flatnonzero(row < 128)[0]) for row in between] == pytest.approx([LEFT] * 4, abs=1)


def test_a_scan_of_too_few_systems_or_without_their_lines_has_no_piece(tmp_path):
    write_scans(tmp_path / "few", page=piano_page(systems=3))
    assert not cut_scan(find_scans(tmp_path / "few")[0])
    page = np.array(piano_page())
    page[:, :65] = 255  # the left of all but the first system
    write_scans(tmp_path / "cropped", page=Image.fromarray(page))
    assert not cut_scan(find_scans(tmp_path / "cropped")[0])


def test_a_corpus_has_splits_by_work_and_a_stopped_run_goes_on(works, tmp_path, monkeypatch):
    write_scans(tmp_path / "scans")
    scans = find_scans(tmp_path / "scans")
    monkeypatch.setattr(corpus, "PER_SHARD", 3)
    monkeypatch.setattr(corpus, "is_held_out", lambda work: work == "two")
    plan = corpus.plan_pages(works, 6, scans, 0)
    output = tmp_path / "pages"
    total = corpus.write_corpus(plan, output, 1)
    shards = {path: path.read_bytes() for path in sorted((output / "data").iterdir())}
    assert [path.name for path in shards] == [
        "train-00000.parquet", "train-00001.parquet", "validation-00000.parquet"
    ]  # fmt: skip
    pages = load_dataset(str(output))
    assert len(pages["train"]) + len(pages["validation"]) == total
    assert set(pages["train"]["work"]) == {"one", "a"}
    assert set(pages["train"]["kind"]) == {"engraved", "scan"}
    assert set(pages["validation"]["work"]) == {"two"}
    assert pages["train"][0]["image"].size == (256, 352)
    first = next(iter(shards))
    first.unlink()
    (output / "data" / "train-00000.part").write_bytes(b"half")
    corpus.write_corpus(plan, output, 1)
    assert {path: path.read_bytes() for path in sorted((output / "data").iterdir())} == shards


def test_wrong_folders_of_scans_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"folder of scans must hold pages.csv"):
        find_scans(tmp_path)
    (tmp_path / "pages.csv").write_text("file,work\nx.png,x\n")
    with pytest.raises(ValueError, match=r"pages.csv must have the columns .* got no composer"):
        find_scans(tmp_path)
