"""What the commands share: options of the same meaning, and errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="Folder for the dataset.")]
Workers = Annotated[int, typer.Option(help="Tasks at a time; 0 for one per core.")]
Executor = Annotated[str, typer.Option(help="local, slurm or ray.")]
Partition = Annotated[str, typer.Option(help="Partition for --executor slurm.")]
Model = Annotated[
    str | None, typer.Option(help="Folder or Hub repository of a model that you trust; the embedded one if none.")
]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors that name what was wrong are for people; a traceback is not."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
