"""Datasets, models and Spaces around music scores, from the command line.

Every command calls the function of the Python API that bears its name. What it can't do it says in one line.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)
push_app = typer.Typer(no_args_is_help=True, help="Publish on the Hub, with a card; --dry-run shows what would go up.")
app.add_typer(push_app, name="push")

Dataset = Annotated[str, typer.Argument(help="Name of the dataset: musicscore.")]
Workers = Annotated[int, typer.Option(help="PDF tasks at a time; 0 for one per core.")]
Push = Callable[..., list[tuple[str, int]]]
RepoId = Annotated[str, typer.Option(help="Repository, such as me/musicscore.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would go up.")]
Private = Annotated[bool, typer.Option("--private", help="Create the repository private.")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Errors that name what was wrong are for people; a traceback is not."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def _known(dataset: str) -> None:
    from scorehub.dataset_builders.load_hook import BUILDERS

    if dataset not in BUILDERS:
        raise ValueError(f"dataset must be one of {', '.join(BUILDERS)}, got {dataset!r}")


@app.command()
def build(
    dataset: Dataset,
    config: Annotated[str, typer.Option(help="sample engraves its own PDFs; pdf takes --data-dir.")] = "sample",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of PDFs.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the dataset.")] = Path("musicscore"),
    metadata: Annotated[
        list[Path] | None, typer.Option(help="JSON, CSV, saved IMSLP page; else found nearby.")
    ] = None,
    preset: Annotated[str, typer.Option(help="default decides by page; paper is the authors' rule.")] = "default",
    min_music_fraction: Annotated[float, typer.Option(help="Part of a page that staves must span.")] = 0.0,
    workers: Workers = 0,
    executor: Annotated[str, typer.Option(help="local, slurm or ray.")] = "local",
    slurm_partition: Annotated[str, typer.Option(help="Partition for --executor slurm.")] = "",
) -> None:
    """Build a dataset with its card and manifest; run it again to go on after a stop.

    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/
    """
    from scorehub.dataset_builders.musicscore.card import filter_table
    from scorehub.dataset_builders.musicscore.config import CurationConfig
    from scorehub.dataset_builders.musicscore.curation import curate
    from scorehub.dataset_builders.musicscore.metadata import find_metadata_files
    from scorehub.dataset_builders.musicscore.sample.folder import write_sample

    with _one_line_errors():
        _known(dataset)
        if config not in ("sample", "pdf") or (config == "pdf" and data_dir is None):
            raise ValueError(
                f"config must be sample, or pdf with --data-dir, got {config!r}; load_dataset reads the rest"
            )
        folder = data_dir or write_sample(out / "pdfs")
        settings = CurationConfig(
            pdf_dir=folder,
            out_dir=out,
            metadata=tuple(metadata or find_metadata_files(folder)),
            preset=preset,
            min_music_fraction=min_music_fraction,
        )
        curate(settings, workers or os.cpu_count() or 1, executor, slurm_partition)
    if executor == "slurm":
        typer.echo(f"queued; the dataset will be in {out}")
    else:
        typer.echo(filter_table(out))
        typer.echo(f"dataset and card: {out}; every PDF's fate: {out / 'manifest.csv'}")


@app.command()
def load(
    dataset: Dataset,
    config: Annotated[str, typer.Option(help="sample, pdf, 400, 14k or 200k.")] = "sample",
    data_dir: Annotated[str | None, typer.Option(help="PDFs for pdf; a local copy for the others.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    rows: Annotated[int, typer.Option(help="Rows to show.")] = 3,
) -> None:
    """Show the first rows of a dataset, read as a stream.

    scorehub load musicscore --config 14k --data-dir MusicScore/ --rows 5
    """
    import datasets

    import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset

    with _one_line_errors():
        _known(dataset)
        stream = datasets.load_dataset(dataset, config, data_dir=data_dir, split=split, streaming=True)
        for row in stream.take(rows):
            image = row.pop("image")
            typer.echo(f"{image.width} x {image.height} px, {row['source']} page {row['page']}: {row['text']}")


@app.command()
def check(
    dataset: Dataset,
    data_dir: Annotated[str, typer.Option(help="Local copy or hf:// address of the published form.")],
    config: Annotated[str, typer.Option(help="400, 14k or 200k.")] = "400",
) -> None:
    """Read every page of the published form and count what can't be used.

    scorehub check musicscore --config 14k --data-dir MusicScore/
    """
    from scorehub.dataset_builders.musicscore import published

    with _one_line_errors():
        _known(dataset)
        if config not in published.FOLDERS:
            raise ValueError(f"config must be one of {', '.join(published.FOLDERS)}, got {config!r}")
        report = published.audit(data_dir, config)
        typer.echo("\n".join([f"{report.pages} pages of {len(report.ids)} ids can be used", *report.lines()]))


@app.command()
def stats(
    folder: Annotated[Path, typer.Argument(help="A built dataset.")],
    figures: Annotated[Path | None, typer.Option(help="Folder for the four charts.")] = None,
) -> None:
    """Count styles, instruments, keys and periods, as the paper's figure 5.

    scorehub stats dataset/ --figures figures/
    """
    from scorehub.dataset_builders.musicscore import statistics
    from scorehub.dataset_builders.musicscore.card import filter_table, read_rows

    with _one_line_errors():
        counted = statistics.count(read_rows(folder))
        typer.echo(filter_table(folder))
        typer.echo(statistics.table(counted))
        if figures:
            for path in statistics.plot(counted, figures):
                typer.echo(f"wrote {path}")


@app.command()
def classify(
    files: Annotated[list[Path], typer.Argument(help="PDFs or page images.")],
    preset: Annotated[str, typer.Option(help="default decides by page; paper is the authors' rule.")] = "default",
    min_music_fraction: Annotated[float, typer.Option(help="Part of a page that staves must span.")] = 0.0,
) -> None:
    """Say of each page whether it would enter the dataset, and why not.

    scorehub classify sonata.pdf cover.png
    """
    from scorehub.dataset_builders.musicscore.judge import judge_images, judge_pdf

    with _one_line_errors():
        for path in files:
            if path.suffix.lower() == ".pdf":
                for page in judge_pdf(path, preset, min_music_fraction):
                    typer.echo(f"{path} page {page['page']}: {_verdict(page)}")
            else:
                ((chance, fraction),) = judge_images([path])
                typer.echo(f"{path}: {_music(chance, fraction)}")


def _music(chance: float, fraction: float) -> str:
    return f"music with probability {chance:.3f} on {fraction:.0%} of the page"


def _verdict(page: dict[str, Any]) -> str:
    words = [page["verdict"], page["reason"], page.get("page_kind", "")]
    if "score_probability" in page:
        words.append(
            f"music with probability {page['score_probability']:.3f} on {page['music_fraction']:.0%} of the page"
        )
    return ", ".join(filter(None, words))


@app.command()
def download(
    urls: Annotated[Path, typer.Argument(help="Text file with one PDF address a line, or a CSV with a column url.")],
    out: Annotated[Path, typer.Option(help="Folder for the PDFs.")],
    contact: Annotated[str, typer.Option(help="Your e-mail or web address: the server learns who asks.")],
) -> None:
    """Fetch PDFs politely: robots.txt, one request in two seconds, resumable, with checksums.

    Addresses that a server closes to programs, such as IMSLP's /wiki/Special: and /images/, are reported, not fetched.

    scorehub download urls.txt --out pdfs/ --contact me@example.org
    """
    from scorehub.dataset_builders.musicscore.download import download as fetch
    from scorehub.dataset_builders.musicscore.download import read_manifest
    from scorehub.dataset_builders.musicscore.web import DownloadPolicy

    with _one_line_errors():
        for row in fetch(read_manifest(urls), out, DownloadPolicy(contact=contact)):
            typer.echo(f"{row.status:>8} {row.file or row.url} {row.reason}")


@app.command()
def demo(
    dataset: Annotated[Path, typer.Option(help="A built MusicScore.")] = Path("demo/musicscore"),
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for a free one.")] = 0,
) -> None:
    """Open the MusicScore Space on a built dataset.

    scorehub demo --dataset demo/musicscore
    """
    from scorehub.spaces.musicscore.app import LAUNCH_OPTIONS, build_app

    with _one_line_errors():
        space = build_app(dataset)
    space.launch(server_port=port or None, inbrowser=True, **LAUNCH_OPTIONS)


@push_app.command("dataset")
def push_dataset(
    folder: Annotated[Path, typer.Argument(help="A built dataset, with its card.")],
    repo_id: RepoId,
    dry_run: DryRun = False,
    private: Private = False,
) -> None:
    """Publish a built dataset.

    scorehub push dataset dataset/ --repo-id me/musicscore --dry-run
    """
    from scorehub import hub

    _push(hub.push_dataset, folder, repo_id, dry_run, private)


@push_app.command("model")
def push_model(
    name: Annotated[str, typer.Argument(help="A folder of pipelines/.")],
    repo_id: RepoId,
    dry_run: DryRun = False,
    private: Private = False,
) -> None:
    """Publish a model with its weights.

    scorehub push model page_classifier --repo-id me/page-classifier
    """
    from scorehub import hub

    _push(hub.push_model, name, repo_id, dry_run, private)


@push_app.command("space")
def push_space(
    name: Annotated[str, typer.Argument(help="A folder of spaces/.")],
    repo_id: RepoId,
    dry_run: DryRun = False,
    private: Private = False,
) -> None:
    """Publish a Space.

    scorehub push space musicscore --repo-id me/musicscore-browser
    """
    from scorehub import hub

    _push(hub.push_space, name, repo_id, dry_run, private)


def _push(push: Push, what: Path | str, repo_id: str, dry_run: bool, private: bool) -> None:
    with _one_line_errors():
        for path, size in push(what, repo_id, dry_run=dry_run, private=private):
            typer.echo(f"{size:>12,} {path}")
    typer.echo(f"{'would go to' if dry_run else 'published in'} {repo_id}")
