"""How the jobs of a Space take turns, and how long what belongs to a session is kept."""

from typing import Any, TypeVar

HOUR = 3600  # seconds
QUIET: dict[str, Any] = {"show_progress": "hidden"}
# One at a time, of all tabs and visitors: the network takes all cores.
IN_TURN: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
ONE_JOB: dict[str, Any] = QUIET | IN_TURN
Updates = dict[Any, Any]
T = TypeVar("T")


def still_kept(state: T | None, what: str) -> T:
    """What a session's state holds; states that are kept for an hour are None afterwards, as `gr.State(None)` began.

    Args:
        what: that there must have been, as in "pages must have been opened".

    Raises:
        ValueError: it has gone.
    """
    if state is None:
        raise ValueError(f"{what} within the last hour, got none")
    return state
