"""Subjects other than the patient of the header (TID 1006 to 1010)."""

from __future__ import annotations

from collections.abc import Callable

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.content import coded_json, coded_value, first, text_of
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled, traced
from sr2fhir.model.tree import Item

_CLASS = "DCM#121024"
_PATIENT = "patient"
_CLASSES = {"DCM#121025": _PATIENT, "DCM#121026": "fetus", "DCM#121027": "specimen", "DCM#121192": "device"}

_FIELDS: dict[str, dict[str, str]] = {
    "fetus": {"DCM#121030": "identifier", "DCM#121037": "name"},
    "specimen": {
        "DCM#121039": "identifier",
        "DCM#121041": "identifier",
        "SCT#371439000": "type",
        "DCM#111700": "container",
    },
    "device": {
        "DCM#121198": "identifier",
        "DCM#121193": "name",
        "DCM#121194": "manufacturer",
        "DCM#121195": "model",
        "DCM#121196": "serialNumber",
    },
}
_IMPLIED = {
    "DCM#121037": "fetus",
    **{key: kind for kind in ("specimen", "device") for key in _FIELDS[kind]},
}
_SAME_PATIENT = {
    "DCM#121029": tag("PatientName"),
    "DCM#121030": tag("PatientID"),
    "DCM#121031": tag("PatientBirthDate"),
    "DCM#121032": tag("PatientSex"),
}
KEYS = frozenset({_CLASS, *_IMPLIED, *_SAME_PATIENT})


class Subjects:
    """Collect the distinct subjects of a document.

    Parameters
    ----------
    header
        The document's attributes, to compare a patient stated in the content tree with.
    ids
        Makes their ids.
    log
        Receives an error where the content tree states another patient.
    """

    def __init__(self, header: Attributes, ids: Ids, log: FindingLog) -> None:
        self._header = header
        self._ids = ids
        self._log = log
        self._found: dict[str, JsonObject] = {}

    def as_json(self) -> list[JsonObject]:
        """Return the subjects in the order in which they were met."""
        return list(self._found.values())

    def state(self, children: list[Item]) -> tuple[JsonObject, ...] | None:
        """Return ``context.subject`` for what an item's children state; None where they state no subject."""
        kind = _kind(children)
        if kind == _PATIENT:
            return self._patient(children)
        body, used = _described(children, kind)
        if not body:
            return None
        entry = self._entry(kind, body, used)
        for item in (*used, *(child for child in children if child.has_key(_CLASS))):
            item.resolved = "subject"
        named = {name: entry.get(name) for name in ("name", "_name")}
        return (filled({"id": entry["id"], "kind": kind, "identifier": _head(entry), **named}),)

    def _entry(self, kind: str, body: JsonObject, used: list[Item]) -> JsonObject:
        numbers = [part["value"] for part in body.get("identifier", [])]
        key = repr((kind, numbers, [body.get(name) for name in _DISTINGUISHING]))
        if key not in self._found:
            self._found[key] = {"id": self._ids.at(used[0].identifier, "subject"), "kind": kind, **body}
        return self._found[key]

    def _patient(self, children: list[Item]) -> tuple[JsonObject, ...] | None:
        """Compare a patient with the header's; where it is the same, the header's patient is the subject."""
        for child in children:
            same = self._is_same(child)
            if same is False:
                self._log.add(
                    "error",
                    "different-subject",
                    child.position,
                    "the content tree states another patient than the header",
                    "Check the document: its results are attached to the patient of the header",
                )
            elif same:
                child.resolved = "subject"
        stated = first(children, _CLASS)
        if stated is None:
            return None
        stated.resolved = "subject"
        return ()

    def _is_same(self, item: Item) -> bool | None:
        """Tell whether an item repeats the header; None where there is nothing to compare."""
        attribute = next((number for key, number in _SAME_PATIENT.items() if item.has_key(key)), None)
        ours = self._header.text(attribute) if attribute else None
        theirs = _comparable(item)
        return None if ours is None or theirs is None else _plain(ours) == _plain(theirs)


def _kind(children: list[Item]) -> str:
    stated = first(children, _CLASS)
    value = coded_value(stated) if stated else None
    if value:
        return next((_CLASSES[key] for key in value.keys if key in _CLASSES), _PATIENT)
    return next((_IMPLIED[key] for child in children for key in child.keys if key in _IMPLIED), _PATIENT)


def _described(children: list[Item], kind: str) -> tuple[JsonObject, list[Item]]:
    fields = _FIELDS[kind]
    body: JsonObject = {}
    used: list[Item] = []
    places: dict[str, str] = {}
    for child in children:
        field = next((fields[key] for key in child.keys if key in fields), None)
        value = _CONVERSIONS.get(field or "", text_of)(child) if field else None
        if field and value and (field == "identifier" or field not in body):
            body[field] = [*body.get(field, []), value] if field == "identifier" else value
            places[field] = child.position
            used.append(child)
    primitives = {name: places[name] for name in _DISTINGUISHING if name in places}
    return traced({name: body.get(name) for name in _ORDER}, primitives), used


def _number(item: Item) -> JsonObject | None:
    text = text_of(item)
    if text is None:
        return None
    if item.value_type == "UIDREF":
        return uids.identifier(text, item.position)
    return {"id": item.position, "value": text}


_CONVERSIONS: dict[str, Callable[[Item], object]] = {
    "identifier": _number,
    "container": _number,
    "type": coded_json,
}
_DISTINGUISHING = ("name", "manufacturer", "model", "serialNumber")
_ORDER = ("identifier", "name", "type", "container", "manufacturer", "model", "serialNumber")


def _head(entry: JsonObject) -> JsonObject | None:
    return next(iter(entry.get("identifier", [])), None)


def _comparable(item: Item) -> str | None:
    if item.value_type == "CODE":
        value = coded_value(item)
        return value.code if value else None
    return text_of(item)


def _plain(text: str) -> str:
    return text.rstrip("^= ").upper()
