"""The ImplementationGuide resource: SUSHI's, with what SUSHI does not know."""

from __future__ import annotations

from collections.abc import Iterable

from sr2fhir.jsontext import JsonObject

from tools.publishing.resources import Resource

_COMMON = ("version", "publisher", "contact", "jurisdiction")


def complete(guide: Resource, maps: Iterable[Resource]) -> Resource:
    """Complete the ImplementationGuide for the package.

    Parameters
    ----------
    guide
        As SUSHI made it: it lists definitions, examples and pages.
    maps
        The StructureMaps, which SUSHI does not read.

    Returns
    -------
    Resource
        With the maps listed, and without the parameters, which only steer the IG Publisher and are coded by a
        system of its own.
    """
    definition = {name: value for name, value in guide.content["definition"].items() if name != "parameter"}
    listed = [*definition["resource"], *(_listed(entry.content, entry.reference) for entry in maps)]
    return guide.with_content(definition={**definition, "resource": listed})


def dressed(entry: Resource, guide: Resource) -> Resource:
    """Give a map what all definitions of the guide have in common; FML has no place for it."""
    common = {name: guide.content[name] for name in _COMMON if name in guide.content}
    return entry.with_content(**common, experimental=False)


def _listed(structure_map: JsonObject, reference: str) -> JsonObject:
    """List a map."""
    return {
        "reference": {"reference": reference},
        "name": structure_map["title"],
        "isExample": False,
    }
