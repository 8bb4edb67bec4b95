"""Patient, study, series, equipment and orders of the header (mapping section 3.2)."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import identifiers, names, udi, uids
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled, traced
from sr2fhir.model.people import Equipment

_PATIENT_ID = tag("PatientID")
_ISSUER = tag("IssuerOfPatientID")
_ISSUER_QUALIFIERS = tag("IssuerOfPatientIDQualifiersSequence")
_OTHER_IDS = tag("OtherPatientIDsSequence")
_PATIENT_NAME = tag("PatientName")
_BIRTH_DATE = tag("PatientBirthDate")
_SEX = tag("PatientSex")

_STUDY_ID = tag("StudyID")
_STUDY_DESCRIPTION = tag("StudyDescription")
_STUDY_DATE = tag("StudyDate")
_STUDY_TIME = tag("StudyTime")
_STUDY_PROCEDURE = tag("ProcedureCodeSequence")

_MODALITY = tag("Modality")
_SERIES_NUMBER = tag("SeriesNumber")
_SERIES_DESCRIPTION = tag("SeriesDescription")

_DEVICE_UID = tag("DeviceUID")
_MANUFACTURER = tag("Manufacturer")
_MODEL = tag("ManufacturerModelName")
_SERIAL_NUMBER = tag("DeviceSerialNumber")
_SOFTWARE_VERSIONS = tag("SoftwareVersions")
_STATION_NAME = tag("StationName")
_INSTITUTION_NAME = tag("InstitutionName")
_UDI_SEQUENCE = tag("UDISequence")
_UDI = tag("UniqueDeviceIdentifier")

_ACCESSION = tag("AccessionNumber")
_ACCESSION_ISSUER = tag("IssuerOfAccessionNumberSequence")
_REQUESTS = tag("ReferencedRequestSequence")
_PLACER = tag("PlacerOrderNumberImagingServiceRequest")
_PLACER_ISSUER = tag("OrderPlacerIdentifierSequence")
_FILLER = tag("FillerOrderNumberImagingServiceRequest")
_FILLER_ISSUER = tag("OrderFillerIdentifierSequence")
_PROCEDURE_ID = tag("RequestedProcedureID")
_PROCEDURE_CODE = tag("RequestedProcedureCodeSequence")
_PROCEDURE_DESCRIPTION = tag("RequestedProcedureDescription")

_PATIENT_PRIMITIVES = {"birthDate": "PatientBirthDate", "sex": "PatientSex"}
_STUDY_PRIMITIVES = {"uid": "StudyInstanceUID", "description": "StudyDescription", "started": "StudyDate"}
_SERIES_PRIMITIVES = {
    "uid": "SeriesInstanceUID",
    "modality": "Modality",
    "number": "SeriesNumber",
    "description": "SeriesDescription",
}
_EQUIPMENT_PRIMITIVES = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "serialNumber": "DeviceSerialNumber",
    "softwareVersion": "SoftwareVersions",
    "stationName": "StationName",
    "institutionName": "InstitutionName",
}
_ORDER_NUMBERS = ("accession", "placer", "filler", "requestedProcedureId")


def study_started(env: Environment) -> str | None:
    """Return Study Date and Study Time as a dateTime."""
    return env.clock.joined(env.header.text(_STUDY_DATE), env.header.text(_STUDY_TIME), "StudyDate")


def patient(env: Environment) -> JsonObject:
    """Return the Patient IE."""
    header = env.header
    numbers = _patient_identifiers(env)
    if _PATIENT_ID not in header or header.text(_PATIENT_ID) is None:
        env.log.add("warning", "missing-identifier", "PatientID", "the document has no Patient ID")
    name = header.text(_PATIENT_NAME)
    return traced(
        {
            "id": env.ids.of(numbers[:1], "PatientID", "patient"),
            "identifier": numbers,
            "name": names.human_names(name, "PatientName") if name else None,
            "birthDate": env.clock.checked_date(header.text(_BIRTH_DATE), "PatientBirthDate"),
            "sex": header.text(_SEX),
        },
        _PATIENT_PRIMITIVES,
    )


def _patient_identifiers(env: Environment) -> list[JsonObject]:
    first = _patient_identifier(env.header, "PatientID", env.options.patient_id_system)
    others = [
        _patient_identifier(item, f"OtherPatientIDsSequence.{n}.PatientID", None)
        for n, item in enumerate(env.header.items(_OTHER_IDS), 1)
    ]
    return [identifier for identifier in (first, *others) if identifier]


def _patient_identifier(attributes: Attributes, lineage: str, default: str | None) -> JsonObject | None:
    value = attributes.text(_PATIENT_ID)
    if value is None:
        return None
    return identifiers.issued_identifier(
        value,
        lineage,
        issuer=attributes.first(_ISSUER_QUALIFIERS),
        assigner=attributes.text(_ISSUER),
        default=default,
    )


def study(env: Environment, started: str | None) -> JsonObject:
    """Return the Study IE."""
    header = env.header
    identifier = uids.identifier(env.study_uid, "StudyInstanceUID")
    number = header.text(_STUDY_ID)
    procedures = env.codes.read_all(header, _STUDY_PROCEDURE, "ProcedureCodeSequence")
    return traced(
        {
            "id": env.ids.of([identifier], "StudyInstanceUID", "study"),
            "uid": _short(env, env.study_uid, "StudyInstanceUID"),
            "identifier": identifier,
            "studyId": {"id": "StudyID", "value": number} if number else None,
            "description": header.text(_STUDY_DESCRIPTION),
            "started": started,
            "procedure": [procedure.as_json("ProcedureCodeSequence") for procedure in procedures],
        },
        _STUDY_PRIMITIVES,
    )


def series(env: Environment) -> JsonObject:
    """Return the Series IE."""
    return traced(
        {
            "uid": _short(env, env.series_uid, "SeriesInstanceUID") if env.series_uid else None,
            "modality": env.header.text(_MODALITY),
            "number": env.header.text(_SERIES_NUMBER),
            "description": env.header.text(_SERIES_DESCRIPTION),
        },
        _SERIES_PRIMITIVES,
    )


def _short(env: Environment, uid: str, where: str) -> str | None:
    """Return a UID that fits FHIR's ``id`` (decision D29)."""
    if len(uid) <= uids.MAX_LENGTH:
        return uid
    env.log.add("warning", "invalid-value", where, "the UID has more than 64 characters")
    return None


def equipment(env: Environment) -> JsonObject:
    """Return the General Equipment."""
    header = env.header
    uid = header.text(_DEVICE_UID)
    numbers = [uids.identifier(uid, "DeviceUID")] if uid else []
    return traced(
        {
            "id": env.ids.of(numbers, "DeviceUID", "equipment"),
            "identifier": numbers[0] if numbers else None,
            "manufacturer": header.text(_MANUFACTURER),
            "model": header.text(_MODEL),
            "serialNumber": header.text(_SERIAL_NUMBER),
            "softwareVersion": header.texts(_SOFTWARE_VERSIONS),
            "stationName": header.text(_STATION_NAME),
            "institutionName": header.text(_INSTITUTION_NAME),
            "udi": _udis(env),
        },
        _EQUIPMENT_PRIMITIVES,
    )


def identity(equipment: JsonObject, header: Attributes) -> Equipment:
    """Return what the equipment is recognised by."""
    return Equipment(
        equipment["id"],
        header.text(_DEVICE_UID),
        equipment.get("manufacturer"),
        equipment.get("model"),
        equipment.get("serialNumber"),
    )


def _udis(env: Environment) -> list[JsonObject]:
    parsed = []
    for n, item in enumerate(env.header.items(_UDI_SEQUENCE), 1):
        carrier, where = item.text(_UDI), f"UDISequence.{n}.UniqueDeviceIdentifier"
        found = udi.parse(carrier) if carrier else None
        if found:
            parsed.append({"id": where, **found})
        elif carrier:
            env.log.add(
                "warning", "invalid-value", where, "the Unique Device Identifier is of no known agency's form"
            )
    return parsed


def requests(env: Environment) -> list[JsonObject]:
    """Return the order of the header with what its Referenced Request item adds, then the other orders."""
    own = _order(env, env.header, "")
    items = [
        _order(env, item, f"ReferencedRequestSequence.{n}.")
        for n, item in enumerate(env.header.items(_REQUESTS), 1)
    ]
    others = [item for item in items if item]
    if own or others:
        match = next((item for item in others if not own or _same_accession(own, item)), None)
        others = [item for item in others if item is not match]
        own = _enriched(own, match or {})
    return [_request(env, order, n) for n, order in enumerate((own, *others)) if order]


def _enriched(own: JsonObject, item: JsonObject) -> JsonObject:
    """Return an order with what its request item adds; the issuer too, where the header states none."""
    kept = own if "system" in own.get("accession", {}) or "accession" not in item else {}
    return {**item, **kept}


def _same_accession(one: JsonObject, other: JsonObject) -> bool:
    return bool(one["accession"]["value"] == other.get("accession", {}).get("value"))


def _order(env: Environment, attributes: Attributes, path: str) -> JsonObject:
    """Return the numbers of one order; of the header, the accession number alone."""
    accession = _number(
        attributes, _ACCESSION, _ACCESSION_ISSUER, f"{path}AccessionNumber", env.options.accession_system
    )
    if not path:
        return filled({"accession": accession})
    procedure = env.codes.read(attributes, _PROCEDURE_CODE, f"{path}RequestedProcedureCodeSequence")
    placer, filler = (
        f"{path}PlacerOrderNumberImagingServiceRequest",
        f"{path}FillerOrderNumberImagingServiceRequest",
    )
    numbers = {
        "accession": accession,
        "placer": _number(attributes, _PLACER, _PLACER_ISSUER, placer),
        "filler": _number(attributes, _FILLER, _FILLER_ISSUER, filler),
        "requestedProcedureId": _number(attributes, _PROCEDURE_ID, None, f"{path}RequestedProcedureID"),
    }
    return traced(
        {
            **numbers,
            "procedure": procedure.as_json(f"{path}RequestedProcedureCodeSequence") if procedure else None,
            "description": attributes.text(_PROCEDURE_DESCRIPTION),
        },
        {"description": f"{path}RequestedProcedureDescription"},
    )


def _number(
    attributes: Attributes, number: int, issuer: int | None, lineage: str, default: str | None = None
) -> JsonObject | None:
    value = attributes.text(number)
    if value is None:
        return None
    stated = attributes.first(issuer) if issuer else None
    return identifiers.issued_identifier(value, lineage, issuer=stated, default=default)


def _request(env: Environment, order: JsonObject, n: int) -> JsonObject:
    numbers = [order[name] for name in _ORDER_NUMBERS if name in order]
    made = env.ids.of(numbers, f"ReferencedRequestSequence.{n}", "request")
    members = {name: order.get(name) for name in _ORDER_NUMBERS}
    rest = {name: order.get(name) for name in ("procedure", "description", "_description")}
    return filled({"id": made, **members, **rest})
