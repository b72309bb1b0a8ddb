"""The builder behind `load_dataset("js_fakes")`: 500 four-part chorales that KS_Chorus wrote, and 700 more.

load_dataset("js_fakes", data_dir="js-fakes/")              # a checkout or archive with midi/0.mid to 499.mid
load_dataset("js_fakes", "extended", data_dir="js-fakes/")  # also jsf-extended/

`realism` is the share of answers in the listening test that took a chorale for Bach's, where `metadata.json` has it
(converted from the published pickle, which is not opened here: a pickle can run code).

Source: Peracha, JS Fake Chorales: a Synthetic Dataset of Polyphonic Music with Human Annotation, 2021.
"""

import json
import re
from typing import Any

import datasets

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, split_by_group
from scorehub.dataset_builders.note_tables import load_table

FOLDERS = {"annotated": ("midi",), "extended": ("midi", "jsf-extended")}
METADATA = ("metadata.json", "metadata.json.gz")

_PATH = re.compile(r"(?:[^/]+/)?(midi|jsf-extended)/(\d+)\.mid")


class JsFakes(NoteCorpus):
    """Machine-made chorales in four tracks: soprano, alto, tenor, bass."""

    FACTS = Facts(
        title="JS Fake Chorales",
        homepage="https://github.com/omarperacha/js-fakes",
        license="CC BY 4.0",
        citation="""@inproceedings{peracha2022js,
  title={{JS} Fake Chorales: a Synthetic Dataset of Polyphonic Music with Human Annotation},
  author={Omar Peracha},
  booktitle={Sound and Music Computing Conference},
  year={2022}
}""",
        obtain="a checkout of github.com/omarperacha/js-fakes, or an archive of it",
    )
    COLUMNS = datasets.Features({**note_rows.FEATURES, "realism": datasets.Value("float32")})
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(name="annotated", description="500 chorales that took part in the listening test."),
        NoteConfig(name="extended", description="The same and 700 more."),
    ]
    DEFAULT_CONFIG_NAME = "annotated"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        realism = find_realism(files)
        found = {name: match for name in sorted(files.members) if (match := _PATH.fullmatch(name))}
        return split_by_group(
            Piece(
                path=name,
                title=f"{match[1]} {match[2]}",
                group=f"js_fakes {match[1]} {match[2]}",
                source=f"js-fakes {match[1]}/{match[2]}.mid",
                composer="KS_Chorus",
                year="2021",
                license=self.FACTS.license,
                more={"realism": realism.get(f"{match[1]}/{match[2]}.mid")},
            )
            for name, match in found.items()
            if match[1] in FOLDERS[self.config.name]
        )


def find_realism(files: Files) -> dict[str, float]:
    """File -> share of answers that took it for Bach's; nothing where there is no table.

    Raises:
        ValueError: the table is no JSON of this form, or too large.
    """
    data = load_table(files, *METADATA)
    try:
        table: Any = json.loads(data or b"{}")
        totals = {path: row["total"] for path, row in table.items()}
        return {
            path: 1 - total["correct"] / total["responses"] for path, total in totals.items() if total["responses"]
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{METADATA[0]} must be the listening test's results as JSON, got: {error!r}") from None
