"""Pieces for the score follower's corpus: notation of several kinds, engraved."""

import zipfile

import numpy as np
import pytest

from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.notes import read_midi
from scorehub.trainers.score_following_corpus import Plan, pack_corpus
from scorehub.trainers.score_following_pieces import NotationPiece, notation_pieces, read_notation

MUSICXML = "<score-partwise/>"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "minuet.krn").write_text(to_humdrum(load_tune("petzold_minuet_in_g")))
    (tmp_path / "broken.krn").write_text("no notation at all")
    (tmp_path / "notes.txt").write_text("not read")
    return tmp_path


def write_mxl(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/") + ".xml", text)


def test_files_of_notation_are_found_at_any_depth_and_drawn_by_the_seed(folder):
    names = [piece.name for piece in notation_pieces([folder], count=9, seed=0)]
    assert set(names) == {f"{folder.name}__broken", "deep__minuet"}
    assert [piece.name for piece in notation_pieces([folder, folder], count=1, seed=0)] == 2 * names[:1]


def test_notation_is_engraved_with_noteheads_where_it_sounds(folder):
    score, midi = NotationPiece(folder / "deep" / "minuet.krn", seed=0).read()
    struck = ~score.noteheads["tied"]
    notes = read_midi(midi)
    np.testing.assert_allclose(np.sort(score.noteheads["onset"][struck]), np.sort(notes.onset), atol=2e-3)
    assert sorted(score.noteheads["pitch"][struck]) == sorted(notes.pitch)


def test_each_file_has_a_layout_of_its_own_and_always_the_same(folder):
    (folder / "deep" / "again.krn").write_text((folder / "deep" / "minuet.krn").read_text())
    pages = [
        NotationPiece(folder / "deep" / f"{name}.krn", 0).read()[0].pages for name in ("minuet", "minuet", "again")
    ]
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


def test_what_can_not_be_engraved_is_named_and_the_rest_is_packed(folder):
    pieces = notation_pieces([folder], count=9, seed=0)
    unread = pack_corpus(pieces, folder / "corpus", Plan((), 0, 0, 0), workers=1)
    assert unread == [f"{folder.name}__broken"]
    with np.load(folder / "corpus" / "deep__minuet.npz") as packed:
        assert (packed["system_0"] >= 0).all()


def test_the_score_of_a_compressed_musicxml_is_read(tmp_path):
    write_mxl(tmp_path / "song.mxl", **{"META-INF__container": "<container/>", "lc1": MUSICXML})
    assert read_notation(tmp_path / "song.mxl") == MUSICXML


@pytest.mark.parametrize("members", [{}, {"one": MUSICXML, "two": MUSICXML}, {"huge": " " * (9 * 2**20)}])
def test_a_compressed_musicxml_must_hold_one_score_of_bearable_size(tmp_path, members):
    write_mxl(tmp_path / "song.mxl", **members)
    with pytest.raises(ValueError, match="MXL must hold one score"):
        read_notation(tmp_path / "song.mxl")


@pytest.mark.parametrize("name", ["song.mxl", "song.krn"])
def test_damaged_notation_is_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ValueError, match="got song"):
        read_notation(tmp_path / name)
