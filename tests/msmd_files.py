"""Every layout of files that `msmd` reads, written as its authors have it, tiny."""

import csv
import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image

from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.msmd.msmd import Msmd
from scorehub.notes import make_notes, write_midi

WIDTH, HEIGHT, SPACING = 400, 480, 6
LEFT, RIGHT = 30, 370
STAVES = ((60, 120), (280, 340))  # top lines of the two staves of each system
CHORDS = 8  # of two noteheads, four in each system
PITCHES = (72, 48)


def draw_page():
    """Two systems of two staves, joined by a line at their left, with four chords each."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for system in STAVES:
        for top in system:
            page[top : top + 4 * SPACING + 1 : SPACING, LEFT : RIGHT + 1] = 0
        page[system[0] : system[1] + 4 * SPACING + 1, LEFT] = 0
    for chord in chords():
        for y in chord["y"]:
            page[int(y) - 2 : int(y) + 3, int(chord["x"]) - 3 : int(chord["x"]) + 4] = 0
    return page


def chords():
    """Place and time of each chord: upper and lower notehead at one x."""
    for number in range(CHORDS):
        system, place = divmod(number, CHORDS // 2)
        yield {
            "x": 80.0 + 70 * place,
            "y": [top + 2.0 * SPACING for top in STAVES[system]],
            "system": system,
            "onset": 0.25 + 0.5 * number,
        }


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def midi():
    onset = np.repeat([chord["onset"] for chord in chords()], 2)
    return write_midi(make_notes(onset, np.full(len(onset), 0.2), np.tile(PITCHES, CHORDS)))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


NOTE_COLUMNS = ("page", "x", "y", "w", "h", "pitch", "onset_quarter", "dur_quarter", "onset_sec", "in_midi")


def note_rows(page=0, quarters=0.0):
    for chord in chords():
        quarter = quarters + 2 * chord["onset"]
        for y, pitch in zip(chord["y"], PITCHES, strict=True):
            yield page, chord["x"], y, 7.0, 5.0, pitch, quarter, 0.5, chord["onset"], 1


PIECES = {
    "BachJS__BWV1__a": ("train", "Public Domain"),
    "BachJS__BWV1__b": ("train", "Creative Commons Attribution 3.0"),
    "Anonymous__x__c": ("valid", "Creative Commons Attribution-ShareAlike 3.0; Public Domain"),
    "SatieE__y__d": ("test", "Creative Commons Attribution-ShareAlike 4.0"),
}


def write_rebuilt(tmp_path):
    """A rebuilt MSMD with its archive."""
    folder = tmp_path / "rebuilt"
    folder.mkdir()
    with (folder / "pieces.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["piece", "split", "licence", "mutopia_dir", "dpi"])
        lines.writerows([name, split, licence, f"ftp/{name}", "100"] for name, (split, licence) in PIECES.items())
    rows = [(name, *row) for name in PIECES for row in note_rows()]
    columns = dict(zip(("piece", *NOTE_COLUMNS), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "notes.parquet")
    with tarfile.open(folder / "pages_midi.tar", "w") as archive:
        for name in PIECES:
            for member, data in (("page_0.png", png(draw_page())), ("score.mid", midi())):
                info = tarfile.TarInfo(f"{name}/{member}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return folder


MUNG = (
    "<CropObject><Id>{id}</Id><ClassName>{kind}</ClassName><Top>{top}</Top><Left>{left}</Left><Width>{width}</Width>"
    "<Height>{height}</Height><Mask>0:0 1:63</Mask>{rest}</CropObject>"
)
ITEM = '<DataItem key="{}" type="{}">{}</DataItem>'


def mung(performances, staves=True):
    objects = []
    for number, (first, last) in enumerate(STAVES):
        box = {"top": first, "left": LEFT, "width": RIGHT - LEFT, "height": last + 4 * SPACING - first}
        objects += [MUNG.format(id=900 + number, kind="staff", rest="", **box)] if staves else []
    for number, chord in enumerate(chords()):
        for voice, (y, pitch) in enumerate(zip(chord["y"], PITCHES, strict=True)):
            data = ITEM.format("midi_pitch_code", "int", pitch) + ITEM.format("tied", "int", int(number == 3))
            for performance, factor in performances.items():
                data += ITEM.format(f"{performance}_onset_seconds", "float", factor * chord["onset"])
            rest = f"<Outlinks>{900 + chord['system']}</Outlinks><Data>{data}</Data>"
            box = {"top": y - 2.5, "left": chord["x"] - 3.5, "width": 7, "height": 5}
            objects.append(MUNG.format(id=2 * number + voice, kind="notehead-full", rest=rest, **box))
    return f"<?xml version='1.0' encoding='utf-8'?><CropObjects>{''.join(objects)}</CropObjects>".encode()


def write_original(tmp_path):
    """Two pieces in MSMD's folders, with two performances each."""
    for piece in ("BachCPE__rondo__rondo", "BachJS__BWV1__a"):
        folder = tmp_path / "msmd" / piece
        performances = {f"{piece}_tempo-1000_grand": 1.0, f"{piece}_tempo-900_grand": 0.9}
        score = folder / "scores" / f"{piece}_ly"
        write(score / "img" / "01.png", png(draw_page()))
        write(score / "mung" / "01.xml", mung(performances))
        for name in performances:
            write(folder / "performances" / name / f"{name}.midi", midi())
            write(folder / "performances" / name / "features" / f"{name}_spec.npy", npy(np.zeros((92, 5), np.float32)))
    return tmp_path / "msmd"


def write_game(tmp_path):
    """A strip of the game in its two folders."""
    page = draw_page()
    windows = [page[first - 30 : last + 60, LEFT : RIGHT + 1] for first, last in STAVES]
    strip = np.concatenate(windows, axis=1)
    coords = [
        (y - STAVES[c["system"]][0] + 30, c["x"] - LEFT + c["system"] * (RIGHT + 1 - LEFT))
        for c in chords()
        for y in c["y"]
    ]
    folder = tmp_path / "game"
    (folder / "score").mkdir(parents=True)
    mapping = {row: row for row in range(2 * CHORDS - 1)}  # the last notehead is not aligned
    arrays = {"sheet": strip, "coords": np.array(coords, np.float32), "coord2onset": np.array([mapping])}
    np.savez(folder / "score" / "BachJS__BWV1__a.npz", **arrays)
    write(folder / "performance" / "BachJS__BWV1__a.mid", midi())
    return folder


def write_cyolo(tmp_path):
    """A piece of two pages in CYOLO's form, the systems not in reading order, with a recording at another rate."""
    middle = [(first + last + 4 * SPACING) / 2 for first, last in STAVES]
    size = {"x": (LEFT + RIGHT) / 2, "w": RIGHT - LEFT, "h": 84.0}
    systems = [{**size, "y": y, "page_nr": page} for page in (1, 0) for y in middle]
    coords = [
        {"onset": np.float64(4 * page + c["onset"]), "note_x": c["x"], "note_y": y, "page_nr": page, "bar_idx": 0}
        | {"system_idx": 2 * (1 - page) + c["system"]}
        for page in (0, 1)
        for c in chords()
        for y in c["y"]
    ]
    coords.append({"onset": 0.0, "note_x": -1.0, "note_y": -1.0, "page_nr": 0, "system_idx": 2, "bar_idx": 0})
    bars = [{"x": 100.0, "y": middle[0], "w": 80.0, "h": 84.0, "page_nr": 1}]
    folder = tmp_path / "cyolo" / "msmd_valid"
    folder.mkdir(parents=True)
    arrays = {"sheets": np.stack([draw_page()] * 2), "coords": coords, "systems": systems, "bars": bars}
    np.savez(folder / "BachJS__BWV1__a_synth.npz", synthesized=True, **arrays)
    sound = np.sin(np.arange(44100) / 20) * 0.5
    soundfile.write(folder / "BachJS__BWV1__a_synth.wav", sound, 44100)
    return tmp_path / "cyolo"


def builder(tmp_path, name, **options):
    folders = {"cache_dir": str(tmp_path / "cache"), "failures_dir": str(tmp_path / "failures")}
    data_dir = options.pop("data_dir", None)
    return Msmd(config_name=name, data_dir=data_dir and str(data_dir), **{"audio": False} | folders | options)


def rows(tmp_path, name, **options):
    """split -> rows, undecoded."""
    splits = builder(tmp_path, name, **options).as_streaming_dataset()
    return {split: list(stream.decode(False)) for split, stream in splits.items()}


def failures(tmp_path):
    return read_failures(tmp_path / "failures")


def image(row, number=0):
    return np.asarray(Image.open(io.BytesIO(row["pages"][number]["bytes"])))


def check_places(row):
    """Noteheads are where they were drawn, in systems that go from line to line."""
    heads, systems = row["noteheads"], row["systems"]
    expected = [(c["x"], y, c["system"]) for c in chords() for y in c["y"]]
    assert list(zip(heads["x"], heads["y"], heads["system"], strict=True)) == expected
    edges = [(y - h / 2, y + h / 2) for y, h in zip(systems["y"], systems["h"], strict=True)]
    assert np.allclose(edges, [(first, last + 4 * SPACING) for first, last in STAVES], atol=2)
    assert np.allclose(np.subtract(systems["x"], np.divide(systems["w"], 2)), LEFT, atol=2)


def replace_notes(folder, change):
    """Writes the noteheads anew, each piece's columns passed through `change`."""
    table = pq.read_table(folder / "notes.parquet").to_pydict()
    for number, piece in enumerate(table["piece"]):
        row = {name: column[number] for name, column in table.items()}
        for name, value in change(piece, row).items():
            table[name][number] = value
    pq.write_table(pa.table(table), folder / "notes.parquet")
