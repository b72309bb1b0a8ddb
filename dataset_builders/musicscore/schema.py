"""The row of MusicScore: columns, caption, and the split of a work.

Conventions: `page` counts from 1 as in the published file names `IMSLP<id>_<page>.jpg`; unknown text fields are `""`;
`phash` is 256 bits in hexadecimal; all pages of a `split_group` (a work, or works that share a page) lie in one split.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field

from datasets import Features, Image, Value

from scorehub.pipelines.text_to_score.prompt import FIELDS, write_prompt

SPLITS = ("train", "validation", "test")
# Shares of the published 14k archives: 2.18 GB, 472 MB and 467 MB of jpg.
SPLIT_SHARES = (0.7, 0.15, 0.15)

FEATURES = Features(
    {
        "image": Image(),
        "text": Value("string"),
        "imslp_id": Value("string"),
        "source": Value("string"),
        "page": Value("int32"),
        "n_pages": Value("int32"),
        "title": Value("string"),
        "composer": Value("string"),
        "key": Value("string"),
        "instrumentation": Value("string"),
        "piece_style": Value("string"),
        "genre": Value("string"),
        "period": Value("string"),
        "year": Value("string"),
        "language": Value("string"),
        "license": Value("string"),
        "page_kind": Value("string"),
        "score_probability": Value("float32"),
        "music_fraction": Value("float32"),
        "sha256": Value("string"),
        "phash": Value("string"),
        "split_group": Value("string"),
        "general_information": Value("string"),
    }
)

_IMSLP_ID = re.compile(r"IMSLP(\d+)")


@dataclass(frozen=True)
class WorkMetadata:
    """What is known about a work, in our field names; unknown fields are `""`.

    `general_information` keeps the source's own table (IMSLP's headers as they stand), so that nothing is lost.
    """

    title: str = ""
    composer: str = ""
    key: str = ""
    instrumentation: str = ""
    piece_style: str = ""
    genre: str = ""
    period: str = ""
    year: str = ""
    language: str = ""
    license: str = ""
    general_information: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, str]:
        """The named text columns, without `general_information`."""
        record = asdict(self)
        del record["general_information"]
        return record

    def general_information_json(self) -> str:
        """The source's own table as JSON, `""` without one."""
        if not self.general_information:
            return ""
        return json.dumps(self.general_information, ensure_ascii=False, sort_keys=True)


def imslp_id(name: str) -> str:
    """`IMSLP514102` out of a file name such as `IMSLP514102_17.jpg`, or `""`."""
    match = _IMSLP_ID.search(name)
    return f"IMSLP{match.group(1)}" if match else ""


def caption(work: WorkMetadata) -> str:
    """The text condition of the paper (seed section 4.1), with the slots that are known.

    >>> caption(WorkMetadata(instrumentation="violin", key="A major"))
    'a music score, instrumentation is violin, key is A major'
    """
    return write_prompt({name: getattr(work, name) for name in FIELDS})


def work_group(work: WorkMetadata, source: str) -> str:
    """The name that all editions and files of one work share: composer and title, else the IMSLP id, else the file."""
    if work.title:
        return re.sub(r"\W+", " ", f"{work.composer} {work.title}").strip().casefold()
    return imslp_id(source) or source


def split_of(group: str) -> str:
    """The split of a group: its hash decides, so that it never moves when other works come or go."""
    name = group.encode(errors="surrogatepass")  # a group may be a file's name, which need not be UTF-8
    position = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") / 2**64
    train, validation, _ = SPLIT_SHARES
    if position < train:
        return "train"
    return "validation" if position < train + validation else "test"
