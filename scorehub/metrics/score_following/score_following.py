"""The metrics of score following as a module of Hugging Face's `evaluate`; README.md says what they are.

    metric = evaluate.load("scorehub/metrics/score_following/score_following.py")
    metric.compute(predictions=tracks, references=scores)

It runs where scorehub is not installed.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

# `evaluate` copies those siblings alone that are named here, on lines without comments.
from .following import evaluate as judge_following
from .intervals import ROUNDS
from .page_turns import Turns, due_turns, track_turns
from .page_turns import evaluate as judge_turns
from .recovery import evaluate as judge_recovery
from .score_map import ScoreMap, Track

_CITATION = """\
@inproceedings{henkel2020unet,
  title = {Learning to Read and Follow Music in Complete Score Sheet Images},
  author = {Henkel, Florian and Kelz, Rainer and Widmer, Gerhard},
  booktitle = {Proc. of the 21st International Society for Music Information Retrieval Conference},
  year = {2020}
}"""
_DESCRIPTION = "How well a performance is followed on the pages of its score: onset errors, getting lost, page turns."
_INPUTS = """
Args:
    predictions: a dictionary a piece: `times`, `page`, `system`, `x` of each frame, times rising.
    references: a dictionary a piece: `page`, `system`, `x`, `y`, `onset` of each struck notehead, and `dpi`.
    how: "nearest", "interpolated" or "previous" notehead: the time of an estimated place.
    delay: seconds that the follower may take to answer.
    jumps: for each piece the times at which the player jumped; adds recovered_1, recovered_3, recovery_median.
    turns: for each piece `times` and `page` of the follower's page turns; without, its pages' changes are judged.
    rounds, seed: of the bootstrap.
Returns:
    dictionary of floats, described in the README.
"""


class ScoreFollowing(evaluate.Metric):
    """Metric over pieces."""

    def _info(self) -> evaluate.MetricInfo:
        def column(kind: str) -> Any:
            return datasets.Sequence(datasets.Value(kind))

        place = {"page": column("int64"), "system": column("int64"), "x": column("float64")}
        track = {"times": column("float64")} | place
        score = place | {"y": column("float64"), "onset": column("float64"), "dpi": datasets.Value("float64")}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": track, "references": score}),
        )

    def _compute(
        self,
        predictions: Sequence[dict[str, Any]],
        references: Sequence[dict[str, Any]],
        how: str = "nearest",
        delay: float = 0.0,
        jumps: Sequence[Sequence[float]] | None = None,
        turns: Sequence[dict[str, Any]] | None = None,
        rounds: int = ROUNDS,
        seed: int = 0,
    ) -> dict[str, float]:
        tracks = [Track(**_arrays(row)) for row in predictions]
        scores = [ScoreMap(**_arrays(row), dpi=row["dpi"]) for row in references]
        result = judge_following(scores, tracks, how, delay, rounds, seed)
        if jumps is not None:
            result |= judge_recovery(scores, tracks, jumps, rounds, seed)
        due = [due_turns(score) for score in scores]
        if turns is not None:
            result |= judge_turns(due, [Turns(**_arrays(row)) for row in turns], rounds, seed)
        elif any(len(piece.times) for piece in due):
            result |= judge_turns(due, [track_turns(track) for track in tracks], rounds, seed)
        return result


def _arrays(row: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in row.items() if name != "dpi"}
