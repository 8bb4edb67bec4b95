"""Codes of DICOM's own scheme, wherever maps and tables name them, are codes that PS3.16 defines.

The lint (`keys`, `codings`) looks at keys and at codings that are written; here also patterns, conditions on system and
code, and the tables of the renderer and of what comes after the maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.sr._concepts_dict import concepts
from sr2fhir.paths import layout

from tests.maps.lint import Maps

DCM = "http://dicom.nema.org/resources/ontology/DCM"
PACKAGE = layout().sources / "harness" / "sr2fhir"
TABLES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".json", ".toml"))
# The scheme's codes that are numbers lie in this range.
NUMBERS = range(100_000, 140_000)
SCHEME = "DCM#"
CONDITION = re.compile(re.escape(f"system = '{DCM}'") + r"\s+and code = '([^']*)'")
WRITTEN = re.compile(re.escape(f"system = '{DCM}'") + r",\s+\w+\.code = '([^']*)'")
CODES_OF_CID_42 = "^1140(0[0-9]|1[01])$"

# Code → why it stands there although pydicom's copy of PS3.16 (2024c) does not have it.
_MANIFEST = "DICOM CP-2595 of 2026, as Table 4.3-1 of IHE RAD MADO names it"
EXCEPTIONS: dict[str, str] = {str(code): _MANIFEST for code in range(131560, 131566)}


@pytest.fixture(scope="module")
def fragment(codes: dict[str, str]) -> frozenset[str]:
    """Return the codes of the CodeSystem that the guide carries."""
    return frozenset(codes)


def named(text: str) -> set[str]:
    """Return the codes that a text names: as keys, and in conditions and codings of maps."""
    keys = re.findall(r"['\"]DCM#([^'\"\s]+)['\"]", text)
    return {*keys, *CONDITION.findall(text), *WRITTEN.findall(text)}


def patterns(maps: Maps) -> Iterator[str]:
    """Yield the regular expressions in the maps that are about codes of the scheme."""
    for rule in maps.library.rules:
        for expression in rule.expressions:
            literals = re.findall(r"'([^']*)'", expression)
            yield from (
                text for text in literals if text.startswith("^") and (SCHEME in text or DCM in literals)
            )


def matched(pattern: str) -> set[str]:
    """Return the codes that a pattern takes, be they defined or not."""
    found = {str(number) for number in NUMBERS}
    return {code for code in found if re.search(pattern, code) or re.search(pattern, SCHEME + code)}


def test_the_fragment_holds_all_that_pydicom_lists(fragment: frozenset[str]) -> None:
    table: Any = concepts["DCM"]
    assert fragment == {code for entry in table.values() for code in entry}
    assert not fragment & EXCEPTIONS.keys()


def test_codes_in_maps_are_defined(maps: Maps, fragment: frozenset[str]) -> None:
    found = {code: file for file, text in maps.texts.items() for code in named(text)}
    assert len(found) > 10
    assert {code: file for code, file in found.items() if code not in fragment | EXCEPTIONS.keys()} == {}


def test_patterns_in_maps_take_defined_codes_only(maps: Maps, fragment: frozenset[str]) -> None:
    found = set(patterns(maps))
    assert CODES_OF_CID_42 in found
    for pattern in found:
        assert matched(pattern), pattern
        assert matched(pattern) <= fragment | EXCEPTIONS.keys(), pattern


def test_codes_in_tables_are_defined(fragment: frozenset[str]) -> None:
    found = {
        code: str(path.relative_to(PACKAGE)) for path in TABLES for code in named(path.read_text("utf-8"))
    }
    assert len(found) > 40
    assert {code: file for code, file in found.items() if code not in fragment | EXCEPTIONS.keys()} == {}


@pytest.mark.parametrize(
    "text",
    [
        "'DCM#999999' in key",
        '_TYPE = "DCM#999999"',
        f"coding.where(system = '{DCM}'\n      and code = '999999')",
        f"coding.system = '{DCM}',\n  coding.code = '999999'",
    ],
)
def test_a_code_that_nobody_defines_is_found(text: str, fragment: frozenset[str]) -> None:
    assert named(text) - fragment == {"999999"}


def test_every_exception_is_needed(maps: Maps) -> None:
    texts = [*maps.texts.values(), *(path.read_text("utf-8") for path in TABLES)]
    assert set(EXCEPTIONS) <= {code for text in texts for code in named(text)}
