"""The builder `performances` on small folders in ASAP's layout, and on its own sample."""

import csv
import io
from collections import Counter

import numpy as np
import pytest
from folders_and_archives import write_folder, write_tar

from scorehub.audio import read_audio
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.performances.performances import Performances
from scorehub.dataset_builders.performances.score_position import performance_position, score_position
from scorehub.dataset_builders.splits import split_of
from scorehub.notes import make_notes, write_midi

PITCHES = (60, 62, 64, 65, 67, 69, 71, 72)  # two measures of quarters, which are repeated
STEPS = "CDEFGABC"


def musicxml():
    """Two measures of 4/4 between repeat signs; notes n1 to n8."""
    note = '<note id="n{}"><pitch><step>{}</step><octave>{}</octave></pitch><duration>2</duration></note>'
    notes = [note.format(i + 1, STEPS[i], 4 + (i == 7)) for i in range(8)]
    repeat = '<barline><repeat direction="backward"/></barline>'
    return (
        '<?xml version="1.0"?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" "p.dtd">'
        "<score-partwise><part><measure><attributes><divisions>2</divisions></attributes>"
        f"{''.join(notes[:4])}</measure><measure>{''.join(notes[4:])}{repeat}</measure></part></score-partwise>"
    )


def beat_lines(times):
    return "".join(f"{t}\t{t}\t{'b' if i % 4 else 'db' if i else 'db,4/4,0'}\n" for i, t in enumerate(times))


def piece_files(tempo=0.75):
    """A piece's files by name: played once in `tempo` seconds a quarter, n3 wrong the second time."""
    quarters = np.arange(16)
    score = make_notes(quarters * 0.5, np.full(16, 0.5), np.tile(PITCHES, 2))
    pitch = np.tile(PITCHES, 2)
    pitch[10] += 1
    played = make_notes(quarters * tempo, np.full(16, tempo * 0.9), pitch, velocity=70)
    names = [f"n{i % 8 + 1}-{i // 8 + 1}" if i != 10 else "insertion" for i in range(16)]
    rows = [f"{name}\tn{i}\t0\t0\t{pitch[i]}\t{i * tempo}" for i, name in enumerate(names)]
    header = "xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset"
    return {
        "xml_score.musicxml": musicxml().encode(),
        "midi_score.mid": write_midi(score),
        "midi_score_annotations.txt": beat_lines(quarters * 0.5).encode(),
        "Ada01M.mid": write_midi(played),
        "Ada01M_annotations.txt": beat_lines(quarters * tempo).encode(),
        "Ada01M_note_alignments/note_alignment.tsv": "\n".join([header, *rows, "n3-2\tdeletion"]).encode(),
    }


def index(pieces):
    """A `metadata.csv` of one performance a piece."""
    text = io.StringIO()
    columns = "composer,title,folder,xml_score,midi_score,midi_performance,performance_annotations"
    writer = csv.writer(text)
    writer.writerow([*columns.split(","), "midi_score_annotations", "robust_note_alignment"])
    for piece in pieces:
        names = ("xml_score.musicxml", "midi_score.mid", "Ada01M.mid", "Ada01M_annotations.txt")
        paths = [f"{piece}/{name}" for name in (*names, "midi_score_annotations.txt")]
        writer.writerow(["Anon", piece, piece, *paths, "1.0"])
    return text.getvalue().encode()


def asap_files(pieces):
    """All files of a small ASAP by path."""
    files = {f"{piece}/{name}": data for piece in pieces for name, data in piece_files().items()}
    return files | {"metadata.csv": index(pieces)}


def load(tmp_path, name="asap", num_proc=None, **options):
    """All rows of all splits by performance, with their split."""
    builder = Performances(cache_dir=str(tmp_path / "cache"), config_name=name, **options)
    builder.download_and_prepare(num_proc=num_proc)
    return {row["performance"]: row | {"split": split} for split, rows in builder.as_dataset().items() for row in rows}


PIECES = ("a", "b", "c", "d")


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "asap", asap_files(PIECES))


def test_a_row_holds_score_performance_and_both_alignments(folder, tmp_path):
    row = load(tmp_path, data_dir=str(folder))["a/Ada01M"]

    assert (row["piece"], row["composer"], row["performer"], row["score_format"]) == ("a", "Anon", "Ada", "musicxml")
    assert row["score_midi"] == piece_files()["midi_score.mid"]
    assert row["aligned"]
    assert row["audio"] is None
    assert row["license"] == "CC BY-NC-SA 4.0"
    assert row["beats"]["score_time"] == pytest.approx(np.arange(16) * 0.5)
    assert row["beats"]["performance_time"] == pytest.approx(np.arange(16) * 0.75)
    assert row["beats"]["label"][:5] == ["db", "b", "b", "b", "db"]
    assert (row["beats"]["time_signature"][0], row["beats"]["key"][0]) == ("4/4", "0")


def test_a_repeated_note_is_once_in_the_score_and_twice_on_the_score_time_axis(folder, tmp_path):
    notes = load(tmp_path, data_dir=str(folder))["a/Ada01M"]["notes"]
    by_id = {name: i for i, name in enumerate(notes["score_id"])}

    assert [notes["score_onset"][by_id[name]] for name in ("n2-1", "n2-2")] == [1.0, 1.0]
    assert [notes["score_time"][by_id[name]] for name in ("n2-1", "n2-2")] == pytest.approx([0.5, 4.5])


def test_a_wrong_note_is_an_insertion_and_a_deletion_with_a_place_in_the_score(folder, tmp_path):
    notes = load(tmp_path, data_dir=str(folder))["a/Ada01M"]["notes"]
    missed, extra = notes["matched"].index("deletion"), notes["matched"].index("insertion")

    assert Counter(notes["matched"]) == {"match": 15, "insertion": 1, "deletion": 1}
    assert [notes[name][missed] for name in ("score_id", "score_onset", "pitch", "onset")] == ["n3-2", 2.0, 64, None]
    assert notes["score_time"][missed] == pytest.approx(5.0)
    assert [notes[name][extra] for name in ("score_id", "score_time", "pitch")] == ["", None, 65]


def test_an_archive_of_any_compression_gives_the_rows_of_its_folder(folder, tmp_path):
    expected = load(tmp_path, data_dir=str(folder))
    for mode in ("w", "w:gz", "w:xz", "w:bz2"):
        path = write_tar(tmp_path / f"asap.{mode[1:]}", asap_files(PIECES), mode)
        assert load(tmp_path, data_dir=str(path)) == expected


def test_an_archive_may_have_one_top_folder_as_downloads_from_github_do(folder, tmp_path):
    files = {f"asap-dataset-1.2/{name}": data for name, data in asap_files(PIECES).items()}
    rows = load(tmp_path, data_dir=str(write_tar(tmp_path / "asap.tar.gz", files)))
    assert rows.keys() == load(tmp_path, data_dir=str(folder)).keys()


def test_an_index_beside_the_archive_is_taken(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    files = asap_files(PIECES)
    (folder / "metadata.csv").write_bytes(files.pop("metadata.csv"))
    write_tar(folder / "asap_aligned.tar.gz", files)
    assert len(load(tmp_path, data_dir=str(folder))) == 4


def test_two_processes_and_a_stream_give_the_rows_of_one(tmp_path):
    path = write_tar(tmp_path / "asap.tar.gz", asap_files(PIECES))
    alone = load(tmp_path / "1", data_dir=str(path))
    assert load(tmp_path / "2", data_dir=str(path), num_proc=2) == alone

    builder = Performances(cache_dir=str(tmp_path / "3"), config_name="asap", data_dir=str(path))
    streams = builder.as_streaming_dataset()
    assert sum(stream.num_shards for stream in streams.values()) == len(PIECES)
    rows = [row | {"split": name} for name, stream in streams.items() for row in stream]
    assert {row["performance"]: row for row in rows} == alone


def test_the_split_follows_from_the_piece(folder, tmp_path):
    rows = load(tmp_path, data_dir=str(folder))
    assert {row["split"] for row in rows.values()} <= {"train", "validation", "test"}
    assert all(
        row["split"] == split_of(row["split_group"]) == split_of(f"Anon {row['piece']}") for row in rows.values()
    )


def test_what_does_not_fit_is_reported_and_the_rest_is_built(folder, tmp_path):
    (folder / "a/Ada01M_annotations.txt").write_text(beat_lines(np.arange(15.0)))
    (folder / "b/Ada01M.mid").write_bytes(b"MThd")
    (folder / "c/xml_score.musicxml").unlink()
    failures = tmp_path / "failures"

    assert list(load(tmp_path, data_dir=str(folder), failures_dir=str(failures))) == ["d/Ada01M"]
    reasons = dict(read_failures(failures))
    assert "must have the 16 beats of its score, got 15" in reasons["a/Ada01M.mid"]
    assert "MIDI file" in reasons["b/Ada01M.mid"]
    assert "'c/xml_score.musicxml' must be a file" in reasons["c/Ada01M.mid"]


def test_a_performance_without_note_alignment_keeps_its_beats(folder, tmp_path):
    (folder / "a/Ada01M_note_alignments/note_alignment.tsv").unlink()
    row = load(tmp_path, data_dir=str(folder))["a/Ada01M"]
    assert not row["aligned"]
    assert row["notes"]["onset"] == []
    assert score_position(row, [0.75]) == pytest.approx([0.5])


def test_files_outside_of_the_folder_are_not_read(folder, tmp_path):
    (tmp_path / "secret.musicxml").write_text(musicxml())
    (folder / "b/xml_score.musicxml").unlink()
    (folder / "b/xml_score.musicxml").symlink_to(tmp_path / "secret.musicxml")
    text = (folder / "metadata.csv").read_text().replace("a/xml_score.musicxml", "../secret.musicxml")
    (folder / "metadata.csv").write_text(text.replace("c/xml_score", f"{tmp_path}/secret"))

    assert list(load(tmp_path, data_dir=str(folder))) == ["d/Ada01M"]


def test_a_performance_that_the_index_has_twice_is_there_once(folder, tmp_path):
    text = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(text + text.splitlines()[1] + "\n")
    assert len(load(tmp_path, data_dir=str(folder))) == 4


def test_the_cache_follows_the_index(folder):
    ids = [Performances(config_name="asap", data_dir=str(folder)).config_id]
    (folder / "metadata.csv").write_bytes(index("ab"))
    ids.append(Performances(config_name="asap", data_dir=str(folder)).config_id)
    assert ids[0] != ids[1]


def test_asap_without_a_folder_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match="data_dir must be a folder or an archive of ASAP, got None"):
        load(tmp_path)
    (tmp_path / "metadata.csv").write_bytes(index("a").splitlines(keepends=True)[0])
    with pytest.raises(ValueError, match="index must name performances, got none"):
        load(tmp_path, data_dir=str(tmp_path))
    (tmp_path / "metadata.csv").unlink()
    with pytest.raises(ValueError, match=r"folder with asap_aligned_index\.csv or metadata\.csv"):
        load(tmp_path, data_dir=str(tmp_path))


def test_audio_is_made_where_it_is_asked_for(tmp_path):
    folder = write_folder(tmp_path / "asap", asap_files("a"))
    audio = load(tmp_path, data_dir=str(folder), audio=True)["a/Ada01M"]["audio"]
    samples, rate = read_audio(audio["bytes"])
    assert rate == 22050
    assert 16 * 0.75 - 0.2 < len(samples) / rate < 20


def test_the_sample_needs_nothing_and_says_that_nobody_played_it(tmp_path):
    rows = load(tmp_path, "sample")

    assert len(rows) == 8
    assert {row["split"] for row in rows.values()} == {"train", "validation", "test"}
    assert all(row["source"].startswith("made up, not human") for row in rows.values())
    assert {row["license"] for row in rows.values()} == {"CC0 1.0"}
    assert {row["score_format"] for row in rows.values()} == {"mei"}
    assert len({row["performance_midi"] for row in rows.values()}) == 8


def test_all_notes_of_the_sample_have_their_place(tmp_path):
    for row in load(tmp_path, "sample").values():
        notes = row["notes"]
        columns = (notes[name] for name in ("score_id", "score_onset", "score_time", "matched"))
        for name, onset, time, matched in zip(*columns, strict=True):
            assert (time is None) == (matched == "insertion")
            if name:
                assert f'xml:id="{name.removesuffix("-1")}"' in row["score"]
                assert time == pytest.approx(onset * 0.5, abs=1e-5)


def test_the_position_in_the_sample_is_right_to_a_few_hundredths_of_a_second(tmp_path):
    """The beats are the tempo curve itself; a played note is off it by what the player's hands do."""
    for row in load(tmp_path, "sample").values():
        notes = row["notes"]
        matched = [i for i, kind in enumerate(notes["matched"]) if kind == "match"]
        onsets, times = (np.array([notes[name][i] for i in matched]) for name in ("onset", "score_time"))
        by_beats = np.median(np.abs(score_position(row, onsets, use_notes=False) - times))
        assert np.median(np.abs(score_position(row, onsets) - times)) <= by_beats < 0.02
        assert performance_position(row, score_position(row, onsets)) == pytest.approx(onsets)
