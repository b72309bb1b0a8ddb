"""`scorehub transcribe`: a staff, a recording of it or both as MusicXML, MIDI or tokens."""

from pathlib import Path
from typing import Annotated

import typer

from scorehub.cli_parts import Model, one_line_errors


def transcribe(
    music: Annotated[list[Path], typer.Argument(help="A picture of one staff, a recording, or one of each.")],
    out: Annotated[Path | None, typer.Option(help="File to write: .musicxml, .xml, .mid, .midi or .semantic.")] = None,
    fusion: Annotated[str | None, typer.Option(help="How both sides become one; the model's setting if none.")] = None,
    weight: Annotated[float | None, typer.Option(help="Share of the picture, 0 to 1; the model's if none.")] = None,
    model: Model = None,
) -> None:
    """Transcribe a staff from its picture, a recording, or both, and say where they disagree.

    scorehub transcribe staff.png audio.wav --out staff.musicxml
    """
    from scorehub import transcription

    with one_line_errors():
        if out:
            transcription.check_target(out)
        given = transcription.tell_apart(music)
        pipe = transcription.load_transcriber(model)
        result = pipe(given.get("image"), given.get("audio"), fusion=fusion, weight=weight)
        if out:
            transcription.write_result(result, out)
        if table := transcription.disagreement_table(result):
            typer.echo(f"{table}\n")
        n_tokens, n_stretches = len(result["tokens"]), len(result["disagreements"])
        both = f", {n_stretches} disagreement{'s' * (n_stretches != 1)}" if len(given) > 1 else ""
        typer.echo(f"{n_tokens} tokens{both}" + (f", wrote {out}" if out else ""))
        if not out:
            typer.echo("\t".join(row["token"] for row in result["tokens"]))
