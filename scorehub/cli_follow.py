"""`scorehub follow`: where in a score a recording is."""

from pathlib import Path
from typing import Annotated

import typer

from scorehub.cli_parts import one_line_errors


def follow(
    score: Annotated[list[Path], typer.Argument(help="Pages in order, images or PDFs, and then the recording.")],
    video: Annotated[Path | None, typer.Option(help="MP4 to write: pages, place, spectrogram, sound.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: place and confidence over time.")] = None,
    positions: Annotated[Path | None, typer.Option(help="CSV to write: a line for each 50 ms.")] = None,
    lead: Annotated[float, typer.Option(help="Seconds before its end at which a page is turned.")] = 1.0,
    model: Annotated[str | None, typer.Option(help="Folder or Hub repository; the embedded one if none.")] = None,
) -> None:
    """Follow a recording through the pages of its score, and turn them.

    scorehub follow page.png audio.wav --video out.mp4
    """
    from scorehub import following

    with one_line_errors():
        if len(score) < 2:
            raise ValueError(f"score must be one page or more and a recording, got {len(score)} file")
        pages = following.read_pages(score[:-1])
        run = following.follow(following.load_follower(model), pages, score[-1].read_bytes(), lead)
        if video or picture:
            from scorehub.following_video import draw_run, write_video

            if video:
                write_video(run, video)
            if picture:
                draw_run(run).save(picture)
        if positions:
            following.write_positions(run.positions, positions)
        for turn in run.turns:
            typer.echo(f"{turn.time:8.2f} s  page {turn.page + 1}")
        last = run.positions[-1]
        typer.echo(f"{last.time:8.2f} s  end, on page {last.page + 1}, confidence {last.confidence:.2f}")
