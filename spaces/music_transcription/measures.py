"""Measures of a result that don't add up: what is written in them lasts longer or shorter than their time signature.

Lengths are parts of a whole note, as `timeline` counts them: grace notes last nothing, a fermata changes nothing.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from scorehub.pipelines.music_transcription.music import read_music
from scorehub.pipelines.music_transcription.semantic import MultiRest, TimeSignature
from scorehub.pipelines.music_transcription.sounding import timeline
from scorehub.spaces.markup import sentence
from scorehub.spaces.music_transcription.reading import Sign

_NAMED = 3  # of them in words


class _Measure(NamedTuple):
    number: int
    meter: TimeSignature | None
    lasts: Fraction


def doubt_measures(signs: Sequence[Sign]) -> list[str]:
    """One sentence, or none where all measures add up: `Measure 1 lasts 5/8 in 2/4.`

    The first one may be an upbeat, and the last one may lack what that has: they may be shorter. Before there is a
    time signature, measures can last as they like.
    """
    measures = _measures(signs)
    named = [
        f"measure {number} lasts {_length(lasts, meter)} in {_length(meter.measure, meter)}"
        for place, (number, meter, lasts) in enumerate(measures)
        if meter and lasts != meter.measure
        if lasts > meter.measure or 0 < place < len(measures) - 1
    ]
    if not named:
        return []
    more = f"; {len(named):,} in all don't add up" if len(named) > _NAMED else ""
    return [f"{sentence(', '.join(named[:_NAMED]))}{more}."]


def _measures(signs: Sequence[Sign]) -> list[_Measure]:
    """Those in which something lasts; rests of many measures are as long as they say."""
    music = read_music([sign.token for sign in signs])
    lengths = [lasts for _, lasts in timeline([*music.values()])]
    found, meter = [], None
    for number, group in groupby(zip(music, lengths, strict=True), key=lambda each: signs[each[0]].measure):
        own, whole = meter, Fraction(0)
        for place, lasts in group:
            token = music[place]
            if isinstance(token, TimeSignature):
                meter = token
                own = own if whole else token  # at the end of a measure it is the next one's
            whole += 0 if isinstance(token, MultiRest) else lasts
        if whole:
            found.append(_Measure(number, own, whole))
    return found


def _length(lasts: Fraction, meter: TimeSignature) -> str:
    """In the parts of its time signature, or smaller ones: `4/4` and not `1`."""
    part = math.lcm(lasts.denominator, meter.fraction[1])
    return f"{lasts * part}/{part}"
