"""The files that the README's snippets name: small, and made by the project's own tools."""

import gzip
import json
import tarfile
from functools import lru_cache
from pathlib import Path

import soundfile
from folders_and_archives import write_folder
from msmd_files import write_rebuilt
from PIL import Image
from test_camera_primus import RISM, write_items, write_rism
from test_musicscore_published import write_archives
from test_performances import asap_files

from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import Engraving, Layout, engrave_score, engrave_staff
from scorehub.notation.kern import read_kern
from scorehub.notation.sounding import to_notes
from scorehub.notes import read_midi
from scorehub.pipelines.chorales.grids import make_grid
from scorehub.pipelines.chorales.grids import write_midi as write_chorale_midi
from scorehub.strip import staff_image
from scorehub.svg import rasterise
from scorehub.synthesis import synthesise

RATE = 22_050  # Hz
HEARD = 4.0  # seconds of a score's recording
CADENCE = [[67, 64, 60, 48]] * 8 + [[67, 62, 59, 55]] * 8 + [[67, 64, 60, 48]] * 16
INCIPIT = "foster_oh_susanna-1"


@lru_cache
def minuet() -> Engraving:
    """On two pages and a little more."""
    layout = Layout(width_mm=150.0, height_mm=125.0, margin_mm=9.0)
    return engrave_score(to_humdrum(load_tune("petzold_minuet_in_g")), layout)


def write_midi(folder: Path) -> None:
    """`damaged.mid`, which is whole."""
    (folder / "damaged.mid").write_bytes(minuet().midi())


def write_tune(folder: Path) -> None:
    """`tune.mid`, of two bars."""
    (folder / "tune.mid").write_bytes(write_chorale_midi(make_grid(CADENCE)))


def write_grids(folder: Path) -> None:
    """`Jsb16thSeparated.json` with a chorale in each split."""
    splits = {name: [CADENCE] for name in ("train", "valid", "test")}
    (folder / "Jsb16thSeparated.json").write_text(json.dumps(splits))


def write_score(folder: Path) -> None:
    """A score's first pages as pictures and as a PDF, and its beginning as a recording."""
    pages = [rasterise(page, 1200) for page in minuet().pages[:2]]
    for number, page in enumerate(pages, 1):
        page.save(folder / f"page-{number}.png")
    pages[0].convert("1").save(folder / "score.pdf", save_all=True, append_images=pages[1:], resolution=200)
    soundfile.write(folder / "recording.wav", synthesise(read_midi(minuet().midi()))[: int(HEARD * RATE)], RATE)


def write_staff(folder: Path) -> None:
    """A staff, and a recording of it under both names."""
    incipit = sample_incipits()[INCIPIT]
    Image.fromarray(staff_image(engrave_staff(incipit.notation)).image).save(folder / "staff.png")
    for name in ("audio.wav", "recording.wav"):
        soundfile.write(folder / name, synthesise(to_notes(read_kern(incipit.notation))), RATE)


def write_pdfs(folder: Path) -> None:
    """`pdfs/` and `sonata.pdf` with a scanned page of music and an empty one; `cover.png`."""
    music = engrave_score(to_humdrum(load_tune("petzold_minuet_in_g")))
    page, paper = rasterise(music.pages[0], 1654).convert("1"), Image.new("1", (1654, 2339), 1)
    (folder / "pdfs").mkdir()
    for path in (folder / "sonata.pdf", folder / "pdfs" / "IMSLP00001.pdf"):
        page.save(path, save_all=True, append_images=[paper], resolution=200)
    paper.save(folder / "cover.png")


def write_published(folder: Path) -> None:
    """`MusicScore/` as it is published."""
    write_archives(folder / "MusicScore" / "MusicScore-14K")


def write_corpora(folder: Path) -> None:
    """Camera-PrIMuS with its lists, an incipits' table, a rebuilt MSMD, ASAP."""
    write_rism(folder / "incipits.tsv.gz", [RISM])
    (folder / "incipits.tsv").write_bytes(gzip.decompress((folder / "incipits.tsv.gz").read_bytes()))
    ids = [f"{source:09d}-1_1_1" for source in range(5)]
    write_items(folder / "Corpus", ids)
    with tarfile.open(folder / "CameraPrIMuS.tgz", "w:gz") as archive:
        archive.add(folder / "Corpus", "Corpus")
    (folder / "lists").mkdir()
    lists = {"clean_samples": ids, "train_gt_fold0": ids[:3], "val_gt_fold0": ids[3:4], "test_gt_fold0": ids[4:]}
    for name, part in lists.items():
        (folder / "lists" / f"{name}.dat.gz").write_bytes(gzip.compress("\n".join(part).encode()))
    write_rebuilt(folder).rename(folder / "msmd_rebuilt")
    write_folder(folder / "asap-dataset", asap_files("ab"))
