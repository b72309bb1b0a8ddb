"""`scorehub evaluate`: how good models are."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from scorehub.cli_parts import Model, one_line_errors

if TYPE_CHECKING:
    from PIL import Image

app = typer.Typer(no_args_is_help=True, help="Judge a model by what it makes.")


@app.callback()
def evaluate() -> None:
    """Keeps the name of the model in the command, though there is one only."""


@app.command("text_to_score")
def evaluate_text_to_score(
    real: Annotated[str, typer.Option(help="Folder of Parquet pages, or a dataset of the Hub.")],
    model: Model = None,
    samples: Annotated[int, typer.Option(help="Pages that are drawn with each setting, 8 or more.")] = 64,
    guidance: Annotated[list[float] | None, typer.Option(help="Of classifier-free guidance, 3; repeatable.")] = None,
    steps: Annotated[list[int] | None, typer.Option(help="Of the sampler, 20; repeatable.")] = None,
    scheduler: Annotated[
        list[str] | None, typer.Option(help="own, ddim, dpm++, euler, euler_a, heun or unipc; repeatable.")
    ] = None,
    inception: Annotated[
        str | None, typer.Option(help="Weights for FID and KID: a file, or owner/name/file on the Hub.")
    ] = None,
    training: Annotated[int, typer.Option(help="Real pages among which copies are looked for.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the first page and of all that is random.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Markdown file to write, too.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Folder for the pages that are drawn.")] = None,
) -> None:
    """Compare settings of a text-to-score model: distance from real pages, copies, agreement with the prompts.

    scorehub evaluate text_to_score --real pages/ --guidance 1 --guidance 3 --steps 20 --scheduler dpm++ --out table.md
    """
    from scorehub import text_to_score_evaluation as judging
    from scorehub.metrics.inception import load_inception
    from scorehub.text_to_score import load_pipeline
    from scorehub.text_to_score_tables import tables

    with one_line_errors():
        settings = [
            judging.Setting(*values) for values in product(guidance or [3.0], steps or [20], scheduler or ["own"])
        ]
        if samples < judging.MIN_PAGES:
            raise ValueError(f"samples must be at least {judging.MIN_PAGES}, got {samples}")
        pipe = load_pipeline(model)
        network = load_inception(inception) if inception else None
        judge = judging.Judge(judging.load_real_pages(real, samples, training, seed), network, seed)
        prompts = judging.choose_prompts(judge.held_out[1], samples, pipe.config["vocabulary"])
        rows = [judge.row("real, held out", *judge.held_out)]
        with tqdm(total=samples * len(settings), unit="page", disable=None) as bar:
            for setting in settings:
                bar.set_description(str(setting))
                pages = judging.draw(pipe, prompts, setting, seed, bar.update)
                if keep:
                    _keep(pages, keep / str(setting).replace(", ", "-").replace(" ", "_"))
                rows.append(judge.row(str(setting), pages, prompts))
        table = tables(rows)
        typer.echo(table)
        if out:
            out.write_text(table, encoding="utf-8")


def _keep(pages: "list[Image.Image]", folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(pages):
        page.save(folder / f"{number:04d}.png")
