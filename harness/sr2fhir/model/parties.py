"""Persons and devices: the distinct ones of a document, and where content tree and header name them.

Content tree: TID 1002, 1003, 1004. Header: PS3.3 sections C.17.2 and C.17.2.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sr2fhir.dicom.notes import keyword_path
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes
from sr2fhir.model.context import Changes, Uses
from sr2fhir.model.datatypes import (
    filled,
    human_names,
    report_further_names,
    report_further_persons,
    text_name,
    traced,
)
from sr2fhir.model.identifiers import Ids, bare, uid_identifier
from sr2fhir.model.tree import Item, coded_json, text_of

PartyRole = Literal["observer", "participant", "attester", "author", "verifier"]
_DEVICE_FIELDS = ("name", "manufacturer", "model", "serialNumber")


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """A person or a device.

    Parameters
    ----------
    id
        Of the resource that it becomes.
    body
        Its members in the logical model, other than the roles.
    roles
        In which the document names it.
    items
        Content items that name it.
    """

    id: str
    body: JsonObject
    roles: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def as_json(self) -> JsonObject:
        """Return the party as the logical model writes it."""
        return {"id": self.id, "role": self.roles, **self.body}


class Parties:
    """Collect persons and devices; equal ones are one.

    Parameters
    ----------
    ids
        Makes their ids.
    equipment
        The General Equipment as the logical model writes it. A device equal to it is not collected: its id
        stands for the device.
    uses
        Notes what the items are used for.
    """

    def __init__(self, ids: Ids, equipment: JsonObject, uses: Uses) -> None:
        self._ids = ids
        self._equipment = equipment
        self._uses = uses
        self._persons: dict[str, Party] = {}
        self._devices: dict[str, Party] = {}
        self._conflicts: list[str] = []

    @property
    def persons(self) -> list[Party]:
        """Return the distinct persons in the order in which they were met."""
        return list(self._persons.values())

    @property
    def devices(self) -> list[Party]:
        """Return the distinct devices that are not the equipment."""
        return list(self._devices.values())

    def person(
        self,
        named: list[JsonObject],
        numbers: list[JsonObject],
        role: PartyRole,
        items: Sequence[Item] = (),
        organization: str | None = None,
    ) -> str:
        """Return the id of a person.

        Parameters
        ----------
        named, numbers
            HumanNames and Identifiers.
        role
            In which capacity.
        items
            Content items that name the person here.
        organization
            Of the person. With the institution it keeps apart persons whose numbers have no system. Who is
            known by name only may be anybody of that name, and is a person of this document (decision D33).
        """
        body = filled({"name": named, "identifier": numbers})
        key = repr((bare(named), bare(numbers)))
        if key not in self._persons:
            around = (
                self._equipment.get("institutionName"),
                organization,
                None if numbers else "\\".join(self._ids.documents),
            )
            content = self._ids.content("person", body, *around)
            made = self._made("person", numbers, content)
            self._persons[key] = Party(made, body)
        return self._named(self._persons[key], body, role, items)

    def device(self, body: JsonObject, role: PartyRole, items: Sequence[Item] = ()) -> str:
        """Return the id of a device; that of the equipment where it is the same.

        Parameters
        ----------
        body
            Members of the logical model: identifier, name, manufacturer, model, serialNumber.
        role, items
            As for a person.
        """
        if self._is_equipment(body):
            self._repeat(body, self._equipment)
            return self._used(items, str(self._equipment["id"]))
        numbers = [body["identifier"]] if "identifier" in body else []
        key = repr((bare(numbers), [body.get(name) for name in _DEVICE_FIELDS]))
        if key not in self._devices:
            content = self._ids.content("device", body)
            made = self._made("device", numbers, content)
            self._devices[key] = Party(made, body)
        return self._named(self._devices[key], body, role, items)

    def report(self, log: FindingLog) -> None:
        """Report identifiers that several have, and names with more groups than a Practitioner may have."""
        for where in self._conflicts:
            log.add("warning", "conflict", where, _ONE_IDENTIFIER)
        for person in self.persons:
            report_further_names(person.body.get("name", []), log)

    def _made(self, role: Literal["person", "device"], numbers: list[JsonObject], content: str) -> str:
        """Return the id by an identifier; by the content where another party has this identifier, too."""
        named = self._ids.named(numbers, role) or content
        made = self._ids.unique(named, content)
        if made != named:
            self._conflicts.append(numbers[0]["id"])
        return made

    def _named(self, party: Party, body: JsonObject, role: PartyRole, items: Sequence[Item]) -> str:
        """Note that the document names a party here, too."""
        if role not in party.roles:
            party.roles.append(role)
        if body is not party.body:
            self._repeat(body, party.body)
        for item in items if party.items else ():
            earlier = next((one.position for one in party.items if one.keys == item.keys), None)
            if earlier:
                self._uses.same[item.position] = earlier
        party.items.extend(items)
        return self._used(items, party.id)

    def _used(self, items: Sequence[Item], made: str) -> str:
        """Note that items describe a party; the Observer Type only chooses what it is."""
        self._uses.add("observer", items, made)
        chosen = [item for item in items if item.means("observer.type")]
        self._uses.add("observer", chosen, made, carried=False)
        return made

    def _repeat(self, body: JsonObject, said: JsonObject) -> None:
        """Note for each attribute of a header item which one said the same before."""
        before = dict(_lineage(said))
        for member, source in _lineage(body):
            if not source[0].isdigit() and before.get(member, source) != source:
                self._uses.same.setdefault(source, before[member])

    def _is_equipment(self, body: JsonObject) -> bool:
        """Tell whether a device is the equipment: by UID, or by manufacturer, model and serial number."""
        value = body.get("identifier", {}).get("value")
        own = self._equipment.get("identifier", {}).get("value")
        if own and value:
            return bool(value == own)
        mine, its = ([of.get(name) for name in _DEVICE_FIELDS[1:]] for of in (self._equipment, body))
        return all(mine) and mine == its


_ONE_IDENTIFIER = (
    "another one that differs has the same identifier: both stand in a collection, in a transaction the first"
)


def _lineage(body: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield each member of a party with the id of where it comes from."""
    for name, value in body.items():
        stated = value[0] if isinstance(value, list) else value
        if isinstance(stated, dict):
            yield name.removeprefix("_"), stated["id"]


# ---- the content tree (TID 1002, 1003, 1004) ---------------------------------------------------------------

_NUMBERS = ("observer.login-name", "observer.identifier-within-role")
_TEXTS = {
    "observer.device-name": "name",
    "observer.device-manufacturer": "manufacturer",
    "observer.device-model": "model",
    "observer.device-serial-number": "serialNumber",
}


@dataclass(frozen=True, slots=True)
class _Observer:
    """The items that describe one observer."""

    items: list[Item] = field(default_factory=list)

    def find(self, term: str) -> Item | None:
        return next((item for item in self.items if item.means(term)), None)

    def function(self, observer: str, term: str) -> dict[str, JsonObject]:
        """Return the role of an observer, by its id; empty where none is stated as a code."""
        item = self.find(term)
        stated = coded_json(item) if item else None
        return {observer: stated} if stated else {}

    def is_device(self) -> bool | None:
        """Tell what the Observer Type says; None where there is none."""
        kind = self.find("observer.type")
        return (
            None if kind is None else bool(kind.origin.coded and "observer.device" in kind.origin.coded.terms)
        )


def observers(children: list[Item], parties: Parties, log: FindingLog) -> Changes:
    """Return the ids of the persons and devices that an item's children state.

    Items up to the next Observer Type belong to one observer; without one, a second name starts another.
    """
    persons: list[str] = []
    devices: dict[str, Item] = {}
    functions: dict[str, JsonObject] = {}
    for observer in _observers(children):
        device = observer.is_device()
        if device is not True:
            for made in _person(observer, parties):
                persons.append(made)
                functions |= observer.function(made, "observer.role-in-procedure")
        if device is not False:
            for made in _device(observer, parties):
                devices.setdefault(made, observer.items[0])
                functions |= observer.function(made, "observer.device-role")
    for start in list(devices.values())[1:]:
        message = "another device observer at the same level: the first is the device of the observations"
        log.add("warning", "multiplicity", start.position, message)
    found = {"persons": tuple(dict.fromkeys(persons)), "devices": tuple(devices), "functions": functions}
    return found if persons or devices else {}


def _observers(children: list[Item]) -> list[_Observer]:
    found: list[_Observer] = []
    for child in children:
        if not found or _starts_another(child, found[-1]):
            found.append(_Observer())
        found[-1].items.append(child)
    return found


def _starts_another(item: Item, current: _Observer) -> bool:
    second_name = item.means("observer.name") and current.find("observer.name") is not None
    return item.means("observer.type") or second_name


def _person(observer: _Observer, parties: Parties) -> list[str]:
    kind, name = observer.find("observer.type"), observer.find("observer.name")
    named = _human_names(name) if name else []
    stated = [
        (item, number) for term in _NUMBERS if (item := observer.find(term)) and (number := _number(item))
    ]
    numbers = [number for _, number in stated]
    used = [item for item in (kind, name if named else None, *(item for item, _ in stated)) if item]
    if not (named or numbers):
        return []
    organization = observer.find("observer.organization")
    return [parties.person(named, numbers, "observer", used, text_of(organization) if organization else None)]


def _human_names(item: Item) -> list[JsonObject]:
    text = text_of(item)
    if text is None:
        return []
    if item.value_type == "PNAME":
        return human_names(text, item.position)
    return text_name(text, item.position)


def _number(item: Item) -> JsonObject | None:
    text = text_of(item)
    if text is None:
        return None
    meaning = item.concept.meaning if item.concept else None
    kind = {"type": {"text": meaning}} if meaning else {}
    return {"id": item.position, **kind, "value": text}


def _device(observer: _Observer, parties: Parties) -> list[str]:
    body: JsonObject = {}
    described: list[Item] = []
    uid = observer.find("observer.device-uid")
    if uid and (text := text_of(uid)):
        body["identifier"] = uid_identifier(text, uid.position)
        described.append(uid)
    for term, name in _TEXTS.items():
        item = observer.find(term)
        if item and (text := text_of(item)):
            body |= traced({name: text}, {name: item.position})
            described.append(item)
    if not described:
        return []
    kind = observer.find("observer.type")
    used = [*([kind] if kind else ()), *described]
    return [parties.device(body, "observer", used)]


# ---- the header (PS3.3 Table C.17-3b: Identified Person or Device Macro) -----------------------------------

_PARTICIPANTS = tag("ParticipantSequence")
_AUTHORS = tag("AuthorObserverSequence")
_VERIFIERS = tag("VerifyingObserverSequence")
_OBSERVER_TYPE = tag("ObserverType")
_PARTICIPATION = tag("ParticipationType")


class _PersonTags(NamedTuple):
    """Attributes of an item that names a person."""

    name: int
    identification: int
    organization: int


_PERSON = _PersonTags(tag("PersonName"), tag("PersonIdentificationCodeSequence"), tag("InstitutionName"))
_VERIFIER = _PersonTags(
    tag("VerifyingObserverName"),
    tag("VerifyingObserverIdentificationCodeSequence"),
    tag("VerifyingOrganization"),
)
_DEVICE_UID = tag("DeviceUID")
_DEVICE_TEXTS = {
    "manufacturer": tag("Manufacturer"),
    "model": tag("ManufacturerModelName"),
    "serialNumber": tag("DeviceSerialNumber"),
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """Who observed where the content tree does not say, and who verified (decision D17, mapping section 3.4).

    Parameters
    ----------
    persons, devices
        Ids of those who observed.
    verifiers
        Position in Verifying Observer Sequence, from 1 on → id of the person.
    """

    persons: tuple[str, ...]
    devices: tuple[str, ...]
    verifiers: Mapping[int, str] = field(default_factory=dict)


def participants(header: Attributes, codes: Codes, parties: Parties, log: FindingLog) -> Fallback:
    """Collect the persons and devices of the header.

    Returns
    -------
    Fallback
        Participants that do not only sign, else authors; participating devices; verifying observers.
    """
    reader = _Reader(codes, parties, log)
    participating = reader.sequence(header, _PARTICIPANTS, None)
    authors = reader.sequence(header, _AUTHORS, "author")
    verifiers: dict[int, str] = {}
    for n, item in enumerate(header.items(_VERIFIERS), 1):
        path = f"VerifyingObserverSequence.{n}"
        for made in reader.person(item, _VERIFIER, path, "verifier"):
            verifiers[n] = made
    persons = _of(participating, "participant") or _of(authors, "author")
    return Fallback(persons, _of(participating, "device"), verifiers)


_Named = list[tuple[str, str]]


def _of(named: _Named, kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(made for role, made in named if role == kind))


class _Reader:
    """Read the persons and devices of sequence items."""

    def __init__(self, codes: Codes, parties: Parties, log: FindingLog) -> None:
        self._codes = codes
        self._parties = parties
        self._log = log

    def sequence(self, header: Attributes, number: int, stated: PartyRole | None) -> _Named:
        """Return what each item names, with its role; ``device`` for a device."""
        named: _Named = []
        for n, item in enumerate(header.items(number), 1):
            path = f"{keyword_path(number)}.{n}"
            if item.text(_OBSERVER_TYPE) == "DEV":
                named += [("device", made) for made in self.device(item, path, stated or "participant")]
            else:
                role: PartyRole = stated or _participation(item)
                named += [(role, made) for made in self.person(item, _PERSON, path, role)]
        return named

    def person(self, item: Attributes, tags: _PersonTags, path: str, role: PartyRole) -> list[str]:
        """Return the id of the person; none where there is neither a name nor an identifier."""
        name, identification, organization = tags
        text = item.text(name)
        where = f"{path}.{keyword_path(name)}"
        named = human_names(text, where) if text else []
        report_further_persons(text or "", where, self._log)
        identified = f"{path}.{keyword_path(identification)}"
        numbers = [
            filled({"id": identified, "system": coding.get("system"), "value": coding["code"]})
            for concept in self._codes.read_all(item, identification, identified)
            for coding in concept.codings[:1]
            if "code" in coding
        ]
        if not (named or numbers):
            return []
        return [self._parties.person(named, numbers, role, organization=item.text(organization))]

    def device(self, item: Attributes, path: str, role: PartyRole) -> list[str]:
        """Return the id of the device; none where nothing describes it."""
        uid = item.text(_DEVICE_UID)
        body: JsonObject = {"identifier": uid_identifier(uid, f"{path}.DeviceUID")} if uid else {}
        texts = {name: item.text(number) for name, number in _DEVICE_TEXTS.items()}
        lineage = {name: f"{path}.{keyword_path(number)}" for name, number in _DEVICE_TEXTS.items()}
        body |= traced(texts, lineage)
        return [self._parties.device(body, role)] if body else []


def _participation(item: Attributes) -> PartyRole:
    return "attester" if item.text(_PARTICIPATION) == "ATTEST" else "participant"
