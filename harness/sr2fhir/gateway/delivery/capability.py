"""What a server says that it can do (CapabilityStatement), held against what a transaction of ours needs.

What it denies is told; where it says nothing, it may be able to (HAPI FHIR JPA never states updateCreate).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sr2fhir.gateway.store import Failure
from sr2fhir.packaging import Packaging
from sr2fhir.packaging.policies import KINDS

_HINT_IDS = 'Allow client-assigned ids on the server, or set ids = "server"'
# number of the version, as fhirVersion begins
_NUMBERS = {"R5": "5.", "R4": "4.0"}
# types of the version that the maps do not make in the other
_ONLY = {"ImagingSelection": "R5", "Basic": "R4"}
# made only if a setting asks for it
_SELDOM = frozenset(
    {"DiagnosticReport", "Provenance", "Flag", "CommunicationRequest", "Endpoint", "Organization", "Specimen"}
)


class Lack(NamedTuple):
    """Something that the server does not state.

    Parameters
    ----------
    is_fatal
        Whether nothing is sent because of it; else it is only told.
    """

    is_fatal: bool
    message: str
    hint: str

    @property
    def failure(self) -> Failure:
        """Why nothing is delivered."""
        return Failure(None, self.message, self.hint)


def lacks(statement: Any, fhir: str, packaging: Packaging) -> Iterator[Lack]:
    """Return what a server lacks for transactions.

    Parameters
    ----------
    statement
        Its CapabilityStatement.
    fhir
        The version of FHIR of what is sent.
    packaging
        How transactions are made.
    """
    if not isinstance(statement, dict) or statement.get("resourceType") != "CapabilityStatement":
        yield Lack(True, "this is no FHIR server: /metadata is no CapabilityStatement", "Check its URL")
        return
    version = str(statement.get("fhirVersion", ""))
    if not version.startswith(_NUMBERS[fhir]):
        # a server of another version drops what it does not know, and says that all went well
        message = f"the server is of FHIR {version or 'of no version'}, and {fhir} is to be sent"
        yield Lack(True, message, f"Give the URL of a server of {fhir}, or set fhir")
        return
    rest = next((each for each in _objects(statement.get("rest")) if each.get("mode") == "server"), {})
    if "transaction" not in _codes(rest):
        yield Lack(False, "the server does not state the interaction transaction", "Allow it on the server")
    yield from _of_types(
        {str(each.get("type")): each for each in _objects(rest.get("resource"))}, fhir, packaging
    )


def _of_types(types: dict[str, dict[str, Any]], fhir: str, packaging: Packaging) -> Iterator[Lack]:
    """Return what is lacking for types of resources."""
    used = {name for name in KINDS if _ONLY.get(name, fhir) == fhir} - _SELDOM
    policies = {
        "Patient": packaging.patients,
        "ServiceRequest": packaging.orders,
        "ImagingStudy": packaging.studies,
    }
    stored = {name for name in used if policies.get(name, "create") == "create"}
    conditional = {name for name in stored if KINDS[name].ways or packaging.ids == "server"}
    if missing := sorted(stored - types.keys()):
        yield Lack(
            False, f"the server does not state the types {', '.join(missing)}", "Enable them on the server"
        )
    if packaging.ids == "client":
        own = {name for name in stored if not KINDS[name].ways}
        yield from _denied(types, own, "updateCreate", "an update that creates", _HINT_IDS)
        yield from _unversioned(types, own)
    yield from _denied(
        types, conditional, "conditionalCreate", "conditional create", "Enable it on the server"
    )
    looked_up = {name for name, chosen in policies.items() if chosen == "existing"} & types.keys()
    unfound = sorted(name for name in looked_up if "identifier" not in _parameters(types[name]))
    if unfound:
        message = f"the server does not state a search by identifier for {', '.join(unfound)}"
        yield Lack(False, message, "Enable it, or choose another policy than existing")


def _denied(
    types: dict[str, dict[str, Any]], needed: set[str], member: str, what: str, hint: str
) -> Iterator[Lack]:
    """Return that a member is denied for some types."""
    missing = sorted(name for name in needed & types.keys() if types[name].get(member) is False)
    if missing:
        yield Lack(False, f"the server denies {what} for {', '.join(missing)}", hint)


def _unversioned(types: dict[str, dict[str, Any]], own: set[str]) -> Iterator[Lack]:
    """Return that changes by others cannot be noticed."""
    missing = sorted(name for name in own & types.keys() if types[name].get("versioning") == "no-version")
    if missing:
        message = f"the server keeps no versions of {', '.join(missing)}: what others changed is overwritten"
        yield Lack(False, message, "Enable versions on the server")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _codes(rest: dict[str, Any]) -> set[Any]:
    return {each.get("code") for each in _objects(rest.get("interaction"))}


def _parameters(resource: dict[str, Any]) -> set[Any]:
    return {each.get("name") for each in _objects(resource.get("searchParam"))}
