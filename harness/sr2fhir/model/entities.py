"""Algorithms, subjects, studies and orders that the content tree states (TID 4019, 1006 to 1010, 1005)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.context import Changes, Scope, Uses
from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.environment import Evidence
from sr2fhir.model.header import request_id
from sr2fhir.model.identifiers import MAX_UID_LENGTH, Ids, bare, uid_identifier
from sr2fhir.model.tree import Item, coded_json, first, text_of

# ---- algorithms (TID 4019) --------------------------------------------------------------------------------


_NAME = "algorithm.name"
_FAMILY = "algorithm.family"
_PARAMETER = "algorithm.parameter"
_TEXTS = {_NAME: "name", "algorithm.version": "version", "algorithm.manufacturer": "manufacturer"}
_STARTS = (_NAME, _FAMILY)


@dataclass(frozen=True, slots=True)
class _Description:
    """The items that describe one algorithm."""

    single: dict[str, Item] = field(default_factory=dict)
    parameters: list[Item] = field(default_factory=list)

    def takes(self, term: str) -> bool:
        """Tell whether an item with this concept is of this algorithm; a second name or family ends it."""
        return not (term in _STARTS and term in self.single)

    def add(self, term: str, item: Item) -> None:
        if term == _PARAMETER:
            self.parameters.append(item)
        else:
            self.single.setdefault(term, item)

    def items(self) -> list[Item]:
        return [*(self.single[term] for term in sorted(self.single)), *self.parameters]


class Algorithms:
    """Collect the distinct algorithms of a document, by what describes them and the device that each ran on.

    Parameters
    ----------
    ids
        Makes their ids.
    parent
        Id of the device on which they ran where no device observer is in effect (decision D49).
    uses
        Notes what the items are used for.
    log
        Receives algorithms beside another one at the same level.
    """

    def __init__(self, ids: Ids, parent: str, uses: Uses, log: FindingLog) -> None:
        self._ids = ids
        self._parent = parent
        self._uses = uses
        self._log = log
        self._found: dict[str, JsonObject] = {}
        self._first: dict[str, _Description] = {}

    def as_json(self) -> list[JsonObject]:
        """Return the algorithms in the order in which they were met."""
        return list(self._found.values())

    def state(self, _: Item, children: list[Item], scope: Scope) -> Changes:
        """Return the ids of the algorithms with a name that an item's children state."""
        stated: dict[str, Item] = {}
        for description in _descriptions(children):
            made = self._made(description, next(iter(scope.devices), self._parent))
            if made:
                stated.setdefault(made, description.single[_NAME])
        for name in list(stated.values())[1:]:
            message = "another algorithm at the same level: the first is the device of the observations"
            self._log.add("warning", "multiplicity", name.position, message)
        return {"algorithms": tuple(stated)} if stated else {}

    def _made(self, description: _Description, parent: str) -> str | None:
        body = _body(description)
        if "name" not in body:
            return None
        texts = [body.get(name) for name in ("name", "version", "manufacturer", "parameter")]
        key = repr([parent, *texts, body.get("family", {}).get("coding")])
        if key in self._found:
            for item, earlier in zip(description.items(), self._first[key].items(), strict=False):
                self._uses.same[item.position] = earlier.position
        else:
            self._first[key] = description
            # the resource that it becomes names its parent, too
            made = self._ids.content("algorithm", body, parent)
            self._found[key] = {"id": made, **body, "parent": parent}
        self._uses.add("algorithm", description.items(), self._found[key]["id"])
        return str(self._found[key]["id"])


def _descriptions(children: list[Item]) -> list[_Description]:
    found = [_Description()]
    for child in children:
        term = next(term for term in child.terms if term.startswith("algorithm."))
        if not found[-1].takes(term):
            found.append(_Description())
        found[-1].add(term, child)
    return found


def _body(description: _Description) -> JsonObject:
    single = {name: item for term, name in _TEXTS.items() if (item := description.single.get(term))}
    parameters = [item for item in description.parameters if text_of(item)]
    family = description.single.get(_FAMILY)
    return traced(
        {
            **{name: text_of(item) for name, item in single.items()},
            "family": coded_json(family) if family else None,
            "parameter": [text_of(item) for item in parameters],
        },
        {
            **{name: item.position for name, item in single.items()},
            "parameter": [item.position for item in parameters],
        },
    )


# ---- subjects other than the patient of the header (TID 1006 to 1010) -------------------------------------


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
        Receives an error where the content tree states another patient (decision D35).
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

    def state(self, _: Item, children: list[Item], __: Scope) -> Changes:
        """Return the subjects that an item's children state."""
        kind = _kind(children)
        if kind == _PATIENT:
            return self._patient(children)
        body, used = _described(children, kind)
        if not body:
            return self._unnamed(kind, children)
        entry = self._entry(kind, body, used)
        chosen = [child for child in children if child.means("subject.class")]
        self._uses.add("subject", used, entry["id"])
        self._uses.add("subject", chosen, entry["id"], carried=False)
        named = {name: entry.get(name) for name in ("name", "_name")}
        return {"subjects": (filled({"id": entry["id"], "kind": kind, "identifier": _head(entry), **named}),)}

    def _unnamed(self, kind: str, children: list[Item]) -> Changes:
        """Return a subject of which only the class is stated: it has no id, for two such may be different."""
        stated = first(children, "subject.class")
        if stated is None:
            return {}
        message = _UNNAMED.format(_IN_WORDS[kind])
        self._log.add("warning", "missing-identifier", stated.position, message, _UNNAMED_HINT)
        self._uses.add("subject", [stated])
        name = traced({"name": text_of(stated) or kind}, {"name": stated.position})
        return {"subjects": ({"kind": kind, **name},)}

    def _entry(self, kind: str, body: JsonObject, used: list[Item]) -> JsonObject:
        numbers = [part["value"] for part in body.get("identifier", [])]
        key = repr((kind, numbers, [body.get(name) for name in _DISTINGUISHING]))
        if key in self._found:
            before = {item.terms: item.position for item in self._first[key]}
            said = ((item.position, before.get(item.terms)) for item in used)
            self._uses.same.update((position, earlier) for position, earlier in said if earlier)
        else:
            self._first[key] = used
            content = self._ids.content("subject", kind, body, self._patient_id)
            named = self._ids.named(body.get("identifier", ()), "subject")
            made = self._ids.unique(named or content, content)
            self._found[key] = {"id": made, "kind": kind, **body}
        return self._found[key]

    def _patient(self, children: list[Item]) -> Changes:
        """Compare a patient with the header's; where it is the same, the header's patient is the subject."""
        compared = {child: same for child in children if (same := self._is_same(child)) is not None}
        different = [child for child, same in compared.items() if not same]
        for child in different:
            self._log.add("error", "different-subject", child.position, _DIFFERENT, _DIFFERENT_HINT)
        stated = first(children, "subject.class")
        repeated = [child for child, same in compared.items() if same]
        self._uses.add("subject", [*repeated, *([stated] if stated else ())], self._patient_id, carried=False)
        changes: Changes = {"subjects": ()} if stated else {}
        if different:
            return changes | {"foreign": True}
        # below another patient only the Patient ID says that it is the header's again
        return changes | ({"foreign": False} if first(repeated, "subject.id") else {})

    def _is_same(self, item: Item) -> bool | None:
        """Tell whether an item repeats the header; None where there is nothing to compare."""
        attribute = next((number for term, number in _SAME_PATIENT.items() if item.means(term)), None)
        ours = self._header.text(attribute) if attribute else None
        theirs = _comparable(item)
        if ours is None or theirs is None:
            return None
        one, other = _plain(ours), _plain(theirs)
        if item.means("subject.sex") and not {one, other} <= _COMPARED_SEXES:
            return None
        return one == other if one and other else None


_IN_WORDS = {"fetus": "a fetus", "specimen": "a specimen", "device": "a device"}
_UNNAMED = (
    "what follows is of {}, not of the patient, but nothing says which: only a display tells them apart"
)
_UNNAMED_HINT = "State its identifier in the source (PS3.16 TID 1008, 1009, 1010)"
_DIFFERENT = "the content tree states another patient than the header: what it says of that one is left out"
_DIFFERENT_HINT = "Check the document: the Bundle holds the results of the patient of the header only"
# header and CID 7455 have different words for all others
_COMPARED_SEXES = frozenset("MF")


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
    lineage: dict[str, str] = {}
    for child in children:
        field = next((fields[term] for term in child.terms if term in fields), None)
        value = _CONVERSIONS.get(field or "", text_of)(child) if field else None
        if field and value and (field == "identifier" or field not in body):
            body[field] = [*body.get(field, []), value] if field == "identifier" else value
            lineage[field] = child.position
            used.append(child)
    primitives = {name: lineage[name] for name in _DISTINGUISHING if name in lineage}
    return traced({name: body.get(name) for name in _ORDER}, primitives), used


def _number(item: Item) -> JsonObject | None:
    text = text_of(item)
    if text is None:
        return None
    if item.value_type == "UIDREF":
        return uid_identifier(text, item.position)
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
    """Return a text as it is compared; of a name the alphabetic group (PS3.5 section 6.2.1)."""
    return " ".join(text.partition("=")[0].rstrip("^ ").upper().split())


# ---- studies and orders (TID 1005) ------------------------------------------------------------------------


_ORDERS = {"procedure.accession": "accession", "procedure.placer": "placer", "procedure.filler": "filler"}


class Studies:
    """Collect studies and orders other than those of the header.

    Parameters
    ----------
    ids
        Makes their ids.
    own
        The study of the header, as the logical model writes it.
    requests
        Orders of the header, as the logical model writes them.
    evidence
        Says which sequence lists a study, and where that can be retrieved.
    uses
        Notes what the items are used for.
    accession_system
        System of accession numbers: the content tree names no issuer of one.
    """

    def __init__(
        self,
        ids: Ids,
        own: JsonObject,
        requests: list[JsonObject],
        evidence: Evidence,
        uses: Uses,
        accession_system: str | None = None,
    ) -> None:
        self._ids = ids
        self._own = own
        self._requests = requests
        self._evidence = evidence
        self._uses = uses
        self._systems = {"accession": accession_system}
        self._studies: dict[str, JsonObject] = {}
        self._other_requests: dict[str, JsonObject] = {}

    @property
    def studies(self) -> list[JsonObject]:
        """Return the further studies that anything refers to."""
        return list(self._studies.values())

    @property
    def by_uid(self) -> dict[str, JsonObject]:
        """Return the same by Study Instance UID."""
        return self._studies

    @property
    def requests(self) -> list[JsonObject]:
        """Return the orders that only the content tree states."""
        return list(self._other_requests.values())

    def of_instances(self, uid: str) -> JsonObject:
        """Return ``referenceSet.study``: the header's, or one more of the document."""
        study = self.named(uid, self._evidence.listed_in(uid))
        return filled({"id": study["id"], "uid": study.get("uid"), "identifier": study["identifier"]})

    def named(self, uid: str, lineage: str) -> JsonObject:
        """Return the study of a Study Instance UID, and where that stands: the header's, or one more."""
        return self._own if self._is_own(uid) else self._study(uid, lineage)

    def state(self, _: Item, children: list[Item], __: Scope) -> Changes:
        """Return what an item's children state, None for what is the header's."""
        stated = {"study": self._stated_study(children), "request": self._stated_request(children)}
        return {name: value or None for name, value in stated.items() if value is not None}

    def _is_own(self, uid: str) -> bool:
        return bool(self._own["identifier"]["value"] == uid_identifier(uid, "")["value"])

    def _study(self, uid: str, lineage: str) -> JsonObject:
        if uid not in self._studies:
            identifier = uid_identifier(uid, lineage)
            self._studies[uid] = filled(
                {
                    "id": self._ids.of([identifier], lineage, "study"),
                    "uid": uid if len(uid) <= MAX_UID_LENGTH else None,
                    "identifier": identifier,
                    "endpoint": self._evidence.endpoints.of_study(uid),
                }
            )
        return self._studies[uid]

    def _stated_study(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.study``, empty where it is the header's; None where no study is stated."""
        item = first(children, "procedure.study")
        uid = text_of(item) if item else None
        if item is None or uid is None:
            return None
        if self._is_own(uid):
            self._uses.add("procedure", [item], self._own["id"], carried=False)
            return {}
        study = self._study(uid, item.position)
        self._uses.add("procedure", [item], study["id"])
        return {"id": study["id"], "identifier": uid_identifier(uid, item.position)}

    def _stated_request(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.request``, empty where it is the header's first; None where no order is stated."""
        stated = {
            name: item for term, name in _ORDERS.items() if (item := first(children, term)) and text_of(item)
        }
        if not stated:
            return None
        known = self._known(stated)
        if known is not None and known is self._requests[0]:
            self._uses.add("procedure", stated.values(), known["id"], carried=False)
            return {}
        procedure = first(children, "procedure.code") if known is None else None
        request = known or self._other(stated, procedure)
        self._uses.add("procedure", (*stated.values(), *([procedure] if procedure else ())), request["id"])
        return filled({"id": request["id"], "accession": self._own_accession(request)})

    def _own_accession(self, request: JsonObject) -> JsonObject | None:
        """Return the accession number of an order, unless an order before it has the same."""
        number: JsonObject | None = request.get("accession")
        before = takewhile(lambda each: each is not request, [*self._requests, *self.requests])
        taken = any("accession" in each and bare(each["accession"]) == bare(number) for each in before)
        return None if number is None or taken else number

    def _known(self, stated: dict[str, Item]) -> JsonObject | None:
        """Return the order of the header that has an identifier in common, and none that differs."""
        for request in self._requests:
            common = [name for name in stated if name in request]
            if common and all(request[name]["value"] == text_of(stated[name]) for name in common):
                return request
        return None

    def _other(self, stated: dict[str, Item], procedure: Item | None) -> JsonObject:
        numbers = {
            name: filled({"id": item.position, "system": self._systems.get(name), "value": text_of(item)})
            for name, item in stated.items()
        }
        key = repr([(name, number["value"]) for name, number in sorted(numbers.items())])
        if key not in self._other_requests:
            position = next(iter(stated.values())).identifier
            body = {**numbers, "procedure": coded_json(procedure) if procedure else None}
            made = request_id(self._ids, list(numbers.values()), body, position)
            self._other_requests[key] = filled({"id": made, **body})
        return self._other_requests[key]
