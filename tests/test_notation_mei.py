"""MEI of PrIMuS's files and of Verovio, read as semantic and agnostic tokens."""

import random

import notation_strategies
import pytest
import verovio
from hypothesis import given, settings

from scorehub.notation.mei import MAX_MEI_CHARS, read_mei, read_mei_agnostic
from scorehub.pipelines.music_transcription.musicxml import write_musicxml
from scorehub.pipelines.music_transcription.semantic import parse_semantic, write_semantic

NOTE = '<note pname="c" oct="4" dur="4"/>'

# As PrIMuS's files are: MEI 4, all signs as attributes, ties and fermatas too, no sounding accidentals.
PRIMUS = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-model href="http://music-encoding.org/schema/4.0.0/mei-all.rng"?>
<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="4.0.0"><music><body><mdiv><score>
  <scoreDef key.sig="2f" meter.count="3" meter.unit="4">
    <staffGrp><staffDef n="1" lines="5" clef.shape="C" clef.line="1"/></staffGrp>
  </scoreDef>
  <section>
    <measure right="single"><staff n="1"><layer n="1"><multiRest num="12"/></layer></staff></measure>
    <measure right="single"><staff n="1"><layer n="1">
      <beam><note dur="8" dots="1" oct="5" pname="d"/><note dur="16" oct="4" pname="e"><accid accid="n"/></note></beam>
      <note dur="8" grace="unacc" oct="5" pname="e"/><note dur="2" oct="4" pname="e" tie="i"/>
    </layer></staff></measure>
    <measure right="invis"><staff n="1"><layer n="1">
      <note dur="4" oct="4" pname="e" tie="t"/><note dur="8" oct="4" pname="e"/>
      <rest dur="4" dots="1" fermata="above"/>
    </layer></staff></measure>
  </section>
</score></mdiv></body></music></mei>"""
PRIMUS_SEMANTIC = (
    "clef-C1 keySignature-BbM timeSignature-3/4 multirest-12 barline note-D5_eighth. note-E4_sixteenth "
    "gracenote-Eb5_eighth note-E4_half tie barline note-E4_quarter note-Eb4_eighth rest-quarter._fermata"
)
PRIMUS_AGNOSTIC = (
    "clef.C-L1 accidental.flat-L4 accidental.flat-L2 digit.3-L4 digit.4-L2 digit.1-S5 digit.2-S5 multirest-L3 "
    "barline-L1 note.beamedRight1-L5 dot-S5 accidental.natural-L2 note.beamedLeft2-L2 gracenote.eighth-S5 "
    "note.half-L2 slur.start-L2 barline-L1 slur.end-L2 note.quarter-L2 note.eighth-L2 fermata.above-S6 "
    "rest.quarter-L3 dot-S3"
)


def mei(*layers, head='<clef shape="G" line="2"/>', after="", right="single"):
    """MEI 5 of one staff, a measure a layer; `after` stands behind the staff of the first."""
    measures = "".join(
        f'<measure right="{right}"><staff n="1"><layer n="1">{layer}</layer></staff>'
        f"{'' if number else after}</measure>"
        for number, layer in enumerate(layers)
    )
    return (
        '<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score><scoreDef><staffGrp>'
        f'<staffDef n="1" lines="5">{head}</staffDef></staffGrp></scoreDef><section>{measures}</section>'
        "</score></mdiv></body></music></mei>"
    )


def note(pname, oct=4, dur=4, inside="", **attributes):
    names = {"xml_id": "xml:id", "accid_ges": "accid.ges"}
    text = "".join(f' {names.get(name, name)}="{value}"' for name, value in attributes.items())
    return f'<note pname="{pname}" oct="{oct}" dur="{dur}"{text}>{inside}</note>'


def semantic(text):
    return write_semantic(read_mei(text)).split()


def agnostic(text):
    return [str(token) for token in read_mei_agnostic(text)]


def test_a_file_like_primus_s_reads_as_its_semantic_and_agnostic_tokens():
    assert semantic(PRIMUS) == PRIMUS_SEMANTIC.split()
    assert agnostic(PRIMUS) == PRIMUS_AGNOSTIC.split()


def test_signs_may_be_attributes_or_children_of_the_score_or_the_staff():
    children = '<clef shape="F" line="4"/><keySig sig="1s"/><meterSig count="6" unit="8"/>'
    expected = ["clef-F4", "keySignature-GM", "timeSignature-6/8", "note-C4_quarter", "barline"]
    plain = mei(NOTE, head=children)
    assert semantic(plain) == expected
    staff = 'clef.shape="F" clef.line="4" keysig="1s" meter.count="6" meter.unit="8"'
    assert semantic(mei(NOTE, head="").replace('lines="5"', f'lines="5" {staff}')) == expected
    moved = plain.replace('<keySig sig="1s"/>', "").replace("<scoreDef>", '<scoreDef><keySig sig="1s"/>')
    assert semantic(moved) == expected


@pytest.mark.parametrize(
    ("sign", "token", "glyphs"),
    [
        ('<meterSig sym="common"/>', "timeSignature-C", ["metersign.C-L3"]),
        ('<meterSig sym="cut" count="2" unit="2"/>', "timeSignature-C/", ["metersign.C/-L3"]),
        ('<meterSig visible="false"/><mensur sign="C" slash="1"/>', "timeSignature-C/", ["metersign.C/-L3"]),
        ('<meterSig visible="false"/><mensur sign="C"/>', "timeSignature-C", ["metersign.C-L3"]),
        ('<meterSig count="12" unit="16"/>', "timeSignature-12/16", ["digit.12-L4", "digit.16-L2"]),
        ('<keySig sig="2f"/>', "keySignature-BbM", ["accidental.flat-L3", "accidental.flat-S4"]),
        (
            '<keySig><keyAccid pname="c" accid="s"/><keyAccid pname="f" accid="s"/></keySig>',
            "keySignature-DM",
            ["accidental.sharp-L5", "accidental.sharp-S3"],
        ),
    ],
)
def test_a_sign_is_one_token_and_its_glyphs(sign, token, glyphs):
    text = mei(NOTE, head=f'<clef shape="G" line="2"/>{sign}')
    assert semantic(text)[1:-2] == [token]
    assert agnostic(text)[1:-2] == glyphs


@pytest.mark.parametrize(
    ("clef", "sharps", "flats"),
    [
        ("G1", "L4 S2 S4 L3 S1 S3 L2", "L2 S3 S1 L3 L1 S2 S0"),
        ("G2", "L5 S3 S5 L4 S2 S4 L3", "L3 S4 S2 L4 L2 S3 S1"),
        ("C1", "S2 L1 L3 S1 S3 L2 L4", "L4 L2 S3 S1 L3 L1 S2"),
        ("C2", "S3 L2 L4 S2 S4 L3 L5", "S1 L3 L1 S2 L4 L2 S3"),
        ("C3", "S4 L3 L5 S3 L2 L4 S2", "S2 L4 L2 S3 S1 L3 L1"),
        ("C4", "L2 L4 S2 S4 L3 L5 S3", "S3 L5 L3 S4 S2 L4 L2"),
        ("C5", "L3 S1 S3 L2 L4 S2 S4", "S4 S2 L4 L2 S3 S1 L3"),
        ("F3", "L3 S1 S3 L2 L4 S2 S4", "S4 S2 L4 L2 S3 S1 L3"),
        ("F4", "L4 S2 S4 L3 S1 S3 L2", "L2 S3 S1 L3 L1 S2 S0"),
    ],
)
def test_key_signatures_stand_where_the_engraver_draws_them(clef, sharps, flats):
    for sign, name, positions in (("7s", "sharp", sharps), ("7f", "flat", flats)):
        head = f'<clef shape="{clef[0]}" line="{clef[1]}"/><keySig sig="{sign}"/>'
        assert agnostic(mei(NOTE, head=head))[1:8] == [f"accidental.{name}-{place}" for place in positions.split()]


def test_signs_that_are_not_drawn_are_no_tokens():
    hidden = '<keySig sig="0"/><meterSig sym="cut" visible="false"/><mensur slash="1"/>'
    assert semantic(mei(NOTE, head=f'<clef shape="G" line="2"/>{hidden}')) == ["clef-G2", "note-C4_quarter", "barline"]


def test_c_major_is_a_token_where_it_takes_back_a_key_and_has_no_glyphs():
    text = mei(f'{NOTE}<keySig sig="0"/>{note("f")}', head='<clef shape="G" line="2"/><keySig sig="1s"/>')
    assert semantic(text)[2:5] == ["note-C4_quarter", "keySignature-CM", "note-F4_quarter"]
    assert agnostic(text)[2:4] == ["note.quarter-L0", "note.quarter-S1"]


def test_a_mensuration_prevails_over_the_meter_beside_it_and_the_staff_over_the_score():
    both = '<clef shape="G" line="2"/><meterSig count="3" unit="4"/><mensur sign="C"/>'
    assert semantic(mei(NOTE, head=both))[1:-2] == ["timeSignature-C"]
    text = mei(NOTE, head='<clef shape="G" line="2"/><keySig sig="1s"/>')
    assert semantic(text.replace("<scoreDef>", '<scoreDef><keySig sig="2f"/>'))[1:-2] == ["keySignature-GM"]


def test_a_tie_ends_at_a_rest():
    assert "tie" not in semantic(mei(note("c", tie="i") + '<rest dur="4"/>' + note("c", tie="t")))


def test_signs_may_change_between_measures_and_in_them():
    change = '<scoreDef meter.count="3" meter.unit="8"><keySig sig="1f"/></scoreDef><measure'
    text = mei(f'{NOTE}<clef shape="F" line="4"/>{note("b", 2)}', note("b"))
    text = change.join(text.rsplit("<measure", 1))
    assert " ".join(semantic(text)) == (
        "clef-G2 note-C4_quarter clef-F4 note-B2_quarter barline keySignature-FM timeSignature-3/8 "
        "note-Bb4_quarter barline"
    )
    # The flat stands where the running clef puts it.
    assert agnostic(text)[4:7] == ["barline-L1", "accidental.flat-L2", "digit.3-L4"]


def test_an_accidental_holds_at_its_place_until_the_bar_line():
    first = note("f", accid="s") + note("f") + note("f", 5) + note("f", inside='<accid accid="n"/>') + note("f")
    assert " ".join(semantic(mei(first, note("f")))[1:]) == (
        "note-F#4_quarter note-F#4_quarter note-F5_quarter note-F4_quarter note-F4_quarter barline "
        "note-F4_quarter barline"
    )


def test_a_sounding_accidental_is_heard_but_not_drawn():
    text = mei(
        note("f", inside='<accid accid.ges="s"/>') + note("g", accid_ges="n"), head='<clef shape="G" line="2"/>'
    )
    assert semantic(text)[1:3] == ["note-F#4_quarter", "note-G4_quarter"]
    assert agnostic(text)[1:3] == ["note.quarter-S1", "note.quarter-L2"]


def test_a_tied_note_keeps_its_accidental_over_the_bar_line_and_the_next_does_not():
    first = note("b", xml_id="a", accid="f")
    second = note("b", xml_id="b") + note("b")
    text = mei(first, second, after='<tie startid="#a" endid="#b"/>')
    assert " ".join(semantic(text)[1:]) == ("note-Bb4_quarter tie barline note-Bb4_quarter note-B4_quarter barline")
    assert " ".join(agnostic(text)[1:]) == (
        "accidental.flat-L3 note.quarter-L3 slur.start-L3 barline-L1 slur.end-L3 note.quarter-L3 "
        "note.quarter-L3 barline-L1"
    )


def test_a_tie_leads_on_through_the_middle_and_over_grace_notes():
    text = mei(note("c", tie="i") + note("d", dur=8, grace="acc") + note("c", tie="m"), note("c", tie="t"))
    assert " ".join(semantic(text)[1:]) == (
        "note-C4_quarter tie gracenote-D4_eighth note-C4_quarter tie barline note-C4_quarter barline"
    )


def test_a_tie_of_attributes_that_finds_no_second_note_is_dropped():
    assert "tie" not in semantic(mei(note("c", tie="i") + note("d", tie="t"), note("c", tie="t") + note("e", tie="i")))


def test_a_beam_goes_by_its_ends_and_each_note_by_its_flags():
    beam = f"<beam>{note('c', dur=8)}<rest dur='16'/>{note('d', dur=16)}{note('e', dur=4)}{note('f', dur=32)}</beam>"
    assert " ".join(agnostic(mei(beam))[1:]) == (
        "note.beamedRight1-L0 rest.sixteenth-L3 note.beamedBoth2-S0 note.beamedBoth0-L1 note.beamedLeft3-S1 barline-L1"
    )


def test_grace_notes_belong_to_the_innermost_beam():
    inner = f"<graceGrp><beam>{note('c', dur=16)}{note('d', dur=16)}</beam></graceGrp>"
    text = mei(f"<beam>{note('c', dur=8)}{inner}{note('e', dur=8, grace='acc')}{note('e', dur=8)}</beam>")
    assert " ".join(agnostic(text)[1:-1]) == (
        "note.beamedRight1-L0 gracenote.beamedRight2-L0 gracenote.beamedLeft2-S0 gracenote.beamedBoth1-L1 "
        "note.beamedLeft1-L1"
    )
    assert [token.partition("-")[0] for token in semantic(text)[1:-1]] == ["note", *3 * ["gracenote"], "note"]


def test_a_fermata_may_be_an_element_and_below():
    text = mei(note("c", xml_id="a", dots=1), after='<fermata startid="#a" place="below"/>')
    assert semantic(text)[1] == "note-C4_quarter._fermata"
    assert agnostic(text)[1:4] == ["note.quarter-L0", "fermata.below-S-1", "dot-S0"]


def test_rests_of_measures_count_them_and_one_is_drawn_as_a_whole_rest():
    text = mei("<mRest/>", '<multiRest num="1"/>', '<multiRest num="23"/>', '<rest dur="1"/>', '<rest dur="2"/>')
    assert semantic(text)[1::2] == ["multirest-1", "multirest-1", "multirest-23", "rest-whole", "rest-half"]
    glyphs = (
        "rest.whole-L4 / digit.1-S5 multirest-L3 / digit.2-S5 digit.3-S5 multirest-L3 / rest.whole-L4 / rest.half-L3 /"
    )
    assert " ".join(agnostic(text)[1:]) == glyphs.replace("/", "barline-L1")


def test_dots_stand_in_a_space_at_or_above_the_note():
    text = mei(note("e", dots=2) + note("f", dots=1) + '<rest dur="8" dots="1"/>')
    assert " ".join(agnostic(text)[1:-1]) == (
        "note.quarter-L1 dot-S1 dot-S1 note.quarter-S1 dot-S1 rest.eighth-L3 dot-S3"
    )


def test_only_drawn_bar_lines_are_tokens():
    assert semantic(mei(NOTE, NOTE, right="invis")) == ["clef-G2", "note-C4_quarter", "note-C4_quarter"]
    assert semantic(mei(NOTE, NOTE, right="dbl"))[2::2] == ["barline", "barline"]


def test_marks_that_primus_has_no_symbols_for_are_left_out():
    marks = '<slur startid="#a" endid="#a"/><trill startid="#a"/><dynam tstamp="1">p</dynam>'
    text = mei(note("c", xml_id="a", inside='<artic artic="stacc"/><verse><syl>la</syl></verse>'), after=marks)
    assert semantic(text) == ["clef-G2", "note-C4_quarter", "barline"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (mei(NOTE, f'<tuplet num="3" numbase="2">{NOTE}</tuplet>'), "measure 2.*'tuplet'"),
        (mei(f'<chord dur="4">{NOTE}</chord>'), "measure 1.*'chord'"),
        (mei('<space dur="4"/>'), "measure 1.*'space'"),
        (mei(NOTE).replace("</layer>", '</layer><layer n="2"/>'), "one staff with one layer, got 1 with 2"),
        (mei(NOTE).replace("</measure>", '<staff n="2"><layer/></staff></measure>'), "one layer, got 2 with 2"),
        (mei(NOTE).replace("</staffGrp>", '<staffDef n="2"/></staffGrp>'), "one staff, got 2"),
        (mei(NOTE).replace('lines="5"', 'lines="1"'), "5 lines, got '1'"),
        (mei(NOTE, head='<clef shape="G" line="2" dis="8" dis.place="below"/>'), "octave clef, got '8' 'below'"),
        (mei(NOTE, head='<clef shape="perc" line="2"/>'), "clef must be C, F or G"),
        (mei(NOTE, head='<clef shape="G" line="0"/>'), "line must be 1 to 5, got '0'"),
        (mei(NOTE, head='<keySig sig="8s"/>'), "key signature .* got '8s'"),
        (mei(NOTE, head='<keySig><keyAccid pname="e" accid="f"/></keySig>'), "usual accidentals, got .*'E'"),
        (mei(NOTE, head='<keySig sig="1s" visible="false"/>'), "keySig must be visible"),
        (mei(NOTE, head='<meterSig count="3+2" unit="8"/>'), r"time signature .* got '3\+2/8'"),
        (mei(NOTE, head='<meterSig count="3" unit="4" form="num"/>'), "both its numbers, got form 'num'"),
        (mei(NOTE, head='<meterSig sym="open"/>'), "symbol must be .* got 'open'"),
        (mei(NOTE, head='<mensur sign="O"/>'), "mensuration must be C .* 'O'"),
        (mei(note("c", dur="brevis")), "measure 1: note must have dur .* got 'brevis'"),
        (mei(note("c", dots=4)), "0 to 3 dots, got '4', '4'"),
        (mei(note("h")), "pitch must be A to G"),
        (mei(note("c", oct=12)), "octave 0 to 9, got 'C', 0, 12"),
        (mei(note("c", oct="x")), "oct must be a number, got 'x'"),
        (mei(note("c", accid="1qf")), "accidental must be one of .* got '1qf'"),
        (mei(note("c", visible="false")), "note must be visible"),
        (mei('<mRest visible="false"/>'), "mRest must be visible"),
        (mei("<multiRest/>"), "multiRest must have a num, got ''"),
        (mei('<multiRest num="0"/>'), "multirest must have 1 to 9999 measures, got 0"),
        (mei(NOTE, after='<tie startid="#a" tstamp2="0m+4"/>'), "two notes, got one that hangs"),
        (mei(note("c", xml_id="a") + note("d", xml_id="b"), after='<tie startid="#a" endid="#b"/>'), "ties must join"),
        (mei(NOTE, after='<fermata tstamp="1"/>'), "fermatas must each have a note"),
        (mei(NOTE, after='<fermata startid="#x"/>'), "fermatas must stand over notes or rests, got 1"),
        (mei(note("c", fermata="inside")), "fermata must be above or below, got 'inside'"),
        (mei(), "measure, got none"),
        (mei("<beam>" * 9 + NOTE + "</beam>" * 9), "nested at most 4 deep"),
        (mei(f"<app><rdg>{NOTE}</rdg></app>"), "one reading, got 1 score, 1 app"),
        ("<mei/>", "one score and one reading, got none"),
        ("", "well-formed XML"),
        (PRIMUS[:-20], "well-formed XML"),
        ('<!DOCTYPE mei [<!ENTITY a "aaaa">]>' + mei(NOTE), "no DOCTYPE"),
        ("<a>" * 100_000 + "</a>" * 100_000, "one score"),
        (" " * (MAX_MEI_CHARS + 1), "at most 4194304 characters"),
    ],
)
def test_what_has_no_tokens_is_an_error_that_says_why(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_mei(text)


def test_a_note_before_any_clef_has_no_position():
    assert semantic(mei(NOTE, head="")) == ["note-C4_quarter", "barline"]
    with pytest.raises(ValueError, match="begin with a clef, got note-C4_quarter"):
        read_mei_agnostic(mei(NOTE, head=""))


@pytest.fixture(scope="module")
def toolkit():
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def engraved(toolkit, text, kind):
    toolkit.setInputFrom(kind)
    assert toolkit.loadData(text)
    return toolkit.getMEI()


@pytest.mark.parametrize(
    ("kind", "text", "tokens"),
    [
        (
            "pae",
            "@clef:C-1\n@keysig:bBEA\n@timesig:c/\n@data:=2/'4.B8-nG+/8G(4nA){6CDEF}gE4.D/=/%F-4 2,F(C)\n",
            "clef-C1 keySignature-EbM timeSignature-C/ multirest-2 barline note-Bb4_quarter. rest-eighth "
            "note-G4_eighth "
            "tie barline note-G4_eighth note-A4_quarter_fermata note-C4_sixteenth note-D4_sixteenth "
            "note-Eb4_sixteenth note-F4_sixteenth gracenote-Eb4_eighth note-D4_quarter. barline multirest-1 "
            "barline clef-F4 "
            "note-F3_half note-C3_half_fermata",
        ),
        (
            "humdrum",
            "**kern\n*clefC3\n*k[b-]\n*M2/2\n*met(C|)\n=1\n4.B-\n8Bn\n8qc\n[2f;\n=2\n4f]\n4B-\n2r\n=3\n"
            "*clefF4\n*k[f#]\n*M3/2\n1.FF#\n==\n*-\n",
            "clef-C3 keySignature-FM timeSignature-C/ note-Bb3_quarter. note-B3_eighth gracenote-C4_eighth "
            "note-F4_half_fermata tie barline note-F4_quarter note-Bb3_quarter rest-half barline clef-F4 "
            "keySignature-GM timeSignature-3/2 note-F#2_whole. barline",
        ),
    ],
)
def test_what_verovio_makes_of_other_notations_reads_as_their_tokens(toolkit, kind, text, tokens):
    assert semantic(engraved(toolkit, text, kind)) == tokens.split()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tokens=notation_strategies.staves())
def test_staves_survive_musicxml_and_the_engraver(toolkit, tokens):
    text = write_semantic(tokens)
    assert write_semantic(read_mei(engraved(toolkit, write_musicxml(parse_semantic(text)), "musicxml"))) == text


def test_damaged_mei_is_read_or_refused_but_never_crashes():
    rng = random.Random(0)
    whole = [PRIMUS, mei(f"<beam>{note('c', dur=8, xml_id='a')}{note('c', dur=8, xml_id='b')}</beam>", "<mRest/>")]
    pieces = ['"', "<", ">", "/>", "", "0", "-1", "é", "n", '="', "</layer>", "<beam>", "<note/>", "9" * 30, "\0"]
    outcomes = set()
    for _ in range(300):
        text = rng.choice(whole)
        for _ in range(rng.randint(1, 3)):
            start = rng.randrange(len(text))
            text = text[:start] + rng.choice(pieces) + text[start + rng.randint(0, 4) :]
        try:
            outcomes.add(bool(read_mei_agnostic(text)))
        except ValueError as error:
            outcomes.add(str(error)[:3])
    assert outcomes == {True, "MEI"}
