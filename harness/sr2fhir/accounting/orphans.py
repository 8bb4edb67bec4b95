"""Resources that exist only because something refers to them: one that nothing refers to is taken out again.

The maps make a resource for every person, device, body structure and specimen that the logical model lists; what
is referred to is seen in the Bundle.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sr2fhir.accounting.sources import walk

DEPENDENT = frozenset({"Practitioner", "Device", "BodyStructure", "Specimen"})


def remove_orphans(bundle: dict[str, Any], kept: Collection[str]) -> None:
    """Remove the entries that nothing refers to.

    Parameters
    ----------
    kept
        Ids of resources that stay all the same.
    """
    while True:
        wanted = {url for entry in bundle["entry"] for url in _referred_to(entry["resource"])}
        stay = [entry for entry in bundle["entry"] if not _is_orphan(entry, wanted, kept)]
        if len(stay) == len(bundle["entry"]):
            return
        bundle["entry"] = stay


def _is_orphan(entry: dict[str, Any], wanted: Collection[str], kept: Collection[str]) -> bool:
    resource = entry["resource"]
    dependent = resource["resourceType"] in DEPENDENT and resource["id"] not in kept
    return dependent and entry["fullUrl"] not in wanted


def _referred_to(resource: dict[str, Any]) -> list[str]:
    return [node["reference"] for node in walk(resource) if isinstance(node.get("reference"), str)]
