import pytest
from bs4 import BeautifulSoup

from scorehub.dataset_builders.musicscore import imslp
from scorehub.dataset_builders.musicscore.fields import to_work_metadata
from scorehub.dataset_builders.musicscore.imslp import ImslpFile, key_name, parse_work_page


def _two_widths(long, short):
    return f'<span class="mh555">{long}</span><span class="ms555">{short}</span>'


def _row(header, value):
    return f"<tr>\n<th>{header}\n</th>\n<td>{value}\n</td></tr>"


def _file(number, name, classes="we_file_first"):
    return (
        f'<div id="IMSLP{number}" class="{classes}"><div class="we_file_download"><p><b><a class="external text" '
        f'href="https://imslp.org/wiki/Special:ImagefromIndex/{number}">Complete Score</a></b><br/>'
        f'<span class="we_file_info2"><span class="hidden"><a href="/images/a/ab/{name}">*</a></span>'
        f'<a href="/wiki/File:{name}">#{number}</a> - 1.01MB, 14 pp.</span></p></div></div>'
    )


def _edition(*rows):
    return (
        '<table class="we_edition_info gainlayout"><tr><td class="we_edition_info_i"><table border="0">'
        f'{"".join(rows)}</table></td><td><div class="we_thumb"></div></td></tr></table>'
    )


def _copyright(words):
    return _row(
        "Copyright",
        f'<div class="plainlinks"><a title="IMSLP:Public Domain">{words}</a>'
        '<span class="noanon">&#160;<small>[tag/del]</small></span></div>',
    )


def _page(general_information, files="", title="Three Inventions, Op.12 (Aubertin, Mireille)"):
    return (
        f"<html><head><title>{title} - IMSLP: Free Sheet Music PDF Download</title></head><body>"
        f'<h1 id="firstHeading">{title}</h1>'
        '<div class="wp_header"><table>'
        + _row(
            'Genre Categories<span class="addpagetag mh555"></span>',
            "<a>Inventions</a>; <a>For piano</a>; <a>For organ (arr)</a>",
        )
        + f'</table></div><div id="wpscoresection">{files}</div>'
        '<h2><span class="mw-headline" id="General_Information">General Information</span></h2>'
        f'<div class="wi_body"><table border="0">{general_information}</table></div></body></html>'
    )


INFORMATION = "\n".join(
    [
        _row('<span class="wi_head">Work Title</span>', '<span class="wi_head">Three Inventions</span>'),
        _row(f"Alt{_two_widths('ernative', '.')} Title", "Trois inventions<br/>Drei Inventionen"),
        _row("Composer", '<a href="/wiki/Category:Aubertin,_Mireille">Aubertin,\n Mireille</a>'),
        _row(_two_widths("Opus/Catalogue Number", "Op./Cat. No."), "Op.12"),
        _row(_two_widths("I-Catalogue Number", "I-Cat. No."), "None <small>[<span>force assignment</span>]</small>"),
        _row("Key", 'B<span class="music-symbol">♭</span> major'),
        _row(
            _two_widths("Movements/Sections", "Mov'ts/Sec's"),
            "3 inventions:\n<ol><li>Lent</li><li>Vif<sup class='reference'>[1]</sup></li></ol>",
        ),
        _row(_two_widths("Year/Date of Composition", "Y/D of Comp."), "1899&#8211;1901 (Lyon)"),
        _row(f"First Pub{_two_widths('lication', '.')}", "1902 - Ville: Nulle Part"),
        _row(_two_widths("Composer Time Period", "Comp. Period"), '<a href="/wiki/Category:Romantic">Romantic</a>'),
        _row("Piece Style", "Early 20th century"),
        _row("Instrumentation", "piano<table><tr><th>Composer</th><td>nested, and not the composer</td></tr></table>"),
    ]
)


def test_headers_and_values_come_out_as_in_the_published_json():
    information = parse_work_page(_page(INFORMATION)).information
    assert information["Opus/Catalogue NumberOp./Cat. No."] == "Op.12"
    assert information["Alternative. Title"] == "Trois inventions\nDrei Inventionen"
    assert information["Movements/SectionsMov'ts/Sec's"] == "3 inventions:\nLent\nVif"
    assert information["Composer Time PeriodComp. Period"] == "Romantic"
    assert information["Composer"] == "Aubertin, Mireille"
    assert "I-Catalogue NumberI-Cat. No." not in information


def test_named_fields_of_a_saved_page():
    work = to_work_metadata(parse_work_page(_page(INFORMATION)).information, license="Public Domain")
    assert (work.title, work.composer, work.key) == ("Three Inventions", "Aubertin, Mireille", "B-flat major")
    assert (work.period, work.piece_style, work.year) == ("Romantic", "Early 20th century", "1899\u20131901")
    assert work.genre == "Inventions"
    assert work.license == "Public Domain"
    assert work.general_information["Key"] == "B♭ major"


def test_each_file_has_the_licence_of_its_own_edition():
    files = (
        _file("900001", "PMLP1-a.mp3", "we_file_first we_audio_top")
        + '<table class="we_audio_info"><tr><th>Performers</th><td>nobody</td></tr></table>'
        + '<div class="we">' + _file("00014", "PMLP1-Aubertin%2C_Op.12.pdf") + _file("514102", "b.pdf", "we_file")
        + _edition(_row("Editor", "X"), _copyright("Public Domain&#160;- Non-PD US")) + "</div>"
        + '<div class="we">' + _file("514103", "c.pdf") + _edition(_row("Misc. Notes", "no licence")) + "</div>"
        + '<div class="we">' + _file("514104", "d.pdf") + _edition(_copyright("Creative Commons Zero")) + "</div>"
    )  # fmt: skip
    found = {file.imslp_id: file for file in parse_work_page(_page(INFORMATION, files)).files}
    assert found["IMSLP00014"] == ImslpFile("IMSLP00014", "PMLP1-Aubertin, Op.12.pdf", "Public Domain - Non-PD US")
    assert found["IMSLP514102"].license == "Public Domain - Non-PD US"
    assert found["IMSLP514103"].license == ""
    assert found["IMSLP514104"].license == "Creative Commons Zero"
    assert found["IMSLP900001"].license == ""


def test_title_and_composer_come_from_the_page_title_when_the_box_lacks_them():
    information = parse_work_page(_page(_row("Key", "A minor"))).information
    assert (information["Work Title"], information["Composer"]) == ("Three Inventions, Op.12", "Aubertin, Mireille")


def test_a_box_without_its_usual_wrapper_is_found_by_its_work_title():
    html = f"<table><tr><td>menu</td></tr></table><table>{_row('Work Title', 'Ode')}{_row('Key', 'D')}</table>"
    assert parse_work_page(html).information == {"Work Title": "Ode", "Key": "D"}


@pytest.mark.parametrize("text", ["", "no markup", "<html><table><tr><td>x</td></tr></table>", "{{other template}}"])
def test_a_page_without_general_information_is_refused_by_name(text):
    with pytest.raises(ValueError, match="General Information"):
        parse_work_page(text)


def test_an_oversized_page_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(imslp, "MAX_CHARACTERS", 100)
    with pytest.raises(ValueError, match="at most 100 characters"):
        parse_work_page(_page(INFORMATION))


@pytest.mark.parametrize("tag", ["<div>", "<table>", "<table><tr><td>"])
def test_tags_nested_without_end_are_refused_at_once(tag):
    with pytest.raises(ValueError, match="must nest at most 1000 tags, got"):
        parse_work_page(tag * 2000 + f"<table>{_row('Work Title', 'Deep')}</table>")


def test_tables_within_reason_may_nest():
    html = "<table><tr><td>" * 100 + f"<table>{_row('Work Title', 'Deep')}</table>"
    assert parse_work_page(html).information == {"Work Title": "Deep"}


WIKITEXT = """{{#fte:imslppage
| *****AUDIO***** =
{{#fte:imslpaudio|File Name 1=x.mp3|Copyright=Creative Commons Zero 1.0}}
| *****FILES***** =
{{#fte:imslpfile
|File Name 1=PMLP14377-Aubertin_inventions.pdf
|File Name 2=PMLP14377-parts.zip
|Editor={{LinkEd|Ludwig|Nohl|1831|1885}}<br>{{FE}}
|Publisher Information=''Briefe'' {{P|Cotta|J.G. Cotta|Stuttgart||1867||}}
|Copyright=Public Domain
}}
===Arrangements and Transcriptions===
{{#fte:imslpfile
|File Name 1=PMLP14377-arr.pdf
|Copyright=Creative Commons Attribution 4.0
}}
| *****WORK INFO*****
|Work Title=Inventions
|Alternative Title=
|Key={{Key|c#}}
|Movements Header=2 pieces:
|Number of Movements/Sections=
#Lent (B{{flat}} major)
#Vif ({{sharp|F}})
|Year/Date of Composition=ca.1899<ref>After the letters.</ref>
|Year of First Publication=1902 - in ''Album''
|Librettist={{LinkLib|Martin|Luther}} (1483-1546)
|Dedication=[[:Category:Nadaud, Camille|Camille Nadaud]]<br>and friends
|Language=French
|Piece Style=Romantic
|Instrumentation=piano
|Tags=inventions ; chorales ; pf ; fr
| *****COMMENTS***** =
| *****END OF TEMPLATE***** }}
"""


def test_wikitext_gives_the_same_headers_as_the_rendered_page():
    information = parse_work_page(WIKITEXT, "Inventions, Op.3 (Aubertin, Mireille)").information
    assert information["Movements/SectionsMov'ts/Sec's"] == "2 pieces:\nLent (B♭ major)\nVif (F♯)"
    assert information["Year/Date of CompositionY/D of Comp."] == "ca.1899"
    assert information["Librettist"] == "Martin Luther (1483-1546)"
    assert information["Dedication"] == "Camille Nadaud\nand friends"
    assert information["First Publication."] == "1902 - in Album"
    assert "Alternative. Title" not in information
    assert not [header for header in information if "*" in header or header.isdigit()]


def test_named_fields_of_wikitext():
    work = to_work_metadata(parse_work_page(WIKITEXT, "Inventions, Op.3 (Aubertin, Mireille)").information)
    assert (work.title, work.composer, work.key) == ("Inventions", "Aubertin, Mireille", "C-sharp minor")
    assert (work.year, work.language, work.genre) == ("ca.1899", "French", "inventions; chorales")


def test_wikitext_files_have_names_and_licences():
    assert parse_work_page(WIKITEXT).files == (
        ImslpFile("", "PMLP14377-Aubertin inventions.pdf", "Public Domain"),
        ImslpFile("", "PMLP14377-parts.zip", "Public Domain"),
        ImslpFile("", "PMLP14377-arr.pdf", "Creative Commons Attribution 4.0"),
    )


def test_unclosed_wikitext_is_refused_by_name():
    with pytest.raises(ValueError, match="#fte:imslppage"):
        parse_work_page("{{#fte:imslppage\n|Work Title=Never closed")


@pytest.mark.parametrize(
    ("code", "name"),
    [("C", "C major"), ("a", "A minor"), ("bb", "B-flat minor"), ("F#m", "F-sharp minor"), ("see below", "see below")],
)
def test_key_codes_read_as_keys(code, name):
    assert key_name(code) == name


def test_named_columns_and_published_headers_fill_the_same_fields():
    ours = to_work_metadata({"title": "Ode", "Comp. Period": "x", "period": "Baroque", "Licence": "CC0"})
    theirs = to_work_metadata({"Work Title": "Ode", "Composer Time PeriodComp. Period": "Baroque"})
    assert ours.title == theirs.title == "Ode"
    assert ours.period == theirs.period == "Baroque"
    assert ours.license == "CC0"


def test_year_of_publication_stands_in_and_words_survive():
    assert to_work_metadata({"First Publication.": "1905 - Leipzig: 1906"}).year == "1905"
    assert to_work_metadata({"Year/Date of Composition": "16th century"}).year == "16th century"


def test_fixture_pages_are_well_formed():
    assert len(BeautifulSoup(_page(INFORMATION), "html.parser").select("div.wi_body > table > tr")) == 12
