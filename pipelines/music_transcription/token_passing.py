"""Search behind `word_graph.decode`: sums over alignments, forward and backward, all hypotheses of a frame at once.

A hypothesis is a history of the language model with its last token, from the frame in which it begins. Its mass is the
sum of exp(score) over the alignments that lead to it, in two parts: those that end in the token and those that end in
a blank after it. Masses are divided by the greatest one after each frame.

Where a network is unsure of all, the beam leaves more than can be read: of the hypotheses and entries of a frame, only
the best `max_active` go on, and their equals.

A frame in which no token comes within the beam of the blank only moves mass to the blank; a row of such frames is one
step. Elsewhere a token further from the blank than the beam is left out: both drop only what the beam would drop.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .language_model import NgramModel


@dataclass(frozen=True)
class GraphSettings:
    """Weights and widths of the search; `word_graph` says what they mean. ValueError where one is out of range."""

    acoustic_scale: float = 2.5
    language_scale: float = 1.0
    insertion: float = -0.8  # is added for each token
    beam: float = 15.0
    lattice_beam: float = 12.0
    max_active: int = 3000  # hypotheses and entries of a frame

    def __post_init__(self) -> None:
        if not (0 < self.acoustic_scale < np.inf and 0 <= self.language_scale < np.inf):
            raise ValueError(f"acoustic_scale must be above 0, language_scale at least 0, got {self}")
        if not (0 < self.beam < 700 and 0 < self.lattice_beam < 700 and abs(self.insertion) < 100):
            raise ValueError(f"beams must be above 0 and below 700, insertion within 100 of 0, got {self}")
        if self.max_active < 1:
            raise ValueError(f"max_active must be at least 1, got {self}")


class Arcs(NamedTuple):
    """Columns of arcs, sorted by source; `word_graph.WordGraph` says what they are."""

    source: np.ndarray
    target: np.ndarray
    token: np.ndarray
    start: np.ndarray
    end: np.ndarray
    weight: np.ndarray
    language: np.ndarray


class _Step(NamedTuple):
    """A frame: what is alive before it, and the entries, by which hypotheses get further tokens.

    For a row of blank frames nothing but `alive` is given.
    """

    alive: np.ndarray  # (n,) nodes
    frame: int = 0
    stay: np.ndarray = np.empty(0)  # (n,) exp(score) of the last token once more
    blank: float = 1.0  # exp(score) of a blank
    norm: float = 1.0  # what masses are divided by afterwards
    place: np.ndarray = np.empty(0, np.int64)  # (E,) rows of `alive` that entries come from
    entered: np.ndarray = np.empty(0, np.int64)  # (E,) nodes that they lead to
    repeats: np.ndarray = np.empty(0)  # (E,) whether the token is the same again, so that a blank must lie between
    gain: np.ndarray = np.empty(0)  # (E,) exp(score) of entering
    mass: np.ndarray = np.empty(0)  # (E,) of alignments that enter


def search(log_posteriors: np.ndarray, model: NgramModel, settings: GraphSettings) -> tuple[Arcs, float]:
    """All arcs that the beam leaves, and the logarithm of the sum of exp(score) over all paths."""
    model.trim()
    forward = _Forward(log_posteriors, model, settings)
    final = forward.language(forward.live[_ROW], 0)
    ends = forward.alive_mass() * final
    total = float(ends.sum())
    posteriors = _backward(forward, final / total)
    return _gather(forward, posteriors, ends / total, log_posteriors), forward.log_scale + float(np.log(total))


_NODE, _TOKEN, _ROW, _BORN, _KEY = range(5)  # rows of `live`


class _Forward:
    """Steps from the first to the last frame; `live` (5, n) and `mass` (2, n) are of the hypotheses alive."""

    def __init__(self, log_posteriors: np.ndarray, model: NgramModel, settings: GraphSettings):
        self.model, self.settings = model, settings
        self.insertion, self.beam = float(np.exp(settings.insertion)), float(np.exp(-settings.beam))
        self.steps: list[_Step] = []
        self.live = np.array([[0], [0], [model.row(model.start)], [-1], [-1]])
        self.mass = np.array([[0.0], [1.0]])  # that ends in the token, in a blank
        self.token, self.row = [0], [int(self.live[_ROW, 0])]  # of all nodes
        self.log_scale = 0.0
        self._run(log_posteriors)

    def alive_mass(self) -> np.ndarray:
        """(n,) mass of each hypothesis alive."""
        return self.mass[0] + self.mass[1]

    def language(self, rows: np.ndarray, tokens: np.ndarray | int) -> np.ndarray:
        """Scaled probabilities of tokens after histories."""
        probabilities = self.model.probabilities[rows, tokens]
        scale = self.settings.language_scale
        return probabilities if scale == 1 else probabilities**scale

    def _run(self, log_posteriors: np.ndarray) -> None:
        scale, blank = self.settings.acoustic_scale, log_posteriors[:, 0]
        reach = (self.settings.beam + max(self.settings.insertion, 0.0)) / scale
        near = log_posteriors > (blank - reach)[:, None]
        near[:, 0] = False
        frame, token = np.divmod(np.flatnonzero(near), near.shape[1])
        frames, first = np.unique(frame, return_index=True)
        top = np.zeros(len(blank))
        top[frames] = log_posteriors[frames].max(1)
        emission = np.exp(scale * (log_posteriors[frame, token] - top[frame]))
        blank_emission = np.exp(scale * (blank - top))
        self.log_scale = scale * float(top.sum() + np.delete(blank, frames).sum())
        done = 0
        bounds = pairwise([*first.tolist(), len(frame)])
        for now, (begin, end) in zip(frames.tolist(), bounds, strict=True):
            if now > done:
                self._skip()
            self._step(now, token[begin:end], emission[begin:end], float(blank_emission[now]))
            done = now + 1
        if done < len(blank):
            self._skip()

    def _skip(self) -> None:
        self.steps.append(_Step(self.live[_NODE]))
        total = self.alive_mass()
        self.mass = np.array([0.0 * total, total])

    def _step(self, frame: int, tokens: np.ndarray, emission: np.ndarray, blank: float) -> None:
        """Passes a frame; `tokens` (c,) come within the beam of the blank, `emission` is their exp(score)."""
        alive, total = self.live[_NODE], self.alive_mass()
        same = self.live[_TOKEN][:, None] == tokens
        stay = same @ emission
        gains = self.language(self.live[_ROW][:, None], tokens) * (emission * self.insertion)
        entering = gains * np.where(same, self.mass[1][:, None], total[:, None])
        mass = np.empty_like(self.mass)
        np.multiply(self.mass[0], stay, out=mass[0])
        np.multiply(total, blank, out=mass[1])
        threshold = self._threshold(mass[0] + mass[1], entering)
        place, column = np.nonzero(entering >= threshold)
        inflow, entered = entering[place, column], place
        if len(place):  # in half of all frames nothing enters
            target, new = self._targets(place, tokens[column], mass[0] >= threshold, frame)
            if new.shape[1]:
                self.live = np.concatenate([self.live, new], 1)
                mass = np.concatenate([mass, np.zeros((2, new.shape[1]))], 1)
            mass[0] += np.bincount(target, inflow, mass.shape[1])
            entered = self.live[_NODE][target]
        repeats, gain = same[place, column], gains[place, column]
        total = mass[0] + mass[1]
        norm = float(total.max())
        self.log_scale += np.log(norm)
        self.steps.append(_Step(alive, frame, stay, blank, norm, place, entered, repeats, gain, inflow))
        kept = total >= threshold
        if not kept.all():
            self.live, mass = self.live[:, kept], mass[:, kept]
        self.mass = mass / norm

    def _threshold(self, mass: np.ndarray, entering: np.ndarray) -> float:
        """The least mass with which hypotheses and entries go on."""
        threshold, most = max(float(mass.max()), float(entering.max())) * self.beam, self.settings.max_active
        if mass.size + entering.size <= most:
            return threshold
        masses = np.concatenate([mass, entering.ravel()])
        return max(threshold, float(np.partition(masses, -most)[-most]))

    def _targets(
        self, place: np.ndarray, tokens: np.ndarray, is_open: np.ndarray, frame: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where entries lead: places among what is alive and, after these, new hypotheses; and the latter's `live`.

        An entry joins a hypothesis that still sounds its token, and was born later than the one it comes from, so
        that arcs never form a circle.
        """
        state = self.model.next_states[self.live[_ROW][place], tokens]
        keys = state.astype(np.int64) * (self.model.n_tokens + 1) + tokens
        born, node_keys = self.live[_BORN].tolist(), self.live[_KEY].tolist()
        open_places: dict[int, list[int]] = {}
        for number in np.flatnonzero(is_open).tolist():
            open_places.setdefault(node_keys[number], []).append(number)
        new_places: dict[int, int] = {}
        targets: list[int] = []
        columns: list[tuple[int, int, int, int, int]] = []
        for source, key, after in zip(place.tolist(), keys.tolist(), state.tolist(), strict=True):
            for target in open_places.get(key, ()):
                if born[target] > born[source]:
                    break
            else:
                if key not in new_places:
                    new_places[key] = len(born) + len(columns)
                    columns.append(
                        (len(self.token), key % (self.model.n_tokens + 1), self.model.row(after), frame, key)
                    )
                    self.token.append(columns[-1][_TOKEN])
                    self.row.append(columns[-1][_ROW])
                target = new_places[key]
            targets.append(target)
        return np.array(targets, np.int64), np.array(columns, np.int64).reshape(-1, 5).T


def _backward(forward: _Forward, ends: np.ndarray) -> list[np.ndarray]:
    """(E,) posterior of each entry, for each step; `ends` (n,) is what each hypothesis alive ends with."""
    after_token, after_blank = np.zeros((2, len(forward.token)))
    after_token[forward.live[_NODE]] = after_blank[forward.live[_NODE]] = ends
    posteriors = []
    for step in reversed(forward.steps):
        alive = step.alive
        if not len(step.stay):
            after_token[alive] = after_blank[alive]
            posteriors.append(np.empty(0))
            continue
        through_blank = after_blank[alive] * (step.blank / step.norm)
        before_token = through_blank + after_token[alive] * (step.stay / step.norm)
        reached = after_token[step.entered] / step.norm
        posteriors.append(step.mass * reached)
        if len(reached):
            flow = step.gain * reached
            through_blank += np.bincount(step.place, flow, len(alive))
            flow[step.repeats] = 0.0
            before_token += np.bincount(step.place, flow, len(alive))
        after_token[alive], after_blank[alive] = before_token, through_blank
    return posteriors[::-1]


def _gather(forward: _Forward, posteriors: list[np.ndarray], ends: np.ndarray, log_posteriors: np.ndarray) -> Arcs:
    """Joins the entries of an arc in all frames; it begins in the frame of the greatest."""
    steps, last = forward.steps, len(forward.token)
    source = np.concatenate([step.alive[step.place] for step in steps] + [forward.live[_NODE]])
    target = np.concatenate([step.entered for step in steps] + [np.full(len(ends), last)])
    frames = [step.frame for step in steps] + [len(log_posteriors)]
    frame = np.repeat(frames, [len(step.mass) for step in steps] + [len(ends)])
    posterior = np.concatenate([*posteriors, ends])
    order = np.argsort(posterior)
    pair, number = np.unique(source * (last + 1) + target, return_inverse=True)
    start = np.empty(len(pair), np.int64)
    start[number[order]] = frame[order]  # the last of equal places stays
    sums = np.bincount(number, posterior)
    pair, start, sums = pair[sums > 0], start[sums > 0], sums[sums > 0]
    source, target = np.divmod(pair, last + 1)
    token = np.array([*forward.token, 0])[target]
    weight = np.log(sums / np.bincount(source, sums)[source])
    language = np.log(forward.language(np.array(forward.row)[source], token))
    language += np.where(token > 0, forward.settings.insertion, 0.0)
    return Arcs(source, target, token, start, _ends(start, token, log_posteriors), weight, language)


def _ends(start: np.ndarray, token: np.ndarray, log_posteriors: np.ndarray) -> np.ndarray:
    """The frame after each token: it lasts as long as it is more probable than the blank, and at least one frame."""
    last = len(log_posteriors) - 1
    end = np.minimum(start + 1, last + 1)
    going = end <= last
    while going.any():
        where = np.minimum(end, last)
        going &= (end <= last) & (log_posteriors[where, token] > log_posteriors[where, 0])
        end = end + going
    return end
