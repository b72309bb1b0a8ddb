"""`scorehub push`: publish on the Hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from scorehub.cli_parts import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Publish on the Hub, with a card; --dry-run shows what would go up.")

Push = Callable[..., list[tuple[str, int]]]
RepoId = Annotated[str, typer.Option(help="Repository, such as me/musicscore.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would go up.")]
Private = Annotated[bool, typer.Option("--private", help="Create the repository private.")]


@app.command("dataset")
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


@app.command("model")
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


@app.command("space")
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
    with one_line_errors():
        for path, size in push(what, repo_id, dry_run=dry_run, private=private):
            typer.echo(f"{size:>12,} {path}")
    typer.echo(f"{'would go to' if dry_run else 'published in'} {repo_id}")
