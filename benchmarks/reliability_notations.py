"""Loaders of texts: notation, tokens, tables, pages of the web."""

from functools import cache

import reliability_bombs as bombs
import reliability_seeds as seeds
import reliability_tables as tables
import reliability_texts as texts
from reliability_archives import zips
from reliability_containers import GZIP, ZIP
from reliability_readers import (
    Form,
    Loader,
    bars,
    called,
    grids,
    maestro,
    of_folder,
    of_path,
    of_text,
    records,
    words,
)
from reliability_seeds import text

_NOTES = "notation.sounding:to_notes"
_ENGRAVED = of_text("engraving:engrave_score")
_PERFORMANCES, _MSMD, _PRIMUS = (f"dataset_builders.{name}" for name in ("performances", "msmd", "camera_primus"))
_SCORE_NOTES = f"{_PERFORMANCES}.score_notes:read_score_notes"


@cache
def _mei() -> bytes:
    return str(called("engraving:engrave_staff")(texts.PAE).mei).encode()


@cache
def _semantic() -> bytes:
    tokens = called("notation.pae:read_pae")(texts.PAE)
    return str(called("pipelines.music_transcription.semantic:write_semantic")(tokens)).encode()


@cache
def _agnostic() -> bytes:
    tokens = called("notation.mei:read_mei_agnostic")(_mei().decode())
    return str(called("notation.agnostic:write_agnostic")(tokens)).encode()


NOTATIONS = {
    "PrIMuS tokens": Loader(
        (
            Form(
                ".semantic", of_text("pipelines.music_transcription.semantic:parse_semantic", then=_NOTES), _semantic
            ),
            Form(".agnostic", of_text("notation.agnostic:parse_agnostic"), _agnostic),
        ),
        (bombs.notations,),
    ),
    "kern": Loader(
        (
            Form(".krn", of_text("notation.kern:read_kern", then=_NOTES), text(texts.KERN)),
            Form(
                ".krn",
                of_text("dataset_builders.musicscore.kern_records:parse_kern_records"),
                text(texts.KERN_RECORDS),
            ),
        ),
        (bombs.notations,),
    ),
    "Plaine & Easie": Loader(
        (Form(".pae", of_text("notation.pae:read_pae", then=_NOTES), text(texts.PAE)),), (bombs.notations,)
    ),
    "ABC": Loader(
        (Form(".abc", of_text("dataset_builders.tunes.tune:parse_abc"), text(texts.ABC)),), (bombs.notations,)
    ),
    "MEI": Loader(
        (
            Form(".mei", of_text("notation.mei:read_mei", then=_NOTES), _mei),
            Form(".mei", of_text("notation.mei:read_mei_agnostic"), _mei),
            Form(".mei", of_text(_SCORE_NOTES, "mei"), _mei),
        ),
        (bombs.scores,),
    ),
    "MusicXML": Loader(
        (
            Form(".musicxml", of_text(_SCORE_NOTES, "musicxml"), text(texts.MUSICXML)),
            Form(".mxl", of_path("trainers.score_following_pieces:read_notation"), seeds.mxl, ZIP),
        ),
        (bombs.scores, zips),
    ),
    # Its time is in proportion to the text's length.
    "engraving": Loader(
        (
            Form(".pae", _ENGRAVED, text(texts.PAE)),
            Form(".krn", _ENGRAVED, text(texts.KERN)),
            Form(".musicxml", _ENGRAVED, text(texts.MUSICXML)),
            Form(".mei", _ENGRAVED, _mei),
        ),
        (bombs.scores, bombs.notations),
        most=2**16,
    ),
    "tokens of songs": Loader(
        (
            Form(".txt", words, text(texts.TOKENS)),
            Form(".txt", bars, text(texts.BARS)),
            Form(".json", grids, text(texts.GRIDS)),
        ),
        (bombs.notations,),
    ),
}
TABLES = {
    "CSV": Loader(
        (
            Form(".csv", of_text(f"{_PERFORMANCES}.source:read_index"), text(texts.ASAP)),
            Form(".csv", maestro("maestro-v3.0.0.csv"), text(texts.MAESTRO_CSV)),
            Form(".csv", records, text(texts.RECORDS_CSV)),
            Form(".csv", of_path("dataset_builders.musicscore.download:read_manifest"), text(texts.MANIFEST)),
            Form(".csv", of_folder(f"{_MSMD}.rebuilt:read_pieces", "pieces.csv"), text(texts.PIECES)),
            Form(".tsv", of_path(f"{_PRIMUS}.incipits:read_incipits"), text(texts.RISM)),
            Form(".tsv.gz", of_path(f"{_PRIMUS}.incipits:read_incipits"), seeds.rism_gz, GZIP),
            Form(".txt", of_text(f"{_PERFORMANCES}.annotations:parse_annotations"), text(texts.ANNOTATIONS)),
            Form(".tsv", of_text(f"{_PERFORMANCES}.alignment:parse_alignment"), text(texts.ALIGNMENT)),
        ),
        (tables.tables,),
    ),
    "JSON and YAML": Loader(
        (
            Form(".json", records, text(texts.RECORDS)),
            Form(".json", maestro("maestro-v3.0.0.json"), text(texts.MAESTRO_JSON)),
            Form(".yaml", of_path(f"{_MSMD}.split_lists:read_splits"), text(texts.SPLITS)),
        ),
        (tables.tables,),
    ),
    "work page": Loader(
        (Form(".html", records, text(texts.WORK_PAGE)), Form(".wiki", records, text(texts.WIKITEXT))), (tables.pages,)
    ),
}
