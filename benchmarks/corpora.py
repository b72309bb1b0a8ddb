"""How fast staves are engraved, distorted, sounded and analysed, against the libraries that do the work.

    SCOREHUB_DATA=data python benchmarks/corpora.py > benchmarks/corpora.md

Needs librosa, and pyfluidsynth with the FluidSynth library for `pretty_midi.fluidsynth`. Everything runs in one
process with one thread; each pair takes turns over the same items, and the ratio is that of the medians. The rivals:

- engraving: Verovio alone in this process, set to the same layout, and resvg's PNG at the same size, decoded; or our
  own rasteriser, which leaves the child process, MEI and its checks, and the crop as the difference;
- sound: `pretty_midi.fluidsynth` with the same SoundFont, sampling rate and notes;
- features: librosa's CQT with the baseline's scaling; librosa's STFT with our filterbank, and its mel spectrogram.
"""

import io
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import librosa
import numpy as np
import pretty_midi
import resvg_py
import torch
import verovio
from PIL import Image
from threadpoolctl import threadpool_limits

from scorehub.dataset_builders.camera_primus.engraved import READERS
from scorehub.dataset_builders.camera_primus.incipits import Incipit, read_incipits
from scorehub.distortion import distort
from scorehub.engraving import Layout, engrave_staff, random_layout, verovio_options
from scorehub.notation.sounding import to_notes
from scorehub.notes import Notes
from scorehub.photo import photograph
from scorehub.pipelines.music_transcription.cqt import ConstantQ, to_decibel_image
from scorehub.pipelines.score_following.spectrogram import LogSpectrogram, log_filterbank
from scorehub.strip import PRIMUS_STAFF_PX, staff_image
from scorehub.svg import rasterise
from scorehub.synthesis import default_soundfont, synthesise

N_STAVES = 200
N_CLIPS = 24
CLIP_SECONDS = 10
BATCH = 8
RATE = 22_050
UNIT = "seconds of sound a second"

Work = Callable[[Any], Any]


def staves() -> list[tuple[str, Layout, Notes]]:
    """Tidy notation, layout and notes of incipits that PrIMuS's tokens can say, half from each corpus."""
    data = Path(os.environ["SCOREHUB_DATA"])
    tables = ("rism_pae/rism_pae.tsv.gz", "polish_incipits/polish_incipits.parquet")
    rng, chosen = np.random.default_rng(0), []
    for table in tables:
        incipits = list(read_incipits(data / table).values())
        random.Random(0).shuffle(incipits)
        readable = (staff for staff in map(_staff, incipits) if staff)
        chosen += [(next(readable), random_layout(rng, one_staff=True)) for _ in range(N_STAVES // 2)]
    return [(notation, layout, notes) for (notation, notes), layout in chosen]


def _staff(incipit: Incipit) -> tuple[str, Notes] | None:
    read, tidy = READERS[incipit.format]
    try:
        return tidy(incipit.notation), to_notes(read(incipit.notation))
    except ValueError:
        return None


def compare(items: Sequence[Any], works: dict[str, Work], rounds: int = 5) -> dict[str, float]:
    """Seconds an item of each kind of work, taking turns round by round; the median over rounds of the mean."""
    for work in works.values():
        work(items[0])  # libraries load, caches fill
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            for item in items:
                work(item)
            seconds[name].append((time.perf_counter() - start) / len(items))
    return {name: float(np.median(each)) for name, each in seconds.items()}


def with_resvg(svg: str, width: int) -> Image.Image:
    """resvg's grey picture."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, background="#ffffff")
    return Image.open(io.BytesIO(bytes(png))).convert("L")


def bare_engraver(draw: Callable[[str, int], Image.Image]) -> Work:
    """Verovio and a rasteriser with nothing around them, not even MEI."""
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()

    def engrave(item: tuple[str, Layout, int]) -> Image.Image:
        notation, layout, width = item
        toolkit.resetOptions()
        toolkit.setOptions(verovio_options(layout))
        toolkit.loadData(notation)
        return draw(toolkit.renderToSVG(1), width)

    return engrave


def clips() -> torch.Tensor:
    """Noise with decaying tones, (N, samples): what features cost does not depend on the music."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N_CLIPS, RATE * CLIP_SECONDS, generator=generator) * 0.1


def librosa_cqt(clip: np.ndarray) -> np.ndarray:
    """The baseline's CQT picture."""
    magnitudes = np.abs(librosa.cqt(clip, sr=RATE, hop_length=512, n_bins=120, bins_per_octave=24))
    return (80 + librosa.amplitude_to_db(magnitudes, ref=np.max)) / 80


def librosa_spectrogram(clip: np.ndarray) -> np.ndarray:
    """Magnitudes by librosa, our 78 bands."""
    magnitudes = np.abs(librosa.stft(clip, n_fft=2048, hop_length=1102))[:-1]
    return np.log10(1 + BANK.T @ magnitudes)


BANK = log_filterbank()


def mel_spectrogram(clip: np.ndarray) -> np.ndarray:
    """librosa's own filterbank of as many bands."""
    return np.log10(1 + librosa.feature.melspectrogram(y=clip, sr=RATE, n_fft=2048, hop_length=1102, n_mels=78))


def with_pretty_midi(notes: Notes) -> np.ndarray:
    """The same notes by FluidSynth."""
    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(program=0)
    for onset, duration, pitch, velocity in zip(notes.onset, notes.duration, notes.pitch, notes.velocity, strict=True):
        piano.notes.append(pretty_midi.Note(int(velocity), int(pitch), onset, onset + duration))
    midi.instruments.append(piano)
    return midi.fluidsynth(fs=RATE, synthesizer=str(default_soundfont()))


def table(title: str, unit: str, seconds: dict[str, float], per_item: float = 1.0) -> str:
    """Items a second; the first row is ours, and the last column its ratio to each."""
    ours = next(iter(seconds.values()))
    rows = [f"| {name} | {per_item / time:,.1f} | {time / ours:.2f} |" for name, time in seconds.items()]
    return "\n".join([f"## {title}", "", f"| | {unit} | ours is so many times as fast |", "|---|--:|--:|", *rows, ""])


def main() -> None:
    """Prints the tables."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    chosen = staves()
    engravings = [engrave_staff(notation, layout) for notation, layout, _ in chosen]
    images = [staff_image(engraving).image for engraving in engravings]
    print("# Corpora: speed\n\n`SCOREHUB_DATA=data python benchmarks/corpora.py`, one process, one thread.\n")
    print(f"{N_STAVES} staves, half from rism_pae and half from polish_incipits, layouts at random.\n")
    items = [
        (notation, layout, engraving.width_for(PRIMUS_STAFF_PX))
        for (notation, layout, _), engraving in zip(chosen, engravings, strict=True)
    ]
    ours = "ours: MEI, picture, cropped"
    works = {
        ours: lambda item: staff_image(engrave_staff(*item[:2])),
        "Verovio + resvg": bare_engraver(with_resvg),
        "Verovio + our rasteriser": bare_engraver(rasterise),
    }
    print(table("Engraving", "staves a second", compare(items, works)))
    rng = np.random.default_rng(0)
    works = {"distort": lambda image: distort(image, rng), "photograph": lambda image: photograph(image, rng)}
    print(table("Distortion", "staves a second", compare(images, works)))
    notes = [notes for _, _, notes in chosen if notes.end < 60]
    works = {"ours": synthesise, "pretty_midi.fluidsynth": with_pretty_midi}
    mean_seconds = float(np.mean([each.end for each in notes]))
    print(table("Sound", UNIT, compare(notes, works, rounds=1), mean_seconds))
    print_features()


def print_features() -> None:
    """Features of single clips and of batches."""
    cqt, spectrogram, sound = ConstantQ(), LogSpectrogram(), clips()
    for size in (1, BATCH):
        items = [sound[i : i + size] for i in range(0, N_CLIPS, size)]
        arrays = [(batch, batch.numpy()) for batch in items]
        works = {
            "ours": lambda item: to_decibel_image(cqt(item[0])),
            "librosa.cqt": lambda item: [librosa_cqt(clip) for clip in item[1]],
        }
        print(table(f"CQT, {size} at a time", UNIT, compare(arrays, works), size * CLIP_SECONDS))
        works = {
            "ours": lambda item: spectrogram(item[0]),
            "librosa.stft and our bands": lambda item: [librosa_spectrogram(clip) for clip in item[1]],
            "librosa.feature.melspectrogram": lambda item: [mel_spectrogram(clip) for clip in item[1]],
        }
        title = f"Spectrogram of 78 bands, {size} at a time"
        print(table(title, UNIT, compare(arrays, works), size * CLIP_SECONDS))


if __name__ == "__main__":
    with torch.inference_mode(), threadpool_limits(1):
        main()
