"""The sample: single-voice tunes of the project, cut into lines and engraved, so that it needs no data.

The tunes are in the public domain, and the engraving is ours to give.
"""

from functools import lru_cache

from scorehub.dataset_builders.camera_primus.incipits import Incipit
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import Tune, load_tune, tune_names

LICENSE = "CC0 1.0"
LINES_PER_TUNE = 2

_BREAK = "!!LO:PB:g=z\n"


@lru_cache(maxsize=1)
def sample_incipits() -> dict[str, Incipit]:
    """The first lines of every tune for one voice, by their ids."""
    tunes = [tune for tune in map(load_tune, tune_names()) if len(tune.voices) == 1]
    return {incipit.id: incipit for tune in tunes for incipit in _lines(tune)}


def _lines(tune: Tune) -> list[Incipit]:
    """A tune's lines as **kern documents with clef, key and meter; lyrics and dynamics stay behind."""
    rows = [line.split("\t")[0] for line in to_humdrum(tune).splitlines()]
    kern = "\n".join(row for row in rows if row != "." and not row.startswith(("!!!", "*I", "*staff"))) + "\n"
    first, *others = kern.split(_BREAK)
    header = "".join(line for line in first.splitlines(keepends=True) if line.startswith("*"))
    # The bar line that ended a line stands at the beginning of the next.
    lines = [first, *(header + other.partition("\n")[2] for other in others)][:LINES_PER_TUNE]
    return [
        Incipit(
            f"{tune.name}-{number}",
            line if line.endswith("*-\n") else f"{line}=\n*-\n",
            "kern",
            group=tune.name,
            source=f"{tune.name}.abc, line {number}",
            license=LICENSE,
            title=tune.header["T"],
            composer=tune.header.get("C", ""),
        )
        for number, line in enumerate(lines, 1)
    ]
