"""Chorales as MusicXML: what Verovio reads of it is what was written; keys and spelling."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from scorehub.chorales import write_chorale
from scorehub.engraving import engrave_score
from scorehub.notation.accidentals import signature_steps
from scorehub.notation.chorale_musicxml import spell, write_musicxml
from scorehub.notation.key_finding import find_fifths
from scorehub.notes import read_midi
from scorehub.pipelines.music_transcription.musicxml import ACCIDENTALS

rng = np.random.default_rng(0)
CHORALE = np.repeat(rng.integers(48, 72, (14, 4)), rng.integers(1, 6, 14), 0)


def test_it_sounds_as_it_was_written():
    pitches = CHORALE.copy()
    pitches[5:9, 3] = -1
    notes = read_midi(engrave_score(write_musicxml(pitches, tempo=60)).midi())
    wanted = [
        (start / 4, pitch)
        for voice in pitches.T
        for start, pitch in enumerate(voice)
        if pitch >= 0 and (not start or voice[start - 1] != pitch)
    ]
    found = sorted(zip(notes.onset.round(2).tolist(), notes.pitch.tolist(), strict=True))
    assert found == sorted(wanted)


def test_notes_over_bar_lines_are_tied():
    text = write_musicxml(np.full((20, 4), 60))
    assert text.count('<tie type="start"/>') == text.count('<tie type="stop"/>') == 4
    assert text.count("<measure ") == 4


IN_C = np.array([[72, 64, 60, 48], [72, 65, 57, 53], [71, 62, 55, 43], [72, 64, 55, 48]] * 6)  # a quarter each


def in_c(soprano, alto):
    """Quarters of the upper voices, and after them what makes the key C."""
    upper = np.column_stack([soprano, alto])
    return np.repeat(np.concatenate([np.hstack([upper, IN_C[: len(upper), 2:]]), IN_C]), 4, axis=0)


def measures(text, part=1):
    """The sounding notes of each measure of a part, by voice and start."""
    for measure in ElementTree.fromstring(text).iterfind(f"part[@id='P{part}']/measure"):
        starts, found = {"1": 0, "2": 0}, []
        for note in measure.iterfind("note"):
            voice = note.findtext("voice")
            if note.find("pitch") is not None:
                found.append((voice, starts[voice], note))
            starts[voice] += int(note.findtext("duration"))
        yield found


def shown(text):
    """The accidentals of the upper staff: measure, voice, start, name."""
    return [
        (number, int(voice), start, note.findtext("accidental"))
        for number, notes in enumerate(measures(text))
        for voice, start, note in notes
        if note.find("accidental") is not None
    ]


@pytest.mark.parametrize(
    ("soprano", "alto", "expected"),
    [
        ([79, 76, 79, 72], [64, 67, 64, 67], []),
        ([66, 76, 66, 72], [64, 64, 64, 64], [(0, 1, 0, "sharp")]),  # a measure long
        ([66, 76, 65, 66], [64, 64, 64, 64], [(0, 1, 0, "sharp"), (0, 1, 8, "natural"), (0, 1, 12, "sharp")]),
        ([78, 76, 77, 66], [64, 64, 64, 64], [(0, 1, 0, "sharp"), (0, 1, 8, "natural"), (0, 1, 12, "sharp")]),
        ([66, 76, 79, 72], [64, 64, 66, 66], [(0, 1, 0, "sharp"), (0, 2, 8, "sharp")]),  # once more for the alto
        ([66, 76, 79, 72], [64, 64, 65, 64], [(0, 1, 0, "sharp"), (0, 2, 8, "natural")]),
        ([66, 76, 79, 72], [65, 64, 64, 64], [(0, 1, 0, "sharp"), (0, 2, 0, "natural")]),  # one place, at one time
        ([65, 76, 79, 72], [66, 64, 64, 64], [(0, 1, 0, "natural"), (0, 2, 0, "sharp")]),
        ([79, 76, 79, 66, 66, 76, 79, 72], [64] * 8, [(0, 1, 12, "sharp")]),  # tied over the bar line
        ([79, 76, 79, 66, 66, 76, 66, 72], [64] * 8, [(0, 1, 12, "sharp"), (1, 1, 8, "sharp")]),
        ([79, 76, 79, 66, 66, 76, 65, 72], [64] * 8, [(0, 1, 12, "sharp"), (1, 1, 8, "natural")]),
        ([79, 76, 79, 66, 67, 76, 65, 72], [64] * 8, [(0, 1, 12, "sharp")]),  # what the bar line has ended
    ],
)
def test_accidentals_are_written_where_the_measure_does_not_imply_them(soprano, alto, expected):
    text = write_musicxml(in_c(soprano, alto))
    assert "<fifths>0</fifths>" in text
    assert shown(text) == expected


def test_verovio_draws_the_accidentals():
    text = write_musicxml(in_c([66, 76, 65, 70], [64, 64, 63, 64]))
    assert text.count("<accidental>") == len(shown(text)) == 4
    drawn = re.findall(r'class="accid">\s*<use [^>]*"#(E26\d)-', engrave_score(text).pages[0])
    assert sorted(drawn) == ["E260", "E261", "E262", "E262"]  # of SMuFL: flat, natural, sharp


@pytest.mark.parametrize("seed", range(20))
def test_whoever_reads_the_staff_or_a_voice_of_it_reads_what_sounds(seed):
    rng = np.random.default_rng(seed)
    chorale = np.repeat(rng.integers(58, 66, (24, 4)), rng.integers(1, 9, 24), 0)
    text = write_musicxml(chorale)
    fifths = int(re.search("<fifths>(.*?)</fifths>", text)[1])
    key = dict.fromkeys(signature_steps(fifths), 1 if fifths > 0 else -1)
    alters = {name: alter for alter, name in ACCIDENTALS.items()}
    for part in (1, 2):
        for notes in measures(text, part):
            for readable in ("1", "2", "12"):
                in_force = {}
                for _, _, note in sorted((n for n in notes if n[0] in readable), key=lambda n: (n[1], n[0])):
                    step, alter, octave = (note.findtext(f"pitch/{name}") for name in ("step", "alter", "octave"))
                    if (accidental := note.findtext("accidental")) is not None:
                        in_force[step, octave] = alters[accidental]
                    if note.find("tie[@type='stop']") is None:
                        assert in_force.get((step, octave), key.get(step, 0)) == int(alter)
                    else:
                        assert accidental is None


@pytest.mark.parametrize("fifths", range(-5, 7))
def test_keys_are_found_and_spelt_with_their_own_steps(fifths):
    scale = [(7 * fifths + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11, 0, 4, 7)]
    assert find_fifths(np.bincount(scale, minlength=12)) == fifths
    spelt = {spell(60 + pitch_class, fifths)[:2] for pitch_class in scale}
    assert len(spelt) == 7
    assert sum(alter for _, alter in spelt) == fifths


@pytest.mark.parametrize("fifths", range(-5, 7))
def test_minor_keys_have_their_leading_tones_below_the_tonic(fifths):
    scale = [(7 * fifths + step) % 12 for step in (9, 11, 0, 2, 4, 5, 8, 9, 0, 4)]  # harmonic
    assert find_fifths(np.bincount(scale, minlength=12)) == fifths
    spelt = [spell(60 + pitch_class, fifths)[:2] for pitch_class in scale[:7]]
    assert len({step for step, _ in spelt}) == 7
    assert sum(alter for _, alter in spelt) == fifths + 1  # a semitone above the signature's seventh


@pytest.mark.parametrize(
    ("pitch", "fifths", "name"), [(68, 0, "G#"), (61, -1, "C#"), (63, 1, "D#"), (66, -2, "F#"), (63, -1, "Eb")]
)
def test_leading_tones_and_lowered_thirds_have_their_usual_names(pitch, fifths, name):
    step, alter, _ = spell(pitch, fifths)
    assert step + {-1: "b", 1: "#"}[alter] == name


@pytest.mark.parametrize(
    ("pitch", "fifths"), [(pitch, fifths) for pitch in (0, 35, 59, 60, 66, 127) for fifths in (-5, 0, 6)]
)
def test_spelling_keeps_the_pitch(pitch, fifths):
    step, alter, octave = spell(pitch, fifths)
    assert 12 * (octave + 1) + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step] + alter == pitch
    assert abs(alter) <= 2


@pytest.mark.parametrize("pitches", [np.zeros((0, 4), int), np.zeros((4, 3), int), np.zeros(4, int)])
def test_what_is_no_chorale_is_refused(pitches):
    with pytest.raises(ValueError, match="pitches must be"):
        write_musicxml(pitches)


def test_a_picture_has_the_whole_of_a_long_chorale(tmp_path):
    heights = []
    for bars in (20, 160):
        write_chorale(np.resize(CHORALE, (16 * bars, 4)), tmp_path / "chorale.png")
        with Image.open(tmp_path / "chorale.png") as picture:
            heights.append(np.flatnonzero((np.asarray(picture) < 128).any(axis=1))[-1])
    assert 6 < heights[1] / heights[0] < 9
    assert heights[1] > 1600 * 1000 / 200  # pixels of the highest page
