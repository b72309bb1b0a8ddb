"""The row of Camera-PrIMuS: one staff of music as picture, tokens and sound.

Conventions: images are grey; `semantic` and `agnostic` are PrIMuS's own text, tokens separated by tabs; audio is mono,
22,050 Hz, FLAC, and null where it was not asked for or would be longer than the limit; what a source does not have is
`""` or null; all rows of a `split_group` come from one source (a RISM record, a manuscript) and share a grouped fold.
"""

from datasets import Features, Image, Value

from scorehub.dataset_builders.audio_column import AUDIO

FOLDS = 5

FEATURES = Features(
    {
        "id": Value("string"),
        "image": Image(),
        "distorted": Image(),
        "semantic": Value("string"),
        "agnostic": Value("string"),
        "mei": Value("string"),
        "notation": Value("string"),
        "notation_format": Value("string"),
        "midi": Value("binary"),
        "audio": AUDIO,
        "n_tokens": Value("int32"),
        "seconds": Value("float32"),
        "split_group": Value("string"),
        "fold": Value("int32"),
        "title": Value("string"),
        "composer": Value("string"),
        "source": Value("string"),
        "license": Value("string"),
    }
)
