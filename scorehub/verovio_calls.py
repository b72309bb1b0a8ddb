"""What `scorehub.engraving` asks of verovio: functions for a `scorehub.sandbox`, where verovio may die of its input.

Humdrum with a line of too few fields, for one, makes verovio end its process.
"""

import base64
import json
import re
from functools import lru_cache
from typing import Any

import verovio

# When it was engraved, and what is left of the notation before: the same notation shall give the same MEI.
_VARYING = re.compile(' (?:isodate|decls)="[^"]*"')


def engrave(notation: str, options: dict[str, Any]) -> tuple[None, list[bytes]]:
    """MEI and the SVG of each page, or nothing if verovio cannot read the notation."""
    toolkit, is_read = _loaded(notation, json.dumps(options))
    if not is_read:
        return None, []
    mei = _VARYING.sub("", toolkit.getMEI())
    texts = [mei, *(toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1))]
    return None, [text.encode(errors="replace") for text in texts]


def times(notation: str, options: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Verovio's timemap and expansion map."""
    toolkit, _ = _loaded(notation, json.dumps(options))
    timemap = toolkit.renderToTimemap({"includeMeasures": True})
    return {"timemap": timemap, "expansion": toolkit.renderToExpansionMap()}, []


def midi(notation: str, options: dict[str, Any]) -> tuple[None, list[bytes]]:
    """A MIDI file."""
    toolkit, _ = _loaded(notation, json.dumps(options))
    return None, [base64.b64decode(toolkit.renderToMIDI())]


@lru_cache(maxsize=1)
def _toolkit() -> verovio.toolkit:
    # Loading verovio's fonts costs more than a page, so one toolkit serves all calls.
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


@lru_cache(maxsize=1)
def _loaded(notation: str, options: str) -> tuple[verovio.toolkit, bool]:
    """The toolkit with this notation in it, and whether it could be read.

    The cache holds what the toolkit holds: who asks for the times of what was just engraved pays for no second load.
    """
    toolkit = _toolkit()
    toolkit.resetOptions()
    toolkit.setOptions(json.loads(options))
    return toolkit, toolkit.loadData(notation)
