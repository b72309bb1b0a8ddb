"""Pictures of strangers: every reader of files takes what is known, names what it refuses and starts no program."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import reliability_bombs as bombs

from scorehub.following import read_pages
from scorehub.pictures import read_page
from scorehub.pipelines.music_transcription import features
from scorehub.pipelines.music_transcription.pipeline_music_transcription import _read_staff
from scorehub.pipelines.score_following import layout, pipeline_score_following
from scorehub.transcription import tell_apart

READERS = {
    "follow": lambda path: read_pages([path]),
    "distort and classify": read_page,
    "transcribe": lambda path: tell_apart([path]),
    "music-transcription": _read_staff,
    "score-following": pipeline_score_following._read_page,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["PostScript", "PNG of 10 billion pixels", "PNG of no width", "nothing"])
def test_what_is_no_picture_or_a_bomb_is_refused_by_name(reader, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("started Ghostscript"))
    path = tmp_path / "page.png"
    path.write_bytes((bombs.everywhere() | bombs.pictures())[kind])
    with pytest.raises(ValueError, match=r"must be .*page\.png"):
        READERS[reader](path)


def test_pipelines_know_the_same_formats():
    assert features.FORMATS == layout.FORMATS
    assert "EPS" not in layout.FORMATS
