"""The distinct persons and devices of a document, each once, with the id of the resource that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import names
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item

PersonRole = Literal["observer", "participant", "attester", "author", "verifier"]
_DEVICE_FIELDS = ("name", "manufacturer", "model", "serialNumber")


@dataclass(slots=True, eq=False)
class Party:
    """A person or a device.

    Parameters
    ----------
    id
        Of the resource that it becomes.
    body
        Its members in the logical model, other than role and effective.
    roles
        Where the document names it.
    items, paths
        Content items and keyword paths that name it.
    effective
        Whether it stands in the context of anything that becomes an Observation.
    """

    id: str
    body: JsonObject
    roles: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    effective: bool = False

    def named(self, role: str, items: Sequence[Item], path: str | None) -> Party:
        """Note that the document names the party here, too."""
        if role not in self.roles:
            self.roles.append(role)
        for item in items if self.items else ():
            item.same_as = next((one.position for one in self.items if one.keys == item.keys), None)
        self.items.extend(items)
        if path:
            self.paths.append(path)
        return self

    def as_json(self) -> JsonObject:
        """Return the party as the logical model writes it."""
        return {"id": self.id, "role": self.roles, "effective": self.effective, **self.body}


@dataclass(frozen=True, slots=True)
class Equipment:
    """The identity of the General Equipment, to recognise it among participants and observers."""

    id: str
    uid: str | None
    manufacturer: str | None
    model: str | None
    serial_number: str | None

    def is_same(self, body: JsonObject) -> bool:
        """Tell whether a device is the equipment: by UID, or by manufacturer, model and serial number."""
        value = body.get("identifier", {}).get("value")
        if self.uid and value:
            return bool(value == f"urn:oid:{self.uid}")
        mine = (self.manufacturer, self.model, self.serial_number)
        return all(mine) and mine == (body.get("manufacturer"), body.get("model"), body.get("serialNumber"))


class People:
    """Collect persons and devices; equal ones are one.

    Parameters
    ----------
    ids
        Makes their ids.
    equipment
        A device equal to it is not collected: its id stands for the device.
    """

    def __init__(self, ids: Ids, equipment: Equipment) -> None:
        self._ids = ids
        self._equipment = equipment
        self._persons: dict[str, Party] = {}
        self._devices: dict[str, Party] = {}
        self._taken: set[str] = {equipment.id}

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
        names: list[JsonObject],
        numbers: list[JsonObject],
        place: str,
        role: PersonRole,
        items: Sequence[Item] = (),
        path: str | None = None,
    ) -> str:
        """Return the id of a person.

        Parameters
        ----------
        names, numbers
            HumanNames and Identifiers.
        place
            Content item identifier or keyword path where the document names the person first.
        role
            In which capacity.
        items, path
            What names the person here.
        """
        body = filled({"name": names, "identifier": numbers})
        key = repr((_bare(names), _bare(numbers)))
        party = self._persons.get(key)
        if party is None:
            party = self._persons[key] = Party(self._free(numbers, place, "person"), body)
        return party.named(role, items, path).id

    def device(
        self,
        body: JsonObject,
        place: str,
        role: PersonRole,
        items: Sequence[Item] = (),
        path: str | None = None,
    ) -> str:
        """Return the id of a device; that of the equipment where it is the same.

        Parameters
        ----------
        body
            Members of the logical model: identifier, name, manufacturer, model, serialNumber.
        place, role, items, path
            As for a person.
        """
        if self._equipment.is_same(body):
            return self._equipment.id
        numbers = [body["identifier"]] if "identifier" in body else []
        key = repr((_bare(numbers), [body.get(name) for name in _DEVICE_FIELDS]))
        party = self._devices.get(key)
        if party is None:
            ordered = {"identifier": body.get("identifier"), **body}
            party = self._devices[key] = Party(self._free(numbers, place, "device"), filled(ordered))
        return party.named(role, items, path).id

    def mark_effective(self, used: set[str]) -> None:
        """Mark the parties in the context of what becomes an Observation.

        The items of other persons are free again: these get no resource (D17), while every device does.
        """
        for party in (*self.persons, *self.devices):
            party.effective = party.id in used
        for person in self.persons:
            for item in () if person.effective else person.items:
                item.resolved = None

    def unused_paths(self) -> list[str]:
        """Return the keyword paths of the header items that name a person who observed nothing."""
        return [path for person in self.persons if not person.effective for path in person.paths]

    def report_names(self, log: FindingLog) -> None:
        """Report the names that have more groups than a Practitioner of the profile."""
        for person in self.persons:
            names.report_further(person.body.get("name", []), log)

    def same_as(self) -> dict[str, str]:
        """Return the place that named a person before, by the path that names the same person again."""
        return {
            f"{path}.PersonName": person.body["name"][0]["id"]
            for person in self.persons
            for path in person.paths
            if "name" in person.body and not person.body["name"][0]["id"].startswith(f"{path}.")
        }

    def _free(self, numbers: list[JsonObject], place: str, role: Literal["person", "device"]) -> str:
        """Return an id; by its place where two different persons or devices carry one identifier."""
        chosen = self._ids.of(numbers, place, role)
        if chosen in self._taken:
            chosen = self._ids.at(place, role)
        self._taken.add(chosen)
        return chosen


def _bare(values: list[JsonObject]) -> list[JsonObject]:
    return [{name: part for name, part in value.items() if name != "id"} for value in values]
