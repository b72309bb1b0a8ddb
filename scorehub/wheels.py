"""The wheel of this scorehub that a Space gets beside it.

scorehub is on no package index, and a Space installs its requirements before it has its repository's files, so the
wheel is named by its address on the Hub and not by a path.
"""

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from huggingface_hub import hf_hub_url

import scorehub

# The earliest date that a zip file can hold: wheels of equal content are equal, so that pushing twice changes nothing.
ZIP_EPOCH = "315532800"


def add_wheel(space: Path, wheels: Path, repo_id: str, *, revision: str = "main", private: bool = False) -> None:
    """Puts a wheel into a copy of a Space whose requirements.txt asks for `scorehub`, and its address into that.

    Args:
        wheels: a folder in which the wheel lies, or will lie from the first Space on that needs it.

    Raises:
        ValueError: it would go to a private repository, or scorehub is not installed from its checkout.
        RuntimeError: the wheel can't be built.
    """
    if not asks_for_wheel(space):
        return
    if private:
        raise ValueError("private must be False for a Space that installs scorehub from itself, got True")
    wheel = next(wheels.glob("*.whl"), None) or wheels / build_wheel(wheels)
    (space / wheel.name).symlink_to(wheel)
    address = hf_hub_url(repo_id, wheel.name, repo_type="space", revision=revision)
    lines = [f"scorehub @ {address}" if line == "scorehub" else line for line in _requirements(space)]
    (space / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def asks_for_wheel(space: Path) -> bool:
    """Whether a Space's requirements.txt names scorehub, without an address."""
    return "scorehub" in _requirements(space)


def _requirements(space: Path) -> list[str]:
    path = space / "requirements.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def build_wheel(target: Path) -> str:
    """Builds the wheel of this checkout into `target` and returns its file name."""
    checkout = Path(scorehub.__file__).resolve().parent.parent
    if not (checkout / "setup.cfg").is_file():
        raise ValueError(f"scorehub must be installed from its checkout (pip install -e .), got {str(checkout)!r}")
    setup = configparser.ConfigParser()
    setup.read(checkout / "setup.cfg", encoding="utf-8")
    packages = [line.split("=")[1].strip() for line in setup["options"]["package_dir"].strip().splitlines()]
    # In a copy: a build in the checkout leaves folders there, and packs what an earlier build had left.
    with tempfile.TemporaryDirectory() as copy:
        for name in packages:
            shutil.copytree(checkout / name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(checkout / name, copy)
        # Without build isolation nothing is fetched: the setuptools of this environment builds it.
        options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(target)]
        command = [sys.executable, "-m", "pip", "wheel", *options, copy]
        environment = os.environ | {"SOURCE_DATE_EPOCH": ZIP_EPOCH}
        built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if built.returncode:
        raise RuntimeError(f"pip wheel must build scorehub, got: {built.stderr.strip()[-500:]}")
    return next(target.glob("scorehub-*.whl")).name
