"""Participants, authors and verifying observers of the header (PS3.3 sections C.17.2, C.17.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import names, uids
from sr2fhir.model.attributes import Attributes, keyword_path, tag
from sr2fhir.model.codes import Codes
from sr2fhir.model.members import filled, traced
from sr2fhir.model.people import People, PersonRole

_PARTICIPANTS = tag("ParticipantSequence")
_AUTHORS = tag("AuthorObserverSequence")
_VERIFIERS = tag("VerifyingObserverSequence")
_OBSERVER_TYPE = tag("ObserverType")
_PARTICIPATION = tag("ParticipationType")
_NAME = tag("PersonName")
_IDENTIFICATION = tag("PersonIdentificationCodeSequence")
_VERIFIER_NAME = tag("VerifyingObserverName")
_VERIFIER_IDENTIFICATION = tag("VerifyingObserverIdentificationCodeSequence")
_DEVICE_UID = tag("DeviceUID")
_DEVICE_TEXTS = {
    "manufacturer": tag("Manufacturer"),
    "model": tag("ManufacturerModelName"),
    "serialNumber": tag("DeviceSerialNumber"),
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """Who observed where the content tree does not say (decision D17, mapping section 3.4)."""

    persons: tuple[str, ...]
    devices: tuple[str, ...]


def collect(header: Attributes, codes: Codes, people: People) -> Fallback:
    """Collect the persons and devices of the header.

    Returns
    -------
    Fallback
        Participants that do not only sign, else authors; participating devices.
    """
    reader = _Reader(codes, people)
    participants = reader.sequence(header, _PARTICIPANTS, "ParticipantSequence")
    authors = reader.sequence(header, _AUTHORS, "AuthorObserverSequence")
    for n, item in enumerate(header.items(_VERIFIERS), 1):
        path = f"VerifyingObserverSequence.{n}"
        reader.person(item, _VERIFIER_NAME, _VERIFIER_IDENTIFICATION, path, "verifier")
    persons = _ids(participants, "participant") or _ids(authors, "author")
    return Fallback(persons, _ids(participants, "device"))


_Named = list[tuple[str, str]]


def _ids(named: _Named, kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(made for role, made in named if role == kind))


class _Reader:
    """Read the Identified Person or Device Macro (PS3.3 Table C.17-3b)."""

    def __init__(self, codes: Codes, people: People) -> None:
        self._codes = codes
        self._people = people

    def sequence(self, header: Attributes, number: int, keyword: str) -> _Named:
        """Return what each item names, with its role; ``device`` for a device."""
        author: PersonRole | None = "author" if number == _AUTHORS else None
        named: _Named = []
        for n, item in enumerate(header.items(number), 1):
            path = f"{keyword}.{n}"
            if item.text(_OBSERVER_TYPE) == "DEV":
                named += [("device", made) for made in self.device(item, path, author or "participant")]
            else:
                role: PersonRole = author or _participation(item)
                named += [(role, made) for made in self.person(item, _NAME, _IDENTIFICATION, path, role)]
        return named

    def person(
        self, item: Attributes, name: int, identification: int, path: str, role: PersonRole
    ) -> list[str]:
        """Return the id of the person; none where there is neither a name nor an identifier."""
        text = item.text(name)
        named = names.human_names(text, f"{path}.{keyword_path(name)}") if text else []
        identified = f"{path}.{keyword_path(identification)}"
        numbers = [
            filled(
                {
                    "id": identified,
                    "system": coding.get("system"),
                    "value": coding["code"],
                }
            )
            for concept in self._codes.read_all(item, identification, identified)
            for coding in concept.codings[:1]
            if "code" in coding
        ]
        if not (named or numbers):
            return []
        return [self._people.person(named, numbers, path, role, path=path)]

    def device(self, item: Attributes, path: str, role: PersonRole) -> list[str]:
        """Return the id of the device; none where nothing describes it."""
        uid = item.text(_DEVICE_UID)
        body: JsonObject = {"identifier": uids.identifier(uid, f"{path}.DeviceUID")} if uid else {}
        texts = {name: item.text(number) for name, number in _DEVICE_TEXTS.items()}
        body |= traced(
            texts, {name: f"{path}.{keyword_path(number)}" for name, number in _DEVICE_TEXTS.items()}
        )
        return [self._people.device(body, path, role, path=path)] if body else []


def _participation(item: Attributes) -> PersonRole:
    return "attester" if item.text(_PARTICIPATION) == "ATTEST" else "participant"
