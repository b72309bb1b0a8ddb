"""`scorehub study`: studies that take many trainings."""

from pathlib import Path
from typing import Annotated

import typer

from scorehub.cli_parts import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Compare methods over folds and scenarios; run it again to go on.")


@app.command()
def fusion(
    output_dir: Annotated[Path, typer.Option(help="Trainings, posteriors, results and tables.")],
    data_dir: Annotated[str, typer.Option(help="Camera-PrIMuS, or incipits to engrave; a sample if none.")] = "",
    lists_dir: Annotated[str, typer.Option(help="Published lists of the cleansed corpus.")] = "",
    folds: Annotated[str, typer.Option(help="Folds that are tested in turn.")] = "0,1,2,3,4",
    scenarios: Annotated[str, typer.Option(help="Some of 1 to 9.")] = "1,2,3,4,5,6,7,8,9",
    shares: Annotated[str, typer.Option(help="Nine parts of the training fold for OMR, if not as published.")] = "",
    sample: Annotated[float, typer.Option(help="Part of each list that is used; the thesis takes 0.6.")] = 1.0,
    beside: Annotated[str, typer.Option(help="OMR that GradSPSA looks through: of all, or of the scenario.")] = "all",
    ablations: Annotated[bool, typer.Option(help="Train GradSPSA without its parts, on the first fold.")] = True,
    preset: Annotated[str, typer.Option(help="Of the trainer: paper or default.")] = "paper",
    epochs: Annotated[int, typer.Option(help="Of networks that hear; 0 for the preset's.")] = 0,
    optical_epochs: Annotated[int, typer.Option(help="Of OMR of all data, as many steps of less; 0: preset's.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Staves in a step; 0 for the thesis's 16, 4, 2, and 8.")] = 0,
    bf16: Annotated[bool, typer.Option(help="Convolutions in bfloat16.")] = False,
    width: Annotated[float, typer.Option(help="Multiplies channels and units of the thesis's networks.")] = 1.0,
    validation_staves: Annotated[int, typer.Option(help="At most, that choose epochs and weights; 0: all.")] = 500,
    seed: Annotated[int, typer.Option(help="Of samples, weights, engraving and bootstrap.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes that engrave and decode.")] = 1,
) -> None:
    """Compare OMR, A2S and their fusion in nine scenarios, with three networks that hear.

    scorehub study fusion --output-dir study/ --data-dir incipits.tsv.gz --width 0.25 --epochs 20 --shares
    0.1,0.1,0.1,0.2,0.2,0.2,0.5,0.5,0.5
    """
    from scorehub.study.fusion import run_study
    from scorehub.study.settings import StudyConfig

    with one_line_errors():
        config = StudyConfig(
            output_dir=str(output_dir),
            data_dir=data_dir,
            lists_dir=lists_dir,
            folds=folds,
            scenarios=scenarios,
            shares=shares,
            sample=sample,
            beside=beside,
            ablations=ablations,
            preset=preset,
            epochs=epochs,
            optical_epochs=optical_epochs,
            batch_size=batch_size,
            bf16=bf16,
            width=width,
            validation_staves=validation_staves,
            seed=seed,
            jobs=jobs,
        )
        typer.echo(f"tables: {run_study(config, typer.echo)}")
