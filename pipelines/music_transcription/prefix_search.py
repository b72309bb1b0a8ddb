"""Plain prefix beam search: the slow, simple way to the transcriptions that `word_graph.decode` holds in a graph.

Each prefix of tokens keeps two masses, those of alignments that end in its last token and in a blank; the `width`
greatest prefixes go on from frame to frame. Without a limit all transcriptions and their scores are exact.

Source: Hannun, Maas, Jurafsky and Ng, "First-pass large vocabulary continuous speech recognition using bi-directional
recurrent DNNs", 2014; scores are those of `word_graph`.
"""

import numpy as np

from .language_model import NgramModel
from .token_passing import GraphSettings
from .word_graph import check_posteriors


def search_prefixes(
    log_posteriors: np.ndarray, model: NgramModel, settings: GraphSettings | None = None, width: int = 100
) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Transcriptions and the logarithms of the sums of exp(score) over their alignments, the greatest first.

    Of `settings` the scales and the insertion are used; `width` is what limits the search.
    """
    settings = settings or GraphSettings()
    check_posteriors(log_posteriors, model.n_tokens)
    masses: dict[tuple[int, ...], tuple[float, float]] = {(): (-np.inf, 0.0)}
    states: dict[tuple[int, ...], int] = {(): model.start}
    for frame in settings.acoustic_scale * log_posteriors:
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (in_token, in_blank) in masses.items():
            either = np.logaddexp(in_token, in_blank)
            _add(grown, prefix, -np.inf, either + frame[0])
            if prefix:
                _add(grown, prefix, in_token + frame[prefix[-1]], -np.inf)
            language = settings.language_scale * np.log(model.distribution(states[prefix])) + settings.insertion
            gains = frame + language
            following = model.next_states[model.row(states[prefix])]
            for token in np.argsort(-gains[1:])[:width] + 1:
                longer = (*prefix, int(token))
                before = in_blank if prefix and token == prefix[-1] else either
                if before + gains[token] > -np.inf:
                    _add(grown, longer, before + gains[token], -np.inf)
                    states[longer] = int(following[token])
        best = sorted(grown, key=lambda prefix: -np.logaddexp(*grown[prefix]))[:width]
        masses = {prefix: grown[prefix] for prefix in best}
        states = {prefix: states[prefix] for prefix in best}
    ends = {prefix: model.distribution(states[prefix])[0] for prefix in masses}
    scores = {
        prefix: float(np.logaddexp(*masses[prefix]) + settings.language_scale * np.log(ends[prefix]))
        for prefix in masses
    }
    order = sorted(scores, key=lambda prefix: -scores[prefix])
    return order, np.array([scores[prefix] for prefix in order])


def _add(
    grown: dict[tuple[int, ...], tuple[float, float]], prefix: tuple[int, ...], in_token: float, in_blank: float
) -> None:
    old = grown.get(prefix, (-np.inf, -np.inf))
    grown[prefix] = float(np.logaddexp(old[0], in_token)), float(np.logaddexp(old[1], in_blank))
