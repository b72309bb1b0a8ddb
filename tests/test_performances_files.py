"""The files of ASAP: what they say is read, and whatever they hold instead is refused with a clear ValueError."""

import contextlib
import tarfile

import numpy as np
import pytest
import verovio
from test_performances import asap_files, index, musicxml, piece_files, write_folder, write_tar

from scorehub.dataset_builders.archives import Folder
from scorehub.dataset_builders.performances import source
from scorehub.dataset_builders.performances.alignment import AlignedNote, find_played, parse_alignment
from scorehub.dataset_builders.performances.annotations import Beat, pair_beats, parse_annotations
from scorehub.dataset_builders.performances.rows import make_row
from scorehub.dataset_builders.performances.sample import TUNES, write_sample
from scorehub.dataset_builders.performances.score_notes import ScoreNote, read_score_notes
from scorehub.dataset_builders.performances.score_times import find_score_times, read_score_midi
from scorehub.dataset_builders.performances.source import open_source, read_index
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.notes import make_notes, write_midi

HEADER = "xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset\n"


def damaged(data, rng):
    """Bytes that are no longer what they were: cut off, overwritten, repeated, or with words that lead astray."""
    kind = rng.integers(4)
    at = int(rng.integers(len(data)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        noise = bytearray(data)
        for place in rng.integers(len(data), size=1 + len(data) // 50):
            noise[place] = rng.integers(256)
        return bytes(noise)
    if kind == 2:
        return data[:at] + data[at // 2 :] * 2
    words = (b"nan", b"inf", b"-1", b"1e999", b"\t", b"\n", b"\0", b"<a>", b"]]>", b"999999999999", b"\xff", b"")
    lines = data.split(b"\n" if b"\n" in data else b">")
    lines[int(rng.integers(len(lines)))] = words[int(rng.integers(len(words)))]
    return b"\n".join(lines)


@pytest.mark.parametrize("name", sorted(piece_files()))
def test_a_damaged_file_is_refused_or_read_and_never_crashes(name):
    (entry,) = read_index(index("a").decode())
    whole = {f"a/{part}": data for part, data in piece_files().items()}
    refused = 0
    for seed in range(40):
        data = damaged(whole[f"a/{name}"], np.random.default_rng(seed))
        try:
            row = make_row(entry, whole | {f"a/{name}": data})
        except ValueError:
            refused += 1
        else:
            assert len(row["beats"]["score_time"]) == len(row["beats"]["performance_time"]) >= 2
    assert refused >= 10


def test_a_damaged_mei_is_refused_or_read_and_never_crashes(tmp_path):
    mei = (write_sample(tmp_path / "sample") / "beethoven_moonlight/score.mei").read_bytes()
    refused = 0
    for seed in range(60):
        data = damaged(mei, np.random.default_rng(seed)).decode("latin-1")
        try:
            read_score_notes(data, "mei")
        except ValueError:
            refused += 1
    assert refused >= 5


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_archive_is_refused_or_read_and_never_crashes(tmp_path, seed):
    rng = np.random.default_rng(seed)
    mode = ("w", "w:gz", "w:xz", "w:bz2")[seed % 4]
    path = write_tar(tmp_path / "asap.tar", asap_files("ab"), mode)
    path.write_bytes(damaged(path.read_bytes(), rng))
    with contextlib.suppress(ValueError):
        files, entries = open_source(path)
        assert all(len(files.load(entry.files)) <= 6 for entry in entries)


def test_labels_carry_time_signatures_and_keys():
    text = "1.0\t1.0\tb,,7\n1.5\t1.5\tdb,4/4\n2\t2\tbR\n3\t3\tdb,24/16,-4\n"
    assert parse_annotations(text) == [
        Beat(1.0, "b", "", "7"),
        Beat(1.5, "db", "4/4", ""),
        Beat(2.0, "bR"),
        Beat(3.0, "db", "24/16", "-4"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\t1\tb\n", "2 to 50000 beats, got 1"),
        ("1\t1\tb\n2\t2\tx\n", "line 2 must be 'time TAB time TAB b, db or bR'"),
        ("1\tb\n2\t2\tb\n", "line 1 must be"),
        ("one\t1\tb\n2\t2\tb\n", "line 1 must begin with seconds"),
        ("nan\t1\tb\n2\t2\tb\n", "line 1 must be within 0 to 86400 s"),
        ("2\t2\tb\n1\t1\tb\n", "line 2 must not be before 2.0 s"),
    ],
)
def test_annotations_say_which_line_is_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        parse_annotations(text)


def test_beats_correspond_line_by_line_or_not_at_all():
    score = [Beat(0, "db", "3/4", "-1"), Beat(1, "b")]
    assert pair_beats(score, [Beat(3, "db"), Beat(5, "bR")]) == {
        "score_time": [0, 1],
        "performance_time": [3, 5],
        "label": ["db", "bR"],
        "time_signature": ["3/4", ""],
        "key": ["-1", ""],
    }
    with pytest.raises(ValueError, match="2 beats of its score, got 1"):
        pair_beats(score, [Beat(3, "db")])
    with pytest.raises(ValueError, match="beat 2 must be 'b' as in the score, got 'db'"):
        pair_beats(score, [Beat(3, "db"), Beat(5, "db")])


def test_alignments_have_matches_insertions_and_deletions():
    text = HEADER + "n4-1\tn3\t1\t0\t66\t1.15\ninsertion\tn4\t1\t0\t60\t2\nn5-2\tdeletion\n"
    assert parse_alignment(text) == [
        AlignedNote("n4-1", "n3", 66, 1.15),
        AlignedNote(None, "n4", 60, 2.0),
        AlignedNote("n5-2", None),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n4\tn3\t1\t0\t66\t1", "insertion or an id like n12-1"),
        ("n4-1\tn3\t1\t0\t66", "6 fields or end in deletion"),
        ("insertion\tdeletion", "6 fields or end in deletion"),
        ("n4-1\tn3\t1\t0\tC\t1", "a pitch and an onset"),
        ("n4-1\tn3\t1\t0\t128\t1", "a MIDI pitch and an onset"),
        ("n4-1\tn3\t1\t0\t66\tnan", "a MIDI pitch and an onset"),
    ],
)
def test_alignments_say_which_line_is_wrong(line, message):
    with pytest.raises(ValueError, match=f"line 2 .*{message}"):
        parse_alignment(HEADER + line)
    with pytest.raises(ValueError, match="must begin with xml_id"):
        parse_alignment(line)


def test_played_notes_are_found_by_number_and_else_by_pitch_and_onset():
    played = make_notes(np.array([0.0, 1.0, 1.0]), np.ones(3), np.array([60, 64, 67]))
    by_number, miscounted = AlignedNote("n1-1", "n2", 67, 1.0), AlignedNote("n2-1", "n9", 64, 1.004)

    assert find_played([by_number, miscounted, AlignedNote("n3-1", None)], played) == [2, 1, None]
    with pytest.raises(ValueError, match=r"n0 must be a note of the performance, got pitch 61 at 0\.0 s"):
        find_played([AlignedNote("n1-1", "n0", 61, 0.0)], played)
    with pytest.raises(ValueError, match="name each played note once"):
        find_played([by_number, by_number], played)


def test_chords_voices_grace_notes_and_upbeats_have_their_onsets():
    def note(name, duration, more=""):
        length = f"<duration>{duration}</duration>" if duration else "<grace/>"
        pitch = "<pitch><step>B</step><alter>-1</alter><octave>3</octave></pitch>"
        return f'<note id="{name}">{more}{pitch}{length}</note>'

    upbeat = "<measure><attributes><divisions>4</divisions></attributes>" + note("up", 2) + "</measure>"
    first = note("a", 8) + note("chord", 8, "<chord/>") + "<backup><duration>8</duration></backup>"
    first += "<forward><duration>3</duration></forward>" + note("grace", 0) + note("b", 5)
    text = f"<score-partwise><part>{upbeat}<measure>{first}</measure><measure>{note('c', 4)}</measure></part>"

    notes = read_score_notes(text + "</score-partwise>", "musicxml")

    assert {name: note.onset for name, note in notes.items()} == {
        "up": 0, "a": 0.5, "chord": 0.5, "grace": 1.25, "b": 1.25, "c": 2.5
    }  # fmt: skip
    assert notes["a"] == ScoreNote(0.5, 58, 1)


def test_musicxml_that_declares_entities_or_is_something_else_is_refused():
    bomb = '<!DOCTYPE score-partwise [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'
    for text, message in [
        (bomb, "must not declare entities"),
        ("<score-partwise><part>", "must be well-formed XML"),
        ("<score-timewise/>", "must begin with score-partwise"),
        (musicxml().replace("<divisions>2", "<divisions>0"), "divisions in MusicXML must be a positive number"),
        (musicxml().replace("<step>C", "<step>H"), "must have a step"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_score_notes(text, "musicxml")
    with pytest.raises(ValueError, match="score_format must be musicxml or mei, got 'abc'"):
        read_score_notes("X:1", "abc")


@pytest.mark.parametrize("name", [*TUNES, "satie_gymnopedie", "bach_prelude_in_c", "joplin_entertainer"])
def test_onsets_in_mei_are_those_of_its_engraver(name):
    toolkit = verovio.toolkit()
    toolkit.setOptions({"xmlIdSeed": 1, "expandNever": True})
    toolkit.loadData(to_humdrum(load_tune(name)))
    notes = read_score_notes(toolkit.getMEI(), "mei")
    events = toolkit.renderToTimemap()
    onsets = {note: event["qstamp"] for event in events for note in event.get("on", ())}

    assert len(onsets) >= 50
    assert {note: notes[note].onset for note in onsets} == pytest.approx(onsets, abs=1e-4)
    assert all(notes[note].pitch == toolkit.getMIDIValuesForElement(note)["pitch"] for note in onsets)


def test_a_repeated_pitch_is_not_taken_for_its_neighbour():
    """Beats that are off by half a quarter put repeated notes on the wrong ones; the measure's other notes don't."""
    quarters = np.arange(16) / 2
    pitch = np.array([60] * 12 + [61, 62, 63, 64])
    midi = read_score_midi(write_midi(make_notes(quarters / 2, np.full(16, 0.2), pitch)))
    written = {f"n{i}": ScoreNote(quarter, int(pitch[i]), 0) for i, quarter in enumerate(quarters)}
    alignment = [AlignedNote(f"n{i}-1", f"n{i}") for i in range(16)]

    times = find_score_times(alignment, quarters / 2 + 0.25, written, midi)

    assert list(times.values()) == pytest.approx(quarters / 2, abs=1e-3)


def test_a_measure_that_the_midi_does_not_have_has_no_score_times():
    midi = read_score_midi(write_midi(make_notes(np.arange(4.0), np.ones(4), np.arange(60, 64))))
    written = {f"n{i}": ScoreNote(float(i), 80 + i, 0) for i in range(4)}
    assert find_score_times([AlignedNote(f"n{i}-1", "n0") for i in range(4)], np.arange(4.0), written, midi) == {}


def test_an_index_needs_its_columns():
    with pytest.raises(ValueError, match=r"got none named \['composer', .*\]"):
        read_index("title,folder\na,b\n")


def test_an_archive_gives_files_only_by_their_own_names(tmp_path):
    """Links and names that climb are looked up like any other text: nothing is ever written or followed."""
    path = tmp_path / "asap.tar"
    with tarfile.open(path, "w") as tar:
        link = tarfile.TarInfo("a/xml_score.musicxml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    (tmp_path / "metadata.csv").write_bytes(index("a"))
    files, entries = open_source(path)
    assert files.load([*entries[0].files, "/etc/passwd", "../metadata.csv"]) == {}


def test_names_that_no_file_can_have_are_no_files(tmp_path):
    folder = Folder(write_folder(tmp_path / "asap", {"a": b"1"}))
    assert folder.load(["a", "\0", "x" * 5000, "..", "", "/etc/passwd"]) == {"a": b"1"}


def test_an_index_that_is_too_large_is_named(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "asap.tar.gz", asap_files("ab"))
    monkeypatch.setattr(source, "MAX_FILE_BYTES", 10)
    with pytest.raises(ValueError, match=r"\.csv must have at most 10 bytes, got \d\d"):
        open_source(path)
