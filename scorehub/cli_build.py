"""`scorehub build`: a dataset as Parquet with its card, ready to load and to push."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scorehub.cli_parts import Executor, Out, Partition, Workers, one_line_errors
from scorehub.dataset_names import OF_NOTES

app = typer.Typer(no_args_is_help=True, help="Build a dataset with its card; run it again to go on after a stop.")

# Tasks of about half a minute: a stopped run repeats little, and starting a task costs little.
SOURCES_PER_TASK = {"camera_primus": 200, "msmd": 5, "performances": 5}
PIECES_PER_TASK = 100  # of all datasets of notes

DataDir = Annotated[Path | None, typer.Option(help="The source, for all configurations but sample.")]
Audio = Annotated[bool, typer.Option(help="Whether rows have audio.")]
SoundFont = Annotated[str | None, typer.Option(help="A .sf2 file; a piano comes along.")]


@app.command()
def musicscore(
    config: Annotated[str, typer.Option(help="sample engraves its own PDFs; pdf takes --data-dir.")] = "sample",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of PDFs.")] = None,
    out: Out = Path("musicscore"),
    metadata: Annotated[
        list[Path] | None, typer.Option(help="JSON, CSV, saved IMSLP page; else found nearby.")
    ] = None,
    preset: Annotated[str, typer.Option(help="default decides by page; paper is the authors' rule.")] = "default",
    min_music_fraction: Annotated[float, typer.Option(help="Part of a page that staves must span.")] = 0.0,
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Curate score PDFs, with a manifest that says what became of each.

    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/
    """
    from scorehub.dataset_builders.machines import Machines
    from scorehub.dataset_builders.musicscore.card import filter_table
    from scorehub.dataset_builders.musicscore.config import CurationConfig
    from scorehub.dataset_builders.musicscore.curation import curate
    from scorehub.dataset_builders.musicscore.metadata import find_metadata_files
    from scorehub.dataset_builders.musicscore.sample.folder import write_sample

    with one_line_errors():
        if config not in ("sample", "pdf") or (config == "pdf" and data_dir is None):
            raise ValueError(
                f"config must be sample, or pdf with --data-dir, got {config!r}; load_dataset reads the rest"
            )
        machines = Machines(workers or os.cpu_count() or 1, executor, slurm_partition)
        folder = data_dir or write_sample(out / "pdfs")
        settings = CurationConfig(
            pdf_dir=folder,
            out_dir=out,
            metadata=tuple(metadata or find_metadata_files(folder)),
            preset=preset,
            min_music_fraction=min_music_fraction,
        )
        curate(settings, machines)
    if executor == "slurm":
        typer.echo(f"queued; the dataset will be in {out}")
    else:
        typer.echo(filter_table(out))
        typer.echo(f"dataset and card: {out}; every PDF's fate: {out / 'manifest.csv'}")


@app.command("camera_primus")
def camera_primus(
    config: Annotated[str, typer.Option(help="sample, engraved, full or cleansed.")] = "sample",
    data_dir: DataDir = None,
    out: Out = Path("camera_primus"),
    lists_dir: Annotated[str | None, typer.Option(help="Folder of the published id lists.")] = None,
    fold: Annotated[int, typer.Option(help="The fold that is tested, 0 to 4.")] = 0,
    grouped: Annotated[bool | None, typer.Option(help="All items of a source on one side of a split.")] = None,
    fraction: Annotated[float, typer.Option(help="Part of each split; the thesis takes 0.6.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of fraction, fonts, layouts and distortions.")] = 0,
    camera: Annotated[str, typer.Option(help="Distortions of engraved staves: primus or photo.")] = "primus",
    audio: Audio = True,
    tempo: Annotated[float, typer.Option(help="Quarters a minute.")] = 120.0,
    soundfont: SoundFont = None,
    max_seconds: Annotated[float, typer.Option(help="Items that sound longer have no audio.")] = 60.0,
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Staves with tokens and sound: the published corpus, or any Plaine & Easie and **kern, engraved.

    scorehub build camera_primus --config engraved --data-dir incipits.tsv --out dataset/
    """
    options = {
        "data_dir": data_dir and str(data_dir),
        "lists_dir": lists_dir,
        "fold": fold,
        "grouped": grouped,
        "fraction": fraction,
        "seed": seed,
        "camera": camera,
        "audio": audio,
        "tempo": tempo,
        "soundfont": soundfont,
        "max_seconds": max_seconds,
    }
    _build("camera_primus", config, out, options, (workers, executor, slurm_partition))


def _build(dataset: str, config: str, out: Path, options: dict[str, Any], where: tuple[int, str, str]) -> None:
    from scorehub.dataset_builders.build import Build, build
    from scorehub.dataset_builders.dataset_card import summary
    from scorehub.dataset_builders.machines import Machines

    workers, executor, partition = where
    given = {name: value for name, value in options.items() if value is not None}
    with one_line_errors():
        build(
            Build(dataset, config, out, SOURCES_PER_TASK.get(dataset, PIECES_PER_TASK), given),
            Machines(workers or os.cpu_count() or 1, executor, partition),
        )
        typer.echo(f"queued; the dataset will be in {out}" if executor == "slurm" else summary(out))


@app.command()
def msmd(
    config: Annotated[str, typer.Option(help="sample, original, rl, cyolo or rebuilt.")] = "sample",
    data_dir: DataDir = None,
    out: Out = Path("msmd"),
    splits_file: Annotated[str | None, typer.Option(help="Published lists of pieces, as YAML.")] = None,
    layout: Annotated[str | None, typer.Option(help="strip unrolls pages into one long staff.")] = None,
    license: Annotated[list[str] | None, typer.Option(help="Only pieces under these, such as 'CC BY'.")] = None,
    audio: Audio = True,
    soundfont: SoundFont = None,
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Pieces as pages or strips with noteheads, onsets and sound.

    scorehub build msmd --config rebuilt --data-dir msmd/ --out dataset/
    """
    options = {
        "data_dir": data_dir and str(data_dir),
        "splits_file": splits_file,
        "layout": layout,
        "licences": tuple(license) if license else None,
        "audio": audio,
        "soundfont": soundfont,
    }
    _build("msmd", config, out, options, (workers, executor, slurm_partition))


@app.command()
def performances(
    config: Annotated[str, typer.Option(help="sample or asap.")] = "sample",
    data_dir: DataDir = None,
    out: Out = Path("performances"),
    audio: Annotated[bool, typer.Option(help="Whether rows have audio, synthesised: performances are long.")] = False,
    soundfont: SoundFont = None,
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Scores and human performances of them, aligned note by note.

    scorehub build performances --config asap --data-dir asap/ --out dataset/
    """
    options = {"data_dir": data_dir and str(data_dir), "audio": audio, "soundfont": soundfont}
    _build("performances", config, out, options, (workers, executor, slurm_partition))


@app.command()
def maestro(
    config: Annotated[str, typer.Option(help="sample, v3, or folder for any MIDI files.")] = "sample",
    data_dir: DataDir = None,
    out: Out = Path("maestro"),
    group: Annotated[str | None, typer.Option(help="Pattern of paths, for folder: chooses and groups.")] = None,
    license: Annotated[str | None, typer.Option(help="Of the files, for folder.")] = None,
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Piano performances as notes: MAESTRO, or any MIDI files.

    scorehub build maestro --config v3 --data-dir maestro-v3.0.0-midi.zip --out dataset/
    """
    options = {"data_dir": data_dir and str(data_dir), "group": group, "license": license}
    _build("maestro", config, out, options, (workers, executor, slurm_partition))


@app.command()
def notes(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(OF_NOTES)}.")],
    config: Annotated[str | None, typer.Option(help="The dataset's default if none.")] = None,
    data_dir: DataDir = None,
    out: Out = Path("notes"),
    workers: Workers = 0,
    executor: Executor = "local",
    slurm_partition: Partition = "",
) -> None:
    """Any dataset of notes, from the form in which it is published.

    scorehub build notes nottingham --config melody --data-dir nottingham-dataset/ --out dataset/
    """
    from scorehub.dataset_builders import load_hook

    with one_line_errors():
        if dataset not in OF_NOTES:
            raise ValueError(f"dataset must be one of {', '.join(OF_NOTES)}, got {dataset!r}")
        chosen = config or load_hook.builder_class(dataset).DEFAULT_CONFIG_NAME
    options = {"data_dir": data_dir and str(data_dir)}
    _build(dataset, chosen, out, options, (workers, executor, slurm_partition))
