"""How a server is to store each kind of resource: a table, and what a site may choose (mapping section 1.2).

Patient, orders and studies belong to other systems: they are referred to, or created where they do not exist
yet. They are never updated. What the document itself states is stored under its own id, which is the same for
the same document.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from sr2fhir.errors import UsageError
from sr2fhir.jsontext import JsonObject
from sr2fhir.settings import is_known_system

Way = Literal["existing", "create", "logical", "fixed"]
"""
existing
    No entry. References are conditional, and the server refuses if none or several match.
create
    POST with `ifNoneExist`.
logical
    No entry. References have no `reference`: they name the resource by identifier or display.
fixed
    No entry. References lead to a resource that the caller names.
"""

IdsOf = Literal["client", "server"]
IDS: tuple[IdsOf, ...] = ("client", "server")

_FIXED = "fixed="
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
# what separates system and value, or values, in a search (FHIR R5, search, 3.2.1.5.7)
_SEARCH_ESCAPES = str.maketrans({character: f"\\{character}" for character in "\\$,|"})


@dataclass(frozen=True)
class Kind:
    """Say how resources of one type are sent.

    Parameters
    ----------
    option
        Member of `Packaging` that chooses; None where there is nothing to choose.
    ways
        What may be chosen, the default first; none where it is stored under its own id.
    identifier_type
        Code of the type of the only identifier that names it to others; None where any does.
    attribute
        Of the document, that says which one it is.
    display
        Members that lead to a text for people, where there is no identifier; the first that is there.
    unmatched
        Reason of the finding where no identifier can be matched, so that it is not created.
    default_system
        Code of the type of the identifier for which a default system can be told, and the option for that.
    merges
        Whether resources of one Bundle with one matching identifier become one; else those after the first
        are stored under their own ids.
    tells_apart
        Whether resources of one Bundle that share an identifier are found by others that they do not share.
    """

    option: str | None = None
    ways: tuple[Way, ...] = ("create",)
    identifier_type: str | None = None
    attribute: str = ""
    display: tuple[tuple[str | int, ...], ...] = ()
    unmatched: str = ""
    default_system: tuple[str, str] = ("", "")
    merges: bool = True
    tells_apart: bool = False

    def matching(self, resource: JsonObject, shared: Collection[str] = ()) -> JsonObject | None:
        """Return the first identifier with system and value that names a resource to others, if any.

        Parameters
        ----------
        shared
            Keys (`key_of`) of identifiers that another resource has, too: one of its own comes first.
        """
        usable = [
            each
            for each in resource.get("identifier", [])
            if self.identifier_type is None or has_type(each, self.identifier_type)
        ]
        name = resource["resourceType"]
        own = with_system(each for each in usable if key_of(name, each) not in shared)
        return own or with_system(usable)

    def text(self, resource: JsonObject) -> str:
        """Return a text that stands for a resource without identifiers."""
        found = (_at(resource, path) for path in self.display)
        return next((text for text in found if text), f"{resource['resourceType']} without identifier")


OWN = Kind(ways=())
KINDS = {
    "Patient": Kind(
        "patients",
        ("create", "existing", "logical", "fixed"),
        identifier_type="MR",
        attribute="PatientID",
        unmatched="unmatched-patient",
        default_system=("MR", "--patient-id-system"),
        display=(("name", 0, "text"),),
    ),
    "ServiceRequest": Kind(
        "orders",
        ("logical", "existing", "create", "fixed"),
        attribute="AccessionNumber",
        unmatched="unmatched-order",
        tells_apart=True,
        default_system=("ACSN", "--accession-system"),
        display=(
            *(("code", "concept", "text"), ("code", "concept", "coding", 0, "display")),
            *(("code", "text"), ("code", "coding", 0, "display")),  # R4
        ),
    ),
    # no `logical`: the profiles of Observation want a literal partOf
    "ImagingStudy": Kind("studies", ("create", "existing", "fixed"), attribute="StudyInstanceUID"),
    # a service belongs to its site, which may have said more of it: never overwritten
    "Endpoint": Kind(),
    "Organization": Kind(),
    "Practitioner": Kind(),
    "Device": Kind(),
    "Specimen": Kind(),
    # Tracking Unique Identifier (112040, DCM); the same lesion with another site stays apart (decision D34)
    "BodyStructure": Kind(identifier_type="112040", merges=False),
    "ImagingSelection": OWN,
    "Basic": OWN,  # R4 has no ImagingSelection
    "Observation": OWN,
    "DiagnosticReport": OWN,
    "Provenance": OWN,
    "Flag": OWN,
    "CommunicationRequest": OWN,
}
"""Each type of resource that the maps make, in any version of FHIR, to how it is sent."""

CHOICES = {kind.option: (name, kind) for name, kind in KINDS.items() if kind.option}
"""Option to the type of resource that it is about."""

UPDATED = tuple(name for name, kind in KINDS.items() if kind.option is None)
"""Types of which a transaction stores resources under ids of its own: only these can be updated."""


@dataclass(frozen=True)
class Policy:
    """Hold what was chosen for one kind of resource.

    Parameters
    ----------
    way
        How it is sent.
    target
        Type and id of the resource that references lead to, where it is fixed.
    """

    way: Way
    target: str | None = None


def policy(option: str, chosen: object) -> Policy:
    """Read what is chosen for an option: `create`, `fixed=Patient/123`.

    Raises
    ------
    UsageError
        It is none of the policies of this option, or names no resource of its type.
    """
    name, kind = CHOICES[option]
    if isinstance(chosen, str) and chosen.startswith(_FIXED) and "fixed" in kind.ways:
        target = chosen.removeprefix(_FIXED)
        found, _, made = target.partition("/")
        if found == name and _ID.fullmatch(made):
            return Policy("fixed", target)
    way = next((way for way in kind.ways if way == chosen and way != "fixed"), None)
    if way is None:
        raise UsageError(f"{option}: not a policy for {name}", hint=f"Choose {choices(option)}")
    return Policy(way)


def choices(option: str) -> str:
    """List the policies of an option for people."""
    name, kind = CHOICES[option]
    return ", ".join(f"{_FIXED}{name}/ID" if way == "fixed" else way for way in kind.ways)


# ---- identifiers -------------------------------------------------------------------------------------------


def with_system(identifiers: Iterable[JsonObject]) -> JsonObject | None:
    """Return the first identifier that has a value, and a system that says who gave it."""
    found = (each for each in identifiers if is_known_system(each.get("system")) and each.get("value"))
    return next(found, None)


def key_of(name: str, identifier: JsonObject) -> str:
    """Return what tells identifiers apart: type of the resource, kind, system and value."""
    kinds = [coding.get("code") for coding in identifier.get("type", {}).get("coding", ())]
    return repr((name, kinds, identifier.get("system"), identifier.get("value")))


def has_type(identifier: JsonObject, code: str) -> bool:
    """Tell whether an identifier is of a type, by the code of the type."""
    return any(coding.get("code") == code for coding in identifier.get("type", {}).get("coding", []))


def search(identifier: JsonObject) -> str:
    """Return the search for an identifier, percent-encoded: `identifier=system|value`."""
    parts = (identifier[name].translate(_SEARCH_ESCAPES) for name in ("system", "value"))
    return f"identifier={quote('|'.join(parts), safe='')}"


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Follow a path of members and indices; None where it leads nowhere."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
