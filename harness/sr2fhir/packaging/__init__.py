"""How a Bundle travels: as the collection that the maps made, or as a transaction that a server stores.

Sending a transaction twice changes nothing. Each kind of resource is sent by a policy (`policies`; mapping
section 1.2): what belongs to other systems is referred to, or created where no resource has its identifier;
what the document itself states is stored under its own id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from sr2fhir.errors import UsageError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.policies import CHOICES, IDS, UPDATED, IdsOf, policy
from sr2fhir.packaging.transaction import Plan

__all__ = ["BUNDLE_TYPES", "FORMATS", "IDS", "BundleType", "Format", "IdsOf", "Packaging", "version_of"]

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
_RESOURCE = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9.-]{1,64}")
_VERSIONS_HINT = 'Write {"Observation/ID": "3"}: by type and id the version that the server returned'


def version_of(name: object, version: object) -> str:
    """Return the version of a resource.

    Parameters
    ----------
    name
        Type and id of the resource.
    version
        As the server returned it.

    Raises
    ------
    UsageError
        They are not type and id, or no version, or a transaction never updates resources of this type.
    """
    found = _RESOURCE.fullmatch(name) if isinstance(name, str) else None
    if found is None or not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise UsageError("not a resource and its version", where=str(name), hint=_VERSIONS_HINT)
    if found[1] not in UPDATED:
        message = f"a transaction updates no {found[1]}: its version has no use"
        raise UsageError(message, where=str(name), hint=f"Updated are {', '.join(UPDATED)}")
    return version


@dataclass(frozen=True)
class Packaging:
    """Say how Bundles are to travel.

    Parameters
    ----------
    bundle
        Type of the Bundle: a transaction can be posted to a server, twice without harm. All that follows is
        about transactions.
    patients
        `create` (default), `existing`, `logical` or `fixed=Patient/123`. A Patient whose identifier has no
        system is not created: references to it are logical, with a warning. `fixed`, here and below, is for
        one document: the resource that it names is that of this document, and a second one is refused.
    orders
        `logical` (default), `existing`, `create` or `fixed=ServiceRequest/123`.
    studies
        `create` (default), `existing` or `fixed=ImagingStudy/123`.
    ids
        Who gives the ids of what the document itself states: `client`, or `server` for a server that takes
        none.
    versions
        `Type/id` to the version that the sender wrote there: it is updated only if nobody changed it since.

    Raises
    ------
    UsageError
        One of these is not known, or versions are told of a server that gives the ids, or of a type that is
        never updated.
    """

    bundle: BundleType = "collection"
    patients: str = "create"
    orders: str = "logical"
    studies: str = "create"
    ids: IdsOf = "client"
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is not known."""
        if self.bundle not in BUNDLE_TYPES:
            raise UsageError("bundle: not a type of Bundle", hint=f"Choose {', '.join(BUNDLE_TYPES)}")
        if self.ids not in IDS:
            raise UsageError("ids: not known who gives them", hint=f"Choose {', '.join(IDS)}")
        if not isinstance(self.versions, Mapping):
            raise UsageError("versions: not a table of resources and their versions", hint=_VERSIONS_HINT)
        if self.versions and self.ids == "server":
            raise UsageError(
                "versions are known by the ids of the sender, and here the server gives the ids",
                hint="Leave one of --if-match and --ids server out",
            )
        for name, version in self.versions.items():
            version_of(name, version)
        self._plan  # noqa: B018 - reads the policies

    @property
    def fixed(self) -> str | None:
        """The first policy, if any, that names a resource of the server: it is for one document only."""
        if self.bundle == "collection":
            return None
        return next((option for option, chosen in self._plan.policies.items() if chosen.target), None)

    @cached_property
    def _plan(self) -> Plan:
        chosen = {option: policy(option, getattr(self, option)) for option in CHOICES}
        return Plan(chosen, self.ids, self.versions)

    def check_count(self, documents: int) -> None:
        """Refuse several documents where a policy names a resource of the server.

        Parameters
        ----------
        documents
            How many there are, with the one at hand.

        Raises
        ------
        UsageError
            A policy is `fixed`, and this is not the only document: results would reach another's chart.
        """
        if self.fixed and documents > 1:
            raise UsageError(
                f"the policy `fixed` of {self.fixed} is for the results of one document,"
                " and there are several",
                hint="Name one document, or choose another policy",
            )

    def check_form(self, form: str) -> None:
        """Refuse to send what is to be compared only (decision D3).

        Raises
        ------
        UsageError
            The form is `ig-literal`: what a server keeps must not falsify a SOP class.
        """
        if self.bundle == "transaction" and form == "ig-literal":
            raise UsageError(_NOT_TO_BE_SENT, hint=_LEAVE_OUT)

    def package(self, collection: JsonObject) -> tuple[JsonObject, tuple[Finding, ...]]:
        """Return a collection as it is to travel, and what is to be told of it.

        Resources stay as they are, but for their references to what is not sent, and for the identifier by
        which a server that gives the ids finds them.

        Raises
        ------
        IdentityError
            A resource has to exist on the server, and has no identifier by which it could be found there.
        """
        if self.bundle == "collection":
            return collection, ()
        return self._plan.transaction(collection)
