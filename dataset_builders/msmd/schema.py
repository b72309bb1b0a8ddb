"""The row of MSMD: one score of one piece as images, and where and when each of its notes is.

Conventions: images are grey; `layout` is "pages" or "strip" (all systems side by side in one image); `x`, `y` are the
centre of a box in pixels of its image, y down; `page` and `system` count from 0, systems through the whole piece in
reading order. `onset` is seconds in `midi` and `audio`, `onset_quarter` the same in quarters; a notehead that a repeat
plays again has a row for each time. A `tied` notehead goes on with a note: nothing is struck at its onset. Unknown
numbers are null, unknown text is `""`. `features` are the .npy files of the original, as they are. All pieces of one
opus have one `split_group`; MSMD's own splits go across some of these.
"""

from datasets import Features, Image, List, Value

from scorehub.dataset_builders.audio_column import AUDIO

LAYOUTS = ("pages", "strip")

_BOXES = {
    "page": List(Value("int32")),
    "system": List(Value("int32")),
    "x": List(Value("float32")),
    "y": List(Value("float32")),
    "w": List(Value("float32")),
    "h": List(Value("float32")),
}
_NOTEHEADS = _BOXES | {
    "pitch": List(Value("int32")),
    "onset": List(Value("float64")),
    "onset_quarter": List(Value("float64")),
    "tied": List(Value("bool")),
}
FEATURE_FILES = ("midi", "notes", "onsets", "spec")  # MSMD's names: piano roll, note events, onset frames, spectrogram

FEATURES = Features(
    {
        "piece": Value("string"),
        "split_group": Value("string"),
        "composer": Value("string"),
        "score": Value("string"),
        "performance": Value("string"),
        "layout": Value("string"),
        "pages": List(Image()),
        "dpi": Value("float32"),
        "systems": _BOXES,
        "bars": _BOXES,
        "noteheads": _NOTEHEADS,
        "midi": Value("binary"),
        "audio": AUDIO,
        "features": {name: Value("binary") for name in FEATURE_FILES},
        "license": Value("string"),
        "source": Value("string"),
    }
)


def split_group(piece: str) -> str:
    """Composer and opus of a piece's name, which is `COMPOSER__OPUS__FILE`."""
    return "__".join(piece.split("__")[:2])


def composer(piece: str) -> str:
    """The composer in Mutopia's spelling, such as `BachJS`; `""` where the name has none."""
    first, separator, _ = piece.partition("__")
    return first if separator and first not in ("Anonymous", "Traditional") else ""
