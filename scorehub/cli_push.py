"""`scorehub push`: publish on the Hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from scorehub.cli_parts import one_line_errors

if TYPE_CHECKING:
    from scorehub.publishing import Outcome

app = typer.Typer(no_args_is_help=True, help="Publish on the Hub, with a card; --dry-run shows what would go up.")

PATHS_SHOWN = 4

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
    _push("dataset", folder, repo_id, dry_run, private)


@app.command("model")
def push_model(
    name: Annotated[str, typer.Argument(help="A folder of pipelines/, or the path of one that a trainer saved.")],
    repo_id: RepoId,
    dry_run: DryRun = False,
    private: Private = False,
) -> None:
    """Publish a model with its weights.

    scorehub push model page_classifier --repo-id me/page-classifier
    """
    _push("model", name, repo_id, dry_run, private)


@app.command("space")
def push_space(
    name: Annotated[str, typer.Argument(help="A folder of spaces/, or the path of another.")],
    repo_id: RepoId,
    dry_run: DryRun = False,
    private: Private = False,
) -> None:
    """Publish a Space.

    scorehub push space musicscore --repo-id me/musicscore-browser
    """
    _push("space", name, repo_id, dry_run, private)


@app.command("all")
def push_all(
    namespace: Annotated[str, typer.Option(help="User or organisation on the Hub.")],
    datasets: Annotated[Path, typer.Option(help="Folder of built datasets, each by its name.")] = Path("demo"),
    samples: Annotated[bool, typer.Option(help="Build the samples that are missing there, offline.")] = True,
    only: Annotated[list[str] | None, typer.Option(help="datasets, models, metrics or spaces; all if none.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it, with what would change.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Create repositories private; no Spaces then.")] = False,
) -> None:
    """Publish every dataset, model, metric and Space of the project, each with its card.

    Run it again after a failure: what the Hub has already is not sent again.

    scorehub push all --namespace me --dry-run

    scorehub push all --namespace me --only models --only spaces
    """
    from scorehub.publishing import KINDS, check_login, plan, publish

    with one_line_errors():
        repositories = plan(namespace, datasets, only or tuple(KINDS), samples)
        if not dry_run:
            check_login()
    outcomes = []
    with tqdm(total=len(repositories), unit="repository", disable=None, leave=False) as bar:
        for outcome in publish(repositories, private=private, dry_run=dry_run):
            with bar.external_write_mode():
                typer.echo(_line(outcome, dry_run))
            bar.update()
            outcomes.append(outcome)
    failed = [outcome for outcome in outcomes if outcome.failure]
    unchanged = sum(outcome.is_unchanged for outcome in outcomes)
    changed = f"{len(outcomes) - unchanged - len(failed)} {'to send' if dry_run else 'sent'}"
    typer.echo(f"{len(outcomes)} repositories: {changed}, {unchanged} unchanged, {len(failed)} failed")
    for outcome in failed:
        typer.echo(f"failed: {outcome.repository.kind} {outcome.repository.repo_id}: {outcome.failure}", err=True)
    if failed:
        raise typer.Exit(1)


def _push(kind: str, what: Path | str, repo_id: str, dry_run: bool, private: bool) -> None:
    from scorehub import hub
    from scorehub.publishing import publish
    from scorehub.staging import Repository

    with one_line_errors():
        folder = hub.artifact_folder(what, "spaces" if kind == "space" else "pipelines")
        (outcome,) = publish([Repository(kind, repo_id, folder)], private=private, dry_run=dry_run)
        if outcome.failure:
            raise ValueError(outcome.failure)
    for path, size in outcome.files:
        typer.echo(f"{size:>12,} {path}")
    typer.echo(_news(outcome, dry_run))
    typer.echo(f"{'would go to' if dry_run else 'published in'} {repo_id}")


def _line(outcome: "Outcome", dry_run: bool) -> str:
    repository, size = outcome.repository, sum(size for _, size in outcome.files)
    counts = f"{len(outcome.files):>4} files {size:>13,} bytes"
    return f"{repository.kind:7} {repository.repo_id:36} {counts}  {_news(outcome, dry_run)}"


def _news(outcome: "Outcome", dry_run: bool) -> str:
    """What is different on the Hub, or would be."""
    if outcome.failure:
        return "failed"
    if outcome.sent is None:
        return "not compared: the Hub doesn't answer"
    if outcome.is_unchanged:
        return "unchanged"
    sent = "all" if len(outcome.sent) == len(outcome.files) else _paths(outcome.sent)
    news = [f"{'to send' if dry_run else 'sent'}: {sent}"] if outcome.sent else []
    removed = [f"{'to remove' if dry_run else 'removed'}: {_paths(outcome.removed)}"] if outcome.removed else []
    return "; ".join([*news, *removed])


def _paths(paths: Sequence[str]) -> str:
    more = len(paths) - PATHS_SHOWN
    return ", ".join(paths[:PATHS_SHOWN]) + (f" and {more} more" if more > 0 else "")
