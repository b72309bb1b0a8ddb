"""Each promise of `load_dataset("musicscore")`, held on the private names that it stands on."""

import pickle

import datasets
import pymupdf
import pytest
from datasets import get_dataset_config_names, get_dataset_default_config_name, load_dataset, load_dataset_builder

import scorehub.dataset_builders
from scorehub.dataset_builders.load_hook import BUILDERS, builder_class, install
from scorehub.dataset_builders.musicscore.musicscore import MusicScore
from scorehub.dataset_builders.note_corpus import NoteCorpus
from scorehub.dataset_names import DATASETS, OF_NOTES

assert scorehub.dataset_builders


@pytest.fixture
def pdfs(tmp_path):
    """A text page and a page of rules that pass for staves: enough for curation to keep and reject something."""
    folder = tmp_path / "pdfs"
    folder.mkdir()
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "Preface")
        document.save(folder / "a.pdf")
        document.save(folder / "b.pdf")
    return folder


def test_what_is_a_dataset_of_notes_is_known_without_its_builder():
    of_notes = {name for name in BUILDERS if issubclass(builder_class(name), NoteCorpus)}
    assert of_notes == set(OF_NOTES)
    assert tuple(BUILDERS) == DATASETS


def test_config_names_are_listed():
    assert get_dataset_config_names("musicscore") == ["sample", "pdf", "400", "14k", "200k"]


def test_the_default_config_is_the_one_that_needs_nothing():
    assert get_dataset_default_config_name("musicscore") == "sample"
    assert load_dataset_builder("musicscore").config.name == "sample"


def test_a_named_config_and_its_options_reach_the_builder():
    builder = load_dataset_builder("musicscore", "400", data_dir="somewhere")
    assert (builder.config.name, builder.config.data_dir) == ("400", "somewhere")


def test_config_options_are_taken(pdfs):
    builder = load_dataset_builder("musicscore", "pdf", data_dir=str(pdfs), preset="paper", min_music_fraction=0.5)
    assert (builder.config.preset, builder.config.min_music_fraction) == ("paper", 0.5)


def test_an_unknown_config_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'15k' not found. Available: \['sample', 'pdf', '400', '14k', '200k'\]"):
        load_dataset("musicscore", "15k")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="colour"):
        load_dataset("musicscore", "sample", colour="sepia")


def test_pdfs_without_a_folder_are_asked_for():
    with pytest.raises(ValueError, match="data_dir must be a folder of PDFs"):
        load_dataset("musicscore", "pdf")


def test_other_names_go_to_the_library(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    assert load_dataset("csv", data_files=str(tmp_path / "rows.csv"), split="train")[0] == {"a": 1, "b": 2}


def test_installing_twice_wraps_once():
    factory = datasets.load.dataset_module_factory
    install()
    assert datasets.load.dataset_module_factory is factory
    assert datasets.inspect.dataset_module_factory is factory


def test_the_builder_works_without_the_hook():
    assert MusicScore(config_name="400", data_dir="somewhere").info.features["page"].dtype == "int32"


def test_a_builder_survives_pickling():
    builder = load_dataset_builder("musicscore", "14k", data_dir="somewhere")
    assert pickle.loads(pickle.dumps(builder)).config.name == "14k"


def test_the_cache_follows_the_pdfs(pdfs):
    first = load_dataset_builder("musicscore", "pdf", data_dir=str(pdfs)).cache_dir
    assert load_dataset_builder("musicscore", "pdf", data_dir=str(pdfs)).cache_dir == first
    (pdfs / "b.pdf").unlink()
    assert load_dataset_builder("musicscore", "pdf", data_dir=str(pdfs)).cache_dir != first


def test_data_files_name_pdfs_one_by_one(pdfs):
    builder = load_dataset_builder("musicscore", "pdf", data_files=[str(pdfs / "b.pdf")])
    assert builder.config.curation().sources() == ["b.pdf"]
