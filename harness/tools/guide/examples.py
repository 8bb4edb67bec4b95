"""Examples: what the transformer makes of the reports in fsh/examples, so that they cannot go stale."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from sr2fhir import alerts
from sr2fhir.engines import Engine, create
from sr2fhir.errors import SetupError
from sr2fhir.jsontext import JsonObject, loads_strict
from sr2fhir.model import RenderOptions
from sr2fhir.paths import Layout
from sr2fhir.transformer import Transformer

from tools.guide.resources import Resource

_LITERAL = ".ig-literal.json"
_PROFILE_NAME = re.compile(r"[^/]+$")


def from_reports(places: Layout) -> list[Resource]:
    """Transform the reports of fsh/examples, `….ig-literal.json` in the form ig-literal.

    Raises
    ------
    SetupError
        There is none.
    """
    reports = sorted((places.fsh / "examples").glob("*.json"))
    if not reports:
        raise SetupError("there is no report in fsh/examples", hint="The checkout is incomplete")
    engine = create("embedded")
    try:
        return [example for path in reports for example in _transformed(engine, path)]
    finally:
        engine.close()


def _transformed(engine: Engine, report: Path) -> Iterator[Resource]:
    """Return the resources of one report."""
    form: Literal["corrected", "ig-literal"] = "ig-literal" if report.name.endswith(_LITERAL) else "corrected"
    rules = alerts.read(str(files("sr2fhir.alerts") / "alerts.toml"))
    result = Transformer(engine, options=RenderOptions(form=form), alerts=rules).transform(report)
    return standalone(loads_strict(result.json)["entry"])


def standalone(entries: Iterable[JsonObject]) -> Iterator[Resource]:
    """Take resources out of their Bundle, as a server does that stores them.

    Parameters
    ----------
    entries
        Of a Bundle whose references are URNs; each resource has the id of its URN.

    Yields
    ------
    Resource
        With references by type and id.
    """
    listed = list(entries)
    places = {entry["fullUrl"]: Resource(entry["resource"]).reference for entry in listed}
    for entry in listed:
        yield Resource(_relocated(entry["resource"], places), example=True)


def _relocated(node: Any, places: Mapping[str, str]) -> Any:
    """Replace URNs of resources by type and id, wherever they stand as a whole value."""
    if isinstance(node, dict):
        return {name: _relocated(value, places) for name, value in node.items()}
    if isinstance(node, list):
        return [_relocated(value, places) for value in node]
    return places.get(node, node) if isinstance(node, str) else node


def titles(examples: Iterable[Resource]) -> dict[str, str]:
    """Name each example after its profile, else its type, with a number.

    Returns
    -------
    dict
        By reference.
    """
    counts: dict[str, int] = {}
    named = {}
    for example in examples:
        name = profile_name(example)
        counts[name] = counts.get(name, 0) + 1
        named[example.reference] = f"{name}, example {counts[name]}"
    return named


def profile_name(example: Resource) -> str:
    """Return the last part of the URL of the first profile that a resource claims, else its type."""
    url = first_profile(example)
    match = _PROFILE_NAME.search(url) if url else None
    return match[0] if match else example.type


def first_profile(example: Resource) -> str | None:
    """Return the first profile that a resource claims."""
    claimed = example.content.get("meta", {}).get("profile", ())
    return str(claimed[0]) if claimed else None
