"""The Space of music transcription: measures that don't add up are doubted."""

import pytest
import torch
from transcriber_files import write_transcriber

from scorehub.spaces.music_transcription import sources
from scorehub.spaces.music_transcription.measures import doubt_measures
from scorehub.spaces.music_transcription.reading import make_reading
from scorehub.spaces.music_transcription.transcribing import Given, transcribe
from scorehub.transcription import load_transcriber

UPBEAT = "note-C4_quarter barline "


def signs(words):
    """Those of a result with these tokens."""
    facts = {"onset": None, "probability": 1.0, "x": None, "time": None, "from": []}
    return make_reading({"tokens": [{"token": word} | facts for word in words.split()], "disagreements": []}).signs


@pytest.mark.parametrize(
    ("staff", "doubts"),
    [
        (UPBEAT + "gracenote-D4_half note-C4_half._fermata barline note-C4_half barline", []),
        (UPBEAT + "rest-whole barline multirest-3 barline note-C4_half. barline", []),
        ("note-C4_half note-C4_half barline note-C4_half.", ["Measure 1 lasts 4/4 in 3/4."]),
        (UPBEAT + "note-C4_half. barline note-C4_whole", ["Measure 3 lasts 4/4 in 3/4."]),
        (
            UPBEAT + "multirest-3 barline note-C4_eighth. barline note-C4_half. barline note-C4_half.",
            ["Measure 5 lasts 3/16 in 3/4."],
        ),
        (
            UPBEAT + "note-C4_half barline " * 5 + "note-C4_half.",
            [", ".join(f"measure {n} lasts 2/4 in 3/4" for n in (2, 3, 4)).capitalize() + "; 5 in all don't add up."],
        ),
        ("note-C4_half. timeSignature-C barline note-C4_half. barline note-C4_half", ["Measure 2 lasts 3/4 in 4/4."]),
        ("note-C4_half. barline timeSignature-C/ note-C4_whole barline note-C4_half", []),
    ],
)
def test_measures_that_do_not_add_up_are_doubted(staff, doubts):
    """Not what may be shorter: an upbeat, the end of a staff; what fills a measure as it is, or has no length."""
    assert doubt_measures(signs(f"clef-G2 timeSignature-3/4 {staff}")) == doubts
    assert "in 3/4" not in "".join(doubt_measures(signs(f"clef-G2 {staff}")))


def test_a_result_whose_measures_do_not_add_up_is_doubted(tmp_path):
    torch.set_num_threads(1)
    folder = write_transcriber(tmp_path)
    pipe = load_transcriber(folder / "model")

    def lengthened(**inputs):
        result = pipe(**inputs)
        result["tokens"][2]["token"] = "note-C4_half"
        return result

    given = Given(sources.load_picture(folder / "staff.png"))
    assert transcribe(lengthened, given, "fuse_aligned", 0.5).doubts == ["Measure 1 lasts 3/4 in 2/4."]
