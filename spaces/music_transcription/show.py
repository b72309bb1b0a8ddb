"""What was read, as HTML: picture, engraving and sound one below the other with their signs marked, and tables.

All that belongs to a sign has its number as `data-place`, by which `browser` finds it; a stretch has several.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby, pairwise

import numpy as np
from PIL import Image

from scorehub.spaces.markup import clock, count, picture_address, sentence, title
from scorehub.spaces.music_transcription.engraved import Engraved
from scorehub.spaces.music_transcription.reading import Difference, Reading, Said, Sign, between
from scorehub.spaces.music_transcription.sources import WHOLE, Picture
from scorehub.spaces.music_transcription.transcribing import Transcribed

LEVELS = {
    "sure": "sure",
    "likely": "less sure",
    "unsure": "unsure",
    "differs": "picture and recording differ",
}
SIDES = {"optical": "picture", "audio": "recording"}
QUARTERS_A_SECOND = 2.0  # of the result as it sounds
_SIGN_PX, _LEAST_PX, _MOST_PX = 26, 72, 230  # width of a sign, least and greatest height of the first strip
_SHOWN_PX = 2400  # long side of a picture in the page
_INK = (17, 78, 74)  # of what is heard


def page(done: Transcribed) -> dict[str, str]:
    """All of it: `head`, and below the sounds `html`."""
    reading = done.reading
    head = _summary(done) + "".join(f'<p class="doubt">{escape(text)}</p>' for text in done.doubts)
    if not reading.signs and not reading.differences:
        return {"head": head, "html": ""}
    html = (
        _strips(done)
        + '<p class="inspector" aria-live="polite">Point at a sign to see what it is, click to hear it.</p>'
        + _legend(reading)
        + _differences(reading)
        + _signs(reading)
    )
    return {"head": head, "html": html}


def cutter(picture: Picture) -> str:
    """The whole picture, with what is read of it in a frame."""
    left, top, right, bottom = (100 * share for share in picture.box)
    frame = f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
    hidden = " hidden" if picture.box == WHOLE else ""
    ratio = picture.page.shape[1] / picture.page.shape[0]
    return (
        f'<div class="cutter" style="--ratio: {ratio:.4f}"><img alt="Picture, to be cut" draggable="false" '
        f'src="{_address(picture.page)}"><div class="frame" style="{frame}"{hidden}></div></div>'
    )


def _summary(done: Transcribed) -> str:
    reading = done.reading
    if not reading.signs:
        head = "Nothing was read"
    elif len(reading.sides) == 1:
        head = f"Read from the {SIDES[reading.sides[0]]} alone"
    elif reading.differences:
        head = f"Picture and recording differ in {count(len(reading.differences), 'place')}"
    else:
        head = "Picture and recording agree"
    unsure = sum(sign.level == "unsure" for sign in reading.signs)
    measures = reading.signs[-1].measure if reading.signs else 0
    facts = [count(len(reading.signs), "sign"), count(measures, "measure"), f"{unsure} unsure" if unsure else ""]
    return title(head, *facts, f"read in {done.seconds:.1f} s")


def _strips(done: Transcribed) -> str:
    reading, strips, ratio = done.reading, [], 0.0
    if done.given.picture is not None:
        staff = done.given.picture.staff
        width, ratio = staff.shape[1], staff.shape[1] / staff.shape[0]
        image = f'<img alt="The picture" draggable="false" src="{_address(staff)}">'
        marks = _marks(reading.signs, [_share(sign.x, width) for sign in reading.signs])
        strips.append(
            _strip("Picture", image, marks, _pins(reading, [_share(d.x, width) for d in reading.differences]))
        )
    if done.engraved is not None:
        ratio = ratio or done.engraved.ratio
        strips.append(_engraving(reading, done.engraved))
    if done.given.recording is not None and done.spectrum is not None:
        seconds = done.given.recording.seconds
        ratio = ratio or seconds
        image = f'<img class="spectrum" alt="What is heard" draggable="false" src="{_address(_inked(done.spectrum))}">'
        marks = _marks(reading.signs, [_share(sign.time, seconds) for sign in reading.signs])
        pins = _pins(reading, [_share(d.time, seconds) for d in reading.differences])
        strips.append(_strip(f"Recording, {clock(seconds)} s", image, marks, pins))
    least = max(_SIGN_PX * len(reading.signs), _LEAST_PX * ratio)
    size = f"--least:{least:.0f}px;--most:{max(least, _MOST_PX * ratio):.0f}px"
    return f'<div class="strips" tabindex="0"><div style="{size}">{"".join(strips)}</div></div>'


def _strip(name: str, content: str, marks: str, pins: str) -> str:
    return f'<figure><figcaption>{name}</figcaption>{pins}<div class="paper">{content}{marks}</div></figure>'


def _engraving(reading: Reading, engraved: Engraved) -> str:
    svg = engraved.svg
    for level in ("differs", "unsure", "likely"):
        for place, sign in enumerate(reading.signs):
            if sign.level == level:
                svg = svg.replace(f'data-place="{place}"', f'data-place="{place}" data-level="{level}"')
    pins = _pins(reading, [between(engraved.xs, *difference.span) for difference in reading.differences])
    style = f"max-width:{_MOST_PX * engraved.ratio:.0f}px"
    return f'<figure class="engraved" style="{style}"><figcaption>Engraved</figcaption>{pins}{svg}</figure>'


def _marks(signs: Sequence[Sign], shares: Sequence[float | None]) -> str:
    """What can be pointed at: each sign's part of a strip, to half-way to its neighbours."""
    known = [(place, share) for place, share in enumerate(shares) if share is not None]
    edges = [0.0, *((a + b) / 2 for (_, a), (_, b) in pairwise(known)), 1.0]
    marks = []
    for (place, share), left, right in zip(known, edges, edges[1:], strict=False):
        width = max(right - left, 1e-6)
        at = f"left:{100 * left:.3f}%;width:{100 * width:.3f}%;--at:{100 * (share - left) / width:.1f}%"
        marks.append(f'<i class="mark" data-level="{signs[place].level}" data-place="{place}" style="{at}"></i>')
    return "".join(marks)


def _pins(reading: Reading, shares: Iterable[float | None]) -> str:
    pins = [
        f'<b data-place="{_places(one)}" style="left:{100 * share:.3f}%">{one.number}</b>'
        for one, share in zip(reading.differences, shares, strict=True)
        if share is not None
    ]
    return f'<div class="pins">{"".join(pins)}</div>' if reading.differences else ""


def _legend(reading: Reading) -> str:
    used = [level for level in LEVELS if any(sign.level == level for sign in reading.signs)]
    return '<p class="legend">' + "".join(f'<span data-level="{one}">{LEVELS[one]}</span>' for one in used) + "</p>"


def _differences(reading: Reading) -> str:
    if not reading.differences:
        return ""
    heads = "".join(f"<th>{head}</th>" for head in ("", "Where", "Picture says", "Recording says", "Chosen"))
    rows = "".join(_difference(one, reading.signs) for one in reading.differences)
    return f'<table class="differences"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _difference(one: Difference, signs: Sequence[Sign]) -> str:
    onset = between([sign.onset for sign in signs], *one.span)
    buttons = _hear("result", None if onset is None else onset / QUARTERS_A_SECOND) + _hear("recording", one.time)
    by = " and ".join(SIDES[side] for side in one.sides)
    chosen = _said(one.chosen) + (f'<span class="by">as the {by} says</span>' if by else "")
    cells = ("Picture", _said(one.seen)), ("Recording", _said(one.heard)), ("Chosen", chosen)
    columns = "".join(f'<td data-head="{head}">{text}</td>' for head, text in cells)
    where = f"{escape(sentence(one.where))}<span>{buttons}</span>"
    return f'<tr data-place="{_places(one)}"><th><b>{one.number}</b></th><td>{where}</td>{columns}</tr>'


def _said(said: Sequence[Said]) -> str:
    lines = [f"{escape(one.words)} <small>{100 * one.probability:.0f} %</small>" for one in said]
    return "<br>".join(lines) or "<em>nothing</em>"


def _hear(sound: str, begin: float | None) -> str:
    if begin is None:
        return ""
    return f'<button data-hear="{sound}" data-from="{begin:.2f}">▶ {sound}</button>'


def _signs(reading: Reading) -> str:
    """The signs in words and as tokens, a line for each measure."""
    lines = []
    for measure, group in groupby(enumerate(reading.signs), key=lambda each: each[1].measure):
        chips = "".join(_chip(place, sign, reading) for place, sign in group)
        lines.append(f"<li><b>{measure}</b><div>{chips}</div></li>")
    return f'<h3>All signs, by measures</h3><ol class="signs">{"".join(lines)}</ol>'


def _chip(place: int, sign: Sign, reading: Reading) -> str:
    times = {"onset": None if sign.onset is None else sign.onset / QUARTERS_A_SECOND, "time": sign.time}
    data = "".join(f' data-{name}="{value:.3f}"' for name, value in times.items() if value is not None)
    return (
        f'<button class="chip" data-level="{sign.level}" data-place="{place}"{data} '
        f'data-tip="{escape(_tip(sign, reading))}">{escape(sign.words)}<small>{escape(sign.token)}</small></button>'
    )


def _tip(sign: Sign, reading: Reading) -> str:
    where = f"{sentence(sign.where)}: {sign.words}, {100 * sign.probability:.0f} %"
    if not sign.difference:
        return where
    one = reading.differences[sign.difference - 1]
    said = [", ".join(words for words, _ in side) or "nothing" for side in (one.seen, one.heard)]
    return f"{where}. Difference {one.number}: the picture says {said[0]}; the recording says {said[1]}"


def _places(one: Difference) -> str:
    return " ".join(map(str, range(*one.span)))


def _share(value: float | None, whole: float) -> float | None:
    return None if value is None else min(1.0, max(0.0, value / whole))


def _inked(spectrum: np.ndarray) -> np.ndarray:
    """Loud is dark, as ink is; (H, W) from 0 to 1 -> uint8 (H, W, 3)."""
    paper = np.array([255.0, 255.0, 255.0])
    return (paper + spectrum[..., None] ** 1.5 * (np.array(_INK) - paper)).round().astype(np.uint8)


def _address(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((_SHOWN_PX, _SHOWN_PX))
    return picture_address(image)
