"""IMSLP work pages: the General Information box, and the licence of each file on the page.

Two sources say the same: a page saved by a browser (HTML; the only one with the numbers of the files), and its
wikitext (the template `#fte:imslppage`, from `api.php?action=parse`; it names files as `PMLP14377-x.pdf`).
Both become one table of raw headers, spelled as in MusicScore's published JSON: IMSLP prints a long and a short header
into one cell and shows one of them by screen width, so that their text is glued together, `Piece Style` beside
`Composer Time PeriodComp. Period`. `fields.py` turns such a table into `WorkMetadata`.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

import mwparserfromhell
from bs4 import BeautifulSoup, Tag
from mwparserfromhell.nodes import Template
from mwparserfromhell.wikicode import Wikicode

# Real pages are 0.1 to 1 MB; a page of this size still parses in seconds.
MAX_CHARACTERS = 20_000_000

MAX_DEPTH = 1000

# Wikitext names of the rows whose header differs on the rendered page, and so in the published JSON.
_RENDERED_HEADERS = {
    "Alternative Title": "Alternative. Title",
    "Opus/Catalogue Number": "Opus/Catalogue NumberOp./Cat. No.",
    "Number of Movements/Sections": "Movements/SectionsMov'ts/Sec's",
    "Movements Header": "Movements/SectionsMov'ts/Sec's",
    "Year/Date of Composition": "Year/Date of CompositionY/D of Comp.",
    "Year of First Publication": "First Publication.",
    "First Performance": "First Performance.",
    "Average Duration": "Average DurationAvg. Duration",
}
# Shown to editors, to screen widths, or on a click only: never part of a value.
_INVISIBLE = (
    "script, style, sup.reference, span.noanon, span.hidden, span.expandline, .mw-editsection, span.addpagetag"
)
# A control character that no page prints.
_BREAK = "\x1e"
_ACCIDENTALS = {"flat": "♭", "sharp": "♯", "natural": "♮"}
_ACCIDENTAL_WORDS = {"": "", "b": "-flat", "♭": "-flat", "-flat": "-flat", "#": "-sharp", "♯": "-sharp"}


@dataclass(frozen=True)
class ImslpFile:
    """A file that a work page offers; `imslp_id` is `""` in wikitext, which does not know it."""

    imslp_id: str = ""
    name: str = ""
    license: str = ""


@dataclass(frozen=True)
class WorkPage:
    """A parsed work page: `information` maps raw headers to text, lists and lines broken by newlines."""

    information: dict[str, str]
    files: tuple[ImslpFile, ...] = ()


def parse_work_page(text: str, page_title: str = "") -> WorkPage:
    """Parse a saved work page, HTML or wikitext, whichever it is.

    Args:
        page_title: `Title (Last, First)`, where the text itself does not carry it (wikitext).

    Raises:
        ValueError: the text is neither, has no General Information, or is longer than `MAX_CHARACTERS`.
    """
    if "#fte:imslppage" in text[:MAX_CHARACTERS]:
        return parse_wikitext(text, page_title)
    return parse_html(text)


def parse_fields(text: str, page_title: str) -> tuple[dict[str, Any], list[bytes]]:
    """`parse_work_page` for `scorehub.sandbox`."""
    return asdict(parse_work_page(text, page_title)), []


def parse_html(html: str) -> WorkPage:
    """Parse a work page as a browser saved it.

    Raises:
        ValueError: there is no General Information box, or the page is longer than `MAX_CHARACTERS`.
    """
    _check_length(html)
    try:
        soup = BeautifulSoup(html, "html.parser")
        _check_depth(soup)
        for invisible in soup.select(_INVISIBLE):
            invisible.decompose()
        information = _table(_general_information(soup))
        # Genre categories are printed above the tabs, and not in General Information.
        for table in soup.select("div.wp_header table"):
            information = _table(table) | information
        heading = soup.select_one("#firstHeading, h1, title")
        _add_from_title(information, _text(heading) if heading else "")
        return WorkPage(information, tuple(_html_files(soup)))
    except RecursionError:
        raise ValueError(
            "IMSLP page must nest fewer tags, got a page nested beyond Python's recursion limit"
        ) from None


def parse_wikitext(wikitext: str, page_title: str = "") -> WorkPage:
    """Parse the wikitext of a work page.

    Raises:
        ValueError: the template `#fte:imslppage` is missing, or the text is longer than `MAX_CHARACTERS`.
    """
    _check_length(wikitext)
    try:
        templates = mwparserfromhell.parse(wikitext).filter_templates()
        pages = [template for template in templates if _template_name(template) == "#fte:imslppage"]
        if not pages:
            raise ValueError("wikitext must contain the template #fte:imslppage, got none")
        files = [template for template in templates if _template_name(template) == "#fte:imslpfile"]
        information: dict[str, str] = {}
        for name, value in _wikitext_rows(pages[0]):
            header = _RENDERED_HEADERS.get(name, name)
            information[header] = f"{information[header]}\n{value}" if header in information else value
        _add_from_title(information, page_title)
        return WorkPage(information, tuple(file for template in files for file in _wikitext_files(template)))
    except RecursionError:
        raise ValueError("wikitext must nest fewer templates, got one beyond Python's recursion limit") from None


def key_name(code: str) -> str:
    """`C-sharp minor` for the code in `{{Key|...}}`: capitals are major, small letters or an `m` at the end minor.

    >>> key_name("c#"), key_name("Bb"), key_name("Ebm"), key_name("Dorian")
    ('C-sharp minor', 'B-flat major', 'E-flat minor', 'Dorian')
    """
    match = re.fullmatch(r"([A-Ga-g])(b|♭|-flat|#|♯|)(m?)", code.strip())
    if not match:
        return code.strip()
    note, accidental, minor = match.groups()
    return f"{note.upper()}{_ACCIDENTAL_WORDS[accidental]} {'minor' if minor or note.islower() else 'major'}"


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"IMSLP page must have at most {MAX_CHARACTERS} characters, got {len(text)}")


def _add_from_title(information: dict[str, str], page_title: str) -> None:
    """Title and composer out of `Title (Last, First)`, where the box itself lacks them."""
    page_title = re.sub(r" - IMSLP.*", "", page_title.replace("_", " ")).strip()
    match = re.fullmatch(r"(.+) \(([^()]+(?:\([^()]*\)[^()]*)?)\)", page_title, re.DOTALL)
    title, composer = match.groups() if match else (page_title, "")
    for header, value in (("Work Title", title), ("Composer", composer)):
        if value and not information.get(header):
            information[header] = re.sub(r"\s+", " ", value)


def _check_depth(soup: BeautifulSoup) -> None:
    """Real pages nest some 50 tags; what follows takes time in proportion to size and depth."""
    depths = {id(soup): 0}
    for tag in soup.find_all(True):
        depths[id(tag)] = depths[id(tag.parent)] + 1
    if max(depths.values()) > MAX_DEPTH:
        raise ValueError(f"IMSLP page must nest at most {MAX_DEPTH} tags, got {max(depths.values())}")


def _general_information(soup: BeautifulSoup) -> Tag:
    """The table of the box: below `div.wi_body`, else below the heading, else the one that has a Work Title."""
    table = soup.select_one("div.wi_body table")
    heading = soup.find(id="General_Information")
    if table is None and heading is not None:
        table = heading.find_next("table")
    if table is None:
        titles = (header for header in soup.find_all("th") if header.get_text().strip() == "Work Title")
        table = next((header.find_parent("table") for header in titles), None)
    if table is None:
        raise ValueError("IMSLP work page must have a General Information box, got none")
    return table


def _table(table: Tag) -> dict[str, str]:
    """Header to text, empty values left out."""
    texts = {header: _text(value) for header, value in _rows(table)}
    # "None [force assignment]" is a button for editors.
    return {header: text for header, text in texts.items() if text and not text.startswith("None [")}


def _rows(table: Tag) -> Iterator[tuple[str, Tag]]:
    """Header and value of each row of the table itself, without those of tables inside a value."""
    for body in [table, *table.find_all(["thead", "tbody", "tfoot"], recursive=False)]:
        for row in body.find_all("tr", recursive=False):
            header, value = row.find("th", recursive=False), row.find("td", recursive=False)
            if header is not None and value is not None:
                yield re.sub(r"\s+", " ", header.get_text()).strip(), value


def _text(tag: Tag) -> str:
    """The visible text; `<br>`, list items and table rows begin lines, newlines of the source are spaces."""
    for line_break in tag.find_all(["br", "li", "dd", "p", "tr"]):
        line_break.insert_before(_BREAK)
    lines = (re.sub(r"\s+", " ", line).strip() for line in tag.get_text().split(_BREAK))
    return "\n".join(line for line in lines if line)


def _html_files(soup: BeautifulSoup) -> Iterator[ImslpFile]:
    """Files in page order; the table below a group of files says the licence of the group."""
    waiting: list[tuple[str, str]] = []
    for tag in soup.select('div[id^="IMSLP"], table.we_edition_info, table.we_audio_info'):
        number = re.fullmatch(r"IMSLP(\d+)", str(tag.get("id", "")))
        if number:
            waiting.append((f"IMSLP{number.group(1)}", _file_name(tag)))
        elif tag.name == "table":
            tables = [tag, *tag.find_all("table")]
            rights = next((_text(cell) for table in tables for name, cell in _rows(table) if name == "Copyright"), "")
            yield from (ImslpFile(file, name, rights) for file, name in waiting)
            waiting = []
    yield from (ImslpFile(file, name) for file, name in waiting)


def _file_name(block: Tag) -> str:
    link = block.select_one('a[href*="/wiki/File:"], a[href*="/wiki/Image:"]')
    return unquote(str(link["href"]).rsplit(":", 1)[-1]).replace("_", " ") if link else ""


def _template_name(template: Template) -> str:
    return str(template.name).strip().lower()


def _wikitext_rows(page: Template) -> Iterator[tuple[str, str]]:
    """Named fields of the page template; `*****FILES*****` and its like only mark sections."""
    for parameter in page.params:
        name = str(parameter.name).strip()
        if parameter.showkey and not name.startswith("*") and (value := _plain(parameter.value)):
            yield name, value


def _wikitext_files(template: Template) -> Iterator[ImslpFile]:
    rights = _plain(template.get("Copyright").value) if template.has("Copyright") else ""
    for parameter in template.params:
        if re.fullmatch(r"File Name \d+", str(parameter.name).strip()) and (name := _plain(parameter.value)):
            yield ImslpFile(name=name.replace("_", " "), license=rights)


def _plain(value: Wikicode) -> str:
    """Wikitext as the reader sees it: templates rendered, links and markup reduced to their text."""
    code = mwparserfromhell.parse(str(value))
    # Innermost first, so that an outer template finds its arguments rendered.
    for template in reversed(code.filter_templates()):
        code.replace(template, _rendered(template))
    for tag in code.filter_tags(matches=lambda tag: str(tag.tag).lower() in ("br", "ref"), recursive=False):
        code.replace(tag, "\n" if str(tag.tag).lower() == "br" else "")
    lines = (re.sub(r"\s+", " ", line).strip() for line in str(code.strip_code()).split("\n"))
    return "\n".join(line for line in lines if line)


def _rendered(template: Template) -> str:
    """What a template of General Information prints; templates unknown here print their first argument."""
    name = _template_name(template)
    arguments = [str(parameter.value).strip() for parameter in template.params if not parameter.showkey]
    first = arguments[0] if arguments else ""
    if name == "key":
        return key_name(first)
    if name in _ACCIDENTALS:
        return first + _ACCIDENTALS[name]
    # {{LinkEd|First|Last|born|died}}, {{LinkLib|...}}, {{LinkArr|...}}; {{LinkWork|title|...}} begins with a title.
    if name.startswith("link") and not name.startswith("linkwork"):
        return " ".join(part for part in arguments[:2] if part)
    return first
