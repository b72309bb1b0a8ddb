"""Random staves for property tests of the notation modules."""

from hypothesis import strategies as st

from scorehub.pipelines.music_transcription.semantic import (
    DURATIONS,
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
)

clefs = st.builds(Clef, st.sampled_from("CFG"), st.integers(1, 5))
keys = st.builds(KeySignature, st.integers(-7, 7))
meters = st.builds(TimeSignature, st.sampled_from(["C", "C/", "2/4", "3/4", "6/8", "3/2", "12/16"]))
pitches = st.builds(Pitch, st.sampled_from("CDEFGAB"), st.integers(-2, 2), st.integers(0, 9))
lengths = st.builds(Length, st.sampled_from(list(DURATIONS)), st.integers(0, 3))
notes = st.builds(Note, pitches, lengths, st.booleans(), st.booleans())
rests = st.builds(Rest, lengths, st.booleans())
multirests = st.builds(MultiRest, st.integers(1, 9999))

# Any token after any other.
tokens = st.one_of(clefs, keys, meters, notes, rests, multirests, st.just(Barline()), st.just(Tie()))
texts = st.lists(tokens, min_size=1, max_size=40)

_usual_clefs = st.sampled_from([Clef("G", 2), Clef("C", 1), Clef("C", 3), Clef("C", 4), Clef("F", 4)])
_drawn_keys = st.builds(KeySignature, st.integers(-7, 7).filter(bool))
_usual_notes = st.builds(
    Note,
    st.builds(Pitch, st.sampled_from("CDEFGAB"), st.integers(-1, 1), st.integers(3, 5)),
    st.builds(Length, st.sampled_from(["whole", "half", "quarter", "eighth", "sixteenth"]), st.integers(0, 1)),
)


@st.composite
def _symbols(draw: st.DrawFn) -> list[Token]:
    note = draw(_usual_notes)
    match draw(st.sampled_from(["note", "note", "note", "tied", "grace", "rest", "clef"])):
        case "tied":
            return [note, Tie(), Note(note.pitch, draw(_usual_notes).length)]
        case "grace":
            return [Note(draw(_usual_notes).pitch, Length("eighth"), grace=True), note]
        case "rest":
            return [Rest(note.length, draw(st.booleans())), note]
        case "clef":
            return [note, draw(_usual_clefs), draw(_usual_notes)]
    return [Note(note.pitch, note.length, fermata=draw(st.booleans()))]


@st.composite
def staves(draw: st.DrawFn) -> list[Token]:
    """Staves as they are printed: signs first, measures of notes and of rest, a bar line at the end or none."""
    staff: list[Token] = [draw(_usual_clefs), draw(_drawn_keys), draw(meters)]
    for number in range(draw(st.integers(1, 5))):
        if number:
            staff.append(Barline())
            staff += draw(st.sampled_from([[], [], [KeySignature(number)], [TimeSignature("3/8")]]))
        if draw(st.integers(0, 5)) == 0:
            staff.append(MultiRest(draw(st.integers(2, 12))))
        else:
            staff += [token for symbols in draw(st.lists(_symbols(), min_size=1, max_size=5)) for token in symbols]
    return [*staff, Barline()] if draw(st.booleans()) else staff
