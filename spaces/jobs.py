"""How the jobs of a Space take turns, and how long what belongs to a session is kept."""

from typing import Any

HOUR = 3600  # seconds
QUIET: dict[str, Any] = {"show_progress": "hidden"}
# One at a time, of all tabs and visitors: the network takes all cores.
ONE_JOB: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "network"}
Updates = dict[Any, Any]
