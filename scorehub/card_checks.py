"""What a card must have before it goes up: metadata that the Hub understands, no empty section, and those that count.

Kinds are dataset, model, space and metric, which is a Space that `evaluate` loads. Metadata is read by
huggingface_hub's card classes, `model-index` by its `EvalResult`; nothing is asked of the Hub.

Source of identifiers, colours and lengths: https://huggingface.co/docs/hub (model-cards, datasets-cards,
spaces-config-reference).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CardData, DatasetCard, ModelCard, ModelCardData, RepoCard, SpaceCard


@dataclass(frozen=True)
class Rules:
    """What a kind of card must have."""

    card: type[RepoCard]
    keys: tuple[str, ...]  # of the front matter
    sections: tuple[str, ...]


RULES = {
    "dataset": Rules(
        DatasetCard,
        ("license", "pretty_name", "configs", "dataset_info"),
        ("Loading", "Splits", "Columns", "Known limits", "Licences", "Citation"),
    ),
    "model": Rules(
        ModelCard,
        ("license", "library_name", "pipeline_tag"),
        ("Training", "Results", "Limits", "Licence", "How to reproduce"),
    ),
    "space": Rules(
        SpaceCard, ("license", "title", "emoji", "sdk", "sdk_version", "app_file", "short_description"), ("Run it",)
    ),
    "metric": Rules(
        SpaceCard,
        ("license", "title", "emoji", "sdk", "app_file", "tags"),
        ("How to use", "Inputs", "Output", "Limits", "Sources"),
    ),
}
LICENCE = re.compile(r"apache-2\.0|mit|bsd-[23]-clause|a?gpl-3\.0|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[1-4]\.[05]|other")
TASKS = """
any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation
document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction
image-segmentation image-text-to-text image-to-image image-to-text image-to-video keypoint-detection
mask-generation multiple-choice object-detection other question-answering reinforcement-learning
sentence-similarity summarization tabular-classification tabular-regression text-classification text-generation
text-ranking text-retrieval text-to-audio text-to-image text-to-speech text-to-video time-series-forecasting
token-classification translation unconditional-image-generation visual-question-answering
voice-activity-detection zero-shot-image-classification
""".split()  # noqa: SIM905 - forty lines otherwise
SDKS = ("gradio", "static")
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
MOST_CHARACTERS = 60  # of a short description

_PICTURE = re.compile(r"!\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
_APP = re.compile(r"^app_file: (\S+)$", re.MULTILINE)
_COMMAND = re.compile(r"^(?:.*`)?(?:\w+=\S+ )*(?:python|scorehub) \S", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A heading of a card, and the text below it as far as the next heading of any level."""

    level: int
    title: str
    text: str


def check_card(folder: Path, kind: str) -> None:
    """Checks `folder/README.md`, and that its pictures and a Space's app lie beside it.

    Args:
        kind: dataset, model, space or metric.

    Raises:
        ValueError: there is no card, or it has faults; all of them are named.
    """
    text = find_card(folder, kind).read_text(encoding="utf-8")
    faults = find_faults(text, kind)
    needed = _PICTURE.findall(text) + _APP.findall(text)
    faults += [f"{name} must lie beside it, got no such file" for name in needed if not (folder / name).is_file()]
    if faults:
        raise ValueError(f"the {kind}'s card must be mended: {'; '.join(faults)}")


def find_card(folder: Path, kind: str) -> Path:
    """The card of a folder.

    Raises:
        ValueError: it has none.
    """
    path = folder / "README.md"
    if not path.is_file():
        raise ValueError(f"the {kind}'s folder must hold a card README.md, got none in {str(folder)!r}")
    return path


def find_faults(text: str, kind: str) -> list[str]:
    """What is wrong with a card, each in a line; none if it is fit for the Hub.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in RULES:
        raise ValueError(f"kind must be one of {', '.join(RULES)}, got {kind!r}")
    rules = RULES[kind]
    if not re.match(r"---\n.*?\n---\n", text, re.DOTALL):
        return ["it must begin with front matter between two lines of ---, got none"]
    try:
        card = rules.card(text)
    except (ValueError, TypeError, yaml.YAMLError) as error:
        return [f"front matter must be YAML that the Hub reads, got: {' '.join(str(error).split())}"]
    missing = [f"front matter must have {key}, got none" for key in rules.keys if not card.data.get(key)]
    sections = read_sections(card.text)
    return [*missing, *_metadata_faults(card.data), *_section_faults(sections, rules), *_word_faults(sections, kind)]


def read_sections(text: str) -> list[Section]:
    """The sections of a text in Markdown, in which a # within a code block is no heading; the first has no title."""
    found: list[tuple[int, str, list[str]]] = [(0, "", [])]
    fence = ""
    for line in text.splitlines():
        if mark := re.match(r" {0,3}(```+|~~~+)", line):
            if not fence:
                fence = mark[1]
            elif line.strip() == fence:
                fence = ""
        heading = None if fence else re.match(r"(#{1,6}) +(.+?)(?: +#+)?$", line)
        if heading:
            found.append((len(heading[1]), heading[2], []))
        else:
            found[-1][2].append(line)
    return [Section(level, title, "\n".join(lines).strip()) for level, title, lines in found]


def _metadata_faults(data: CardData) -> Iterator[str]:
    licences = _listed(data.get("license"))
    for licence in licences:
        if not LICENCE.fullmatch(str(licence)):
            yield f"license must be an identifier of the Hub such as apache-2.0 or other, got {licence!r}"
    if licences == ["other"] and not data.get("license_name"):
        yield "license_name must say which one license other is, got none"
    for task in [*_listed(data.get("pipeline_tag")), *_listed(data.get("task_categories"))]:
        if task not in TASKS:
            yield f"pipeline_tag and task_categories must be tasks of the Hub, got {task!r}"
    if data.get("sdk") not in (None, *SDKS):
        yield f"sdk must be one of {', '.join(SDKS)}, got {data['sdk']!r}"
    for colour in filter(None, [data.get("colorFrom"), data.get("colorTo")]):
        if colour not in COLOURS:
            yield f"colorFrom and colorTo must be of {', '.join(COLOURS)}, got {colour!r}"
    if (length := len(str(data.get("short_description", "")))) > MOST_CHARACTERS:
        yield f"short_description must have at most {MOST_CHARACTERS} characters, got {length}"
    if isinstance(data, ModelCardData):
        for result in data.eval_results or []:
            if isinstance(result.metric_value, bool) or not isinstance(result.metric_value, int | float):
                yield f"model-index must have a number for {result.metric_type}, got {result.metric_value!r}"


def _listed(value: Any) -> list[Any]:
    """A field that may have one value or several."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _section_faults(sections: list[Section], rules: Rules) -> Iterator[str]:
    """Sections that are missing, and those with neither text nor sections below them."""
    titles = {section.title for section in sections}
    for title in rules.sections:
        if title not in titles:
            yield f"it must have a section {title!r}, got none"
    following = [*sections[1:], Section(0, "", "")]
    for section, after in zip(sections, following, strict=True):
        text = re.sub(r"<!--.*?-->", "", section.text, flags=re.DOTALL).strip()
        if section.title and after.level <= section.level and text.lower() in ("", "[more information needed]"):
            yield f"section {section.title!r} must have text, got none"


def _word_faults(sections: list[Section], kind: str) -> Iterator[str]:
    """What certain sections must say, if anything."""
    texts = {section.title: section.text for section in sections}
    if kind == "model":
        if texts.get("How to reproduce") and not _COMMAND.search(texts["How to reproduce"]):
            yield "section 'How to reproduce' must have a command that begins with python or scorehub, got none"
        for word in ("weights", "data"):
            if texts.get("Licence") and word not in texts["Licence"].lower():
                yield f"section 'Licence' must speak of {word}, got nothing on them"
    if kind == "dataset":
        if not any(re.search(r"\]\(https?://", section.text) for section in sections[:2]):
            yield "the introduction must link the source, got no address"
        if texts.get("Citation") and "@" not in texts["Citation"]:
            yield "section 'Citation' must have an entry of BibTeX, got none"
