"""Patient, study, series, equipment and orders of the header, by a table (mapping section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import table
from sr2fhir.model.context import Moment
from sr2fhir.model.datatypes import filled, human_names, joined, report_further_persons, traced
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import MAX_UID_LENGTH, Ids, Issuers, bare, parsed_udi, uid_identifier
from sr2fhir.model.times import is_instant

_UNMATCHABLE = "the identifier has control characters: others must not be matched by it, and it is left out"
_NOT_ENUMERATED = "the value is none of those that DICOM allows ({})"
_SEVERAL_ISSUERS = "the identifier has more than one issuer: the first was taken"

Disposition = Literal["mapped", "implied", "context"]

_PATIENT_ID = "PatientID"
_TYPE_OF_ID = "TypeOfPatientID"
_OTHER_IDS = "OtherPatientIDsSequence"
_REQUESTS = "ReferencedRequestSequence"
_UDI_SEQUENCE = "UDISequence"
_UDI = "UniqueDeviceIdentifier"
_ORDER_NUMBERS = ("accession", "placer", "filler", "requestedProcedureId")
_STUDIES_OF_ORDER = ("studyUid", "_studyUid")
_TABLE = "header.toml"
_ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Row:
    """One attribute of an entity.

    Parameters
    ----------
    keyword
        Of the attribute.
    element
        Member of the entity.
    conversion
        text, texts, name, date, moment, instant, number, uid, code or codes.
    beside
        Keywords of the attributes that go into the same element, by what they are: time, issuer, assigner.
    disposition
        What is said of it where no element holds it.
    unless
        Keyword of an attribute beside which nothing is said of it.
    values
        The only ones that a text may have; none: any.
    """

    keyword: str
    element: str
    conversion: str
    beside: Mapping[str, str]
    disposition: Disposition | None
    unless: str | None = None
    values: tuple[str, ...] = ()


class HeaderTable:
    """The table of the header's attributes.

    Parameters
    ----------
    table
        Entity → keyword → row; ``elsewhere`` → keyword paths of what is read otherwise.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._elsewhere = table[_ELSEWHERE]
        self.rows = {
            entity: [_row(keyword, row) for keyword, row in rows.items()]
            for entity, rows in table.items()
            if entity != _ELSEWHERE
        }
        self.root_item = frozenset(self._elsewhere["root-item"])
        self.own_study = frozenset(self._elsewhere.get("own-study", ()))

    def row(self, entity: str, keyword: str) -> Row:
        """Return one row."""
        return next(row for row in self.rows[entity] if row.keyword == keyword)

    def disposition(self, name: str, header: Attributes) -> Disposition | None:
        """Return what becomes of an attribute of a document, by its keyword path."""
        unless = self._unless.get(name)
        return None if unless and header.text(tag(unless)) else self.dispositions.get(name)

    @cached_property
    def _unless(self) -> dict[str, str]:
        return {row.keyword: row.unless for rows in self.rows.values() for row in rows if row.unless}

    @cached_property
    def dispositions(self) -> dict[str, Disposition]:
        """What becomes of an attribute: ``mapped``, it has a target; ``context``; by keyword path."""
        found: dict[str, Disposition] = {}
        for entity, rows in self.rows.items():
            prefix = f"{_REQUESTS}." if entity == "order" else ""
            for row in rows:
                for keyword in (row.keyword, *row.beside.values()):
                    if row.disposition:
                        found[prefix + keyword] = row.disposition
        for disposition in ("mapped", "context"):
            found |= dict.fromkeys(self._elsewhere[disposition], disposition)
        return found | dict.fromkeys(self.own_study, "context")

    @cached_property
    def opened(self) -> frozenset[str]:
        """Sequences whose items are accounted for part by part."""
        return frozenset(
            {name.split(".")[0] for name in self.dispositions if "." in name} | {*self._elsewhere["opened"]}
        )


def table_of(package: str) -> HeaderTable:
    """Return the table of a document type: its own rows, beside its modules, then the common ones."""
    common, own = table(__package__, _TABLE), table(package, _TABLE)
    rows = {entity: {**own.get(entity, {}), **common[entity]} for entity in common if entity != _ELSEWHERE}
    lists = [each.get(_ELSEWHERE, {}) for each in (common, own)]
    read_otherwise = {
        name: [keyword for each in lists for keyword in each.get(name, ())]
        for name in dict.fromkeys(name for each in lists for name in each)
    }
    return HeaderTable({**rows, _ELSEWHERE: read_otherwise})


def _row(keyword: str, row: Mapping[str, Any]) -> Row:
    beside = {name: row[name] for name in ("time", "issuer", "assigner") if name in row}
    target = row.get("target", True)
    disposition: Disposition | None = "implied" if target == "implied" else "mapped" if target else None
    values = tuple(row.get("values", ()))
    return Row(keyword, row["element"], row.get("as", "text"), beside, disposition, row.get("unless"), values)


@dataclass(frozen=True)
class Header:
    """The entities of the header as the logical model writes them.

    Parameters
    ----------
    document, patient, study, series, equipment, requests
        Entities.
    moments
        Dates with their times of day, by element.
    same
        Keyword path → one that said the same before.
    """

    document: JsonObject
    patient: JsonObject
    study: JsonObject
    series: JsonObject
    equipment: JsonObject
    requests: list[JsonObject]
    moments: dict[str, Moment]
    same: dict[str, str]


def read(env: Environment, table: HeaderTable) -> Header:
    """Read the header."""
    return _Reader(env, table).header()


class _Reader:
    """Read the entities of one document."""

    def __init__(self, env: Environment, table: HeaderTable) -> None:
        self._env = env
        self._table = table
        self._issuers = Issuers(env.options.issuers, env.log)
        self._moments: dict[str, Moment] = {}
        self._same: dict[str, str] = {}

    def header(self) -> Header:
        return Header(
            patient=self._patient(),
            study=self._study(),
            equipment=self._equipment(),
            requests=self._requests(),
            document=self._entity("document"),
            series=self._series(),
            moments=self._moments,
            same=self._same | self._env.evidence.endpoints.same,
        )

    def _entity(self, name: str, attributes: Attributes | None = None, path: str = "") -> JsonObject:
        """Return the members that the rows of an entity give, each with its lineage."""
        members: JsonObject = {}
        for row in self._table.rows[name]:
            value = self._value(attributes or self._env.header, row, path)
            moment = self._moments.get(row.element)
            lineage = moment.lineage if moment else path + row.keyword
            is_primitive = isinstance(value, str) or row.conversion == "texts"
            members |= traced({row.element: value}, {row.element: lineage} if is_primitive else {})
        return members

    def _value(self, attributes: Attributes, row: Row, path: str) -> object:
        """Return what a row gives; all but texts, dates and moments has its lineage in it."""
        number, where = tag(row.keyword), path + row.keyword
        text = attributes.text(number) if row.conversion not in ("texts", "code", "codes") else None
        match row.conversion:
            case "texts":
                return attributes.texts(number)
            case "code":
                concept = self._env.codes.read(attributes, number, where)
                return concept.as_json(where) if concept else None
            case "codes":
                concepts = self._env.codes.read_all(attributes, number, where)
                return [concept.as_json(where) for concept in concepts]
            case "name":
                return self._names(text, where) if text else None
            case "date":
                return self._env.clock.date(text, where)
            case "uid":
                return uid_identifier(text, where) if text else None
            case "moment" | "instant":
                return self._moment(attributes, row)
            case "number":
                return self._number(attributes, row, path)
        if text and row.values and text not in row.values:
            message = _NOT_ENUMERATED.format(", ".join(row.values))
            self._env.log.add("warning", "invalid-value", where, message)
            return None
        return text

    def _names(self, text: str, where: str) -> list[JsonObject]:
        report_further_persons(text, where, self._env.log)
        return human_names(text, where)

    def _moment(self, attributes: Attributes, row: Row) -> str | None:
        clock, day, hour = self._env.clock, row.keyword, row.beside["time"]
        on, at = clock.date(attributes.text(tag(day)), day), clock.time(attributes.text(tag(hour)), hour)
        value = clock.joined(on, at, hour, instant=row.conversion == "instant")
        if value:
            self._moments[row.element] = Moment(value, joined(day, hour) if is_instant(value) else day)
        return value

    def _number(self, attributes: Attributes, row: Row, path: str) -> JsonObject | None:
        """Return an Identifier with what its issuer states."""
        number, log = tag(row.keyword), self._env.log
        value = attributes.text(number)
        if value is None:
            return None
        if attributes.has_control_characters(number):
            log.add("warning", "invalid-value", path + row.keyword, _UNMATCHABLE)
            return None
        issuer, assigner = row.beside.get("issuer"), row.beside.get("assigner")
        if issuer and len(attributes.items(tag(issuer))) > 1:
            log.add("warning", "multiplicity", path + issuer, _SEVERAL_ISSUERS)
        found = self._issuers.identifier(
            value,
            path + row.keyword,
            issuer=attributes.first(tag(issuer)) if issuer else None,
            assigner=attributes.text(tag(assigner)) if assigner else None,
        )
        if not found.keys() & {"system", "assigner"}:
            return found
        stated = [name for name in (issuer, assigner) if name and not attributes.is_empty(tag(name))]
        return found | {"id": joined(found["id"], *(path + name for name in stated))}

    def _patient(self) -> JsonObject:
        env, made = self._env, self._entity("patient")
        own = made.pop("identifier", None)
        row = self._table.row("patient", _PATIENT_ID)
        others = [
            self._number(item, row, f"{_OTHER_IDS}.{n}.")
            for n, item in enumerate(env.header.items(tag(_OTHER_IDS)), 1)
        ]
        if own is None:
            env.log.add("warning", "missing-identifier", _PATIENT_ID, "the document has no Patient ID")
        elif (env.header.text(tag(_TYPE_OF_ID)) or "TEXT").upper() != "TEXT":
            env.log.add("warning", "missing-identifier", _PATIENT_ID, _OF_A_TAG)
            others, own = [own, *others], None
        number = _in_system(own, env.options.patient_id_system) if own else None
        return filled(
            {
                "id": env.ids.of([number] if number else [], _PATIENT_ID, "patient"),
                "identifier": number,
                "otherIdentifier": [other for other in others if other],
                **made,
            }
        )

    def _study(self) -> JsonObject:
        env, made = self._env, self._entity("study")
        uid = traced({"uid": self._short(env.study_uid, "StudyInstanceUID")}, {"uid": "StudyInstanceUID"})
        made |= filled({"endpoint": env.evidence.endpoints.of_study(env.study_uid)})
        return {"id": env.ids.of([made["identifier"]], "StudyInstanceUID", "study"), **uid, **made}

    def _series(self) -> JsonObject:
        made = self._entity("series")
        if "uid" in made and not self._short(made["uid"], "SeriesInstanceUID"):
            del made["uid"], made["_uid"]
        return made | filled({"endpoint": self._env.evidence.endpoints.of_series([self._env.series_uid])})

    def _equipment(self) -> JsonObject:
        made = self._entity("equipment")
        numbers = [made["identifier"]] if "identifier" in made else []
        made |= filled({"udi": self._udis()})
        ids = self._env.ids
        return {"id": ids.named(numbers, "equipment") or ids.content("equipment", made), **made}

    def _short(self, uid: str, where: str) -> str | None:
        """Return a UID that fits FHIR's ``id`` (decision D29)."""
        if len(uid) <= MAX_UID_LENGTH:
            return uid
        self._env.log.add("warning", "invalid-value", where, "the UID has more than 64 characters")
        return None

    def _udis(self) -> list[JsonObject]:
        parsed = []
        for n, item in enumerate(self._env.header.items(tag(_UDI_SEQUENCE)), 1):
            carrier, where = item.text(tag(_UDI)), f"{_UDI_SEQUENCE}.{n}.{_UDI}"
            found = parsed_udi(carrier) if carrier else None
            if found:
                parsed.append({"id": where, **found})
            elif carrier:
                message = "the Unique Device Identifier is of no known agency's form"
                self._env.log.add("warning", "invalid-value", where, message)
        return parsed

    # ---- orders --------------------------------------------------------------------------------------------

    def _requests(self) -> list[JsonObject]:
        """Return the header's order with what its Referenced Request item adds, then the other orders."""
        env = self._env
        default = env.options.accession_system
        own = filled({"accession": self._value(env.header, self._table.row("order", "AccessionNumber"), "")})
        items = [
            self._entity("order", item, f"{_REQUESTS}.{n}.")
            for n, item in enumerate(env.header.items(tag(_REQUESTS)), 1)
        ]
        others = [item for item in items if bare(item).keys() - set(_STUDIES_OF_ORDER)]
        if own or others:
            match = next((item for item in others if not own or _same_accession(own, item)), None)
            others = [item for item in others if item is not match]
            own = self._enriched(own, match or {})
        orders = [order for order in (own, *others) if order]
        for order in orders:
            if "accession" in order:
                order["accession"] = _in_system(order["accession"], default)
        requests = [self._request(order, n) for n, order in enumerate(self._distinct(orders))]
        return self._named(requests)

    def _enriched(self, own: JsonObject, item: JsonObject) -> JsonObject:
        """Return an order with what its request item adds; the issuer too, where the header states none."""
        if "accession" not in own or "accession" not in item:
            return {**item, **own}
        kept, left = (own, item) if _names_issuer(own["accession"]) else (item, own)
        said = kept["accession"]["id"].partition("-")[0]
        self._same |= dict.fromkeys(left["accession"]["id"].split("-"), said)
        return {**item, **own, "accession": kept["accession"]}

    def _distinct(self, orders: list[JsonObject]) -> list[JsonObject]:
        """Return the orders without those that say the same as an earlier one."""
        kept: list[JsonObject] = []
        for order in orders:
            said = next((earlier for earlier in kept if _said(earlier) == _said(order)), None)
            if said is None:
                kept.append(order)
                continue
            said |= {name: [*said.get(name, []), *order[name]] for name in _STUDIES_OF_ORDER if name in order}
            for name, value in order.items():
                if isinstance(value, dict):
                    self._same |= dict.fromkeys(value["id"].split("-"), said[name]["id"].partition("-")[0])
        return kept

    def _named(self, orders: list[JsonObject]) -> list[JsonObject]:
        """Return the orders, each with which number names it: the first that no order before it has."""
        taken: set[str] = set()
        for order in orders:
            numbers = {name: repr((name, bare(order[name]))) for name in _ORDER_NUMBERS if name in order}
            own = next((name for name, number in numbers.items() if number not in taken), None)
            if numbers and own is None:
                own = next(iter(numbers))
                where = order[own]["id"].partition("-")[0]
                self._env.log.add("warning", "conflict", where, _NO_NUMBER_OF_ITS_OWN)
            taken.update(numbers.values())
            order |= {"namedBy": own} if own else {}
        return orders

    def _request(self, order: JsonObject, n: int) -> JsonObject:
        numbers = [order[name] for name in _ORDER_NUMBERS if name in order]
        return {"id": request_id(self._env.ids, numbers, order, f"{_REQUESTS}.{n}"), **order}


def request_id(ids: Ids, numbers: list[JsonObject], order: JsonObject, where: str) -> str:
    """Return the id of an order; one of its content where another order has its first number."""
    # a copy of the document in another study says the same of the order
    study = min(order.get("studyUid", ()), default=ids.study)
    return ids.unique(ids.of(numbers, where, "request", study), ids.content("request", study, order))


def _said(order: JsonObject) -> JsonObject:
    """Return what an order says, whichever study of the document it led to."""
    return {name: value for name, value in bare(order).items() if name not in _STUDIES_OF_ORDER}


_NO_NUMBER_OF_ITS_OWN = (
    "an order before it has the same numbers: where the order is named by its number, either may be meant"
)
_OF_A_TAG = "the Patient ID is that of a tag or bar code: it is no record number, and names no patient"


def _names_issuer(number: JsonObject) -> bool:
    """Tell whether the document says who issued a number: its lineage names the attributes that do."""
    return "-" in number["id"]


def _in_system(number: JsonObject, default: str | None) -> JsonObject:
    """Return a number in the configured system, unless the document names an issuer (decision D32)."""
    if default is None or _names_issuer(number):
        return number
    return {"id": number["id"], "system": default, **number}


def _same_accession(one: JsonObject, other: JsonObject) -> bool:
    """Tell whether two orders have one accession number, by system, else by name, if both state an issuer."""
    ours, theirs = one["accession"], other.get("accession", {})
    if ours["value"] != theirs.get("value"):
        return False
    stated = (name for name in ("system", "assigner") if name in ours and name in theirs)
    return next((bool(ours[name] == theirs[name]) for name in stated), True)
