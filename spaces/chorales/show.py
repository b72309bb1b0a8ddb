"""Chorales as HTML: on their way as lines of four colours, finished as a score with what is to be said of it."""

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from scorehub.chorales import EMBEDDED
from scorehub.pipelines.chorales.grids import HIGHEST, LOWEST, REST, STEPS_PER_BAR, VALUES, VOICES, runs
from scorehub.spaces import markup
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.spaces.chorales.engraved import engrave_chorale
from scorehub.spaces.chorales.melody import Melody
from scorehub.spaces.chorales.networks import Network
from scorehub.spaces.chorales.writing import Unfinished
from scorehub.voice_leading import KINDS, Fault, find_faults

EMPTY = "Nothing is written yet"
# Faults in a hundred bars of Bach's own, as `find_faults` counts them in the 382 pieces of Jsb16thSeparated.json: the
# row of all in benchmarks/chorales.md, by `python benchmarks/chorales.py --data_dir Jsb16thSeparated.json.gz`.
BACH = dict(zip(KINDS, (1.0, 0.7, 8.8, 4.9, 3.6), strict=True))
_SHOWN_PLACES = 6  # of each rule
_BEFORE = 4  # sixteenths that are heard before a place
_HINT = "What sounds is blue, what breaks a rule red. Click a note to hear the chorale from there."


def no_networks(model: object) -> str:
    """What is said where there is nothing to write with."""
    folder = escape(str(model or EMBEDDED))
    return (
        f'<div class="reason"><b>There is no trained network in <code>{folder}</code>.</b><p>Train one, and give this '
        "page the folder:</p><pre>python -m scorehub.trainers.chorales --preset tonicnet --data_dir "
        "Jsb16thSeparated.json --output_dir runs/tonicnet\nCHORALES_MODEL=runs/tonicnet/model python "
        "spaces/chorales/app.py</pre></div>"
    )


def empty() -> str:
    """Before there is a chorale."""
    return f'<div class="sheet empty">{EMPTY}</div>'


def melody_html(melody: Melody) -> str:
    """A melody as it was understood."""
    bars = _bars(len(melody.pitches) / STEPS_PER_BAR)
    other = "" if melody.measure == 1 else f"The chorale will be barred in 4/4, not {4 * melody.measure} quarters."
    hint = f'<p class="hint">{escape(other)}</p>' if other else ""
    return f'{markup.title("Melody", bars)}{hint}<div class="sheet small">{melody.engrave()}</div>'


def unfinished_html(unfinished: Unfinished, upbeat: int) -> str:
    """Four voices as lines, each in its colour; paler where they are about to be drawn anew."""
    steps = len(unfinished.grid)
    lines = "".join(
        f'<rect class="{name}" x="{begin}" y="{VALUES - 1 - value}" width="{end - begin}" height="1" '
        f'opacity="{1 if stands else 0.3}"/>'
        for voice, name in enumerate(VOICES)
        for begin, end, value, stands in _lines(unfinished.grid[:, voice], unfinished.stands[:, voice])
    )
    bars = "".join(f"M{step} 0V{VALUES - 1}" for step in range(upbeat, steps, STEPS_PER_BAR))
    octaves = "".join(f"M0 {HIGHEST + 1 - pitch}H{steps}" for pitch in range(48, HIGHEST, 12) if pitch > LOWEST)
    legend = "".join(f'<span class="{name}">{name}</span>' for name in VOICES)
    return (
        f'<figure class="growing"><svg viewBox="0 0 {steps} {VALUES - 1}" preserveAspectRatio="none">'
        f'<path d="{octaves}{bars}"/>{lines}</svg><figcaption>{legend}</figcaption></figure>'
    )


def _lines(values: np.ndarray, stands: np.ndarray) -> list[tuple[int, int, int, bool]]:
    """Begin, end and value of what a voice sings, and whether it stands."""
    alike = runs(2 * values + stands)  # one number for both
    return [(begin, end, both // 2, bool(both % 2)) for begin, end, both in alike if both // 2 > REST]


def result(chorale: Chorale, network: Network) -> dict[str, str]:
    """All that is shown of a finished chorale: `head`, and below the sound `html`."""
    faults = find_faults(chorale.pitches)
    redone = f"voices drawn again {markup.count(chorale.redone, 'time')}" if chorale.redone else ""
    head = markup.title(
        f"{network.name}, seed {chorale.seed}", redone, _bars(chorale.bars), _likelihood(chorale, network)
    )
    score = f'<div class="sheet written" tabindex="0">{engrave_chorale(chorale, faults)}</div>'
    return {"head": head, "html": f'<p class="hint">{_HINT}</p>{score}{_findings(chorale, faults)}'}


def _bars(bars: float) -> str:
    return f"{bars:g} bar{'s' * (bars != 1)}"


def _likelihood(chorale: Chorale, network: Network) -> str:
    bach = "" if network.held_out is None else f" (Bach's that it has not read: {network.held_out:.2f})"
    return f"{chorale.nll:.2f} nats a voice and sixteenth{bach}"


def _findings(chorale: Chorale, faults: Sequence[Fault]) -> str:
    """The rules, how often each is broken, and where."""
    heads = "".join(f"<th>{head}</th>" for head in ("Rule", "Broken", "By Bach", "Where"))
    counts = Counter(fault.kind for fault in faults)
    rows = "".join(
        f'<tr><td>{markup.sentence(kind)}</td><td data-count="{counts[kind]}">{counts[kind] or "never"}</td>'
        f"<td>{BACH[kind] * chorale.bars / 100:.1f}</td><td>{_places(chorale, faults, kind)}</td></tr>"
        for kind in KINDS
    )
    table = f'<table class="findings"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'{table}<p class="hint">By Bach: how often in as many bars of his.</p>'


def _places(chorale: Chorale, faults: Sequence[Fault], kind: str) -> str:
    broken = [(number, fault) for number, fault in enumerate(faults) if fault.kind == kind]
    buttons = "".join(
        f'<button data-faults="{number}" data-on="{chorale.seconds(max(0, fault.step - _BEFORE)):.3f}">'
        f"{chorale.place(fault.step)} <small>{', '.join(VOICES[voice] for voice in fault.voices)}</small></button>"
        for number, fault in broken[:_SHOWN_PLACES]
    )
    more = len(broken) - _SHOWN_PLACES
    return buttons + (f"<small>and {more:,} more</small>" if more > 0 else "")
