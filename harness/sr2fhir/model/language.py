"""Language of content items as a BCP-47 tag (TID 1204)."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from sr2fhir.findings import FindingLog
from sr2fhir.model.content import coded_value, first
from sr2fhir.model.tree import Item

LANGUAGE = "DCM#121049"
_COUNTRY = "DCM#121046"
KEYS = frozenset({LANGUAGE})
_TAG = re.compile(
    r"([A-Za-z]{2,3})((?:-[A-Za-z]{4})?)((?:-(?:[A-Za-z]{2}|[0-9]{3}))?)((?:-[A-Za-z0-9]{2,8})*)"
)
_REGION = re.compile(r"[A-Za-z]{2}|[0-9]{3}")


def state(children: list[Item], log: FindingLog) -> tuple[str, str] | None:
    """Return the language that an item's children state, and where; None where none that is known."""
    item = first(children, LANGUAGE)
    if item is None:
        return None
    value = coded_value(item)
    tag = shortest_tag(value.code or "") if value else None
    if tag is None:
        log.add("warning", "invalid-value", item.position, "the language is not known")
        return None
    item.resolved = "language"
    return _with_country(tag, item), item.position


def shortest_tag(code: str) -> str | None:
    """Return a language code or tag as the shortest BCP-47 tag; None where ISO 639 has no such language.

    Examples
    --------
    >>> shortest_tag("eng"), shortest_tag("ger"), shortest_tag("en-us")
    ('en', 'de', 'en-US')
    """
    match = _TAG.fullmatch(code.replace("_", "-"))
    language = _shortest(match[1].lower()) if match else None
    if match is None or language is None:
        return None
    return language + match[2].title() + match[3].upper() + match[4]


def _shortest(code: str) -> str | None:
    if len(code) == 2:
        return code if code in _table()["two"] else None
    return _table()["three"].get(code)


def _with_country(tag: str, item: Item) -> str:
    country = first(item.children, _COUNTRY)
    value = coded_value(country) if country else None
    region = (value.code or "").upper() if value else ""
    stated = next((part for part in tag.split("-")[1:] if _REGION.fullmatch(part)), None)
    if country is None or not _REGION.fullmatch(region) or stated not in (None, region):
        return tag
    country.resolved = "language"
    return tag if stated else f"{tag}-{region}"


@cache
def _table() -> dict[str, dict[str, str]]:
    rows = json.loads(files(__package__).joinpath("languages.json").read_text("utf-8"))["languages"]
    two = {code: code for code in rows.values() if len(code) == 2}
    return {"two": two, "three": rows}
