import hashlib
import io
import random
import sys
import zlib
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

# A benchmark's neighbours are imported as scripts import them.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import hostile_bytes
import hostile_cases


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "pdfs"
    return hostile_cases, folder, hostile_cases.write_hostile_pdfs(folder)


def test_there_are_300_bad_files_of_every_kind_and_ten_good_ones(hostile):
    module, folder, cases = hostile
    assert sum(not case.good for case in cases) >= module.CASES
    assert sum(case.kind == "good" for case in cases) == module.GOOD
    assert len({case.kind for case in cases}) == 16
    assert len({case.name for case in cases}) == len(cases)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 60e6


def test_every_case_is_what_curation_finds_in_the_folder(hostile):
    _, folder, cases = hostile
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix.lower() == ".pdf"}
    assert found == {case.name for case in cases}


def test_good_files_are_one_bit_scans_and_all_different(hostile):
    _, folder, cases = hostile
    digests = set()
    for case in cases:
        if case.kind == "good":
            with pymupdf.open(folder / case.name) as document:
                assert document[0].get_images()[0][4] == 1
            digests.add(hashlib.sha256((folder / case.name).read_bytes()).digest())
    assert len(digests) == 10


def test_truncations_cut_objects_streams_and_the_table(hostile):
    _, folder, _ = hostile
    sizes = [path.stat().st_size for path in (folder / "truncated").iterdir()]
    assert len(sizes) > 60
    ends = [path.read_bytes()[-12:] for path in (folder / "truncated").iterdir()]
    for structure in (b"obj", b"stream", b"endobj", b"xref"):
        assert any(structure in end for end in ends)


def test_a_seed_makes_the_same_bytes(hostile):
    module, folder, _ = hostile
    one, other = (module.engraved_scan(random.Random(3)) for _ in range(2))
    assert one == other
    for kind, name, data in module.handmade():
        assert (folder / kind.replace(" ", "_") / f"{name}.pdf").read_bytes() == data


def test_handmade_pdfs_are_valid_but_for_what_they_break():
    image = hostile_bytes.image_pdf(bytes(200), b"/Width 40 /Height 40 /BitsPerComponent 1 /ColorSpace /DeviceGray")
    with pymupdf.open(stream=image, filetype="pdf") as document:
        assert not document.is_repaired
        pixels = Image.open(io.BytesIO(document[0].get_pixmap().tobytes("png"))).convert("L")
        assert pixels.getextrema() == (0, 0)


def test_bombs_are_whole_streams():
    assert zlib.decompressobj(wbits=-15).decompress(hostile_bytes.zeros(3)[2:]) == bytes(3 * 2**20)


def test_a_folder_with_files_is_not_written_into(hostile):
    module, folder, _ = hostile
    with pytest.raises(ValueError, match="must be empty"):
        module.write_hostile_pdfs(folder)
