"""Figure 5 of the paper, and a card that says what lies in the folder and nothing else."""

import csv
import re
from collections import Counter

import pytest
from datasets import get_dataset_config_names, load_dataset
from huggingface_hub import metadata_load
from PIL import Image

from scorehub import hub
from scorehub.dataset_builders.dataset_card import licence_fields, licence_id
from scorehub.dataset_builders.musicscore import statistics
from scorehub.dataset_builders.musicscore.card import filter_table, read_rows, write_card
from scorehub.dataset_builders.musicscore.schema import FEATURES


@pytest.mark.parametrize(
    ("text", "instruments"),
    [
        ("2 violins, viola, cello", ["violin", "viola", "cello"]),
        ("mixed chorus (SATB) a cappella", ["mixed chorus"]),
        ("piano 4 hands", ["piano"]),
        ("2 pianos 8 hands", ["piano"]),
        ("piano left hand", ["piano"]),
        ("Voice and Piano", ["voice", "piano"]),
        ("flute (or violin (or oboe)), b.c.", ["flute", "basso continuo"]),
        ("violin I, violin II, viola, basses", ["violin", "viola", "bass"]),
        ("2 clarinets in B&amp;flat;, 4 horns (F) + timpani", ["clarinet", "horn", "timpani"]),
        ("Orchestra: strings; soloists", ["orchestra", "strings"]),
        ("12-string guitar", ["12-string guitar"]),
        ("None", []),
        ("", []),
    ],
)
def test_instruments_are_counted_by_their_plain_name(text, instruments):
    assert statistics.parse_instruments(text) == instruments


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("B♭ major", ["B-flat major"]),
        ("B&flat; major", ["B-flat major"]),
        ("b flat Major", ["B-flat major"]),
        ("Bb major", ["B-flat major"]),
        ("F&#9839; minor", ["F-sharp minor"]),
        ("a minor", ["A minor"]),
        ("E minor (No.1), G major (No.2), e minor", ["E minor", "G major"]),
        ("see below", ["see below"]),
        ("", []),
    ],
)
def test_keys_are_counted_under_one_spelling(text, keys):
    assert statistics.parse_keys(text) == keys


def work(pdf, **fields):
    return dict.fromkeys(statistics.COLUMNS, "") | {"imslp_id": pdf} | fields


def test_a_pdf_counts_once_for_each_of_its_instruments_and_each_page_by_itself():
    rows = [work("IMSLP1", instrumentation="2 violins, piano")] * 3 + [work("IMSLP2", instrumentation="piano")]

    counted = statistics.count(rows)

    instruments = counted.tallies["instruments"]
    assert (counted.n_pdfs, counted.n_pages) == (2, 4)
    assert instruments.pdfs == {"piano": 2, "violin": 1}
    assert instruments.pages == {"piano": 4, "violin": 3}
    assert counted.tallies["keys"] == statistics.Tally(Counter(), Counter(), unknown_pdfs=2, unknown_pages=4)


def test_pdfs_without_an_imslp_id_are_told_apart_by_file():
    rows = [work("", source="a.pdf"), work("", source="b.pdf"), work("", source="a.pdf")]
    assert statistics.count(rows).n_pdfs == 2


def test_a_row_without_its_columns_is_refused():
    with pytest.raises(ValueError, match=r"must have the columns imslp_id, .*, got none called key"):
        statistics.count([{name: "" for name in statistics.COLUMNS if name != "key"}])


def test_the_table_ranks_the_commonest_sums_up_the_rest_and_keeps_the_unknown_apart():
    periods = ["Modern"] * 5 + ["Romantic"] * 3 + ["Baroque"] * 2 + ["Classical", "Medieval", ""]
    counted = statistics.count([work(f"IMSLP{number}", period=period) for number, period in enumerate(periods)])

    lines = statistics.table(counted, top=2).splitlines()

    assert lines[-4:] == [
        "| **Composer period** | Modern | 5 | 38.5 | 5 |",
        "|  | Romantic | 3 | 23.1 | 3 |",
        "|  | other (3) | 4 |  | 4 |",
        "|  | *unknown* | 1 | 7.7 | 1 |",
    ]


def test_one_value_too_many_is_shown_and_not_called_other():
    tally = statistics.Tally(Counter(a=3, b=2, c=1), Counter(a=3, b=2, c=1))
    assert [value for value, _, _ in tally.ranked(top=2)] == ["a", "b", "c"]


def test_figures_are_five_images_and_the_same_each_time(tmp_path):
    counted = statistics.count(
        [work(f"IMSLP{n}", key="C major", instrumentation=f"instrument {n}") for n in range(20)]
    )

    paths = statistics.plot(counted, tmp_path / "a")

    assert [path.name for path in paths] == [f"{name}.png" for name in (*statistics.CHARTS, "statistics")]
    for path, again in zip(paths, statistics.plot(counted, tmp_path / "b"), strict=True):
        assert path.read_bytes() == again.read_bytes()
        with Image.open(path) as image:
            assert min(image.size) > 400
            assert image.convert("L").getextrema()[0] < 100, "something is drawn"


@pytest.fixture
def card(built_dataset):
    return write_card(built_dataset)


def test_front_matter_has_what_the_hub_reads(card):
    metadata = metadata_load(card)

    assert metadata["license"] == ["cc-by-4.0", "other"]
    assert metadata["language"] == ["en"]
    assert metadata["task_categories"] == ["text-to-image", "image-classification"]
    assert metadata["size_categories"] == ["n<1K"]
    info = metadata["dataset_info"]
    assert [feature["name"] for feature in info["features"]] == list(FEATURES)
    assert {split["name"]: split["num_examples"] for split in info["splits"]} == {
        "train": 3,
        "validation": 2,
        "test": 1,
    }
    assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"]) > 0
    assert info["download_size"] == sum(path.stat().st_size for path in (card.parent / "data").iterdir())


def test_configs_and_figures_name_files_that_are_there(card):
    (config,) = metadata_load(card)["configs"]
    patterns = [files["path"] for files in config["data_files"]]
    images = re.findall(r"!\[.+\]\((.+)\)", card.read_text())
    assert images
    for pattern in patterns + images:
        assert list(card.parent.glob(pattern)), pattern


def test_the_folder_loads_by_its_card(card):
    folder = str(card.parent)
    assert get_dataset_config_names(folder) == ["default"]
    dataset = load_dataset(folder)
    assert {split: len(rows) for split, rows in dataset.items()} == {"train": 3, "validation": 2, "test": 1}
    assert dataset["test"].features == FEATURES
    assert dataset["test"][0]["image"].size == (32, 40)


def test_an_absent_split_is_no_part_of_the_card(built_dataset):
    path = built_dataset / "data/test-00000-of-00001.parquet"
    path.unlink()
    pages = (built_dataset / "pages.csv").read_text().splitlines(keepends=True)
    (built_dataset / "pages.csv").write_text("".join(line for line in pages if not line.strip().endswith("test")))

    card = write_card(built_dataset)

    assert [files["split"] for files in metadata_load(card)["configs"][0]["data_files"]] == ["train", "validation"]
    assert set(load_dataset(str(built_dataset))) == {"train", "validation"}


def test_every_placeholder_is_filled_and_no_section_is_empty(card):
    text = card.read_text()
    assert not re.search(r"\$\{?[a-z]", text)
    sections = re.split(r"^#+ .+$", text.split("---\n", 2)[2], flags=re.MULTILINE)[1:]
    titles = re.findall(r"^(#+) (.+)$", text.split("---\n", 2)[2], flags=re.MULTILINE)
    below = [following[0] for following in titles[1:]] + ["#"]
    for (level, title), section, next_level in zip(titles, sections, below, strict=True):
        assert len(section.strip()) > 40 or len(next_level) > len(level), title


def test_every_column_is_explained(card):
    explained = set(re.findall(r"`(\w+)`", card.read_text()))
    assert set(FEATURES) <= explained


def test_the_filter_table_adds_up_to_the_csv_files(built_dataset):
    with (built_dataset / "pages.csv").open() as file:
        pages = list(csv.DictReader(file))
    table = {}
    for line in filter_table(built_dataset).splitlines()[2:]:
        name, *numbers = (cell.strip(" *") for cell in line.strip("|").split("|"))
        table[name] = [int(number) if number else None for number in numbers]

    assert list(table) == [
        "PDFs given",
        "out: encrypted",
        "read",
        "out: 8 bits per component",
        "right colour depth",
        "out: not music",
        "readable pages of music",
        "out: near-duplicate",
        "kept",
    ]
    assert table["PDFs given"][0] - table["out: encrypted"][0] == table["read"][0] == 4
    assert table["read"] == [4, len(pages), 5, 2, 3]
    assert table["kept"] == [3, sum(page["verdict"] == "kept" for page in pages), 5, 0, 1]
    for column in range(1, 5):
        lost = sum(numbers[column] for name, numbers in table.items() if name.startswith("out: ") and numbers[column])
        assert table["read"][column] - lost == table["kept"][column]


def test_the_card_counts_what_is_in_the_folder(card):
    text = card.read_text()
    assert "6 pages of 3 works out of 3 PDFs" in text
    assert "lists all 5 of them" in text
    assert "| train | 3 | 50.0% | 1 | 1 |" in text
    assert "| Public Domain | 3 |" in text
    assert "| `key` | 5 | 83.3% |" in text
    assert filter_table(card.parent) in text
    assert statistics.table(statistics.count(read_rows(card.parent))) in text


def test_writing_the_card_again_changes_nothing(card):
    before = {path: path.read_bytes() for path in card.parent.rglob("*") if path.is_file()}
    write_card(card.parent)
    assert {path: path.read_bytes() for path in card.parent.rglob("*") if path.is_file()} == before


def test_a_repository_is_named_in_the_example(built_dataset):
    assert 'load_dataset("me/musicscore")' in write_card(built_dataset, "me/musicscore").read_text()


def test_a_built_folder_with_its_card_is_ready_to_push(card):
    up = [path for path, _ in hub.push_dataset(card.parent, "me/musicscore", dry_run=True)]
    assert {"README.md", "manifest.csv", "pages.csv", "figures/statistics.png"} < set(up)
    assert not any(path.startswith("parts/") for path in up)


def test_a_build_that_kept_nothing_still_has_a_card(built_dataset):
    for path in (built_dataset / "data").iterdir():
        path.unlink()
    lines = (built_dataset / "pages.csv").read_text().splitlines()
    (built_dataset / "pages.csv").write_text("\n".join(line for line in lines if ",kept," not in line) + "\n")

    card = write_card(built_dataset)

    assert "0 pages of 0 works" in card.read_text()
    assert "configs" not in metadata_load(card)


def test_tables_that_contradict_the_data_are_refused(built_dataset):
    (built_dataset / "data/train-00000-of-00001.parquet").unlink()
    with pytest.raises(ValueError, match=r"must hold the 6 kept pages of pages\.csv, got 3"):
        write_card(built_dataset)
    (built_dataset / "pages.csv").unlink()
    with pytest.raises(ValueError, match=r"must hold pages\.csv"):
        write_card(built_dataset)


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("Creative Commons Attribution Share Alike 4.0", "cc-by-sa-4.0"),
        ("Creative Commons Attribution-NonCommercial-NoDerivs 3.0", "cc-by-nc-nd-3.0"),
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("CC0-1.0", "cc0-1.0"),
        ("CC-BY-4.0", "cc-by-4.0"),
        ("MIT", "mit"),
        ("GPL-3.0", "gpl-3.0"),
        ("CC BY", "other"),
        ("Public Domain", "other"),
        ("", "other"),
    ],
)
def test_licences_have_the_hub_s_identifiers(text, identifier):
    assert licence_id(text) == identifier


@pytest.mark.parametrize(
    ("texts", "fields"),
    [
        (["MIT", "MIT"], {"license": ["mit"]}),
        (["MIT", "own terms"], {"license": ["mit", "other"]}),
        (["Own terms!"], {"license": "other", "license_name": "own-terms"}),
        (["own terms", "others"], {"license": "other", "license_name": "per-row"}),
        ([], {"license": "other", "license_name": "per-row"}),
    ],
)
def test_a_card_names_the_licences_of_its_rows(texts, fields):
    assert licence_fields(texts) == fields
