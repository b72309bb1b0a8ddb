"""Melodies for the Space of chorales: tunes to try, text, files."""

import numpy as np
import pytest
from tiny_chorales import CADENCE

from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import engrave_score
from scorehub.notation.chorale_musicxml import write_musicxml
from scorehub.notes import make_notes, read_midi, write_midi
from scorehub.spaces.chorales.melody import read_text
from scorehub.spaces.chorales.tunes import TUNES
from scorehub.spaces.chorales.uploads import MAX_BYTES, read_upload, write_text


@pytest.mark.parametrize(
    ("name", "bars", "upbeat", "first_line"),
    [
        ("ein_feste_burg", 12, 4, "D5:12 A4:2 B4:2 C#5:4 D5:2 C#5:2 B4:4 A4:4"),
        ("nun_danket", 12, 4, "D5:12 E5:8 D5:12 B4:4 C5:4 B4:4 A4:4 B4:2 C5:2 A4:8 G4:4"),
        ("wachet_auf", 17, 0, "D#4:4 G4:4 A#4:16 C5:8 A#4:16"),
        ("o_haupt", 12, 4, "E4:4 A4:4 G4:4 F4:4 E4:4 D4:8 E4:4 B4:4 C5:8 B4:8 A4:12"),
        ("old_hundredth", 8, 4, "G4:8 F#4:4 E4:4 D4:4 G4:4 A4:4 B4:16 A4:4 G4:4"),
    ],
)
def test_tunes_to_try_are_whole_and_begin_as_they_are_known(name, bars, upbeat, first_line):
    melody = read_text(TUNES[name].notation)
    assert (len(melody.pitches), melody.upbeat) == (16 * bars, upbeat)
    line = [part.split(":") for part in first_line.split()]
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    expected = [12 * (int(note[-1]) + 1) + names.index(note[:-1]) for note, length in line for _ in range(int(length))]
    assert melody.pitches[: len(expected)] == expected


def test_old_hundredth_is_that_of_the_tunes():
    notes = read_midi(engrave_score(to_humdrum(load_tune("bourgeois_old_hundredth"))).midi())
    soprano = notes.choose(notes.track == notes.track[notes.pitch.argmax()])
    assert np.ptp(soprano.duration) < 0.01  # quarters all
    assert read_text(TUNES["old_hundredth"].notation).pitches == np.repeat(soprano.pitch, 4).tolist()


@pytest.mark.parametrize(
    ("text", "pitches", "upbeat"),
    [
        ("4'CD2E/", [60] * 4 + [62] * 4 + [64] * 8, 0),
        (" 4'C/\n8DE ", [60] * 4 + [62] * 2 + [64] * 2, 4),
        ("4'C+/2C6D", [60] * 12 + [62], 4),
        ("2-4-'C/2D", [60] * 4 + [62] * 8, 4),  # a rest that fills up the bar is none of the melody
        ("4'C-D/", [60] * 4 + [-1] * 4 + [62] * 4, 12),
        ("@clef:F-4\n@timesig:3/4\n@data:4,C/2.D/", [48] * 4 + [50] * 12, 0),
        ("!!!OTL: a tune\n**kern\n*M4/4\n4c\n=1\n2d\n2e\n*-", [60] * 4 + [62] * 8 + [64] * 8, 4),
    ],
)
def test_melodies_are_read_from_text(text, pitches, upbeat):
    melody = read_text(text)
    assert (melody.pitches, melody.upbeat) == (pitches, upbeat)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "melody must have 1 to 10,000 characters, got 0"),
        ("4'C" * 4000, "got 12,000"),
        ("=4/", "notes and end within 32 bars, got 0.00"),
        ("1'C/" * 33, "notes and end within 32 bars, got 33.00"),
        ("4''''C", "between C2 and A5"),
        ("la la la", "Plaine & Easie measure 1"),
        ("**kern\t**kern\n4c\t4e\n*-\t*-", "kern must"),
        ("<script>alert(1)</script>", "Plaine & Easie measure 1"),
    ],
)
def test_what_is_no_melody_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_text(text)


def test_what_is_written_down_is_read_again():
    rng = np.random.default_rng(0)
    for upbeat in (0, 4, 6):
        pitches = np.repeat(rng.integers(59, 80, 30), rng.integers(1, 20, 30)).tolist()
        pitches[20:25] = [-1] * 5
        melody = read_text(write_text(pitches, upbeat))
        assert (melody.pitches, melody.upbeat) == (pitches, upbeat)


def test_files_give_their_highest_voice_by_the_notes_not_by_the_clock(tmp_path):
    onset, lower = np.array([0.0, 1, 2, 3, 4]), np.full(5, 60)
    pitch = np.array([67, 69, 71, 72, 74])
    both = make_notes(np.tile(onset, 2), np.ones(10), np.concatenate([pitch, lower]), track=np.repeat([0, 1], 5))
    (tmp_path / "tune.MID").write_bytes(write_midi(both, tempo=60))
    expected = np.repeat(pitch, 4).tolist()
    assert read_text(read_upload(tmp_path / "tune.MID")).pitches == expected
    fast = make_notes(onset / 2, np.full(5, 0.5), pitch)
    (tmp_path / "fast.mid").write_bytes(write_midi(fast, tempo=120))
    assert read_text(read_upload(tmp_path / "fast.mid")).pitches == expected
    (tmp_path / "chorale.musicxml").write_text(write_musicxml(CADENCE), encoding="utf-8")
    assert read_text(read_upload(tmp_path / "chorale.musicxml")).pitches == CADENCE[:, 0].tolist()


def test_an_upbeat_of_a_file_stays_one(tmp_path):
    note = "<note><pitch><step>{}</step><octave>5</octave></pitch><duration>{}</duration><type>{}</type></note>"
    measure = '<measure number="{}"{}>{}</measure>'
    signs = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    measures = (
        measure.format(0, ' implicit="yes"', signs + note.format("C", 1, "quarter")),
        measure.format(1, "", note.format("D", 4, "whole")),
        measure.format(2, "", note.format("E", 2, "half")),
    )
    head = '<score-partwise><part-list><score-part id="P1"><part-name/></score-part></part-list><part id="P1">'
    path = tmp_path / "tune.xml"
    path.write_text(f"{head}{''.join(measures)}</part></score-partwise>", encoding="utf-8")
    melody = read_text(read_upload(path))
    assert (melody.pitches, melody.upbeat) == ([72] * 4 + [74] * 16 + [76] * 8, 4)


def test_files_that_can_not_be_read_are_refused(tmp_path):
    files = {
        "noise.mid": (np.random.default_rng(0).bytes(500), "MIDI file must be whole"),
        "empty.mid": (write_midi(make_notes(*np.zeros((3, 0)))), "melody must have notes"),
        "noise.xml": (np.random.default_rng(1).bytes(500), "MusicXML must be text in UTF-8"),
        "page.xml": (b"<html></html>", "MusicXML must have a score"),
        "entity.xml": (b'<!DOCTYPE a [<!ENTITY b "c">]><score-partwise/>', "declare no entities"),
        "broken.musicxml": (b"<score-partwise><part>", "notation must"),
        "tune.mp3": (b"ID3", "file must end in .mid, .midi, .musicxml, .xml, got tune.mp3"),
        "large.mid": (bytes(MAX_BYTES + 1), "file must have at most 2 MB, got 2.1"),
    }
    for name, (data, reason) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=reason):
            read_upload(tmp_path / name)
