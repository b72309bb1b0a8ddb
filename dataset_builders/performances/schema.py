"""The row of `performances`: one performance of one piece.

Conventions: score time is seconds on the time axis of `score_midi`, where repeats are played out; performance time is
seconds in `performance_midi`; `score_onset` is quarters from the beginning of the written score. Unknown numbers are
None, unknown text is `""`. All performances of a piece have one `split_group` and lie in one split.
"""

from datasets import Features, List, Value

from scorehub.dataset_builders.audio_column import AUDIO

LICENSE = "CC BY-NC-SA 4.0"  # of ASAP and (n)ASAP as a whole

MATCH, INSERTION, DELETION = "match", "insertion", "deletion"


FEATURES = Features(
    {
        "piece": Value("string"),
        "composer": Value("string"),
        "title": Value("string"),
        "performer": Value("string"),
        "performance": Value("string"),
        "score": Value("string"),
        "score_format": Value("string"),
        "score_midi": Value("binary"),
        "performance_midi": Value("binary"),
        "beats": {
            "score_time": List(Value("float64")),
            "performance_time": List(Value("float64")),
            "label": List(Value("string")),
            "time_signature": List(Value("string")),
            "key": List(Value("string")),
        },
        "notes": {
            "score_id": List(Value("string")),
            "score_onset": List(Value("float64")),
            "score_time": List(Value("float64")),
            "onset": List(Value("float64")),
            "duration": List(Value("float64")),
            "pitch": List(Value("int32")),
            "velocity": List(Value("int32")),
            "matched": List(Value("string")),
        },
        "aligned": Value("bool"),
        "audio": AUDIO,
        "source": Value("string"),
        "license": Value("string"),
        "split_group": Value("string"),
    }
)
