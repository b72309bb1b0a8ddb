"""`scorehub follow` and `scorehub listen`: where in a score a recording, or what is being played, is."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorehub.cli_parts import Model, one_line_errors

if TYPE_CHECKING:
    from scorehub.pipelines.score_following.follower import Position


def follow(
    score: Annotated[list[Path], typer.Argument(help="Pages in order, images or PDFs, and then the recording.")],
    video: Annotated[Path | None, typer.Option(help="MP4 to write: pages, place, spectrogram, sound.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: place and confidence over time.")] = None,
    positions: Annotated[Path | None, typer.Option(help="CSV to write: a line for each 50 ms.")] = None,
    lead: Annotated[float, typer.Option(help="Seconds before its end at which a page is turned.")] = 1.0,
    model: Model = None,
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
        _say_end(run.positions[-1])


def listen(
    score: Annotated[list[Path], typer.Argument(help="Pages in order, images or PDFs.")],
    wav: Annotated[str | None, typer.Option(help="WAV to hear, - for standard input; a microphone if none.")] = None,
    lead: Annotated[float, typer.Option(help="How long before its end a page is turned.")] = 1.0,
    unit: Annotated[str, typer.Option(help="Of the lead: seconds, or quarters of the score.")] = "seconds",
    positions: Annotated[Path | None, typer.Option(help="CSV to write: a line for each 50 ms.")] = None,
    model: Model = None,
) -> None:
    """Follow what is being played, and say when to turn the page, until the end or Ctrl-C.

    scorehub listen score.pdf

    arecord -f S16_LE -r 44100 | scorehub listen score.pdf --wav -
    """
    from scorehub import following, listening
    from scorehub.pipelines.score_following.follower import Follower
    from scorehub.pipelines.score_following.page_turning import PageTurner

    with one_line_errors():
        follower = Follower(following.load_follower(model), following.read_pages(score))
        turner = PageTurner(follower.score, lead, unit)
        source = listening.open_wav(wav) if wav else listening.open_microphone()

        def heard() -> "Iterator[Position]":
            for position in listening.listen(follower, *source):
                if turn := turner.update(position):
                    typer.echo(f"{turn.time:8.2f} s  page {turn.page + 1}")
                yield position

        if positions:
            following.write_positions(heard(), positions)
        else:
            deque(heard(), maxlen=0)
        _say_end(follower.position)


def _say_end(last: "Position") -> None:
    typer.echo(f"{last.time:8.2f} s  end, on page {last.page + 1}, confidence {last.confidence:.2f}")
