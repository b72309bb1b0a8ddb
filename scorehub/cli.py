"""Datasets, models and Spaces around music scores, from the command line.

Every command calls the function of the Python API that bears its name. What it can't do it says in one line.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from scorehub import (
    cli_build,
    cli_convert,
    cli_evaluate,
    cli_follow,
    cli_generate,
    cli_push,
    cli_study,
    cli_transcribe,
)
from scorehub.cli_parts import one_line_errors
from scorehub.dataset_names import DATASETS

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(cli_build.app, name="build")
app.add_typer(cli_convert.app, name="convert")
app.add_typer(cli_evaluate.app, name="evaluate")
app.add_typer(cli_generate.app, name="generate")
app.add_typer(cli_push.app, name="push")
app.add_typer(cli_study.app, name="study")
app.command()(cli_follow.follow)
app.command()(cli_follow.listen)
app.command()(cli_transcribe.transcribe)


@app.command()
def load(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    config: Annotated[str | None, typer.Option(help="A configuration; the dataset's default if none.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="What the configuration reads.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    rows: Annotated[int, typer.Option(help="Rows to show.")] = 3,
) -> None:
    """Show the first rows of a dataset, read as a stream.

    scorehub load musicscore --config 14k --data-dir MusicScore/ --rows 5
    """
    import datasets

    import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset

    with one_line_errors():
        if dataset not in DATASETS:
            raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, got {dataset!r}")
        stream = datasets.load_dataset(dataset, config, data_dir=data_dir, split=split, streaming=True)
        for row in stream.decode(False).take(rows):
            typer.echo("\n".join(f"{name}: {_shown(value)}" for name, value in row.items()) + "\n")


def _shown(value: Any) -> str:
    """A column's value in one short line: files by their size, lists by their length."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return f"{value['path']}, {len(value['bytes']):,} bytes"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(part)}" for name, part in value.items())
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list):
        return f"{len(value):,} of such: {_shown(value[0])}" if value else "none"
    text = " ".join(str(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


@app.command()
def check(
    dataset: Annotated[str, typer.Argument(help="musicscore: no other has a published form that is read so.")],
    data_dir: Annotated[str, typer.Option(help="Local copy or hf:// address of the published form.")],
    config: Annotated[str, typer.Option(help="400, 14k or 200k.")] = "400",
) -> None:
    """Read every page of the published form and count what can't be used.

    scorehub check musicscore --config 14k --data-dir MusicScore/
    """
    from scorehub.dataset_builders.musicscore import published

    with one_line_errors():
        if dataset != "musicscore":
            raise ValueError(f"dataset must be musicscore, got {dataset!r}")
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

    with one_line_errors():
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

    with one_line_errors():
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
        words.append(_music(page["score_probability"], page["music_fraction"]))
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

    with one_line_errors():
        for row in fetch(read_manifest(urls), out, DownloadPolicy(contact=contact)):
            typer.echo(f"{row.status:>8} {row.file or row.url} {row.reason}")


@app.command()
def distort(
    image: Annotated[Path, typer.Argument(help="Picture of a staff or page.")],
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("effects.png"),
    seed: Annotated[int, typer.Option(help="Of what is random.")] = 0,
) -> None:
    """Show every distortion and photo effect of a picture on one sheet.

    scorehub distort staff.png --out effects.png
    """
    from scorehub.effects_sheet import effects_sheet
    from scorehub.pictures import read_page

    with one_line_errors():
        effects_sheet(read_page(image), seed).save(out)
    typer.echo(f"wrote {out}")


@app.command()
def doctor() -> None:
    """Say what this machine has of all that can be used, what is missing, and how to get it.

    scorehub doctor | grep missing
    """
    from scorehub.doctor import examine

    findings = examine()
    typer.echo("\n".join(map(str, findings)))
    if any(finding.is_needed and not finding.found for finding in findings):
        raise typer.Exit(1)


@app.command()
def demo(
    dataset: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A built MusicScore; the sample if none.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for a free one.")] = 0,
) -> None:
    """Open all Spaces as tabs of one page, with the embedded models and a built dataset, offline.

    scorehub demo --dataset demo/musicscore
    """
    from scorehub.spaces.demo.app import LAUNCH_OPTIONS, build_app

    with one_line_errors():
        build_app(dataset).launch(server_port=port or None, inbrowser=True, **LAUNCH_OPTIONS)
