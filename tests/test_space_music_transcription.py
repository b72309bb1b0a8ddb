"""The Space of music transcription: words, places, what is marked and refused."""

import re
from pathlib import Path
from xml.etree import ElementTree

import gradio as gr
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from small_transcriber import SECONDS, frames
from space_browser import functions
from transcriber_files import DIFFERENT, TOKENS, write_transcriber

from scorehub.notes import read_midi
from scorehub.pipelines.music_transcription.decoding import FUSIONS as ALL_FUSIONS
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.music import write_score
from scorehub.spaces.music_transcription import app, browser, engraved, fusing, reading, show, sources, words
from scorehub.spaces.music_transcription.examples import EXAMPLES, load_example
from scorehub.spaces.music_transcription.reading import Said
from scorehub.spaces.music_transcription.sources import WHOLE, Picture
from scorehub.spaces.music_transcription.transcribing import Given, transcribe
from scorehub.transcription import load_transcriber

APP = Path(browser.__file__).with_name("app.py")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_transcriber(tmp_path_factory.mktemp("transcriber"))


@pytest.fixture(scope="module")
def pipe(folder):
    return load_transcriber(folder / "model")


def given(folder, picture="staff.png", recording="tones.wav"):
    return Given(
        picture and sources.load_picture(folder / picture), recording and sources.load_recording(folder / recording)
    )


def row(token, onset=None, probability=0.5, x=None, time=None, sides=()):
    return {"token": token, "onset": onset, "probability": probability, "x": x, "time": time, "from": list(sides)}


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("note-F#4_quarter.", "F♯4 dotted quarter"),
        ("gracenote-Bb3_sixteenth", "grace note B♭3 sixteenth"),
        ("note-Ebb5_thirty_second_fermata", "E♭♭5 32nd, fermata"),
        ("rest-double_whole", "double whole rest"),
        ("multirest-1", "rest of 1 measure"),
        ("clef-C3", "alto clef"),
        ("clef-G4", "G clef on line 4"),
        ("keySignature-EbM", "key of 3 flats: E♭ major or C minor"),
        ("keySignature-BM", "key of 5 sharps: B major or G♯ minor"),
        ("keySignature-CM", "key of no sharps or flats: C major or A minor"),
        ("timeSignature-C/", "cut time, C with a stroke"),
        ("timeSignature-6/8", "6/8 time"),
        ("barline", "bar line"),
        ("note-H4", "note-H4"),
    ],
)
def test_tokens_are_said_in_a_musicians_words(token, said):
    assert words.token_in_words(token) == said


def test_places_are_counted_in_measures_and_in_beats_of_the_time_signature():
    staff = [
        row("timeSignature-3/4", 0.0),
        row("note-C4_quarter", 0.0),
        row("note-C4_quarter", 1.5),
        row("barline", 3.0),
        row("timeSignature-6/8", 3.0),
        row("note-C4_eighth", 4.0),
        row("note-no", None),
        row("barline", 6.0),
        row("multirest-3", 6.0),
        row("barline", 15.0),
        row("note-C4_quarter", 15 + 1 / 6),
    ]
    assert reading.find_places(staff) == [
        (1, "measure 1, beat 1"),
        (1, "measure 1, beat 1"),
        (1, "measure 1, beat 2½"),
        (1, "end of measure 1"),
        (2, "measure 2, beat 1"),
        (2, "measure 2, beat 3"),
        (2, "measure 2"),
        (2, "end of measure 2"),
        (3, "measure 3, beat 1"),
        (5, "end of measure 5"),
        (6, "measure 6, beat 1.33"),
    ]


def test_what_a_side_lacks_is_a_difference_with_a_place_between_its_neighbours():
    result = {
        "tokens": [row("clef-G2", 0.0, 0.95, 10, 0.5, ["optical", "audio"]), row("barline", 0.0, 0.7, 50, 2.5)],
        "optical": [row("clef-G2", x=10), row("barline", x=50)],
        "audio": [row("clef-G2", time=0.5), row("tie", time=1.5, probability=0.4), row("barline", time=2.5)],
        "disagreements": [{"tokens": (1, 1), "optical": (1, 1), "audio": (1, 2)}],
    }
    made = reading.make_reading(result)
    assert [sign.level for sign in made.signs] == ["sure", "likely"]
    (difference,) = made.differences
    assert (difference.seen, difference.heard, difference.chosen) == ([], [Said("tie", 0.4)], [])
    assert (difference.x, difference.time, difference.span) == (30, 1.5, (1, 1))
    assert difference.where == "end of measure 1"
    assert difference.sides == ("optical",)


def test_what_is_engraved_bears_the_numbers_of_its_signs():
    first = ("clef-F4", "keySignature-DM", "timeSignature-3/4", "note-D3_half", "tie", "note-D3_quarter", "barline")
    rests = ("rest-whole", "barline", "multirest-2", "barline")
    last = ("clef-G2", "gracenote-E4_eighth", "note-F#4_quarter.", "rest-eighth", "note-G4_quarter", "barline")
    tokens = [*first, *rests, *last]
    made = engraved.engrave_result({"tokens": [row(token) for token in tokens], "musicxml": write_score(tokens)[0]})
    drawn = {
        int(group.get("data-place")): group.get("class")
        for group in ElementTree.fromstring(made.svg).iter("{http://www.w3.org/2000/svg}g")
        if group.get("data-place")
    }
    bar, kinds = "barLine", ["clef", "keySig", "meterSig", "note", "tie", "note"]
    kinds += [bar, "mRest", bar, "multiRest", bar, "clef", "note", "note", "rest", "note", bar]
    assert [drawn[place] for place in range(len(tokens))] == kinds
    order = [*range(10), 11, 10, *range(12, 17)]  # a clef stands before the bar line that it comes after
    assert sorted(range(len(tokens)), key=made.xs.__getitem__) == order
    assert 0.03 < made.xs[0] < made.xs[-1] < 0.99


@pytest.mark.parametrize(
    ("tokens", "reason"), [("rest-quarter barline", "a note"), ("multirest-250 note-C4_half", "200 measures")]
)
def test_what_can_not_be_engraved_is_refused(tokens, reason):
    tokens = tokens.split()
    with pytest.raises(ValueError, match=reason):
        engraved.engrave_result({"tokens": [row(token) for token in tokens], "musicxml": write_score(tokens)[0]})


def test_a_picture_is_cut_where_it_was_dragged_over_and_turned_to_the_left():
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Picture("name", page)
    assert picture.cut(0.75, 1.0, 0.25, 1 / 3).staff.tolist() == [[5, 6], [9, 10]]
    assert picture.cut(0.5, 0.5, 0.5001, 0.9).box == WHOLE  # a click
    assert picture.cut(-3.0, 0.0, 0.5, 9.0).whole().staff.tolist() == page.tolist()
    assert picture.turned(1).page.tolist() == [[3, 7, 11], [2, 6, 10], [1, 5, 9], [0, 4, 8]]
    assert picture.turned(-1).page[0].tolist() == [8, 4, 0]
    for corners in ((0.1, 0.2, 0.3), (0.1, 0.2, 0.3, "x"), (0.1, 0.2, 0.3, float("nan"))):
        with pytest.raises(ValueError, match="corners must be four numbers"):
            picture.cut(*corners)


def test_pictures_are_upright_and_not_larger_than_they_are_kept(tmp_path):
    wide = Image.fromarray(np.repeat(np.arange(200, dtype=np.uint8)[None], 100, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    wide.save(tmp_path / "photo.png", exif=exif)
    page = sources.load_picture(tmp_path / "photo.png").page
    assert page.shape == (200, 100)
    assert page[:, 0].tolist() == list(range(200))
    Image.new("L", (10_000, 500)).save(tmp_path / "large.png")
    assert sources.load_picture(tmp_path / "large.png").page.shape == (250, 5000)


def test_what_can_not_be_read_is_refused_with_a_reason(pipe, folder, tmp_path):
    pictures = {"noise.png": "whole PNG, JPEG", "huge.png": "at most 64,000,000 pixels"}
    pictures |= {"white.png": "blank", "two.png": "one staff, got 2"}
    for name, reason in pictures.items():
        with pytest.raises(ValueError, match=reason):
            transcribe(pipe, given(folder, name, None), "fuse_aligned", 0.5)
    recordings = {"noise.wav": "of a known format", "long.wav": "at most 120 s, got 121 s", "silent.wav": "sound"}
    for name, reason in recordings.items():
        with pytest.raises(ValueError, match=reason):
            transcribe(pipe, given(folder, None, name), "fuse_aligned", 0.5)
    with pytest.raises(ValueError, match="got neither"):
        transcribe(pipe, Given(), "fuse_aligned", 0.5)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(sources.MAX_BYTES + 1)
    for load in (sources.load_picture, sources.load_recording):
        with pytest.raises(ValueError, match="at most 20 MB"):
            load(tmp_path / "large.png")


def test_where_picture_and_recording_differ_the_surer_side_is_chosen(pipe, folder):
    # 0.5 * 0.9 > 0.5 * 0.8, and 0.2 * 0.9 < 0.8 * 0.8; the other side's own doubt counts too.
    for weight, word, probability, side in (
        (0.5, "E4 quarter", 0.5 * 0.9 + 0.5 * 0.2, "optical"),
        (0.2, "F4 quarter", 0.2 * 0.1 + 0.8 * 0.8, "audio"),
    ):
        done = transcribe(pipe, given(folder), "fuse_aligned", weight)
        (difference,) = done.reading.differences
        assert [sign.difference for sign in done.reading.signs] == [int(n == DIFFERENT) for n in range(len(TOKENS))]
        assert difference.seen == [Said("E4 quarter", pytest.approx(0.9, abs=1e-3))]
        assert difference.heard == [Said("F4 quarter", pytest.approx(0.8, abs=1e-3))]
        assert difference.chosen == [Said(word, pytest.approx(probability, abs=1e-3))]
        assert difference.sides == (side,)
        assert difference.where == "measure 1, beat 2"
        assert done.doubts == []


def test_one_side_alone_is_read_and_written_to_files(pipe, folder, tmp_path):
    seen = transcribe(pipe, given(folder, recording=None), "fuse_aligned", 0.5)
    heard = transcribe(pipe, given(folder, picture=None), "fuse_aligned", 0.5)
    assert (seen.reading.sides, heard.reading.sides) == (("optical",), ("audio",))
    assert [sign.token for sign in seen.reading.signs] == TOKENS
    paths = heard.write(tmp_path)
    assert {path.name for path in paths.values()} == {"tones.musicxml", "tones.mid", "tones.semantic", "tones.flac"}
    assert (tmp_path / "tones.semantic").read_text() == "\t".join(TOKENS).replace("E4", "F4") + "\t"
    assert read_midi((tmp_path / "tones.mid").read_bytes()).pitch.tolist() == [60, 65, 67]
    assert soundfile.info(tmp_path / "tones.flac").duration > 2


def test_a_picture_that_is_kept_no_longer_is_asked_for_and_the_sound_is_not_read_alone(folder):
    space = app.build_app(folder / "model")
    tones, lost = str(folder / "tones.wav"), "icture must have been given within the last hour, got none"
    for read in functions(space, "read"):
        (said,) = read("", str(folder / "staff.png"), None, tones, "fuse_aligned", 50)
        assert any(lost in str(one) for one in said.values())
    for edited in functions(space, "edited"):
        assert any(lost in str(one) for one in edited(None, None).values())
    (heard,) = read("", None, None, tones, "fuse_aligned", 50)
    assert any("Read from the recording alone" in str(one) for one in heard.values())


def test_a_picture_without_a_staff_is_doubted(pipe, folder):
    y, x = np.mgrid[:128, :512]
    disc = np.where((x - 256) ** 2 + (y - 64) ** 2 < 1600, 0, 255).astype(np.uint8)
    done = transcribe(pipe, Given(Picture("disc", disc)), "fuse_aligned", 0.5)
    assert "No staff lines were found" in done.doubts[0]


def test_signs_are_marked_where_they_stand_and_differences_numbered(pipe, folder):
    done = transcribe(pipe, given(folder), "fuse_aligned", 0.5)
    html = show.page(done)["html"]
    pictures = html.split("<figure")[1:]
    assert len(pictures) == 3
    # A frame is 4 px of 512 wide; its middle is meant. A recording's begins at `time`.
    meant = [100 * (frame + 0.5) / 128 for frame in frames(len(TOKENS), 128)]
    assert marked(pictures[0]) == pytest.approx(meant, abs=0.02)
    times = [100 * sign.time / SECONDS for sign in done.reading.signs]
    assert marked(pictures[2]) == pytest.approx(times, abs=0.02)
    assert [len(re.findall(r'<b data-place="3"[^>]*>1</b>', picture)) for picture in pictures] == [1, 1, 1]
    assert html.count('data-level="differs" data-place="3"') == 3  # in picture, recording and among all signs
    assert re.findall(r'class="note" data-place="(\d)" data-level="differs"', html) == ["3"]


def marked(html):
    """Where the dots are, in percent of the width."""
    found = re.findall(r"left:([\d.]+)%;width:([\d.]+)%;--at:([\d.]+)%", html)
    return [float(left) + float(width) * float(at) / 100 for left, width, at in found]


def test_markup_in_a_token_stays_text(pipe, folder):
    done = transcribe(pipe, given(folder, recording=None), "fuse_aligned", 0.5)
    done.result["tokens"][2]["token"] = '<b class="x">'
    done = type(done)(**{**vars(done), "reading": reading.make_reading(done.result)})
    assert '<b class="x">' not in show.page(done)["html"]


def test_all_fusions_have_names_and_without_a_language_model_there_is_one(pipe):
    assert set(fusing.FUSIONS) == set(ALL_FUSIONS)
    with gr.Blocks():
        chosen, trust = fusing.fusion_controls(pipe)
    assert ([value for _, value in chosen.choices], chosen.value, trust.value) == (
        ["fuse_aligned"],
        "fuse_aligned",
        50,
    )
    pipe.processor.language_model = NgramModel.fit([[1, 2]], len(pipe.processor.vocabulary) - 1, 2, "witten-bell")
    with gr.Blocks():
        chosen, _ = fusing.fusion_controls(pipe)
    pipe.processor.language_model = None
    assert {value for _, value in chosen.choices} == set(ALL_FUSIONS)
    assert chosen.value == "fuse_networks"


def test_examples_are_what_their_hints_say():
    files = {name: load_example(name) for name in EXAMPLES}
    assert [path is None for path, _ in files.values()] == [False, False, False, True]
    for picture, recording in files.values():
        assert 3 < sources.load_recording(recording).seconds < 20
        if picture:
            page = sources.load_picture(picture).page
            assert page.shape[1] > 4 * page.shape[0]
    wrong = EXAMPLES["beethoven_ode_to_joy-1"]
    assert "played as B; the page has G" in wrong.hint
    assert wrong.played == {9: "note-B3_quarter"}
