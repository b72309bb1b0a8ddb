"""More than 300 bad PDFs, made on the spot from a seed, with good ones among them: the input of `hostile_pdfs.py`.

Kinds: truncated, flipped (random bytes), encrypted, page tree, bomb, page box, xref, broken object, active (scripts,
launch actions, attachments), not a PDF, loop, image, font, content, name. A case may still be readable: what it must
not do is stop a run, cost other files anything, or vanish without a reason.
"""

import io
import os
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hostile_sources
import pymupdf
import resvg_py
import verovio
from PIL import Image

CASES = 300  # at least so many bad ones
GOOD = 10


@dataclass(frozen=True)
class HostileCase:
    """A file below the folder; `good` ones are plain scans of music that a curation has to keep.

    The good ones of kind `name` are copies of one page: all but the first may be dropped as duplicates.
    """

    name: str
    kind: str
    good: bool = False


def write_hostile_pdfs(folder: Path, seed: int = 0) -> list[HostileCase]:
    """Write all cases, bad and good, into an empty folder; a seed makes the same bytes, but for the encrypted ones.

    Raises:
        ValueError: the folder is not empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"folder must be empty, got {folder} with files in it")
    rng = random.Random(seed)
    # Other pages than the good ones, which would be near-duplicates of what is left of a damaged copy.
    damaged, named = engraved_scan(rng), engraved_scan(rng)
    cases = []
    for number, data in enumerate(engraved_scan(rng) for _ in range(GOOD)):
        cases.append(HostileCase(f"good_{number}.pdf", "good", good=True))
        (folder / cases[-1].name).write_bytes(data)
    for kind, name, data in [*_derived(rng, damaged), *handmade()]:
        cases.append(HostileCase(f"{kind.replace(' ', '_')}/{name}.pdf", kind))
        path = folder / cases[-1].name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    cases += _odd_names(folder / "name", named)
    cases += _not_files(folder / "not_a_PDF")
    return cases


def engraved_scan(rng: random.Random) -> bytes:
    """One page of random notes, engraved, as a 1-bit scan: CCITT G4 at 150 dpi."""
    bars = ["".join(rng.choice("CDEFGABcdefgab") for _ in range(8)) for _ in range(48)]
    lines = [" | ".join(bars[start : start + 4]) + " |" for start in range(0, len(bars), 4)]
    abc = f"X:1\nM:4/4\nL:1/8\nK:{rng.choice(['C', 'G', 'F', 'D', 'Bb'])}\n" + "\n".join(lines)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"pageHeight": 2970, "pageWidth": 2100, "scale": 100, "header": "none", "footer": "none"})
    toolkit.loadData(abc)
    png = bytes(resvg_py.svg_to_bytes(svg_string=toolkit.renderToSVG(1), width=1240))
    with Image.open(io.BytesIO(png)) as drawn:
        page = Image.new("L", drawn.size, 255)
        page.paste(0, mask=drawn.getchannel("A"))
    return _saved(page.point(lambda value: 255 * (value > 128)).convert("1"))


def _saved(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Without the dates, equal seeds make equal bytes.
    image.save(buffer, "PDF", resolution=150, creationDate=None, modDate=None)
    return re.sub(rb"/(Creation|Mod)Date \(D:\d{14}Z?\)", b"", buffer.getvalue())


def _derived(rng: random.Random, scan: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Truncations at every structure, flipped bytes, and encryption of a scan, a vector page and a JPEG page."""
    grey = Image.frombytes("L", (300, 400), bytes(rng.randrange(256) for _ in range(120_000)))
    bases = {"scan": scan, "vector": _vector_pdf(), "jpeg": _saved(grey), "compact": _vector_pdf(use_objstms=1)}
    for base, data in bases.items():
        for cut in _structures(data):
            yield "truncated", f"{base}_{cut}", data[:cut]
        for number in range(20):
            yield "flipped", f"{base}_{number}", _flipped(rng, data, 4 ** (number % 6))
    for method in ("RC4_40", "RC4_128", "AES_128", "AES_256"):
        for password in ("", "secret"):
            code = getattr(pymupdf, f"PDF_ENCRYPT_{method}")
            data = _vector_pdf(encryption=code, owner_pw="owner", user_pw=password)
            yield "encrypted", f"{method}_{'user' if password else 'owner'}", data


def _vector_pdf(**save_options: object) -> bytes:
    with pymupdf.open() as document:
        page = document.new_page()
        for line in range(10):
            page.draw_line((50, 100 + 8 * line), (550, 100 + 8 * line))
            page.insert_text((60, 300 + 30 * line), f"System {line}: andante cantabile")
        return bytes(document.tobytes(deflate=True, no_new_id=True, **save_options))


def _structures(data: bytes) -> list[int]:
    """Offsets in, at and after each structure of a PDF: header, objects, streams, xref, trailer, end."""
    pattern = rb"%PDF-\d|\d+ 0 obj|stream\r?\n|endstream|endobj|xref|trailer|startxref|%%EOF"
    cuts = {1, 4, len(data) - 2}
    for match in re.finditer(pattern, data):
        cuts |= {match.start(), match.end()}
        if match.group().startswith(b"stream"):
            cuts.add(match.end() + (data.index(b"endstream", match.end()) - match.end()) // 2)
    every = sorted(cut for cut in cuts if 0 < cut < len(data))
    return every[:: -(-len(every) // 24)]


def _flipped(rng: random.Random, data: bytes, count: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def handmade() -> Iterator[tuple[str, str, bytes]]:
    """All cases that are written as PDF source: (kind, name, bytes)."""
    for kind, make in hostile_sources.KINDS.items():
        for name, data in make():
            yield kind, name, data


def _odd_names(folder: Path, scan: bytes) -> list[HostileCase]:
    """A good scan under names that are hard on logs, tables and shells."""
    names = [
        "two words", "new\nline", "tab\there", "carriage\rreturn", "quote\"s and 'these'", "comma,semicolon;", "-rf",
        "F\u00fcr Elise \u2013 \u697d\u8b5c \U0001f3bc", "e\u0301 decomposed", "\u202exfdp.right to left",
        "\x01control", "$(touch x)", "%2e%2e%2f", "..dots..", "x" * 200, "\u00e9" * 120, "=1+1", "CON",
        " lead and trail ", "IMSLP1_2", "a.pdf", "back\\slash", "*?[a-z]",
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    cases = []
    for name in names:
        (folder / f"{name}.pdf").write_bytes(scan)
        cases.append(HostileCase(f"name/{name}.pdf", "name", good=True))
    (folder / "upper.PDF").write_bytes(scan)
    deep = folder / "/".join(["deep"] * 60)
    deep.mkdir(parents=True)
    (deep / "x.pdf").write_bytes(scan)
    below = (deep / "x.pdf").relative_to(folder.parent).as_posix()
    cases += [HostileCase("name/upper.PDF", "name", good=True), HostileCase(below, "name", good=True)]
    # A name in Latin-1: Python shows the byte as a lone surrogate, which no UTF-8 file can hold.
    (folder / os.fsdecode(b"latin-\xe9.pdf")).write_bytes(scan)
    return [*cases, HostileCase("name/" + os.fsdecode(b"latin-\xe9.pdf"), "name")]


def _not_files(folder: Path) -> list[HostileCase]:
    """What has a PDF's name and is no file that can be read, and archives."""
    folder.mkdir(exist_ok=True)
    (folder / "folder.pdf").mkdir()
    (folder / "loop.pdf").symlink_to("loop.pdf")
    (folder / "dangling.pdf").symlink_to("nowhere.pdf")
    (folder / "parent.pdf").symlink_to("..", target_is_directory=True)
    os.mkfifo(folder / "fifo.pdf")
    with zipfile.ZipFile(folder / "zip.pdf", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), "text")
    (folder / "no_permission.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / "no_permission.pdf").chmod(0)
    names = ("folder", "loop", "dangling", "parent", "fifo", "zip", "no_permission")
    return [HostileCase(f"not_a_PDF/{name}.pdf", "not a PDF") for name in names]
