"""Transcription from files: a picture of a staff, a recording or both in, MusicXML, MIDI or tokens out.

result = load_transcriber()(image="staff.png", audio="recording.wav")
write_result(result, Path("staff.musicxml"))
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import soundfile
from PIL import Image, UnidentifiedImageError

from scorehub.pipelines.music_transcription.features import FORMATS
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor

SUFFIXES = (".musicxml", ".xml", ".mid", ".midi", ".semantic")
SHOWN = 2  # words of a stretch in a table
_COLUMNS = ("x, px", "time, s", "seen", "heard", "chosen")


def load_transcriber(model: str | Path | None = None) -> MusicTranscriptionPipeline:
    """The pipeline of the embedded model, or of a folder's or Hub repository's; its own code is not run.

    Raises:
        ValueError: there is no such model, it is of another kind, or none is named and none embedded.
    """
    folder = str(model or files("scorehub.pipelines.music_transcription"))
    if model is None and not Path(folder, "config.json").is_file():
        raise ValueError("model must be a folder or Hub repository where no trained one is embedded, got none")
    try:
        network = MusicTranscriptionModel.from_pretrained(folder).eval()
        processor = MusicTranscriptionProcessor.from_pretrained(folder)
    except MemoryError:
        raise
    except Exception as error:  # the libraries raise whatever a damaged file leads them to
        reason = str(error).partition("\n")[0] or repr(error)
        raise ValueError(
            f"model must be a folder or Hub repository of a transcriber, got {folder}: {reason}"
        ) from None
    if len(network.config.vocabulary) < 2:  # what a folder of another kind leaves at its default
        raise ValueError(f"model must be a transcriber, got one of another kind in {folder}")
    return MusicTranscriptionPipeline(model=network, processor=processor, task="music-transcription")


def tell_apart(paths: Sequence[Path]) -> dict[str, Path]:
    """Which file is the `image` and which the `audio`, by what is in them.

    Raises:
        ValueError: a file is neither, or there is not one of each at most.
        OSError: there is no such file.
    """
    found = {_kind(path): path for path in paths}
    if not 1 <= len(paths) <= 2 or len(found) < len(paths):
        names = ", ".join(path.name for path in paths)
        raise ValueError(f"files must be one picture, one recording or one of each, got {names or 'none'}")
    return found


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        try:
            Image.open(file, formats=FORMATS)
        except (UnidentifiedImageError, SyntaxError):
            file.seek(0)
        except Image.DecompressionBombError as error:
            raise ValueError(f"file must be a smaller picture, got {path.name}: {error}") from None
        else:
            return "image"
        try:
            soundfile.info(file)
        except soundfile.SoundFileError:
            raise ValueError(f"file must be a picture or a recording, got {path.name}") from None
    return "audio"


def check_target(path: Path) -> None:
    """Raises ValueError unless the name of a file says what is to be written into it."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"out must end in one of {', '.join(SUFFIXES)}, got {path}")


def write_result(result: dict[str, Any], path: Path) -> None:
    """Writes a transcription as MusicXML, MIDI or PrIMuS's tokens, as the name of the file says.

    Raises:
        ValueError: it ends in none of `SUFFIXES`.
    """
    check_target(path)
    if path.suffix.lower() in (".mid", ".midi"):
        path.write_bytes(result["midi"])
    elif path.suffix.lower() == ".semantic":
        path.write_text("".join(f"{row['token']}\t" for row in result["tokens"]), encoding="utf-8")
    else:
        path.write_text(result["musicxml"], encoding="utf-8")


def disagreement_table(result: dict[str, Any]) -> str:
    """A line for each stretch in which both sides differ: where, what either has, what was chosen; "" if none."""
    rows = [_row(result, stretch) for stretch in result["disagreements"]]
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (_COLUMNS, *rows)
    ]
    return "\n".join(lines)


def _row(result: dict[str, Any], stretch: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    found = {name: result[name][slice(*ends)] for name, ends in stretch.items()}
    words = [_shown([row["token"] for row in found[name]]) for name in ("optical", "audio", "tokens")]
    x = f"{found['optical'][0]['x']:.0f}" if found["optical"] else "-"
    time = f"{found['audio'][0]['time']:.2f}" if found["audio"] else "-"
    return x, time, *words


def _shown(words: list[str]) -> str:
    """The first words, and how many there are."""
    if len(words) > SHOWN:
        return f"{' '.join(words[:SHOWN])} ... {len(words)} in all"
    return " ".join(words) or "-"
