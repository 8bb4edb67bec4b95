"""How a Bundle travels: as the collection that the maps made, or as a transaction that a server stores.

Sending a transaction twice changes nothing. What may exist already under another id is created only where no
resource has its identifier: POST with `ifNoneExist`. This holds for identifiers with a system alone; one
without is unique only inside its archive, and matching by it could attach results to another patient (mapping
section 1, decision D30). Everything else is stored under its own id, which is the same for the same document:
PUT.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from sr2fhir.errors import UsageError
from sr2fhir.jsontext import JsonObject
from sr2fhir.settings import CANONICAL

__all__ = ["BUNDLE_TYPES", "FORMATS", "BundleType", "Format", "Packaging"]

BundleType = Literal["collection", "transaction"]
BUNDLE_TYPES: tuple[BundleType, ...] = ("collection", "transaction")
Format = Literal["json", "xml"]
FORMATS: tuple[Format, ...] = ("json", "xml")

_NOT_TO_BE_SENT = (
    "the form ig-literal writes a SOP class that DICOM does not have: not in a transaction, to be kept"
)
_LEAVE_OUT = (
    "Ask for the form corrected to send it, or for a collection to compare it with the published guide"
)


@dataclass(frozen=True)
class Packaging:
    """Say how Bundles are to travel.

    Parameters
    ----------
    bundle
        Type of the Bundle: a transaction can be posted to a server, twice without harm.
    """

    bundle: BundleType = "collection"

    def check_form(self, form: str) -> None:
        """Refuse to send what is to be compared only (decision D3).

        Raises
        ------
        UsageError
            The form is `ig-literal`: what a server keeps must not falsify a SOP class.
        """
        if self.bundle == "transaction" and form == "ig-literal":
            raise UsageError(_NOT_TO_BE_SENT, hint=_LEAVE_OUT)

    def package(self, collection: JsonObject) -> JsonObject:
        """Return a collection as it is to travel; its resources stay as they are."""
        if self.bundle == "collection":
            return collection
        entries = [{**entry, "request": request(entry["resource"])} for entry in collection["entry"]]
        return {**collection, "type": self.bundle, "entry": entries}


PROFILES = f"{CANONICAL}/StructureDefinition/"
# what separates system and value, or values, in a search (FHIR R5, search, 3.2.1.5.7)
_SEARCH_ESCAPES = str.maketrans({character: f"\\{character}" for character in "\\$,|"})


@dataclass(frozen=True)
class Policy:
    """Say by what identifier a kind of resource is known to others.

    Parameters
    ----------
    identifiers
        How many of its identifiers may name it, from the first on; None for all of them, 0 where it is stored
        under its own id.
    profiles
        Profiles of which it claims one; empty where any will do.
    """

    identifiers: int | None = None
    profiles: frozenset[str] = frozenset()

    def identifier(self, resource: JsonObject) -> JsonObject | None:
        """Return the first identifier with a system by which others may know this resource, if any."""
        if self.profiles and self.profiles.isdisjoint(resource.get("meta", {}).get("profile", ())):
            return None
        return with_system(resource.get("identifier", [])[: self.identifiers])


_OWN_ID = Policy(identifiers=0)
POLICIES = {
    # the Patient ID; Other Patient IDs come after it
    "Patient": Policy(identifiers=1),
    "ServiceRequest": Policy(),
    "ImagingStudy": Policy(),
    "Practitioner": Policy(),
    # equipment and observers; not algorithms, nor a device that was measured
    "Device": Policy(
        profiles=frozenset((f"{PROFILES}dicom-general-equipment", f"{PROFILES}dicom-participant-device"))
    ),
    "Specimen": _OWN_ID,
    "BodyStructure": _OWN_ID,
    "ImagingSelection": _OWN_ID,
    "Observation": _OWN_ID,
}
"""Each type of resource that the maps make, to its policy; another is stored under its own id."""


def request(resource: JsonObject) -> JsonObject:
    """Return `Bundle.entry.request` of a resource."""
    kind = resource["resourceType"]
    known = POLICIES.get(kind, _OWN_ID).identifier(resource)
    if known is None:
        return {"method": "PUT", "url": f"{kind}/{resource['id']}"}
    return {"method": "POST", "url": kind, "ifNoneExist": f"identifier={search_token(known)}"}


def with_system(identifiers: Iterable[JsonObject]) -> JsonObject | None:
    """Return the first identifier that has both system and value."""
    return next((each for each in identifiers if each.get("system") and each.get("value")), None)


def search_token(identifier: JsonObject) -> str:
    """Return system and value of an identifier, percent-encoded for a search."""
    parts = (identifier[name].translate(_SEARCH_ESCAPES) for name in ("system", "value"))
    return quote("|".join(parts), safe="")
