"""Subjects other than the patient of the header (TID 1006 to 1010)."""

from __future__ import annotations

from collections.abc import Callable

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.context import Changes, Uses
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled, traced
from sr2fhir.model.tree import Item, coded_json, first, text_of

_PATIENT = "patient"
_CLASSES = {f"subject.{kind}": kind for kind in (_PATIENT, "fetus", "specimen", "device")}

_FIELDS: dict[str, dict[str, str]] = {
    "fetus": {"subject.id": "identifier", "subject.fetus-number": "name"},
    "specimen": {
        "subject.specimen-uid": "identifier",
        "subject.specimen-identifier": "identifier",
        "subject.specimen-type": "type",
        "subject.specimen-container": "container",
    },
    "device": {
        "subject.device-uid": "identifier",
        "subject.device-name": "name",
        "subject.device-manufacturer": "manufacturer",
        "subject.device-model": "model",
        "subject.device-serial-number": "serialNumber",
    },
}
_IMPLIED = {
    "subject.fetus-number": "fetus",
    **{term: kind for kind in ("specimen", "device") for term in _FIELDS[kind]},
}
_SAME_PATIENT = {
    "subject.name": tag("PatientName"),
    "subject.id": tag("PatientID"),
    "subject.birth-date": tag("PatientBirthDate"),
    "subject.sex": tag("PatientSex"),
}


class Subjects:
    """Collect the distinct subjects of a document.

    Parameters
    ----------
    header
        The document's attributes, to compare a patient stated in the content tree with.
    ids
        Makes their ids.
    patient
        Id of the patient.
    uses
        Notes what the items are used for.
    log
        Receives an error where the content tree states another patient.
    """

    def __init__(self, header: Attributes, ids: Ids, patient: str, uses: Uses, log: FindingLog) -> None:
        self._header = header
        self._ids = ids
        self._patient_id = patient
        self._uses = uses
        self._log = log
        self._found: dict[str, JsonObject] = {}
        self._first: dict[str, list[Item]] = {}

    def as_json(self) -> list[JsonObject]:
        """Return the subjects in the order in which they were met."""
        return list(self._found.values())

    def state(self, _: Item, children: list[Item]) -> Changes:
        """Return the subjects that an item's children state."""
        kind = _kind(children)
        if kind == _PATIENT:
            return self._patient(children)
        body, used = _described(children, kind)
        if not body:
            return {}
        entry = self._entry(kind, body, used)
        chosen = [child for child in children if child.means("subject.class")]
        self._uses.add("subject", used, entry["id"])
        self._uses.add("subject", chosen, entry["id"], carried=False)
        named = {name: entry.get(name) for name in ("name", "_name")}
        return {"subjects": (filled({"id": entry["id"], "kind": kind, "identifier": _head(entry), **named}),)}

    def _entry(self, kind: str, body: JsonObject, used: list[Item]) -> JsonObject:
        numbers = [part["value"] for part in body.get("identifier", [])]
        key = repr((kind, numbers, [body.get(name) for name in _DISTINGUISHING]))
        if key in self._found:
            before = {item.terms: item.position for item in self._first[key]}
            said = ((item.position, before.get(item.terms)) for item in used)
            self._uses.same.update((position, earlier) for position, earlier in said if earlier)
        else:
            self._first[key] = used
            self._found[key] = {"id": self._ids.at(used[0].identifier, "subject"), "kind": kind, **body}
        return self._found[key]

    def _patient(self, children: list[Item]) -> Changes:
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
                self._uses.add("subject", [child], self._patient_id, carried=False)
        stated = first(children, "subject.class")
        if stated is None:
            return {}
        self._uses.add("subject", [stated], self._patient_id, carried=False)
        return {"subjects": ()}

    def _is_same(self, item: Item) -> bool | None:
        """Tell whether an item repeats the header; None where there is nothing to compare."""
        attribute = next((number for term, number in _SAME_PATIENT.items() if item.means(term)), None)
        ours = self._header.text(attribute) if attribute else None
        theirs = _comparable(item)
        return None if ours is None or theirs is None else _plain(ours) == _plain(theirs)


def _kind(children: list[Item]) -> str:
    stated = first(children, "subject.class")
    value = stated.origin.coded if stated else None
    if value:
        return next((_CLASSES[term] for term in value.terms if term in _CLASSES), _PATIENT)
    return next((_IMPLIED[term] for child in children for term in child.terms if term in _IMPLIED), _PATIENT)


def _described(children: list[Item], kind: str) -> tuple[JsonObject, list[Item]]:
    fields = _FIELDS[kind]
    body: JsonObject = {}
    used: list[Item] = []
    places: dict[str, str] = {}
    for child in children:
        field = next((fields[term] for term in child.terms if term in fields), None)
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
        value = item.origin.coded
        return value.code if value else None
    return text_of(item)


def _plain(text: str) -> str:
    return text.rstrip("^= ").upper()
