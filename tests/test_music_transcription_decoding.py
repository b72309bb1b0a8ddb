"""From posteriors worked by hand to tokens, their places, times and probabilities, and to what sides disagree on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_transcriber import BARLINE, BLANK, C4, CLEF, D4, E4, TIE, VOCABULARY, posteriors, random_pipeline

from scorehub.pipelines.music_transcription.agreement import find_disagreements, partners
from scorehub.pipelines.music_transcription.decoding import FUSIONS, DecodingSettings
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings

TOKENS = st.lists(st.integers(1, 3), max_size=8)
# Frame by frame; the picture sees C4 where the recording hears D4, and a tie that can't be heard.
SEEN = [(BLANK, 1.0), (CLEF, 0.9), (CLEF, 0.8), (BLANK, 1.0), (C4, 0.6, D4, 0.3), (TIE, 0.7), (BARLINE, 0.95)]
HEARD = [(CLEF, 0.99), (BLANK, 1.0), (D4, 0.9, C4, 0.04), (D4, 0.8), (BLANK, 1.0), (BARLINE, 0.6), (BLANK, 1.0)]


@pytest.fixture(scope="module")
def greedy():
    return random_pipeline()


@pytest.fixture(scope="module")
def language_model():
    """A note D4 is always followed by a half note."""
    return NgramModel.fit([[CLEF, D4, E4, BARLINE]] * 50, len(VOCABULARY) - 1, 3, "witten-bell")


def column(rows, name):
    return [row[name] for row in rows]


def test_a_picture_gives_tokens_with_probabilities_places_and_onsets(greedy):
    result = greedy.postprocess({"optical": (posteriors(*SEEN), 3.0)})
    assert set(result) == {"tokens", "optical", "disagreements", "musicxml", "midi"}
    rows = result["tokens"]
    assert rows == result["optical"]
    assert column(rows, "token") == ["clef-G2", "note-C4_quarter", "tie", "barline"]
    assert column(rows, "probability") == pytest.approx([0.9, 0.6, 0.7, 0.95])
    # The clef stands in frames 1 and 2, which end at 3: its middle is 2 frames of 3 px from the left.
    assert column(rows, "x") == [6.0, 13.5, 16.5, 19.5]
    assert column(rows, "onset") == [0, 0, 1, 1]
    assert column(rows, "time") == [None] * 4
    assert column(rows, "from") == [["optical"]] * 4


def test_a_recording_gives_tokens_with_the_times_at_which_they_begin(greedy):
    rows = greedy.postprocess({"audio": (posteriors(*HEARD), 0.25)})["tokens"]
    assert column(rows, "token") == ["clef-G2", "note-D4_quarter", "barline"]
    assert column(rows, "time") == [0.0, 0.5, 1.25]
    assert column(rows, "x") == [None] * 3
    assert column(rows, "from") == [["audio"]] * 3


@pytest.mark.parametrize(
    ("weight", "note", "says_so", "probability"),
    [
        # Of D4 the picture holds 0.3, of C4 the recording 0.04 in its frames.
        (0.5, "note-D4_quarter", ["audio"], 0.5 * 0.3 + 0.5 * 0.9),
        (0.8, "note-C4_quarter", ["optical"], 0.8 * 0.6 + 0.2 * 0.04),
    ],
)
def test_both_give_what_is_surer_and_say_where_they_disagree(greedy, weight, note, says_so, probability):
    both = {"optical": (posteriors(*SEEN), 3.0), "audio": (posteriors(*HEARD), 0.25)}
    result = greedy.postprocess(both, weight=weight)
    rows = result["tokens"]
    assert column(rows, "token") == ["clef-G2", note, "tie", "barline"]
    assert column(rows, "from") == [["optical", "audio"], says_so, ["optical"], ["optical", "audio"]]
    assert rows[0]["probability"] == pytest.approx(weight * 0.9 + (1 - weight) * 0.99)
    assert rows[1]["probability"] == pytest.approx(probability)
    assert rows[2]["probability"] == pytest.approx(weight * 0.7)
    assert column(rows, "x") == [6.0, 13.5, 16.5, 19.5]
    assert column(rows, "time") == [0.0, 0.5, None, 1.25]
    assert result["disagreements"] == [{"tokens": (1, 3), "optical": (1, 3), "audio": (1, 2)}]
    assert column(result["optical"], "token")[1:3] == ["note-C4_quarter", "tie"]
    assert column(result["audio"], "token")[1:2] == ["note-D4_quarter"]


@pytest.mark.parametrize("sides", [("optical",), ("audio",), ("optical", "audio")])
def test_nothing_seen_or_heard_is_an_empty_transcription(greedy, sides):
    silent = posteriors(*[(BLANK, 1.0)] * 5)
    result = greedy.postprocess(dict.fromkeys(sides, (silent, 1.0)))
    assert result["tokens"] == result["disagreements"] == []
    assert result["musicxml"].count("<measure ") == 1
    assert result["midi"].startswith(b"MThd")


def test_a_language_model_decides_where_the_network_can_not(language_model):
    unsure = posteriors((CLEF, 0.9), (D4, 0.9), (C4, 0.5, E4, 0.49), (BARLINE, 0.9))
    outputs = {"optical": (unsure, 1.0)}
    assert column(random_pipeline().postprocess(outputs)["tokens"], "token")[2] == "note-C4_quarter"
    graph = {"acoustic_scale": 1.0}
    pipe = random_pipeline(decoding={"optical": graph}, language_model=language_model)
    assert column(pipe.postprocess(outputs)["tokens"], "token")[2] == "note-E4_half"
    # Where what the model says does not count, it is again as the network sees it.
    pipe = random_pipeline(decoding={"optical": graph | {"language_scale": 0.0}}, language_model=language_model)
    assert column(pipe.postprocess(outputs)["tokens"], "token")[2] == "note-C4_quarter"


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_says_what_both_sides_say(language_model, fusion):
    pipe = random_pipeline(language_model=language_model)
    said = posteriors((CLEF, 0.9), (BLANK, 1.0), (D4, 0.8), (E4, 0.9), (BLANK, 0.9), (BARLINE, 0.9))
    result = pipe.postprocess({"optical": (said, 1.0), "audio": (said, 1.0)}, fusion=fusion)
    assert column(result["tokens"], "token") == ["clef-G2", "note-D4_quarter", "note-E4_half", "barline"]
    assert column(result["tokens"], "from") == [["optical", "audio"]] * 4
    assert column(result["tokens"], "probability") == pytest.approx(column(result["optical"], "probability"))
    assert result["disagreements"] == []


def test_settings_choose_the_fusion_and_its_weight(language_model):
    both = {"optical": (posteriors(*SEEN), 1.0), "audio": (posteriors(*HEARD), 1.0)}
    notes, graph = [], {"language_scale": 0.0}
    for weight in (0.05, 0.95):
        decoding = {"fusion": "best_of_both", "weight": weight, "optical": graph, "audio": graph}
        pipe = random_pipeline(decoding=decoding, language_model=language_model)
        result = pipe.postprocess(both)
        side = "optical" if weight > 0.5 else "audio"
        assert column(result["tokens"], "token") == column(result[side], "token")
        assert result == pipe.postprocess(both, fusion="best_of_both", weight=weight)
        notes.append(result["tokens"][1]["token"])
    assert notes == ["note-D4_quarter", "note-C4_quarter"]


def test_without_a_language_model_sides_can_only_be_aligned(greedy):
    both = {"optical": (posteriors(*SEEN), 1.0), "audio": (posteriors(*HEARD), 1.0)}
    assert greedy.postprocess(both) == greedy.postprocess(both, fusion="fuse_aligned")
    with pytest.raises(ValueError, match="fusion must be fuse_aligned where there is no language model, got"):
        greedy.postprocess(both, fusion="fuse_networks")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fusion": "vote"}, "fusion must be one of best_of_both"),
        ({"weight": 1.5}, "weight must be 0 to 1, got 1.5"),
        ({"weight": float("nan")}, "weight must be 0 to 1"),
        ({"n_best": 0}, "n_best must be 1 to 10,000, got 0"),
        ({"beam": 3.0}, "decoding settings must be fusion, weight, n_best, optical, audio, got 'beam'"),
        ({"audio": {"width": 3.0}}, "got 'width'"),
        ({"audio": {"beam": -1.0}}, "beams must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        DecodingSettings.of(values)


def test_settings_that_are_not_given_are_as_by_default():
    found = DecodingSettings.of({"weight": 0.3, "optical": {"acoustic_scale": 4.0}})
    assert found == DecodingSettings(weight=0.3, optical=GraphSettings(acoustic_scale=4.0))


def test_disagreements_by_hand():
    tokens, optical, audio = [1, 2, 3, 4], [1, 3, 4, 9], [1, 5, 6, 3, 4]
    # After 1 the picture has nothing and the recording 5 and 6, of which 2 was made; at the end the 9 was dropped.
    assert find_disagreements(tokens, optical, audio) == [((1, 2), (1, 1), (1, 3)), ((4, 4), (3, 4), (5, 5))]
    assert find_disagreements([], [1], []) == [((0, 0), (0, 1), (0, 0))]
    assert find_disagreements([1, 1], [1, 1], [1, 1]) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TOKENS, TOKENS, TOKENS)
def test_between_disagreements_all_are_the_same(tokens, optical, audio):
    stretches = find_disagreements(tokens, optical, audio)
    sides = (tokens, optical, audio)
    cut = [[*stretch] for stretch in zip(*stretches, strict=True)] or [[], [], []]
    kept = []
    for side, ranges in zip(sides, cut, strict=True):
        inside = np.zeros(len(side), bool)
        for begin, end in ranges:
            assert 0 <= begin <= end <= len(side)
            inside[begin:end] = True
        kept.append([token for token, is_inside in zip(side, inside, strict=True) if not is_inside])
    assert kept[0] == kept[1] == kept[2]
    assert all(any(begin < end for begin, end in stretch) for stretch in stretches)


def test_a_partner_is_what_stands_in_a_tokens_stead():
    assert partners([1, 2, 3], [1, 7, 3]) == [0, 1, 2]
    assert partners([1, 2, 3], [1, 3]) == [0, None, 1]
    assert partners([1], [2, 1]) == [1]
    assert partners([], [1]) == []
