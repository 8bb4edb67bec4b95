"""Where two Bundles differ, as JSON: the order of an object's members has no meaning, that of a list has.

Numbers are compared by their text, since FHIR keeps the precision of a decimal in it. Entries of a Bundle are
matched by their fullUrl, so that one that is missing does not make all that follow differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sr2fhir.jsontext import NumberText

# The root of a narrative. The language that they state is `Resource.language` too.
_NARRATIVE_ROOT = re.compile(r'^<div(?: (?:xmlns|lang|xml:lang)="[^"<>]*")*>')
Kind = Literal["missing", "surplus", "order", "precision", "sign", "markup", "value", "failure"]

# The digits that any IEEE 754 double keeps; engines that read decimals as doubles agree to these.
_DOUBLE_DIGITS = Decimal("1e-15")


class Difference(NamedTuple):
    """One path at which two results differ.

    Parameters
    ----------
    path
        From the Bundle down: `Bundle.entry[3].resource.code.coding[0].display`.
    kind
        `missing` or `surplus` in the second, `order` of the entries, `precision` for numbers that differ
        beyond the digits of a double only, `sign` for zeros with and without a minus, `markup` for a
        narrative that is written otherwise, with the attributes of its root (namespace, language) or
        without, any other `value`;
        `failure` where only one made a Bundle.
    first, second
        Both values, None where there is none. They may be about a patient.
    """

    path: str
    kind: Kind
    first: Any
    second: Any


def differences(first: Any, second: Any, path: str = "Bundle") -> Iterator[Difference]:
    """Find the differences of two values that were read from JSON with `jsontext.loads_strict`.

    Parameters
    ----------
    first, second
        The values.
    path
        Path of both.

    Yields
    ------
    Difference
        In the order of the first value; what only the second has comes after its siblings.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        yield from _members(first, second, path)
    elif isinstance(first, list) and isinstance(second, list):
        match = _entries if _are_entries(first) and _are_entries(second) else _items
        yield from match(first, second, path)
    elif first != second or type(first) is not type(second):
        yield Difference(path, _kind(first, second), first, second)


def _members(first: Mapping[str, Any], second: Mapping[str, Any], path: str) -> Iterator[Difference]:
    """Compare objects, whose members have no order."""
    for key, value in first.items():
        inner = f"{path}.{key}"
        if key in second:
            yield from differences(value, second[key], inner)
        else:
            yield Difference(inner, "missing", value, None)
    yield from (
        Difference(f"{path}.{key}", "surplus", None, value)
        for key, value in second.items()
        if key not in first
    )


def _items(first: Sequence[Any], second: Sequence[Any], path: str) -> Iterator[Difference]:
    """Compare lists, one item after the other."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        yield from differences(one, other, f"{path}[{index}]")
    common = min(len(first), len(second))
    yield from (
        Difference(f"{path}[{index}]", "missing", value, None)
        for index, value in enumerate(first[common:], common)
    )
    yield from (
        Difference(f"{path}[{index}]", "surplus", None, value)
        for index, value in enumerate(second[common:], common)
    )


def _entries(first: Sequence[Any], second: Sequence[Any], path: str) -> Iterator[Difference]:
    """Compare the entries of two Bundles: the same resources, in the same order."""
    others = {entry["fullUrl"]: entry for entry in second}
    names = [entry["fullUrl"] for entry in first]
    for index, entry in enumerate(first):
        inner = f"{path}[{index}]"
        if entry["fullUrl"] in others:
            yield from differences(entry, others[entry["fullUrl"]], inner)
        else:
            yield Difference(inner, "missing", _named(entry), None)
    surplus = [(index, entry) for index, entry in enumerate(second) if entry["fullUrl"] not in set(names)]
    yield from (Difference(f"{path}[{index}]", "surplus", None, _named(entry)) for index, entry in surplus)
    kept = [name for name in names if name in others]
    order = [name for name in others if name in set(names)]
    if kept != order:
        yield Difference(path, "order", kept, order)


def _are_entries(values: Sequence[Any]) -> bool:
    """Tell whether these are entries of a Bundle, each with a fullUrl of its own."""
    urls = [value.get("fullUrl") for value in values if isinstance(value, dict)]
    return None not in urls and len(set(urls)) == len(values) > 0


def _named(entry: Mapping[str, Any]) -> str:
    """Name the resource of an entry."""
    resource = entry.get("resource", {})
    return f"{resource.get('resourceType', '?')}/{resource.get('id', '?')}"


def _kind(first: Any, second: Any) -> Kind:
    """Tell how two values differ."""
    if not _same_double(first, second):
        return "markup" if _same_markup(first, second) else "value"
    return "sign" if first.lstrip("-") == second.lstrip("-") else "precision"


def _same_markup(first: Any, second: Any) -> bool:
    """Tell whether two texts are one, but for the attributes of the root and escapes of quotation marks."""
    if not type(first) is type(second) is str:
        return False
    one, other = (_NARRATIVE_ROOT.sub("<div>", text).replace("&quot;", '"') for text in (first, second))
    return one == other


def _same_double(first: Any, second: Any) -> bool:
    """Tell whether two numbers agree in all the digits that a double keeps."""
    if not (isinstance(first, NumberText) and isinstance(second, NumberText)):
        return False
    one, other = Decimal(first), Decimal(second)
    return abs(one - other) <= _DOUBLE_DIGITS * max(abs(one), abs(other))
