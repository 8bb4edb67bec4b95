"""Observers that the content tree states (TID 1002, 1003, 1004)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import names, uids
from sr2fhir.model.content import coded_value, meaning_of, text_of
from sr2fhir.model.members import traced
from sr2fhir.model.people import People
from sr2fhir.model.tree import Item

_TYPE = "DCM#121005"
_NAME = "DCM#121008"
_DEVICE = "DCM#121007"
_DEVICE_UID = "DCM#121012"
_PERSON_IDENTIFIERS = ("DCM#128774", "DCM#128775")
_DEVICE_TEXTS = {
    "DCM#121013": "name",
    "DCM#121014": "manufacturer",
    "DCM#121015": "model",
    "DCM#121016": "serialNumber",
}
KEYS = frozenset({_TYPE, _NAME, _DEVICE_UID, *_PERSON_IDENTIFIERS, *_DEVICE_TEXTS})
_STARTS = (_TYPE, _NAME)


@dataclass(slots=True)
class _Observer:
    """The items that describe one observer."""

    items: list[Item] = field(default_factory=list)

    def find(self, key: str) -> Item | None:
        return next((item for item in self.items if item.has_key(key)), None)

    def is_device(self) -> bool | None:
        """Tell what the Observer Type says; None where there is none."""
        kind = self.find(_TYPE)
        if kind is None:
            return None
        value = coded_value(kind)
        return bool(value and _DEVICE in value.keys)


def state(
    children: list[Item], people: People, log: FindingLog
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the ids of the persons and devices that an item's children state; None where they state none.

    Items up to the next Observer Type belong to one observer; without one, a second name starts another.
    """
    persons: list[str] = []
    devices: dict[str, Item] = {}
    for observer in _observers(children):
        device = observer.is_device()
        if device is not True:
            persons += _person(observer, people)
        if device is not False:
            for made in _device(observer, people):
                devices.setdefault(made, observer.items[0])
    _report_further(list(devices.values())[1:], log)
    return (_distinct(persons), tuple(devices)) if persons or devices else None


def _report_further(starts: list[Item], log: FindingLog) -> None:
    for start in starts:
        message = "another device observer at the same level: the first is the device of the observations"
        log.add("warning", "multiplicity", start.position, message)


def _observers(children: list[Item]) -> list[_Observer]:
    observers: list[_Observer] = []
    for child in children:
        if not observers or _starts_another(child, observers[-1]):
            observers.append(_Observer())
        observers[-1].items.append(child)
    return observers


def _starts_another(item: Item, current: _Observer) -> bool:
    if item.has_key(_TYPE):
        return True
    return item.has_key(_NAME) and current.find(_NAME) is not None


def _person(observer: _Observer, people: People) -> list[str]:
    name = observer.find(_NAME)
    named = _human_names(name) if name else []
    numbers = [
        (item, number)
        for key in _PERSON_IDENTIFIERS
        if (item := observer.find(key)) and (number := _number(item))
    ]
    used = [
        item
        for item in (observer.find(_TYPE), name if named else None, *(item for item, _ in numbers))
        if item
    ]
    if not (named or numbers):
        return []
    place = (name if named and name else numbers[0][0]).identifier
    return [_resolved(used, people.person(named, [number for _, number in numbers], place, "observer", used))]


def _human_names(item: Item) -> list[JsonObject]:
    text = text_of(item)
    if text is None:
        return []
    if item.value_type == "PNAME":
        return names.human_names(text, item.position)
    return names.text_name(text, item.position)


def _number(item: Item) -> JsonObject | None:
    text = text_of(item)
    if text is None:
        return None
    meaning = meaning_of(item.concept)
    kind = {"type": {"text": meaning}} if meaning else {}
    return {"id": item.position, **kind, "value": text}


def _device(observer: _Observer, people: People) -> list[str]:
    body: JsonObject = {}
    used = [item for item in (observer.find(_TYPE),) if item]
    uid = observer.find(_DEVICE_UID)
    if uid and (text := text_of(uid)):
        body["identifier"] = uids.identifier(text, uid.position)
        used.append(uid)
    for key, name in _DEVICE_TEXTS.items():
        item = observer.find(key)
        if item and (text := text_of(item)):
            body |= traced({name: text}, {name: item.position})
            used.append(item)
    described = [item for item in used if not item.has_key(_TYPE)]
    if not described:
        return []
    return [_resolved(used, people.device(body, described[0].identifier, "observer", used))]


def _resolved(items: list[Item], made: str) -> str:
    for item in items:
        item.resolved = "observer"
    return made


def _distinct(made: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(made))
