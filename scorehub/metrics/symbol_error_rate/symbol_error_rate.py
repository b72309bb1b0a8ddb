"""Symbol and sequence error rates as a module of Hugging Face's `evaluate`; README.md says what they are.

    metric = evaluate.load("scorehub/metrics/symbol_error_rate/symbol_error_rate.py")
    metric.compute(predictions=["clef-G2 note-C4_half"], references=["clef-G2 note-D4_half"])

It runs where scorehub is not installed.
"""

from collections.abc import Sequence

import datasets
import evaluate

# `evaluate` copies those siblings alone that are named here, on lines without comments.
from .edits import edit_distances, validate

_CITATION = """\
@article{alfaro2023late,
  title = {Late multimodal fusion for image and audio music transcription},
  author = {Alfaro-Contreras, Mar{\\'i}a and Valero-Mas, Jose J. and I{\\~n}esta, Jose M. and Calvo-Zaragoza, Jorge},
  journal = {Expert Systems with Applications},
  volume = {216},
  year = {2023}
}"""
_DESCRIPTION = "How many symbols, and how many whole sequences, a transcription of music gets wrong."
_INPUTS = """
Args:
    predictions: transcriptions, symbols with spaces or tabs between.
    references: what is right, in the same form.
Returns:
    symbol_error_rate: 100 * sum of edit distances / sum of lengths of references.
    symbol_error_rate_macro: mean over items of 100 * distance / length; items without symbols do not count.
    sequence_error_rate: percentage of items with any error.
"""


class SymbolErrorRate(evaluate.Metric):
    """Metric over transcriptions."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        truth, found = ([text.split() for text in side] for side in (references, predictions))
        validate(truth, found)
        distances, lengths = edit_distances(truth, found)
        has_symbols = lengths > 0
        return {
            "symbol_error_rate": float(100 * distances.sum() / lengths.sum()),
            "symbol_error_rate_macro": float((100 * distances[has_symbols] / lengths[has_symbols]).mean()),
            "sequence_error_rate": float(100 * (distances > 0).mean()),
        }
