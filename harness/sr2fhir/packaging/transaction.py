"""From a collection to a transaction: what is sent and how, and what becomes of references to the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sr2fhir.errors import IdentityError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.policies import KINDS, OWN, IdsOf, Kind, Policy, has_type, key_of, search
from sr2fhir.references import Change, rewritten

_URI = "urn:ietf:rfc:3986"
_URN = "urn:"
_NOT_COMPARED = frozenset({"id", "meta"})
# members of a resource that come before its identifiers
_BEFORE = (
    *("resourceType", "id", "meta", "implicitRules", "language", "text", "contained"),
    *("extension", "modifierExtension"),
)
# FHIR gives it no identifier to be found by
_WITHOUT_IDENTIFIER = frozenset({"Provenance"})
_ONE_CHOICE = Policy("create")


@dataclass(frozen=True)
class Plan:
    """Say how the resources of one Bundle are sent.

    Parameters
    ----------
    policies
        Option to what was chosen.
    ids
        Who gives the ids of what the document itself states.
    versions
        Type and id to the version that the sender wrote there.
    """

    policies: Mapping[str, Policy]
    ids: IdsOf
    versions: Mapping[str, str]

    def transaction(self, collection: JsonObject) -> tuple[JsonObject, tuple[Finding, ...]]:
        """Return the transaction, and what is to be told of it.

        Raises
        ------
        IdentityError
            A resource has to exist on the server, and has no identifier by which it could be found there.
        """
        shared = _shared(collection["entry"])
        packing = _Packing(self, shared=shared, held=_held(collection["entry"], shared))
        sent = [made for entry in collection["entry"] if (made := packing.entry(entry))]
        sent = _readdressed(sent, packing.changes)
        return {**collection, "type": "transaction", "entry": sent}, tuple(dict.fromkeys(packing.findings))


_NOT_ALONE = "another one of this document has each of its identifiers, too, so that none finds it alone"
_NOT_ALONE_HINT = "State a number of its own in the document, such as the Placer Order Number (0040,2016)"


@dataclass
class _Packing:
    """Pack one Bundle.

    Parameters
    ----------
    changes
        Full URL of a resource that is not sent to what becomes of a reference to it.
    created
        Type and search of a conditional create to the entry that has it.
    shared
        Keys of identifiers that several resources have which are to be told apart.
    held
        Keys of those that a resource has beside an identifier of its own, by which it is created. A search by
        such a one would find that resource, too.
    named
        Identifiers of the resources that are referred to logically, each with the type of the resource.
    """

    plan: Plan
    changes: dict[str, Change] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    created: dict[tuple[str, str], JsonObject] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    shared: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()

    def entry(self, entry: JsonObject) -> JsonObject | None:
        """Return an entry with its request; None if the resource is not sent."""
        resource = entry["resource"]
        kind = KINDS.get(resource["resourceType"], OWN)
        if not kind.ways:
            return self.stored(entry)
        policy = self.policy(kind)
        identifier = kind.matching(resource, self.shared)
        if policy.way == "create" and identifier and not self.is_of_another(resource, identifier):
            return self.create(entry, search(identifier))
        if kind.option is None:
            return self.stored(entry)
        self.changes[entry["fullUrl"]] = self.referred(kind, policy, resource, identifier)
        return None

    def is_of_another(self, resource: JsonObject, identifier: JsonObject) -> bool:
        """Tell whether the only identifier of a resource would lead to another that is created, too."""
        return key_of(resource["resourceType"], identifier) in self.held

    def policy(self, kind: Kind) -> Policy:
        """Return the policy; `fixed` holds for the first resource of its type, which is the header's."""
        if kind.option is None:
            return _ONE_CHOICE
        chosen = self.plan.policies[kind.option]
        if chosen.way != "fixed":
            return chosen
        if kind.option in self.fixed:
            return Policy(kind.ways[0])
        self.fixed.add(kind.option)
        return chosen

    def referred(
        self, kind: Kind, policy: Policy, resource: JsonObject, identifier: JsonObject | None
    ) -> Change:
        """Return what becomes of references to a resource that is not sent, and tell what follows.

        Raises
        ------
        IdentityError
            It has to exist, and has no identifier with a system.
        """
        name = resource["resourceType"]
        if policy.way == "existing" and identifier is None:
            why, hint = _unmatched(kind, resource)
            raise IdentityError(f"the {name} cannot be looked up: {why}", where=kind.attribute, hint=hint)
        if policy.way == "create":
            why, hint = _unmatched(kind, resource) if identifier is None else (_NOT_ALONE, _NOT_ALONE_HINT)
            message = f"the {name} is referred to, not created: {why}"
            self.findings.append(Finding("warning", kind.unmatched, kind.attribute, message, hint))
        if policy.way == "existing" and identifier:
            return _leading_to(f"{name}?{search(identifier)}")
        if policy.target:
            return _leading_to(policy.target)
        return self.logical(kind, resource)

    def logical(self, kind: Kind, resource: JsonObject) -> Change:
        """Return a change to a logical reference, which says what it said, else what the resource says.

        That is the first identifier that no earlier resource of the type has, so that two orders with one
        accession number can be told apart.
        """
        name = resource["resourceType"]
        identifiers = {key_of(name, each): each for each in resource.get("identifier", ())}
        own = [each for key, each in identifiers.items() if key not in self.named]
        self.named |= identifiers.keys()
        found = next(iter((*own, *identifiers.values())), None)
        named = {"identifier": found} if found else {"display": kind.text(resource)}

        def change(reference: JsonObject) -> JsonObject:
            said = {member: value for member, value in reference.items() if member != "reference"}
            return {"type": name, **(named if said.keys() <= {"id", "type"} else {}), **said}

        return change

    def create(self, entry: JsonObject, search: str) -> JsonObject | None:
        """Return an entry to be created unless it exists; None if an earlier one is sent in its place."""
        resource = entry["resource"]
        name = resource["resourceType"]
        earlier = self.created.setdefault((name, search), entry)
        if earlier is entry:
            return _posted(entry, search)
        if not KINDS[name].merges:
            return self.stored(entry)
        self.changes[entry["fullUrl"]] = _leading_to(earlier["fullUrl"])
        if _compared(resource) != _compared(earlier["resource"]):
            message = f"two {name} resources have one identifier and differ: the first is sent for both"
            where = f"{name}/{earlier['resource']['id']}"
            self.findings.append(Finding("warning", "conflict", where, message))
        return None

    def stored(self, entry: JsonObject) -> JsonObject:
        """Return an entry that is stored under its own id, or found by it where the server gives the ids."""
        resource = entry["resource"]
        name = f"{resource['resourceType']}/{resource['id']}"
        if self.plan.ids == "client":
            version = self.plan.versions.get(name)
            return {**entry, "request": updating(name, version)}
        if resource["resourceType"] in _WITHOUT_IDENTIFIER:
            return {**entry, "request": {"method": "POST", "url": resource["resourceType"]}}
        own = {"system": _URI, "value": entry["fullUrl"]}
        return _posted({**entry, "resource": _identified(resource, own)}, search(own))


def updating(name: str, version: str | None) -> JsonObject:
    """Return the request that stores a resource under an id; if a version is given, only over that."""
    known = {"ifMatch": f'W/"{version}"'} if version else {}
    return {"method": "PUT", "url": name, **known}


def _unmatched(kind: Kind, resource: JsonObject) -> tuple[str, str]:
    """Say why no identifier of a resource can be matched, and what helps.

    A default system holds only for an identifier that names no issuer (decision D32).
    """
    code, option = kind.default_system
    identifiers = resource.get("identifier", [])
    own = [each for each in identifiers if has_type(each, code)]
    usable = own if kind.identifier_type else identifiers
    remedies = []
    if any("assigner" in each for each in usable):
        remedies.append("tell the system of its issuer with --issuers")
    if any("assigner" not in each for each in own):
        remedies.append(f"tell the system with {option}")
    remedies = remedies or [f"state {kind.attribute} in the document"]
    fixed = f"choose another policy, such as --{kind.option} fixed={resource['resourceType']}/ID"
    why = "no identifier of it has a system" if usable else "it has no identifier"
    if identifiers and not usable:
        why = f"no identifier of it has the type {kind.identifier_type}"
    hint = ", or ".join([*remedies, fixed])
    return why, hint[0].upper() + hint[1:]


def _shared(entries: Iterable[JsonObject]) -> frozenset[str]:
    """Return the keys of identifiers that several orders of a Bundle have."""
    resources = (entry["resource"] for entry in entries)
    keys = Counter(
        key
        for each in resources
        if KINDS.get(each["resourceType"], OWN).tells_apart
        for key in {key_of(each["resourceType"], one) for one in each.get("identifier", ())}
    )
    return frozenset(key for key, times in keys.items() if times > 1)


def _held(entries: Iterable[JsonObject], shared: frozenset[str]) -> frozenset[str]:
    """Return the shared keys of resources that have an identifier of their own to be found by."""
    found: set[str] = set()
    for resource in (entry["resource"] for entry in entries):
        name = resource["resourceType"]
        kind = KINDS.get(name, OWN)
        own = kind.matching(resource, shared) if kind.tells_apart else None
        if own and key_of(name, own) not in shared:
            found |= shared & {key_of(name, each) for each in resource["identifier"]}
    return frozenset(found)


def _posted(entry: JsonObject, search: str) -> JsonObject:
    request = {"method": "POST", "url": entry["resource"]["resourceType"], "ifNoneExist": search}
    return {**entry, "request": request}


def _identified(resource: JsonObject, own: JsonObject) -> JsonObject:
    """Return a resource with one identifier more."""
    before = {name: resource[name] for name in _BEFORE if name in resource}
    identifiers = [*resource.get("identifier", []), own]
    rest = {name: value for name, value in resource.items() if name not in before and name != "identifier"}
    return {**before, "identifier": identifiers, **rest}


def _compared(resource: JsonObject) -> JsonObject:
    return {name: value for name, value in resource.items() if name not in _NOT_COMPARED}


def without(entries: list[JsonObject], left_out: Iterable[JsonObject]) -> list[JsonObject]:
    """Return entries in which references do not lead to others that are left out of the Bundle.

    Only where they are addressed within the Bundle: a reference to a server leads to what is there.
    """
    gone = [entry for entry in left_out if str(entry.get("fullUrl")).startswith(_URN)]
    changes = zip(gone, named(entry["resource"] for entry in gone), strict=True)
    return _readdressed(entries, {entry["fullUrl"]: change for entry, change in changes})


def named(resources: Iterable[JsonObject]) -> Iterator[Change]:
    """Return, for each resource, what makes of a reference to it a logical one, which only names it."""
    packing = _Packing(Plan({}, "client", {}))
    for resource in resources:
        yield packing.logical(KINDS.get(resource["resourceType"], OWN), resource)


def _readdressed(entries: list[JsonObject], changes: Mapping[str, Change]) -> list[JsonObject]:
    """Return entries in which references are changed, by the address that they have."""
    if not changes:
        return entries

    def change(reference: JsonObject) -> JsonObject:
        found = changes.get(reference["reference"])
        return found(reference) if found else reference

    return [{**entry, "resource": rewritten(entry["resource"], change)} for entry in entries]


# ---- references --------------------------------------------------------------------------------------------


def _leading_to(target: str) -> Change:
    return lambda reference: {**reference, "reference": target}
