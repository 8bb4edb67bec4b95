"""How a Bundle travels: as the collection that the maps made, or as a transaction that a server stores."""

from __future__ import annotations

from typing import Literal

from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.policies import request

__all__ = ["BUNDLE_TYPES", "BundleType", "package"]

BundleType = Literal["collection", "transaction"]
BUNDLE_TYPES: tuple[BundleType, ...] = ("collection", "transaction")


def package(collection: JsonObject, bundle_type: BundleType) -> JsonObject:
    """Return a collection as the Bundle type that is asked for; its resources stay as they are."""
    if bundle_type == "collection":
        return collection
    entries = [{**entry, "request": request(entry["resource"])} for entry in collection["entry"]]
    return {**collection, "type": bundle_type, "entry": entries}
