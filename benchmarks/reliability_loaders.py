"""What reads files of strangers: every public loader, by the kinds of files that it reads.

Served by `scorehub.sandbox`, so that a loader that hangs, dies or swells costs one file. A loader has to read a file,
or to refuse it by a ValueError or an OSError; anything else is a crash.
"""

import contextlib
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import reliability_archives as archives
import reliability_bombs as bombs
import reliability_seeds as seeds
import reliability_tables as tables
import reliability_texts as texts
import reliability_weights as weights
from hostile_sources import KINDS
from reliability_containers import MIDI, OGG, PNG, SAFETENSORS, TAR_GZ, ZIP, tar_gz_of, tar_of, zip_of
from reliability_notations import NOTATIONS, TABLES
from reliability_readers import (
    Form,
    Loader,
    game,
    heard,
    musicscore,
    of_archive,
    of_bytes,
    of_folder,
    of_model,
    of_path,
    pages,
    played,
    primus,
)


def read(loader: str, form: int, path: str) -> tuple[dict[str, Any], list[bytes]]:
    """What becomes of a file, in which time and memory; for `Sandbox`."""
    with contextlib.suppress(OSError):  # forgets how much memory the files before took at most, where Linux can
        Path("/proc/self/clear_refs").write_text("5")
    before, start = _megabytes("VmRSS"), time.perf_counter()
    outcome, why = "read", ""
    try:
        LOADERS[loader].forms[form].read(Path(path))
    except MemoryError:
        outcome, why = "memory", "MemoryError"
    except (ValueError, OSError) as error:
        outcome, why = "refused", f"{type(error).__name__}: {error}"
    except Exception as error:  # which one is what is to be found
        places = traceback.extract_tb(error.__traceback__)
        place = next((frame for frame in reversed(places) if "site-packages" not in frame.filename), places[-1])
        outcome, why = "crash", f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {error}"
    seconds = time.perf_counter() - start
    return {"outcome": outcome, "why": why[:400], "seconds": seconds, "mb": _megabytes("VmHWM") - before}, []


def _megabytes(name: str) -> float:
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


def _hostile_pdfs() -> archives.Hostile:
    return {f"{kind}, {name}": data for kind, make in KINDS.items() for name, data in make()}


def _tar_gz() -> bytes:
    return tar_gz_of(seeds.primus())


def _zip() -> bytes:
    return zip_of(list(seeds.primus().items()))


def _model(name: str, kind: str, file: str) -> Form:
    container = SAFETENSORS if file == "model.safetensors" else None
    return Form(Path(file).suffix, of_model(name, kind, file), lambda: weights.model_files(kind)[file], container)


_PERFORMANCES, _MSMD, _PRIMUS = (f"dataset_builders.{name}" for name in ("performances", "msmd", "camera_primus"))
_MIDI, _AUDIO = of_bytes("notes:read_midi"), of_bytes("audio:read_audio")
_CHECKPOINT, _PICTURE = (
    of_path("ldm_checkpoint:read_checkpoint"),
    of_path("spaces.music_transcription.sources:load_picture"),
)
_LANGUAGE_MODEL = of_path("pipelines.music_transcription.language_model:NgramModel.load")
_WAV = partial(seeds.sound, "WAV", "PCM_16")

FILES = {
    "PDF": Loader(
        (Form(".pdf", pages, partial(seeds.pdf, True)), Form(".pdf", pages, partial(seeds.pdf, False))),
        (_hostile_pdfs,),
    ),
    "MIDI": Loader(
        (
            Form(".mid", _MIDI, seeds.midi, MIDI),
            Form(".mid", _MIDI, seeds.handmade_midi, MIDI),
            Form(".mid", of_path("chorales:read_melody", 120.0), seeds.midi, MIDI),
            Form(".mid", of_bytes(f"{_PERFORMANCES}.score_times:read_score_midi"), seeds.handmade_midi, MIDI),
            Form(".mid", of_path("spaces.piano_roll_sde.piece:load_upload"), seeds.midi, MIDI),
        ),
        (bombs.midis,),
    ),
    "npz": Loader(
        (
            Form(".npz", of_bytes(f"{_MSMD}.cyolo:read_cyolo"), seeds.cyolo, ZIP),
            Form(".npz", game, seeds.game, ZIP),
            Form(".npz", of_path("trainers.roll_strips:load_strips"), seeds.strips, ZIP),
            Form(".npy", of_bytes(f"{_MSMD}.safe_npz:read_npy"), seeds.npy),
        ),
        (archives.npzs, archives.npys),
    ),
    "WAV, FLAC, MP3, Ogg": Loader(
        (
            Form(".wav", _AUDIO, _WAV),
            Form(".wav", _AUDIO, partial(seeds.sound, "WAV", "FLOAT", 2)),
            Form(".flac", _AUDIO, partial(seeds.sound, "FLAC", "PCM_16")),
            Form(".mp3", _AUDIO, partial(seeds.sound, "MP3", "MPEG_LAYER_III")),
            Form(".ogg", _AUDIO, partial(seeds.sound, "OGG", "VORBIS"), OGG),
            Form(".wav", heard, _WAV),
        ),
        (bombs.sounds,),
    ),
    "SoundFont": Loader((Form(".sf2", played, seeds.soundfont),)),
    "safetensors": Loader(
        (
            Form(".safetensors", _LANGUAGE_MODEL, weights.language_model, SAFETENSORS),
            Form(".safetensors", _CHECKPOINT, weights.tensors, SAFETENSORS),
        ),
        (bombs.tensors,),
    ),
    "checkpoint": Loader(
        (
            Form(".ckpt", _CHECKPOINT, weights.checkpoint, ZIP),
            Form(".ckpt", _CHECKPOINT, weights.old_checkpoint),
        ),
        (tables.checkpoints,),
    ),
    "model folder": Loader(
        tuple(
            _model(name, kind, file)
            for name, kind in (("chorales:load_writer", "chorales"), ("following:load_follower", "score_follower"))
            for file in ("config.json", "model.safetensors")
        ),
        (tables.configurations,),
    ),
    "tar.gz, zip": Loader(
        (
            Form(".tar.gz", of_archive("dataset_builders.archives:index_archive"), _tar_gz, TAR_GZ),
            Form(".tar.gz", of_archive("dataset_builders.note_files:open_files"), _tar_gz, TAR_GZ),
            Form(".zip", of_archive("dataset_builders.note_files:open_files"), _zip, ZIP),
            Form(".tgz", primus, _tar_gz, TAR_GZ),
            Form(".zip", primus, _zip, ZIP),
            Form(".tar.gz", musicscore, seeds.musicscore, TAR_GZ),
            Form(".tar", of_folder(f"{_MSMD}.rebuilt:open_files", "pages_midi.tar"), lambda: tar_of(seeds.primus())),
        ),
        (archives.tars, archives.zips),
    ),
    "picture": Loader(
        (
            Form(".png", of_bytes(f"{_MSMD}.score:read_image"), partial(seeds.picture, "PNG"), PNG),
            Form(".png", pages, partial(seeds.picture, "PNG", "RGBA"), PNG),
            Form(".jpg", pages, partial(seeds.picture, "JPEG", "RGB")),
            Form(".tif", pages, partial(seeds.picture, "TIFF", "1", compression="group4")),
            Form(".jpg", _PICTURE, partial(seeds.picture, "JPEG", progressive=True)),
            Form(".webp", _PICTURE, partial(seeds.picture, "WEBP", "RGB")),
        ),
        (bombs.pictures,),
    ),
    "MuNG": Loader((Form(".xml", of_bytes(f"{_MSMD}.mung:parse_mung"), seeds.text(texts.MUNG)),), (bombs.scores,)),
    "Parquet": Loader(
        (
            Form(".parquet", of_path(f"{_PRIMUS}.incipits:read_incipits"), seeds.kern_table),
            Form(".parquet", of_folder(f"{_MSMD}.rebuilt:read_notes", "notes.parquet"), seeds.note_table),
        ),
        (tables.parquets,),
    ),
}
LOADERS = FILES | NOTATIONS | TABLES
