import json

import pytest

from scorehub.dataset_builders.musicscore import metadata_files
from scorehub.dataset_builders.musicscore.kern_records import parse_kern_records
from scorehub.dataset_builders.musicscore.metadata import find_metadata_files, load_metadata

PUBLISHED = [
    {"ID": "IMSLP514102", "Work Title": "Ode", "Composer": "A, B", "Composer Time PeriodComp. Period": "Baroque"},
    {"ID": "IMSLP00014", "Work Title": "Sonata", "Key": "B♭ major", "Movements/SectionsMov'ts/Sec's": None},
    {"ID": "IMSLP514102", "Work Title": "Ode again"},
    {"Work Title": "Nobody's"},
    "not a record",
]

KERN = """!!!COM: Mozart, Wolfgang Amadeus
!!!OTL@@DE: Klaviersonate
!!!OTL: Piano Sonata No. 4
!!!SCT: K 282
!!!OMV: 1
!!!ODT: 1774
!!!AGN: piano sonata
**kern\t**kern\t**dynam
*Icello\t*Ipiano\t*
*k[b-e-a-]\t*k[b-e-a-]\t*
*E-:\t*E-:\t*
4c\t4e\t.
*-\t*-\t*-
!!!YOR: Breitkopf &amp; H&auml;rtel
!!!YEM: Licence: (CC BY-NC-SA 4.0)
"""


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["list", "keyed", "lines"])
def test_every_form_of_the_published_json_finds_works_by_number(tmp_path, form):
    records = PUBLISHED[:2]
    if form == "keyed":
        content = {record["ID"]: {key: record[key] for key in record if key != "ID"} for record in records}
    else:
        content = records if form == "list" else "\n".join(json.dumps(record) for record in records)
    table = load_metadata([_write(tmp_path / "metadata.json", content)])
    assert table.lookup("IMSLP514102-PMLP1-Ode.pdf").period == "Baroque"
    assert table.lookup("sub/imslp14.PDF").key == "B-flat major"
    assert table.lookup("IMSLP514102_17.jpg").title == "Ode"
    assert table.lookup("IMSLP51410.pdf") is None


def test_a_file_without_a_suffix_is_read_by_its_beginning(tmp_path):
    table = load_metadata(
        [_write(tmp_path / "0a1b2c", PUBLISHED[:1]), _write(tmp_path / "ff00", "pdf,title\na.pdf,A\n")]
    )
    assert (table.lookup("IMSLP514102.pdf").title, table.lookup("a.pdf").title) == ("Ode", "A")


def test_one_number_written_two_ways_is_one_work(tmp_path):
    records = [{"ID": "IMSLP00014", "Work Title": "Sonata"}, {"ID": "IMSLP14", "Work Title": "Other"}]
    table = load_metadata([_write(tmp_path / "metadata.json", records)])
    assert table.lookup("IMSLP14.pdf").title == "Sonata"
    assert table.duplicates == 1


def test_duplicates_keep_the_first_and_everything_odd_is_counted(tmp_path):
    table = load_metadata([_write(tmp_path / "metadata.json", PUBLISHED)])
    assert table.lookup("IMSLP514102.pdf").title == "Ode"
    report = table.report
    assert (report.files, report.records, table.duplicates, report.without_id, report.not_records) == (1, 2, 1, 1, 1)


def test_unmatched_lists_metadata_without_a_pdf(tmp_path):
    table = load_metadata([_write(tmp_path / "metadata.json", PUBLISHED)])
    assert table.unmatched(["IMSLP514102-x.pdf", "other.pdf"]) == ["IMSLP00014"]


def test_csv_rows_match_by_path_name_or_stem_and_keep_unknown_columns(tmp_path):
    text = "PDF,Work Title,Comp. Period,Bits\nscans/a.pdf,First,Classical,1\nB,Second,Romantic,8\n"
    table = load_metadata([_write(tmp_path / "index.csv", "\ufeff" + text)])
    assert table.lookup("a.pdf").title == "First"
    assert table.lookup("deep/scans/a.pdf").general_information["Bits"] == "1"
    assert table.lookup("other/a.pdf") is None
    assert table.lookup("b.pdf").title == "Second"


def test_a_row_number_beside_a_file_column_is_no_imslp_number(tmp_path):
    table = load_metadata([_write(tmp_path / "index.csv", "id;file;title\n14;x.pdf;X\nIMSLP15;y.pdf;Y\n")])
    assert table.lookup("IMSLP14.pdf") is None
    assert table.lookup("IMSLP15.pdf").title == "Y"


def test_latin_1_and_utf_8_files_both_read(tmp_path):
    (tmp_path / "old.csv").write_bytes("pdf,composer\na.pdf,Fauré\n".encode("latin-1"))
    _write(tmp_path / "new.csv", "pdf,composer\nb.pdf,Fauré\n")
    table = load_metadata([tmp_path / "old.csv", tmp_path / "new.csv"])
    assert table.lookup("a.pdf").composer == table.lookup("b.pdf").composer == "Fauré"


def test_names_match_across_unicode_forms(tmp_path):
    table = load_metadata([_write(tmp_path / "index.csv", "pdf,title\nFu\u0308r_Elise.pdf,Elise\n")])
    assert table.lookup("F\u00fcr Elise.pdf").title == "Elise"


def test_saved_pages_speak_for_all_their_files(tmp_path):
    page = (
        '<div class="we"><div id="IMSLP7"></div><table class="we_edition_info"><tr><td><table>'
        "<tr><th>Copyright</th><td>Public Domain</td></tr></table></td></tr></table></div>"
        '<div class="we"><div id="IMSLP8"></div><table class="we_edition_info"><tr><td><table>'
        "<tr><th>Copyright</th><td>CC0</td></tr></table></td></tr></table></div>"
        '<div class="wi_body"><table><tr><th>Work Title</th><td>Ode</td></tr></table></div>'
    )
    wiki = "{{#fte:imslppage\n|{{#fte:imslpfile|File Name 1=PMLP9-aria_x.pdf|Copyright=CC0}}\n|Key={{Key|a}}}}"
    paths = [_write(tmp_path / "ode.html", page), _write(tmp_path / "Aria_(Last,_First).wiki", wiki)]
    table = load_metadata(paths)
    assert [table.lookup(f"IMSLP{n}.pdf").license for n in (7, 8)] == ["Public Domain", "CC0"]
    aria = table.lookup("IMSLP123-PMLP9-aria x.pdf")
    assert (aria.title, aria.composer, aria.key) == ("Aria", "Last, First", "A minor")


def test_kern_files_fill_what_the_row_leaves_open(tmp_path):
    _write(tmp_path / "kern" / "s4.krn", KERN)
    _write(tmp_path / "index.csv", "pdf,kern,title\npdf/s4.pdf,kern/s4.krn,My title\npdf/gone.pdf,kern/no.krn,Gone\n")
    table = load_metadata([tmp_path / "index.csv"])
    work = table.lookup("pdf/s4.pdf")
    assert (work.title, work.composer) == ("My title", "Mozart, Wolfgang Amadeus")
    assert (work.key, work.instrumentation, work.year) == ("E-flat major", "piano, cello", "1774")
    assert work.general_information["YOR"] == "Breitkopf & Härtel"
    assert work.license == ""
    assert table.lookup("pdf/gone.pdf").title == "Gone"


def test_a_kern_path_cannot_leave_the_folder(tmp_path):
    _write(tmp_path / "secret.krn", KERN)
    _write(tmp_path / "data" / "index.csv", "pdf,kern,title\na.pdf,../secret.krn,A\n")
    assert load_metadata([tmp_path / "data" / "index.csv"]).lookup("a.pdf").composer == ""


def test_kern_without_records_says_so():
    assert parse_kern_records(KERN).title == "Piano Sonata No. 4"
    assert parse_kern_records("!!!OTL@EN: Song\n!!!OTL@@DE: Lied").title == "Lied"
    with pytest.raises(ValueError, match=r"\*\*kern"):
        parse_kern_records("just text")


def test_a_key_in_the_title_is_used_when_no_other_is_given(tmp_path):
    table = load_metadata(
        [_write(tmp_path / "i.csv", "pdf,title,key\na.pdf,Quartet in G minor,\nb.pdf,Trio in A major,D\n")]
    )
    assert (table.lookup("a.pdf").key, table.lookup("b.pdf").key) == ("G minor", "D")


def test_metadata_is_found_inside_and_beside_the_folder_of_pdfs(tmp_path):
    pdfs = tmp_path / "pdf"
    for name in ("a.pdf", "IMSLP7.pdf"):
        _write(pdfs / name, "%PDF-1.4")
    inside = _write(pdfs / "works" / "metadata.json", [{"ID": "IMSLP7", "Work Title": "Ode"}])
    beside = _write(tmp_path / "index.csv", "pdf,title\npdf/a.pdf,A\n")
    _write(tmp_path / "vector_index.csv", "pdf,title\nvector/a.pdf,Not ours\n")
    _write(tmp_path / "other.csv", "pdf,title\npdf/a.pdf,Not an index\n")
    _write(pdfs / "manifest.csv", "source,status\na.pdf,kept\n")
    _write(pdfs / "README.txt", "hello")
    _write(pdfs / "broken.json", "{")
    with pytest.warns(UserWarning, match=r"broken\.json"):
        assert find_metadata_files(pdfs) == [inside, beside]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json"),
        ("a.json", '"text"', "list or a dict"),
        ("a.csv", "", "must have a column"),
        ("a.csv", "title,key\nOde,C\n", "must have a column"),
        ("a.csv", "pdf,title\na.pdf," + "x" * 200_000, "field larger than field limit"),
        ("a.html", "<p>no box", "General Information"),
        ("a.xlsx", "PK", "must have a column"),
    ],
)
def test_files_in_no_known_form_are_refused_by_name(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message) as error:
        load_metadata([_write(tmp_path / name, content)])
    assert name in str(error.value)


def test_missing_and_oversized_files_are_refused_by_name(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"gone\.csv must be readable"):
        load_metadata([tmp_path / "gone.csv"])
    monkeypatch.setattr(metadata_files, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="at most 10 bytes"):
        load_metadata([_write(tmp_path / "big.csv", "pdf,title\na.pdf,A\n")])
