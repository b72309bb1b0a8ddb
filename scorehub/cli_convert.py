"""`scorehub convert`: models of others, as folders that `from_pretrained` loads."""

from pathlib import Path
from typing import Annotated

import typer

from scorehub.cli_parts import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Models of others, as folders that load like ours.")


@app.callback()
def convert() -> None:
    """Makes `ldm` a command of its own, though it is the only one."""


@app.command("ldm")
def ldm(
    checkpoint: Annotated[Path, typer.Argument(help=".ckpt, .pt, .pth, .bin or .safetensors, in CompVis's naming.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    tokenizer: Annotated[
        str, typer.Option(help="CLIP tokenizer that it was trained with: a folder or Hub repository.")
    ],
    averaged: Annotated[bool, typer.Option(help="Take the moving averages of the weights.")] = False,
    prediction: Annotated[str, typer.Option(help="What the network predicts: epsilon or v_prediction.")] = "epsilon",
    half: Annotated[bool, typer.Option(help="Save in half precision.")] = False,
) -> None:
    """Convert a latent diffusion checkpoint, such as MusicScore's published weights.

    scorehub convert ldm ScoreDiffusion.ckpt --out score-diffusion/ --tokenizer openai/clip-vit-large-patch14
    """
    with one_line_errors():
        from scorehub.convert_ldm import convert_ldm

        left = convert_ldm(checkpoint, out, tokenizer, averaged, prediction, half)
        typer.echo(f"wrote {out}; {len(left)} keys of the training are not needed")
