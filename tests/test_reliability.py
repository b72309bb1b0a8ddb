"""Files of strangers are read or refused by a ValueError, in time: what fuzzing found."""

import csv
import gzip
import io
import json
import signal
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import reliability_archives as archives
import reliability_bombs as bombs
import reliability_seeds as seeds
import reliability_tables as tables
import reliability_texts as texts
import reliability_weights as weights
from reliability_containers import zip_of

from scorehub.chorales import load_writer
from scorehub.dataset_builders.archives import TAR_FAULTS, index_archive
from scorehub.dataset_builders.camera_primus.incipits import read_incipits
from scorehub.dataset_builders.camera_primus.published import read_source
from scorehub.dataset_builders.dadagp.tokens import read_tokens
from scorehub.dataset_builders.msmd.rebuilt import open_files, read_notes, read_pieces
from scorehub.dataset_builders.msmd.split_lists import read_splits
from scorehub.dataset_builders.musicscore import metadata_files
from scorehub.dataset_builders.musicscore.download import read_manifest
from scorehub.dataset_builders.musicscore.metadata import MetadataTable
from scorehub.dataset_builders.musicscore.published import Report, read_pages
from scorehub.dataset_builders.performances.score_notes import read_score_notes
from scorehub.dataset_builders.tunes.tune import parse_abc
from scorehub.following import load_follower
from scorehub.following import read_pages as read_score_pages
from scorehub.ldm_checkpoint import read_checkpoint
from scorehub.notation.mei import read_mei
from scorehub.notation.pae import read_pae
from scorehub.pictures import check_scans
from scorehub.trainers.roll_strips import load_strips
from scorehub.trainers.run_settings import last_checkpoint

SECONDS = 5  # of computing, for what took minutes or for ever


@pytest.fixture(scope="module")
def made():
    """Hostile files that take seconds to make, which is not what is timed."""
    for make in (archives.tars, bombs.pictures, tables.parquets, tables.checkpoints):
        make()


@pytest.fixture
def in_time(made):
    """Ends a test that computes for too long, whatever the machine is busy with."""

    def fail(*_):
        raise AssertionError(f"took more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("data", ["n" + "'" * 40 + "x", "}" * 90_000])
def test_a_run_of_marks_in_plaine_and_easie_takes_no_time(in_time, data):
    text = f"@clef:G-2\n@data:{data}"
    if "}" in data:
        assert [str(token) for token in read_pae(text)] == ["clef-G2"]
    else:
        with pytest.raises(ValueError, match="accidental must be followed by its note"):
            read_pae(text)


def test_marks_change_places_as_before():
    assert read_pae("@data:x''4{C}+{D}") == read_pae("@data:''4{xC+}{D}")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<!DOCTYPE" * 50_000, "musicxml"),
        (f"<score-partwise>{'<part>' * 20_000}{'</part>' * 20_000}</score-partwise>", "musicxml"),
        (f"<score-partwise><part>{'<measure>' * 20_000}{'</measure>' * 20_000}</part></score-partwise>", "musicxml"),
        (
            f"<mei xmlns='http://www.music-encoding.org/ns/mei'>{'<measure>' * 20_000}{'</measure>' * 20_000}</mei>",
            "mei",
        ),
    ],
)
def test_scores_in_scores_take_no_time(in_time, text, kind):
    if "DOCTYPE" in text:
        with pytest.raises(ValueError, match="must be well-formed XML"):
            read_score_notes(text, kind)
    else:
        assert read_score_notes(text, kind) == {}


def test_mei_definitions_in_each_other_are_refused(in_time):
    text = f"<mei><score>{'<scoreDef>' * 20_000}{'</scoreDef>' * 20_000}</score></mei>"
    with pytest.raises(ValueError, match="scoreDef must have no other in it"):
        read_mei(text)


@pytest.mark.parametrize(
    "text",
    [
        "X:1\nK:C\nABc|",
        "M:4/4\nL:1/8\nABc|",
        "M:4/0\nL:1/8\nK:C\nABc|",
        "M:4/4\nL:1/8\nK:Cb\nABc|",
        "M:4/4\nL:1/8\nK:C\nV:\n",
        "M:4/4\nL:1/8\nK:C\nw:la",
        "M:4/4\nL:1/8\nK:C\n",
        "M:4/4\nL:1/8\nK:C\n[K: clef=none]A8|",
        "M:4/4\nL:1/8\nK:C\n" + "A" * 200_000,
    ],
)
def test_abc_beyond_the_subset_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        parse_abc(text)


@pytest.mark.parametrize("name", ["array of brackets", "array of 8 TB", "array of code", "array that runs"])
def test_arrays_that_are_none_are_no_rolls(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    array = archives.npys()[name]
    path = written(tmp_path / "rolls.npz", zip_of([(f"{part}.npy", array) for part in ("codes", "spec")]))
    with pytest.raises(ValueError, match="rolls must be"):
        load_strips(path)
    assert not (tmp_path / archives.ESCAPED).exists()


@pytest.mark.parametrize("kind", [".html", ".wiki"])
def test_a_work_page_that_keeps_its_parser_busy_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(metadata_files, "PAGE_SECONDS", 2)
    page = {".html": b'<a href="' * 30_000, ".wiki": b"{{#fte:imslppage\n|Key=" + b"[[a|" * 20_000}[kind]
    # From Python 3.11.14 on its reader of HTML is quick here, and finds nothing.
    reason = "parser timed out after 2 s" + "|must have a General Information box" * (kind == ".html")
    with pytest.raises(ValueError, match=reason):
        list(metadata_files.read_records(written(tmp_path / f"page{kind}", page)))
    monkeypatch.setattr(metadata_files, "PAGE_SECONDS", 60)
    (record,) = metadata_files.read_records(written(tmp_path / "page.html", texts.WORK_PAGE.encode()))
    assert (record.work.title, record.imslp_ids, record.names) == ("Suite; in G", ("IMSLP12",), ("PMLP1-a.pdf",))


def test_a_damaged_archive_of_pages_is_refused_by_a_value_error():
    def members():
        with tarfile.open(fileobj=io.BytesIO(seeds.musicscore()[:-200]), mode="r|*") as archive:
            for member in archive:
                yield member.name, archive.extractfile(member)

    with pytest.raises(ValueError, match=r"archive must be a whole tar\.gz"):
        list(read_pages(members(), MetadataTable(), Report()))


@pytest.mark.parametrize("fault", TAR_FAULTS)
def test_whatever_an_archive_of_pages_raises_is_a_value_error(fault):
    def members():
        raise fault("damaged")
        yield

    with pytest.raises(ValueError, match=r"archive must be a whole tar\.gz, got: damaged"):
        list(read_pages(members(), MetadataTable(), Report()))


@pytest.mark.parametrize("kind", ["file", "name"])
def test_zeros_by_the_gigabyte_are_no_archive(in_time, tmp_path, kind):
    path = written(tmp_path / "a.tar.bz2", archives.tars()[f"bz2 with a {kind} of 15 GB"])
    with pytest.raises(ValueError, match="must"):
        index_archive(path)


def test_headers_of_names_in_headers_of_names_are_no_archive(in_time, tmp_path):
    with pytest.raises(ValueError, match="archive must be a whole tar"):
        index_archive(written(tmp_path / "a.tar.gz", archives.tars()["long names in long names"]))


def test_a_song_whose_repeats_take_for_ever_is_refused(in_time):
    tokens = bombs.notations()["guitar of repeats"].decode().split()
    with pytest.raises(ValueError, match="song must have at most"):
        read_tokens(tokens)


def test_a_packed_archive_of_items_is_bounded_too(in_time, tmp_path):
    path = written(tmp_path / "a.tgz", archives.tars()["gzip with a name of 15 GB"])
    ((_, error),) = read_source(str(path), {"a"})
    assert "must unpack to at most" in str(error)


def test_a_negative_size_does_not_lead_back(in_time, tmp_path):
    data = gzip.decompress(archives.tars()["negative size"])
    with pytest.raises(ValueError, match="archive must have"):
        open_files(written(tmp_path / "pages_midi.tar", data).parent)


def test_a_jpeg_of_scans_is_refused_before_it_is_decoded(in_time, tmp_path):
    data = bombs.pictures()["JPEG of scans"]
    with Image.open(io.BytesIO(data)) as picture, pytest.raises(ValueError, match="JPEG must have at most"):
        check_scans(picture)
    with pytest.raises(ValueError, match="JPEG must have at most"):
        read_score_pages([written(tmp_path / "page.jpg", data)])
    with Image.open(io.BytesIO(seeds.picture("JPEG", progressive=True))) as picture:
        check_scans(picture)
        assert np.array_equal(np.asarray(picture).shape, (640, 480))  # it can still be decoded


@pytest.mark.parametrize(
    "name",
    [
        *("names of numbers", "values of numbers", "a text encoder without layers", "a text encoder of one"),
        "a wrapper in itself",
    ],
)
def test_odd_checkpoints_are_refused_or_read(in_time, tmp_path, name):
    path = written(tmp_path / "a.ckpt", tables.checkpoints()[name])
    if name == "a text encoder of one":
        assert len(read_checkpoint(path).text) == 3
    else:
        with pytest.raises(ValueError, match="checkpoint must"):
            read_checkpoint(path)


@pytest.mark.parametrize("data", [b"a" * 1000, weights.old_checkpoint()[:-40]])
def test_what_is_no_pickle_is_no_checkpoint(tmp_path, data):
    with pytest.raises(ValueError, match="checkpoint must hold tensors alone"):
        read_checkpoint(written(tmp_path / "a.ckpt", data))


def test_merges_of_yaml_are_refused(in_time, tmp_path):
    with pytest.raises(ValueError, match="splits_file must be YAML"):
        read_splits(written(tmp_path / "splits.yaml", tables.tables()["YAML of merges"]))


def test_odd_tables_are_refused(tmp_path):
    long = "url\n" + "a" * (csv.field_size_limit() + 1)
    with pytest.raises(ValueError, match=r"manifest a\.csv must be a CSV"):
        read_manifest(written(tmp_path / "a.csv", long.encode()))
    written(tmp_path / "pieces.csv", b"piece,split,licence,dpi\n\xff,train,,100\n")
    with pytest.raises(ValueError, match=r"pieces\.csv must be a table"):
        read_pieces(tmp_path)


@pytest.mark.parametrize("name", ["kern of nothing", "kern of numbers", "kern of bytes", "kern of 180 GB"])
def test_kern_that_is_no_text_or_endless_is_refused(in_time, tmp_path, name):
    with pytest.raises(ValueError, match="must"):
        read_incipits(written(tmp_path / "a.parquet", tables.parquets()[name]))


def test_short_rows_and_endless_lines_of_incipits(in_time, tmp_path):
    header = texts.RISM.partition("\n")[0]
    found = read_incipits(written(tmp_path / "short.tsv", f"{header}\n7\n".encode()))
    assert [incipit.group for incipit in found.values()] == ["7"]
    with pytest.raises(ValueError, match=r"table must have at most .*, got"):
        read_incipits(written(tmp_path / "zeros.tsv.gz", gzip.compress(header.encode() + b"\n" + bytes(2**27))))


def test_a_name_in_millions_of_rows_is_kept_once(tmp_path):
    written(tmp_path / "notes.parquet", tables.parquets()["names of 180 GB"])
    ((name, columns),) = read_notes(tmp_path).items()
    assert (len(name), len(columns["x"])) == (60_000, tables.ROWS)
    for other in ("notes of nothing", "notes of lists"):
        written(tmp_path / "notes.parquet", tables.parquets()[other])
        with pytest.raises(ValueError, match=r"notes\.parquet must be a table"):
            read_notes(tmp_path)


def test_noteheads_come_to_their_pieces(tmp_path):
    written(tmp_path / "notes.parquet", seeds.parquet({**_NOTES, "piece": ["b", "a", "b"]}))
    found = read_notes(tmp_path)
    assert {name: columns["x"].tolist() for name, columns in found.items()} == {"b": [1.0, 3.0], "a": [2.0]}


_NOTES = {name: [1.0, 2.0, 3.0] for name in seeds.NOTE_COLUMNS}


@pytest.mark.parametrize(("load", "kind"), [(load_writer, "chorales"), (load_follower, "score_follower")])
@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("model.safetensors", b"\xff" * 100),
        ("config.json", b'{"model_type": "chorales", "layers": 1000000000, "audio_hidden": -1}'),
        ("config.json", json.dumps({"model_type": "chorales", "width": "x", "sheet_hidden": "x"}).encode()),
    ],
)
def test_a_damaged_model_is_refused_by_a_value_error(tmp_path, load, kind, file, data):
    for name, content in (weights.model_files(kind) | {file: data}).items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="model must be"):
        load(model=tmp_path)


def test_a_checkpoint_that_is_half_written_is_passed_over(tmp_path):
    names = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")
    for step, missing in ((5, None), (10, "trainer_state.json"), (9, "optimizer.pt")):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        for name in names:
            if name != missing:
                (folder / name).write_text("{}")
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-5")
    (tmp_path / "checkpoint-10" / "trainer_state.json").write_text('{"cut')
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-5")
    (tmp_path / "checkpoint-10" / "trainer_state.json").write_text("{}")
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert last_checkpoint(tmp_path / "none") is None
