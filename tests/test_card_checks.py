"""Cards are fit for the Hub: those of the project, those that its templates make; and faults are found and named."""

from collections import defaultdict
from pathlib import Path
from string import Template

import pytest
from tiny_cards import CARDS, write_folder

from scorehub.card_checks import check_card, find_faults, read_sections

ROOT = Path(__file__).parent.parent
FOLDERS = [("model", "pipelines"), ("space", "spaces"), ("metric", "scorehub/metrics")]
PROJECT = [(kind, card) for kind, folder in FOLDERS for card in sorted((ROOT / folder).glob("*/README.md"))]
TEMPLATES = sorted((ROOT / "model_cards").glob("*.md"))


def find_section(path, title):
    """The text below a heading."""
    (section,) = [each for each in read_sections(path.read_text(encoding="utf-8")) if each.title == title]
    return section.text


def faults_of(kind, old, new):
    """What is found in a card of which a part is changed."""
    assert CARDS[kind].count(old) == 1
    return find_faults(CARDS[kind].replace(old, new), kind)


@pytest.mark.parametrize(("kind", "card"), PROJECT, ids=[f"{kind}-{card.parent.name}" for kind, card in PROJECT])
def test_every_card_of_the_project_is_fit_for_the_hub(kind, card):
    assert find_faults(card.read_text(encoding="utf-8"), kind) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_makes_a_card_that_is_fit_for_the_hub(template):
    # A number for every value; what a built dataset's own facts are stands in a card that is built.
    values = defaultdict(lambda: "0.5", homepage="https://example.org", citation="@misc{x}")
    values["front_matter"] = CARDS["dataset"].split("---\n")[1].strip()
    text = template.read_text(encoding="utf-8")
    kind = "dataset" if "$front_matter" in text else "model"
    assert find_faults(Template(text).substitute(values), kind) == []


def test_templates_promise_nothing_that_depends_on_data_and_luck():
    cards = ROOT / "model_cards"
    rolls, chorales = (find_section(cards / f"{name}.md", "Limits") for name in ("score_sde", "chorales"))
    assert "`dataset` and `rolls` in the settings" in rolls
    assert "Western" not in rolls  # the trainer takes any dataset of notes
    assert "learnt, not enforced" in chorales


@pytest.mark.parametrize("kind", sorted(CARDS))
def test_nothing_is_amiss_in_a_good_card(kind, tmp_path):
    folder = write_folder(tmp_path / "tiny", kind)
    (folder / "index.html").write_text("")
    check_card(folder, kind)


@pytest.mark.parametrize(
    ("kind", "old", "new", "fault"),
    [
        ("model", "license: apache-2.0\n", "", "front matter must have license, got none"),
        ("model", "apache-2.0\nlib", "Apache\nlib", "license must be an identifier of the Hub such as apache-2.0"),
        ("model", "apache-2.0\nlib", "other\nlib", "license_name must say which one license other is, got none"),
        ("dataset", "license: cc0-1.0", "license: [cc0-1.0, free]", "such as apache-2.0 or other, got 'free'"),
        ("model", "image-classification\nmodel-index", "pages\nmodel-index", "must be tasks of the Hub, got 'pages'"),
        ("model", "value: 0.5", "value: half", "model-index must have a number for accuracy, got 'half'"),
        ("model", "dataset: {name: pages, type: image-folder}", "dataset: {name: pages}", "YAML that the Hub reads"),
        ("model", "  - task: {type: image-classification}", "  - task: {type: ", "YAML that the Hub reads"),
        ("model", "## Results\nHalf of the pages.\n", "", "it must have a section 'Results', got none"),
        ("model", "Half of the pages.\n", "", "section 'Results' must have text, got none"),
        ("model", "It guesses.\n", "<!-- what\nnot -->\n", "section 'Limits' must have text, got none"),
        ("model", "It guesses.\n", "[More Information Needed]\n", "section 'Limits' must have text, got none"),
        ("model", "python -m tiny", "make tiny", "'How to reproduce' must have a command that begins with python"),
        ("model", " Data: none.", "", "section 'Licence' must speak of data, got nothing on them"),
        ("dataset", "(https://example.org/rows)", "(rows)", "the introduction must link the source, got no address"),
        ("dataset", "@misc{tiny}", "None.", "section 'Citation' must have an entry of BibTeX, got none"),
        ("dataset", "@misc{tiny}\n", "", "section 'Citation' must have text, got none"),
        ("space", "sdk: gradio", "sdk: streamlit", "sdk must be one of gradio, static, got 'streamlit'"),
        ("space", "colorTo: gray", "colorTo: grey", "colorFrom and colorTo must be of red, yellow, green"),
        ("space", "It shows nothing", "x" * 61, "short_description must have at most 60 characters, got 61"),
        ("metric", "tags: [evaluate, metric]\n", "", "front matter must have tags, got none"),
    ],
)
def test_a_fault_is_named(kind, old, new, fault):
    assert fault in "; ".join(faults_of(kind, old, new))


def test_a_card_without_front_matter_has_that_fault_alone():
    (fault,) = find_faults("# Tiny\n", "model")
    assert fault == "it must begin with front matter between two lines of ---, got none"


def test_all_faults_of_a_card_are_named_at_once(tmp_path):
    folder = write_folder(tmp_path / "tiny", "space")
    (folder / "app.py").unlink()
    card = CARDS["space"].replace("emoji: 🎼\n", "").replace("`python app.py`", "![shot](shot.png)")
    (folder / "README.md").write_text(card, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must have emoji.*shot\.png must lie beside it.*app\.py must lie beside it"):
        check_card(folder, "space")


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the model's folder must hold a card README\.md, got none"):
        check_card(tmp_path, "model")


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(ValueError, match="kind must be one of dataset, model, space, metric, got 'models'"):
        find_faults("", "models")


def test_a_line_of_code_is_no_heading_and_a_section_may_consist_of_sections():
    text = "intro\n# A\n## B\n````\n# no\n```\n# no\n````\n## C ##\nc\n"
    sections = [(section.level, section.title, section.text) for section in read_sections(text)]
    code = "````\n# no\n```\n# no\n````"
    assert sections == [(0, "", "intro"), (1, "A", ""), (2, "B", code), (2, "C", "c")]
    assert faults_of("model", "It guesses.\n", "### Of pages\nIt guesses.\n") == []
