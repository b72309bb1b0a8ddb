"""What a curation run is told, and where it keeps its work."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import scorehub
from scorehub.dataset_builders.fingerprint import stamp_files
from scorehub.pipelines import page_classifier

PRESETS = ("default", "paper")
EMBEDDED_MODEL = Path(page_classifier.__file__).parent


@dataclass(frozen=True)
class CurationConfig:
    """A curation run: which PDFs, by what rule, within which limits.

    Raises:
        ValueError: a value outside its range, or a folder without PDFs.
    """

    pdf_dir: Path  # searched with its subfolders
    out_dir: Path  # receives the dataset
    metadata: tuple[Path, ...] = ()  # published JSON, CSV, saved IMSLP pages
    preset: str = "default"  # default: decide by page; paper: the authors' code, by file
    classifier: str = str(EMBEDDED_MODEL)  # folder or Hub id of an image classifier with a label `score`
    select: tuple[str, ...] = ()  # PDFs by path below `pdf_dir`; all of them by default
    min_probability: float = 0.5  # of music, for a page to stay
    min_music_fraction: float = 0.0  # of the page's height that staves must span; the paper's text asks for 2/3
    pdfs_per_task: int = 25  # PDFs that a task handles, and that a killed run repeats
    max_pages: int = 2000  # of one PDF
    seconds: float = 20.0  # for reading a PDF's structure, or for 16 thumbnails, or for one page's image
    memory_mb: int = 2048  # address space of the process that reads PDFs

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {self.preset!r}")
        for name in ("min_probability", "min_music_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        for name in ("pdfs_per_task", "max_pages", "seconds", "memory_mb"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.pdf_dir.is_dir():
            raise ValueError(f"pdf_dir must be a folder, got {self.pdf_dir}")

    def sources(self) -> list[str]:
        """The PDFs by their path below `pdf_dir`, sorted; whatever bears a PDF's name is one until it is opened."""
        if self.select:
            return sorted(self.select)
        return sorted(
            path.relative_to(self.pdf_dir).as_posix()
            for path in self.pdf_dir.rglob("*")
            if path.suffix.lower() == ".pdf"
        )

    def tasks(self) -> int:
        """How many tasks the PDFs make.

        Raises:
            ValueError: there are no PDFs.
        """
        count = len(self.sources())
        if not count:
            raise ValueError(f"pdf_dir must hold PDF files, got {self.pdf_dir} without any")
        return -(-count // self.pdfs_per_task)

    def parts_dir(self) -> Path:
        """Where finished tasks lie: another folder for other inputs or settings, so that a resumed run never mixes."""
        return self.out_dir / "parts" / self.fingerprint()

    def fingerprint(self) -> str:
        """Names the inputs and settings: files by size and time, settings by value."""
        told_by_stamps = ("pdf_dir", "out_dir", "select")
        settings = {name: str(value) for name, value in asdict(self).items() if name not in told_by_stamps}
        files = [self.pdf_dir / source for source in self.sources()] + list(self.metadata)
        files += sorted(Path(self.classifier).glob("*.*"))  # none for a model on the Hub
        facts = json.dumps([scorehub.__version__, settings, stamp_files(files)], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]
