"""The catalogue of models: a checked table, and its builder."""

import pytest
import yaml
from datasets import load_dataset

import scorehub.dataset_builders
from scorehub.dataset_builders.music_models.works import FAMILIES, read_works

assert scorehub.dataset_builders


def changed(**fields):
    """The table, with fields of its first work changed."""
    works = read_works()
    return yaml.safe_dump([works[0] | fields, *works[1:]])


def test_all_works_of_the_survey_are_there(tmp_path):
    rows = load_dataset("music_models", split="train", cache_dir=str(tmp_path))
    assert len(rows) == 39
    assert rows["year"] == sorted(rows["year"])
    assert {"tonicnet", "coconet", "music_transformer", "bachbot"} <= set(rows["id"])
    assert set(rows["family"]) <= set(FAMILIES)
    assert rows[0]["authors"] == ["Lejaren A. Hiller", "Leonard M. Isaacson"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"family": "wavelet"}, "family of experimental_music must be one of rules,"),
        ({"year": 95}, "year and month of experimental_music must be a date, got 95"),
        ({"authors": "Hiller"}, "authors of experimental_music must be a list of texts"),
        ({"summary": ""}, "summary of experimental_music must be a text"),
        ({"paper": "javascript:alert(1)"}, "paper of experimental_music must begin with https://"),
        ({"status": "works"}, "here of experimental_music must say by what it works"),
        ({"colour": "red"}, "experimental_music must have the fields"),
        ({"id": "harmonet"}, "ids must differ, got several of harmonet"),
    ],
)
def test_a_wrong_field_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        read_works(changed(**fields))


@pytest.mark.parametrize("text", ["works: [", "a: b", "- 3", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(ValueError, match="works must be"):
        read_works(text)
