"""A gallery: what each system makes with the embedded weights, offline, each picture under the command that makes it.

    python benchmarks/gallery.py --out gallery/
    python benchmarks/gallery.py --out gallery/ --front spaces/demo/    # and what the demo's first tab shows

Nothing is picked out of several: it is the first page of the sample, and what seed 0 brings, or 0 and on.
`gallery.webp` has all pictures, the other files one each, without captions.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import numpy as np
import resvg_py
import torch
from PIL import Image, ImageOps

import scorehub.dataset_builders  # noqa: F401 - makes "musicscore" known to load_dataset
from scorehub import repair, text_to_score
from scorehub.chorales import load_writer, write_chorale
from scorehub.contact_sheet import contact_sheet
from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.dataset_builders.music_models.works import read_works
from scorehub.dataset_builders.musicscore import statistics
from scorehub.distortion import distort
from scorehub.engraving import engrave_staff, random_layout
from scorehub.following import follow, load_follower
from scorehub.following_video import Painter
from scorehub.photo import photograph
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND
from scorehub.spaces.chorales.melody import read_text
from scorehub.spaces.chorales.tunes import TUNES
from scorehub.spaces.music_models import timeline
from scorehub.spaces.music_transcription.examples import load_example
from scorehub.spaces.score_following import piece
from scorehub.strip import PRIMUS_STAFF_PX, staff_image
from scorehub.svg import rasterise
from scorehub.transcription import load_transcriber

INCIPIT, PHOTOGRAPHED = "greensleeves-1", "foster_oh_susanna-1"
DRAWS = 3
PROMPTS = {"violin": "A major", "cello": "D minor"}
ROLLS, ROLL_COLUMNS = 6, 3
SUNG, TEMPERATURE = "wachet_auf", 0.8  # the command's own temperature
FOLLOWED = "bach_prelude_in_c"
MOMENT = 12.0  # seconds
PORTRAIT, LANDSCAPE = (4, 380), (2, 776)  # columns and their width in px: 1,600 with the gaps
CARD = (480, 360)  # px, of the front page
GAP = 12  # px between what is in one picture
# As the Space's on a light page; resvg knows no variables.
_TIMELINE = """<style>rect { fill: white } rect.lane0 { fill: #f5f5f4 } path { fill: none; stroke: #78716c }
text { font: 12px "DejaVu Sans"; dominant-baseline: central; fill: #1c1917 } .lane { font-weight: 600 }
text.year { font-size: 11px; text-anchor: middle } path.year { stroke: #e7e5e4 }
.works path { fill: #0f766e; stroke: #0f766e } .works text { fill: #0f766e }</style>"""


@dataclass(frozen=True)
class Shown:
    """A picture, grey or RGB.

    Attributes:
        caption: what it is, and the command and seed that make it.
        space: whose picture on the front page it is.
    """

    name: str
    picture: np.ndarray
    caption: str
    space: str = ""


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Grey pictures of one width below each other, on white."""
    width = max(picture.shape[1] for picture in pictures)
    sheet = Image.new("L", (width, sum(round(len(p) * width / p.shape[1]) + GAP for p in pictures) - GAP), 255)
    top = 0
    for picture in pictures:
        scaled = Image.fromarray(picture).resize((width, round(len(picture) * width / picture.shape[1])))
        sheet.paste(scaled, (0, top))
        top += scaled.height + GAP
    return np.asarray(sheet)


def dataset_pictures() -> tuple[Shown, Shown]:
    """A page of the sample, and the charts of all of them."""
    splits = datasets.load_dataset("musicscore")
    first = splits["train"][0]
    counted = statistics.count(row for rows in splits.values() for row in rows.remove_columns("image"))
    with TemporaryDirectory() as folder, Image.open(statistics.plot(counted, folder)[-1]) as charts:
        figures = np.asarray(charts.convert("RGB"))
    page = f'Curated page, {first["page_kind"]}: load_dataset("musicscore")["train"][0], {first["source"]}'
    return (
        Shown("musicscore", np.asarray(first["image"].convert("L")), page, "musicscore"),
        Shown(
            "statistics", figures, f"The sample's {counted.n_pdfs} PDFs: scorehub stats dataset/ --figures figures/"
        ),
    )


def distorted_staves(seed: int = 0) -> Shown:
    """A staff as it is engraved, distorted as Camera-PrIMuS's are, and photographed."""
    rng = np.random.default_rng(seed)
    staff = staff_image(engrave_staff(sample_incipits()[INCIPIT].notation, random_layout(rng, one_staff=True))).image
    spoilt = [spoil(staff, rng) for spoil in (distort, photograph) for _ in range(DRAWS)]
    caption = f"Engraved, {DRAWS} x distort(staff, rng), {DRAWS} x photograph(staff, rng); seed {seed}"
    return Shown("staves", stack([staff, *spoilt]), caption)


def drawn_rolls() -> Shown:
    """Rolls out of noise, the first seeds'."""
    pipe = repair.load_pipeline()
    draws = [pipe(generator=torch.Generator().manual_seed(seed), output_type="image") for seed in range(ROLLS)]
    rolls = [drawn.outputs[0].convert("RGB") for drawn in draws]
    step_x, step_y = (side + GAP for side in rolls[0].size)
    grid = Image.new("RGB", (ROLL_COLUMNS * step_x - GAP, ROLLS // ROLL_COLUMNS * step_y - GAP), "#ddd")
    for number, roll in enumerate(rolls):
        row, column = divmod(number, ROLL_COLUMNS)
        grid.paste(roll, (column * step_x, row * step_y))
    caption = f"8 s each, dark where a note begins: scorehub generate roll --seed 0 (to {ROLLS - 1}) --out roll.png"
    return Shown("rolls", np.asarray(grid), caption, "piano_roll_sde")


def drawn_pages(seed: int = 0) -> Iterator[Shown]:
    """Pages from words."""
    pipe = text_to_score.load_pipeline()
    for instrument, key in PROMPTS.items():
        (page,) = text_to_score.draw_pages(pipe, {"instrumentation": instrument, "key": key}, [seed]).images
        caption = f'scorehub generate page --instrumentation {instrument} --key "{key}" --seed {seed}'
        space = "text_to_score" if instrument == next(iter(PROMPTS)) else ""
        yield Shown(f"page_{instrument}", np.asarray(page.convert("L")), caption, space)


def transcribed_staff() -> Shown:
    """A photographed staff, and the MusicXML that was read in it, engraved again."""
    photo, _ = load_example(PHOTOGRAPHED)
    result = load_transcriber()(image=str(photo))
    engraved = engrave_staff(result["musicxml"])
    again = rasterise(engraved.pages[0], engraved.width_for(PRIMUS_STAFF_PX))
    pictures = [np.asarray(picture.convert("L")) for picture in (Image.open(photo), again)]
    caption = "Photographed, and what was read, engraved: scorehub transcribe staff.jpg --out staff.musicxml"
    return Shown("transcription", stack(pictures), caption, "music_transcription")


def followed_page() -> Shown:
    """What the follower knows of a place, in the middle of a piece."""
    model = load_follower()
    pages = piece.load_example(model, FOLLOWED).pages
    run = follow(model, pages, piece.example_recording(FOLLOWED).read_bytes())
    frame = Painter(run).frame(round(MOMENT * FRAMES_PER_SECOND) - 1)
    caption = f"At {MOMENT:g} s: scorehub follow page-1.png page-2.png page-3.png prelude.flac --video out.mp4"
    return Shown("following", np.asarray(frame), caption, "score_following")


def harmonised_melody(seed: int = 0) -> Shown:
    """A chorale's melody with three parts below it, engraved."""
    melody = read_text(TUNES[SUNG].notation)
    (chorale,) = load_writer()(list(melody.pitches), seed=seed, temperature=TEMPERATURE)
    with TemporaryDirectory() as folder:
        write_chorale(chorale["pitches"], path := Path(folder, "chorale.png"))
        picture = np.asarray(Image.open(path).convert("L"))
    caption = (
        f"{TUNES[SUNG].title}, harmonised: scorehub generate chorale --melody tune.mid --seed {seed} --out chorale.png"
    )
    return Shown("chorale", picture, caption, "chorales")


def catalogued_works() -> Shown:
    """The timeline of the catalogue."""
    works = read_works()
    svg = timeline.draw(works).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    styled = svg.replace(">", f">{_TIMELINE}", 1)
    drawn = resvg_py.svg_to_bytes(svg_string=styled, background="#ffffff", width=2 * LANDSCAPE[1])
    caption = (
        f'{len(works)} works, those in colour work here: load_dataset("music_models"), spaces/music_models/app.py'
    )
    return Shown("works", np.asarray(Image.open(io.BytesIO(bytes(drawn))).convert("RGB")), caption, "music_models")


def sheet(shown: Sequence[Shown], columns: int, width: int) -> Image.Image:
    """Pictures under their captions."""
    return contact_sheet([one.picture for one in shown], [one.caption for one in shown], columns, width)


def write_cards(shown: Sequence[Shown], folder: Path) -> None:
    """Writes the upper left part of a picture for each Space."""
    for one in shown:
        if one.space:
            card = ImageOps.fit(Image.fromarray(one.picture), CARD, Image.Resampling.LANCZOS, centering=(0, 0))
            card.save(folder / f"{one.space}.webp", quality=80, method=6)


def main() -> None:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gallery.webp and its pictures")
    parser.add_argument("--front", type=Path, help="folder for pictures of the front page")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    page, charts = dataset_pictures()
    portrait = [page, *drawn_pages(), followed_page()]
    landscape = [
        distorted_staves(),
        transcribed_staff(),
        drawn_rolls(),
        harmonised_melody(),
        charts,
        catalogued_works(),
    ]
    for one in (*portrait, *landscape):
        Image.fromarray(one.picture).save(options.out / f"{one.name}.png", optimize=True)
    halves = [sheet(portrait, *PORTRAIT), sheet(landscape, *LANDSCAPE)]
    whole = Image.new("RGB", (halves[0].width, sum(half.height for half in halves)))
    whole.paste(halves[0])
    whole.paste(halves[1], (0, halves[0].height))
    whole.save(options.out / "gallery.webp", quality=80, method=6)
    if options.front:
        write_cards([*portrait, *landscape], options.front)


if __name__ == "__main__":
    main()
