"""Items that a builder could not read: each is reported with its reason, and the build goes on.

A report is a warning in the log and, where a folder is named, a line in one of its JSON Lines files (one per process,
so that several can write at a time). `read_failures` joins them.
"""

import json
import os
from pathlib import Path

from datasets.utils import logging

logger = logging.get_logger(__name__)


def report_failure(item: str, reason: str, folder: str | None = None) -> None:
    """Notes that `item` is left out, and why; names in them may be any."""
    item, reason = (text.encode("utf-8", "backslashreplace").decode() for text in (item, reason))
    logger.warning("%s is left out: %s", item, reason)
    if folder:
        path = Path(folder) / f"{os.getpid()}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"item": item, "reason": reason}) + "\n")


def read_failures(folder: str | Path) -> list[tuple[str, str]]:
    """Item and reason of every report, sorted; what a repeated task reported twice is there once."""
    lines = [line for path in Path(folder).glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    return sorted({(fields["item"], fields["reason"]) for fields in map(json.loads, lines)})
