"""How a Bundle travels: as the collection that the maps made, or as a transaction that a server stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sr2fhir.errors import UsageError
from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.policies import request

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
