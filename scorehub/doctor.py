"""What this machine has of all that scorehub can use, what is missing, for what, and how to get it."""

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

LEAST_PYTHON = (3, 11)
LEAST_FREE = 5 * 2**30  # bytes for caches


@dataclass(frozen=True)
class Finding:
    """A thing that was looked for.

    Attributes:
        found: what it is, `""` where it is missing.
        use: what it is for.
        remedy: how to get it.
        is_needed: whether nothing works without it.
    """

    name: str
    found: str
    use: str
    remedy: str
    is_needed: bool = False

    def __str__(self) -> str:
        if self.found:
            return f"ok       {self.name}: {self.found}"
        kind = "missing " if self.is_needed else "optional"
        return f"{kind} {self.name}, for {self.use}: {self.remedy}"


def examine() -> list[Finding]:
    """Looks for everything."""
    return [
        _python(),
        _package("torch", "all models", "pip install torch==2.13.0", is_needed=True),
        _package(
            "torchaudio",
            "sound in the score follower and the transcriber",
            "pip install --no-deps -r requirements-audio.txt",
            is_needed=True,
        ),
        _gpu(),
        _package("gradio", "the Spaces", 'pip install ".[spaces]"'),
        _package("sounddevice", "`scorehub listen` to a microphone", 'pip install ".[microphone]"'),
        _package("ray", "building datasets by Ray", 'pip install ".[ray]"'),
        _package("optuna", "searching for hyperparameters", 'pip install ".[search]"'),
        _soundfont(),
        _program("pdftoppm", "the paper's preset of MusicScore", "install Poppler: apt-get install poppler-utils"),
        _package("av", "videos of followed scores (it brings FFmpeg)", "pip install av"),
        _program("chromium", "the tests of the Spaces", "apt-get install chromium"),
        _token(),
        _disk(),
    ]


def _python() -> Finding:
    is_new_enough = sys.version_info[:2] >= LEAST_PYTHON
    wanted = ".".join(map(str, LEAST_PYTHON))
    found = platform.python_version() if is_new_enough else ""
    return Finding("Python", found, "everything", f"install {wanted} or later", is_needed=True)


def _package(name: str, use: str, remedy: str, *, is_needed: bool = False) -> Finding:
    found = version(name) if importlib.util.find_spec(name) else ""
    return Finding(name, found, use, remedy, is_needed)


def _program(name: str, use: str, remedy: str) -> Finding:
    return Finding(name, shutil.which(name) or "", use, remedy)


def _try(look: Callable[[], str]) -> str:
    """What is found, `""` where a library that is needed for looking is missing or broken."""
    try:
        return look()
    except (ImportError, OSError, RuntimeError, ValueError):
        return ""


def _gpu() -> Finding:
    def look() -> str:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
        return "Apple" if torch.backends.mps.is_available() else ""

    return Finding("GPU", _try(look), "training in hours rather than days", "everything runs on a CPU, too")


def _soundfont() -> Finding:
    def look() -> str:
        from scorehub.synthesis import default_soundfont

        path = default_soundfont()
        return str(path) if path.is_file() else ""

    return Finding("SoundFont", _try(look), "sound from notes", "pip install pretty_midi, or name one by --soundfont")


def _token() -> Finding:
    def look() -> str:
        from huggingface_hub import get_token

        return "set" if get_token() else ""

    return Finding("Hub token", _try(look), "`scorehub push`", "hf auth login, or set HF_TOKEN")


def _disk() -> Finding:
    from huggingface_hub.constants import HF_HOME

    there = next(folder for folder in (Path(HF_HOME), *Path(HF_HOME).parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    found = f"{free / 2**30:.0f} GiB free in {HF_HOME}" if free >= LEAST_FREE else ""
    return Finding("disk", found, "caches of datasets and models", f"free {LEAST_FREE / 2**30:.0f} GiB in {HF_HOME}")
