"""Valid texts of every kind that a loader reads: what damage is done to."""

import json

from scorehub.dataset_builders.tunes.tune import FOLDER as TUNES

PAE = """@clef:G-2
@keysig:xFC
@timesig:3/4
@data:'4GAB/2.''D+/4D8{xCB}'4.G''8(E)/q'A8{6GA}4B-/=/i/!8.AB6G!f/%C-3 $bB @c/ 2,G=2/
"""
KERN = """**kern
*clefG2
*k[f#c#]
*M3/4
*met(c)
=1-
4g
[4a
8a]L
8bJ
=2
2.dd;
=3
4r
16qqee
4.f#
8g#
=:|!
*clefC3
2.r
==
*-
"""
KERN_RECORDS = "!!!COM: Anon, A.\n!!!OTL@@EN: A <i>tune</i> &amp; more\n!!!ODT: 1800\n**kern\n*Ipiano\n*G:\n4c\n*-\n"
ABC = (TUNES / "petzold_minuet_in_g.abc").read_text(encoding="utf-8")
_NOTE = '<note id="n{}"><pitch><step>{}</step><alter>-1</alter><octave>4</octave></pitch><duration>2</duration></note>'
MUSICXML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 '
    'Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n<score-partwise version="4.0"><part-list>'
    '<score-part id="P1"><part-name>Violin</part-name></score-part></part-list><part id="P1"><measure number="1">'
    "<attributes><divisions>2</divisions><key><fifths>-3</fifths></key><time><beats>4</beats><beat-type>4</beat-type>"
    f"</time><clef><sign>G</sign><line>2</line></clef></attributes>{_NOTE.format(1, 'E')}{_NOTE.format(2, 'B')}"
    f"<backup><duration>4</duration></backup><forward><duration>4</duration></forward>{_NOTE.format(3, 'A')}"
    f'</measure><measure number="2">{_NOTE.format(4, "D")}<note><rest/><duration>6</duration></note></measure>'
    "</part></score-partwise>"
)
ANNOTATIONS = "".join(f"{beat / 2}\t{beat / 2}\t{'b' if beat % 4 else 'db,4/4,-3'}\n" for beat in range(16))
ALIGNMENT = "xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset\nn1-1\tn0\t0\t0\t60\t0.5\ninsertion\tn1\t0\t0\t61\t1.5\n"
ALIGNMENT += "n2-1\tdeletion\n"
ASAP = "composer,title,folder,xml_score,midi_score,midi_performance,performance_annotations,midi_score_annotations\n"
ASAP += 'Bach,"Fugue, a",a,a/score.musicxml,a/score.mid,a/one.mid,a/one.txt,a/score.txt\n' * 2
_MAESTRO = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration")
_MAESTRO_ROWS = [("Anon", f"Étude {row}", "train", 2018, f"2018/{row}.midi", f"2018/{row}.wav", 4.5) for row in "ab"]
MAESTRO_CSV = "\n".join(",".join(map(str, row)) for row in [_MAESTRO, *_MAESTRO_ROWS])
MAESTRO_JSON = json.dumps(
    {name: {str(i): row[column] for i, row in enumerate(_MAESTRO_ROWS)} for column, name in enumerate(_MAESTRO)}
)
RECORDS = json.dumps(
    [{"ID": "#12345", "Work Title": "Suite", "Key": "G major", "Composer": "Anon", "Year": ["1800", "1801"]}] * 2
)
RECORDS_CSV = "pdf,title,composer,key,kern\nx.pdf,Suite,Anon,G major,x.krn\ny.pdf,Suite,Anon,,\n"
SPLITS = "train:\n- BachJS__BWV1__a\n- BachJS__BWV1__b\nvalid:\n- Anonymous__x__c\ntest: [SatieE__y__d]\n"
MANIFEST = "url,sha256,name\nhttps://example.org/a.pdf,,a.pdf\n"
RISM = "rism_id\tincipit\tclef\tkeysig\ttimesig\tpae\n" + "".join(
    f"000{number}\t1.1.{number}\tG-2\txF\t3/4\t'4GAB/\n" for number in range(3)
)
PIECES = "piece,split,licence,mutopia_dir,dpi\nBachJS__BWV1__a,train,Public Domain,ftp/a,100\n"
TOKENS = (
    "artist:a_band downtune:-2 tempo:120 start new_measure measure:repeat_open distorted0:note:s1:f3 wait:960 "
    "distorted0:note:s1:f5 nfx:tie wait:480 drums:note:36 wait:480 bass:note:s4:f0 nfx:slide param:type:2 wait:960 "
    "measure:repeat_close:2 new_measure measure:repeat_alternative:1 bfx:tempo_change:90 clean0:rest wait:1920 end"
)
BARS = (
    "PIECE_START STYLE=JSFAKES TRACK_START INST=48 BAR_START NOTE_ON=68 TIME_DELTA=4 NOTE_OFF=68 NOTE_ON=67 "
    "TIME_DELTA=4 NOTE_OFF=67 BAR_END BAR_START TIME_DELTA=8 BAR_END TRACK_END"
)
GRIDS = json.dumps({split: [[[74, 70, 65, 58], [74, -1, 65]], [[60]]] for split in ("train", "valid", "test")})
WORK_PAGE = """<html><head><title>Suite (Anon, A.) - IMSLP</title></head><body><h1 id="firstHeading">Suite (Anon, A.)
</h1><div class="wp_header"><table><tr><th>Genre Categories</th><td><a>Suites</a></td></tr></table></div>
<div id="IMSLP12"><p><a href="/wiki/File:PMLP1-a.pdf">#12</a></p></div><table class="we_edition_info"><tr><th>Copyright
</th><td>Public Domain</td></tr></table><div class="wi_body"><table><tr><th>Work Title</th><td>Suite<br/>in G</td></tr>
<tr><th>Key</th><td>G major</td></tr><tr><th>Movements</th><td><ol><li>Lent</li><li>Vif</li></ol></td></tr></table>
</div></body></html>"""
WIKITEXT = """{{#fte:imslppage
| *****FILES***** = {{#fte:imslpfile
|File Name 1=PMLP1-a.pdf
|Copyright=Public Domain
}}
|Work Title=Suite
|Key={{Key|G}}
|Composer={{LinkEd|A.|Anon|1700|1800}}
|Movements=''Lent''<br>[[Vif]]<ref>note</ref>
}}"""


MUNG = "<CropObjects>{}</CropObjects>".format(
    "".join(
        f"<CropObject><Id>{number}</Id><ClassName>{kind}</ClassName><Top>118</Top><Left>598.5</Left><Width>9</Width>"
        f'<Height>7</Height><Outlinks>1</Outlinks><Data><DataItem key="midi_pitch_code" type="int">68</DataItem>'
        "</Data></CropObject>"
        for number, kind in enumerate(("notehead-full", "staff"))
    )
)
