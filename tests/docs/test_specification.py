"""What the sources cite of the mapping specification stands in it, each decision, row and section once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.paths import layout

ROOT = layout().sources
SPECIFICATION = ROOT / "docs/specification.md"
FOLDERS = ("harness", "maps", "fsh", "tests", "docs", "java", "tools")
SUFFIXES = {".py", ".map", ".fsh", ".md", ".toml", ".java", ".json", ".svg", ".mk"}
EXAMPLES = {"test_specification.py", "test_row_table.py"}  # they cite what does not exist, on purpose

# "D4", but no part of a longer word, number, code or path
DECISION = re.compile(r"(?<![\w.#/$-])D([1-9][0-9]?)(?![\w-]|\.[0-9])")
# "3.8.02" or "7.1.02", but no part of a UID or of a version
ROW = re.compile(r"(?<![\w.])((?:3\.(?:1[01]|[1-9])|7\.1)\.[0-9]{2})(?!\.?[0-9])")
_NUMBER = r"[1-9](?:\.[0-9]{1,2})?(?![0-9.]*[0-9])"
# "section 3.7", "sections 3.3, 3.4", "mapping specification, 3.1 and 6"; not a section of PS3.5 or of another standard
SECTION = re.compile(
    rf"(?<!PS3\.\d )(?<!PS3\.\d\d )(?<!cfr )(?<!XML 1\.0, )\b[Ss]ections? ({_NUMBER})"
    rf"|(?:[Mm]apping|[Ss]pecification),? (?:sections? )?({_NUMBER}(?:(?:, | and ){_NUMBER})*)"
    rf"|\bsections ({_NUMBER}(?:(?:, | and | to ){_NUMBER})*)"
)
LIST_ITEM = re.compile(r"section 8, ([0-9]+)")
MARK = re.compile(r"⏳ (D[0-9]+(?:(?:, | and )D[0-9]+)*)")
LINK = re.compile(r"\]\((?:specification\.md)?#([^)\s]+)\)")


def text() -> str:
    return SPECIFICATION.read_text(encoding="utf-8")


def sources() -> Iterator[Path]:
    yield ROOT / "Makefile"
    yield ROOT / "README.md"
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.name not in EXAMPLES and "__pycache__" not in path.parts:
                yield path


def numbers(match: re.Match[str]) -> str:
    """Return the number, or the list of numbers, that a citation holds."""
    return str(next(filter(None, match.groups())))


def cited(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """Return what the sources cite, and the files that do."""
    found: dict[str, set[str]] = {}
    for path in sources():
        for match in pattern.finditer(path.read_text(encoding="utf-8")):
            for number in re.findall(r"[\d.]*\d", numbers(match)):
                found.setdefault(number, set()).add(str(path.relative_to(ROOT)))
    return found


def by_the_product(found: dict[str, set[str]]) -> set[str]:
    """Return what the package itself cites; nothing would mean that citations are not found any more."""
    return {number for number, files in found.items() if any(file.startswith("harness") for file in files)}


def decisions() -> dict[str, str]:
    """Return the number of each decision, and the text below its heading."""
    parts = re.split(r"^#### D([0-9]+)\n", text(), flags=re.MULTILINE)
    bodies = (re.split(r"^#", body, flags=re.MULTILINE)[0] for body in parts[2::2])
    return dict(zip(parts[1::2], bodies, strict=True))


def is_built(body: str) -> bool:
    """Tell whether a decision is built; its first paragraph must say so in one of two forms."""
    head = body.strip().partition("\n\n")[0].replace("\n", " ")
    states = re.findall(r"\*(Built\.|Decided, not built yet ⏳\.)", head)
    assert len(states) == 1, head
    return states == ["Built."]


def rows() -> list[str]:
    return re.findall(r"^\| ([37]\.[0-9]+\.[0-9]{2}) \|", text(), re.MULTILINE)


def sections() -> list[str]:
    return re.findall(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? ", text(), re.MULTILINE)


def test_every_decision_stands_once_and_says_whether_it_is_built() -> None:
    defined = re.findall(r"^#### D([0-9]+)$", text(), re.MULTILINE)
    assert defined == [str(n) for n in range(1, len(defined) + 1)]
    assert any(is_built(body) for body in decisions().values())


def test_every_cited_decision_exists() -> None:
    found = cited(DECISION)
    assert by_the_product(found)
    assert not {number: files for number, files in found.items() if number not in decisions()}


def test_every_row_stands_once_and_has_tests() -> None:
    assert not [row for row, times in Counter(rows()).items() if times > 1]
    listed = {
        row
        for path in (ROOT / "tests/rows").glob("rows_*.toml")
        for row in re.findall(r'^id = "([\d.]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(rows()) == listed


def test_every_cited_row_exists() -> None:
    found = cited(ROW)
    assert by_the_product(found)
    assert not {row: files for row, files in found.items() if row not in rows()}


def test_every_cited_section_exists() -> None:
    found = cited(SECTION)
    assert by_the_product(found)
    assert not [section for section, times in Counter(sections()).items() if times > 1]
    assert not {section: files for section, files in found.items() if section not in sections()}


def test_every_cited_item_of_the_list_of_section_8_exists() -> None:
    (section,) = re.findall(r"^## 8\. .*", text(), re.MULTILINE | re.DOTALL)
    items = re.findall(r"^([0-9]+)\. ", section, re.MULTILINE)
    assert items == [str(n) for n in range(1, len(items) + 1)]
    assert cited(LIST_ITEM).keys() <= {*items, "8"}


def test_the_mark_stands_where_a_decision_that_is_not_built_will_change_something() -> None:
    unbuilt = {number for number, body in decisions().items() if not is_built(body)}
    assert marked(text()) <= unbuilt
    before, _, rest = text().partition("### 5.1 ")
    assert marked(before + rest.partition("### 5.2 ")[2]) == unbuilt


def marked(part: str) -> set[str]:
    return {number for names in MARK.findall(part) for number in re.findall(r"[0-9]+", names)}


def test_links_to_headings_of_the_specification_lead_there() -> None:
    headings = re.findall(r"^#+ (.*)$", text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    pages = [SPECIFICATION, *(path for path in (ROOT / "docs").glob("*.md") if path != SPECIFICATION)]
    missing = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"specification\.md#([^)\s]+)", page.read_text(encoding="utf-8"))
        + (LINK.findall(page.read_text(encoding="utf-8")) if page == SPECIFICATION else [])
        if link not in anchors
    ]
    assert not missing


@pytest.mark.parametrize(
    ("pattern", "string", "found"),
    [
        (DECISION, "(decision D4; D11, D29)", ["4", "11", "29"]),
        (DECISION, "D3-81080, #D12, 0xD1, D100, D1.5, DD1, T-D1", []),
        (DECISION, "D9 leaves it open. D41: also", ["9", "41"]),
        (ROW, "as in 3.8.11; 1.3.8.11, 3.8.11.4, v3.8.11, 3.12.01", ["3.8.11"]),
        (SECTION, "mapping sections 3.1 and 3.8; PS3.3 section C.18.1", ["3.1 and 3.8"]),
        (SECTION, "(PS3.5 section 6.2; PS3.16 section 8)", []),
        (SECTION, "mapping specification, 3.1 and 6", ["3.1 and 6"]),
        (SECTION, "section 8, 12", ["8"]),
    ],
)
def test_citations_are_told_from_what_looks_like_one(
    pattern: re.Pattern[str], string: str, found: list[str]
) -> None:
    assert [numbers(match) for match in pattern.finditer(string)] == found
