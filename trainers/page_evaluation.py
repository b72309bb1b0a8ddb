"""Scores and calibration of the page classifier's out-of-fold logits.

Logits are (N, 2) in the order of `LABELS`, labels (N,) 0 or 1, probabilities (N,) those of `score`. The positive
class of precision and recall is `score`.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from scorehub.trainers.page_corpus import LABELS, LabelledPage


def score_probability(logits: np.ndarray) -> np.ndarray:
    """Turns logits (N, 2) into the probability (N,) of score."""
    return 1 / (1 + np.exp(-np.clip(logits[:, 1] - logits[:, 0], -60, 60)))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fits the temperature that makes softmax(logits / temperature) most likely (Guo et al. 2017).

    Targets are Platt's (1999) smoothed ones, so that logits without an error still give a finite answer.
    """
    positives = int(labels.sum())
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    targets = np.where(labels == 1, high, low)

    def loss(log_temperature: float) -> float:
        margins = (logits[:, 1] - logits[:, 0]) / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, margins) - targets * margins))  # cross-entropy

    return float(np.exp(minimize_scalar(loss, bounds=(-4, 4), method="bounded").x))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the probability of the decision, over equal bins of (0.5, 1]."""
    decisions = probabilities > 0.5
    confidence = np.where(decisions, probabilities, 1 - probabilities)
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    gaps = [abs((confidence - (decisions == labels))[place == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(labels))


def scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, precision and recall of the score class, Brier score and calibration error."""
    decisions = probabilities > 0.5
    hits = int((decisions & (labels == 1)).sum())
    return {
        "pages": len(labels),
        "errors": int((decisions != labels).sum()),
        "accuracy": float((decisions == labels).mean()),
        "precision": hits / max(1, int(decisions.sum())),
        "recall": hits / max(1, int(labels.sum())),
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "ece": calibration_error(probabilities, labels),
    }


def summarise(pages: Sequence[LabelledPage], fold_of: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """Scores out-of-fold logits: by fold, over all pages, before and after calibration, errors named."""
    labels = np.array([page.label for page in pages])
    temperature = fit_temperature(logits, labels)
    before, after = score_probability(logits), score_probability(logits / temperature)
    wrong = (after > 0.5) != labels
    return {
        "temperature": temperature,
        "before": scores(before, labels),
        "after": scores(after, labels),
        "folds": [scores(after[fold_of == fold], labels[fold_of == fold]) for fold in range(fold_of.max() + 1)],
        "errors": [
            {
                "file": page.file,
                "label": LABELS[page.label],
                "fold": int(fold),
                "score_probability": round(float(p), 4),
            }
            for page, fold, p, error in zip(pages, fold_of, after, wrong, strict=True)
            if error
        ],
    }


def fold_rows(results: dict[str, Any]) -> list[str]:
    """Formats the folds of `results` (see `summarise`) and their sum as rows of a Markdown table."""
    rows = [(str(fold), scored) for fold, scored in enumerate(results["folds"])] + [("all", results["after"])]
    return [
        f"| {name} | {s['pages']} | {s['errors']} | {s['accuracy']:.4f} | {s['precision']:.4f} | {s['recall']:.4f} |"
        for name, s in rows
    ]


def card_values(results: dict[str, Any]) -> dict[str, str]:
    """Formats `results` (see `summarise`) for the placeholders of `model_cards/page_classifier.md`."""
    errors = [f"| `{e['file']}` | {e['label']} | {e['score_probability']:.3f} |" for e in results["errors"]]
    values = {
        f"{name}_{when}": f"{results[when][name]:.4f}" for name in ("brier", "ece") for when in ("before", "after")
    }
    values |= {name: f"{results['after'][name]:.4f}" for name in ("accuracy", "precision", "recall")}
    return values | {
        "fold_rows": "\n".join(fold_rows(results)),
        "error_rows": "\n".join(errors) or "| none | | |",
        "pages": str(results["after"]["pages"]),
        "error_count": str(results["after"]["errors"]),
        "temperature": f"{results['temperature']:.3f}",
        "config": json.dumps(results["config"], indent=2),
        "commit": _commit(),
    }


def _commit() -> str:
    """The commit of this checkout, which the card names."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() or "unknown, trained outside a checkout"
