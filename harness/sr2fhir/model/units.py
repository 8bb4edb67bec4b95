"""Units of measurement: what of them is UCUM, and what becomes of the rest (decisions D52 and D55).

Why a grammar of our own? ucumvert, the one maintained parser of UCUM in Python, needs pint and lark, and
loads both when it is imported, which would take longer than rendering a report. What is needed is a yes or
no for each distinct code of a document. Prefixes and atoms are those of the engine's own UCUM, which
`tools.ucum` writes to ucum.json, and a test has the engine judge the same codes.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.codes import Concept, standard_schemes, table
from sr2fhir.model.datatypes import filled

# ---- UCUM's grammar ----------------------------------------------------------------------------------------

_CODE = re.compile(r"[!-~]+")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_INNERMOST = re.compile(r"\(([^()]*)\)")
_GROUP = "\x01"
# a group, a unit with an exponent or a number, each perhaps with an annotation; or an annotation alone
_COMPONENT = re.compile(
    rf"(?:{_GROUP}|(?P<unit>10[*^]|(?:[^][(){{}}./+\-0-9\x01]|\[[^]]*\])+)(?:[+-]?[0-9]+)?|[1-9][0-9]*)(?:\{{\}})?|\{{\}}"
)


@cache
def is_ucum(code: str) -> bool:
    """Tell whether UCUM has a unit of this code, in its case-sensitive form.

    Examples
    --------
    >>> [is_ucum(code) for code in ("mm2", "g/ml{SUVbw}", "{pixels}", "10*-3.mm2/s", "mm[Hg]")]
    [True, True, True, True, True]
    >>> [is_ucum(code) for code in ("{SUVbw}g/ml", "mm²", "hnsf'U", "cm US Region", "kmin")]
    [False, False, False, False, False]
    """
    if not _CODE.fullmatch(code):
        return False
    term = _ANNOTATION.sub("{}", code)
    while group := _INNERMOST.search(term):
        if not _is_term(group[1]):
            return False
        term = term[: group.start()] + _GROUP + term[group.end() :]
    return _is_term(term)


def _is_term(text: str) -> bool:
    """Tell whether components are joined by ``.`` and ``/``, the first of which may be divided by."""
    place = 1 if text.startswith("/") else 0
    while component := _COMPONENT.match(text, place):
        unit, place = component["unit"], component.end()
        if unit and not _is_unit(unit):
            return False
        if place == len(text):
            return True
        if text[place] not in "./":
            return False
        place += 1
    return False


def _is_unit(symbol: str) -> bool:
    known = _ucum()
    prefixed = any(symbol.startswith(one) and symbol[len(one) :] in known.metric for one in known.prefixes)
    return symbol in known.metric or symbol in known.others or prefixed


class _Ucum(NamedTuple):
    prefixes: tuple[str, ...]
    metric: frozenset[str]
    others: frozenset[str]


@cache
def _ucum() -> _Ucum:
    stated = json.loads(files(__package__).joinpath("ucum.json").read_text("utf-8"))
    return _Ucum(tuple(stated["prefixes"]), frozenset(stated["metric"]), frozenset(stated["others"]))


# ---- what documents write instead --------------------------------------------------------------------------

_MISPLACED = re.compile(r"(\{[^{}]*\})([^{}/.].*)")
_ANNOTATED = "the annotation of the UCUM code stands before its unit: it was put behind it"
_REPAIRED = "the code of the units is none of UCUM; the one that is meant was taken"
_OTHERWISE = "the code of the units is another unit in UCUM than the meaning: the one that is meant was taken"
_NO_UCUM = "the code of the units is none of UCUM: they are kept as text"
_NO_SCHEME = "the code of the units has no coding scheme: they are kept as text"
_SEVERAL = "the units have further codes: a quantity has one"


def repaired(code: str) -> str | None:
    """Return the UCUM code that is meant by a code that is none; None where that is not certain."""
    stated = table(__package__, "units.toml")
    if code in stated["codes"]:
        return str(stated["codes"][code])
    for written, meant in stated["characters"].items():
        code = code.replace(written, meant)
    return code if is_ucum(code) else None


def unit_of(units: Concept, where: str, log: FindingLog) -> JsonObject:
    """Return unit, system and code of a Quantity.

    Parameters
    ----------
    units
        As the document states them.
    where
        Position of the content item.
    log
        Receives what had to be repaired or left out.
    """
    if len(units.codings) > 1:
        log.add("information", "no-target", where, _SEVERAL)
    ucum = standard_schemes()["UCUM"].system
    coding = next((one for one in units.codings if one.get("system") == ucum), units.codings[0])
    system, code, unit = coding.get("system"), coding.get("code"), coding.get("display")
    if system == ucum and code:
        code = _checked(code, unit, where, log)
    elif system is None and code:
        log.add("warning", "invalid-unit", where, _NO_SCHEME)
    usable = {"system": system, "code": code} if system and code else {}
    return filled({"unit": _for_people(code, unit) or coding.get("code"), **usable})


def _checked(code: str, unit: str | None, where: str, log: FindingLog) -> str | None:
    """Return the UCUM code, repaired where necessary; None where there is none."""
    meant = table(__package__, "units.toml")["meant"].get(code)
    if meant and unit and unit.casefold() in meant["meanings"]:
        log.add("warning", "invalid-unit", where, _OTHERWISE, kept=True)
        return str(meant["code"])
    if is_ucum(code):
        return code
    moved = _MISPLACED.sub(r"\2\1", code)
    if is_ucum(moved):
        log.add("information", "invalid-unit", where, _ANNOTATED, kept=True)
        return moved
    mended = repaired(code)
    log.add("warning", "invalid-unit", where, _REPAIRED if mended else _NO_UCUM, kept=bool(mended))
    return mended


def _for_people(code: str | None, unit: str | None) -> str | None:
    """Return the unit as people read it: ``1`` rather than "no units"."""
    known: dict[str, Any] = table(__package__, "units.toml")["texts"].get(code, {})
    return known["unit"] if known and unit and unit.casefold() in known["meanings"] else unit
