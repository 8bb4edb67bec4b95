"""A Structured Report as a flat list of facts, once taken from the Dataset and once from the logical model alone.

The two readers share nothing: one asks pydicom, the other the JSON. Equal lists mean that rendering lost nothing.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple

from pydicom.dataset import Dataset
from sr2fhir.model.codes import private_schemes, schemes_by_uid, standard_schemes, to_snomed_ct

from tests.model.documents import Json, items


class Fact(NamedTuple):
    """One content item."""

    position: tuple[int, ...]
    relationship: str | None
    value_type: str
    target: tuple[int, ...] | None
    concept: Any
    template: str | None
    observation_uid: str | None
    value: Any


# ---- from the Dataset ------------------------------------------------------------------------------------------


def facts_of_dataset(root: Dataset) -> list[Fact]:
    """Return the facts of a Dataset in document order."""
    systems = _systems(root)
    found: list[Fact] = []
    stack = [(root, (1,))]
    while stack:
        dataset, position = stack.pop()
        found.append(_fact(dataset, position, systems))
        children = dataset.get("ContentSequence") or []
        stack.extend((child, (*position, n)) for n, child in enumerate(children, 1))
    stated = {fact.position: fact.target for fact in found}
    return sorted(fact._replace(target=_end(fact, stated)) for fact in found)


def _end(fact: Fact, stated: dict[tuple[int, ...], Any]) -> tuple[int, ...] | None:
    """Return the target of a reference at the end of a chain; that which is stated, where the chain has no end.

    A reference to a by-reference item stands for what that refers to (decision D31).
    """
    seen, place = {fact.position}, fact.target
    while place is not None and place not in seen and stated.get(place) is not None:
        seen.add(place)
        place = stated[place]
    is_ancestor = place is not None and fact.position[: len(place)] == place
    return place if place in stated and place not in seen and not is_ancestor else fact.target


def _fact(dataset: Dataset, position: tuple[int, ...], systems: dict[str, str]) -> Fact:
    value_type = str(dataset.get("ValueType") or "UNKNOWN")
    target = (
        _numbers(dataset, "ReferencedContentItemIdentifier")
        if "ReferencedContentItemIdentifier" in dataset
        else None
    )
    relationship = _text(dataset, "RelationshipType") if len(position) > 1 else None
    template = dataset.get("ContentTemplateSequence") or []
    return Fact(
        position,
        relationship,
        "by reference" if target is not None else value_type,
        tuple(int(number) for number in target) if target is not None else None,
        None if target is not None else _coded(dataset, "ConceptNameCodeSequence", systems),
        _text(template[0], "TemplateIdentifier") if template else None,
        _text(dataset, "ObservationUID"),
        None if target is not None else _VALUES.get(value_type, _nothing)(dataset, systems),
    )


def _text(dataset: Dataset, keyword: str) -> str | None:
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    text = "\\".join(map(str, value)) if type(value).__name__ == "MultiValue" else str(value)
    return text.rstrip() or None


def _numbers(dataset: Dataset, keyword: str) -> list[Any]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]


def _systems(root: Dataset) -> dict[str, str]:
    """Return the system of each coding scheme that the document identifies."""
    known = {uid: scheme.system for uid, scheme in schemes_by_uid().items()}
    identified = {}
    for scheme in root.get("CodingSchemeIdentificationSequence") or []:
        uid = _text(scheme, "CodingSchemeUID")
        if uid:
            identified[scheme.CodingSchemeDesignator.upper()] = known.get(uid, f"urn:oid:{uid}")
    return identified


def _coded(dataset: Dataset, keyword: str, systems: dict[str, str]) -> Any:
    sequence = dataset.get(keyword) or []
    return _code(sequence[0], systems) if sequence else None


def _code(code: Dataset, systems: dict[str, str]) -> Any:
    value = _text(code, "CodeValue") or _text(code, "LongCodeValue") or _text(code, "URNCodeValue")
    meaning = _text(code, "CodeMeaning")
    designator = (_text(code, "CodingSchemeDesignator") or "").strip()
    equivalents = [_code(other, systems)[0] for other in code.get("EquivalentCodeSequence") or []]
    if designator.upper() in ("SRT", "SNM3", "SNM", "99SDM") and re.fullmatch(
        "[1-9][0-9]{5,17}", value or ""
    ):
        designator = "SCT"
    own = (_system(designator, systems), value, meaning)
    # an equivalent code that says what the translation of a retired one says, too
    said = (own, ("http://snomed.info/sct", to_snomed_ct(value or "")))
    others = [other for other in equivalents if other != said[0] and other[:2] != said[1]]
    return [own, *others] if value or meaning else None


def _system(designator: str, systems: dict[str, str]) -> str | None:
    name = designator.upper()
    schemes = {**private_schemes(), **standard_schemes()}
    if name in schemes and (name in standard_schemes() or name not in systems):
        return schemes[name].system
    return systems.get(name, f"urn:x-dicom-csd:{designator}" if designator else None)


def _number(dataset: Dataset, systems: dict[str, str]) -> Any:
    qualifier = _coded(dataset, "NumericValueQualifierCodeSequence", systems)
    sequence = dataset.get("MeasuredValueSequence") or []
    if not sequence:
        return (None, None, None, None, None, qualifier)
    measured = sequence[0]
    written = measured.get_item("NumericValue").value if "NumericValue" in measured else None
    decimal = written.decode().strip() if isinstance(written, bytes) else _text(measured, "NumericValue")
    floats = [float(value) for value in _numbers(measured, "FloatingPointValue")]
    return (
        decimal or None,
        floats[0] if floats else None,
        _text(measured, "RationalNumeratorValue"),
        _text(measured, "RationalDenominatorValue"),
        _coded(measured, "MeasurementUnitsCodeSequence", systems),
        qualifier,
    )


def _reference(dataset: Dataset, _: dict[str, str]) -> Any:
    sequence = dataset.get("ReferencedSOPSequence") or []
    if not sequence:
        return None
    reference = sequence[0]
    nested = [
        [_text(item, "ReferencedSOPInstanceUID") for item in reference.get(keyword) or []]
        for keyword in ("ReferencedSOPSequence", "ReferencedRealWorldValueMappingInstanceSequence")
    ]
    keywords = ("ReferencedFrameNumber", "ReferencedSegmentNumber", "ReferencedWaveformChannels")
    lists = [[str(int(number)) for number in _numbers(reference, keyword)] for keyword in keywords]
    return (
        _text(reference, "ReferencedSOPInstanceUID"),
        _text(reference, "ReferencedSOPClassUID"),
        *lists,
        *nested,
    )


def _graphic(dataset: Dataset, _: dict[str, str]) -> Any:
    data = [struct.pack("<f", value) for value in _numbers(dataset, "GraphicData")]
    keywords = ("GraphicType", "ReferencedFrameOfReferenceUID", "FiducialUID", "PixelOriginInterpretation")
    return (data, *(_text(dataset, keyword) for keyword in keywords))


def _temporal(dataset: Dataset, _: dict[str, str]) -> Any:
    return (
        _text(dataset, "TemporalRangeType"),
        [str(number) for number in _numbers(dataset, "ReferencedSamplePositions")],
        [str(number) for number in _numbers(dataset, "ReferencedTimeOffsets")],
        [str(number) for number in _numbers(dataset, "ReferencedDateTime")],
    )


def _table(dataset: Dataset, systems: dict[str, str]) -> Any:
    sequence = dataset.get("TabulatedValuesSequence") or []
    if not sequence:
        return None
    values = sequence[0]
    columns = [
        (str(column.TableColumnNumber), _coded(column, "ConceptNameCodeSequence", systems))
        for column in values.get("TableColumnDefinitionSequence") or []
    ]
    cells = [
        (str(cell.TableRowNumber), str(cell.TableColumnNumber), _text(cell, "SelectorUTValue"))
        for cell in values.get("CellValuesSequence") or []
    ]
    return (str(values.NumberOfTableRows), str(values.NumberOfTableColumns), columns, cells)


def _nothing(dataset: Dataset, systems: dict[str, str]) -> Any:
    return None


def _attribute(keyword: str) -> Any:
    return lambda dataset, _: _text(dataset, keyword)


_VALUES: dict[str, Any] = {
    "CONTAINER": _attribute("ContinuityOfContent"),
    "TEXT": _attribute("TextValue"),
    "CODE": lambda dataset, systems: _coded(dataset, "ConceptCodeSequence", systems),
    "NUM": _number,
    "DATETIME": _attribute("DateTime"),
    "DATE": _attribute("Date"),
    "TIME": _attribute("Time"),
    "UIDREF": _attribute("UID"),
    "PNAME": _attribute("PersonName"),
    "COMPOSITE": _reference,
    "IMAGE": _reference,
    "WAVEFORM": _reference,
    "SCOORD": _graphic,
    "SCOORD3D": _graphic,
    "TCOORD": _temporal,
    "TABLE": _table,
}


# ---- from the logical model --------------------------------------------------------------------------------------


def facts_of_document(document: Json) -> list[Fact]:
    """Return the facts of a document of the logical model in document order."""
    return sorted(_rebuilt(item) for item in items(document))


def _rebuilt(item: Json) -> Fact:
    position = _place(item["position"])
    target = _place(item["targetItem"]["position"]) if "targetItem" in item else None
    value_type = item["valueType"]
    return Fact(
        position,
        item.get("relationship"),
        "by reference" if target else value_type,
        target,
        None if target else _concept(item.get("concept")),
        item.get("template"),
        item.get("observationUid"),
        None if target else _REBUILT.get(value_type, lambda _: None)(item),
    )


def _place(position: str) -> tuple[int, ...]:
    return tuple(map(int, position.split(".")))


def _concept(concept: Json | None) -> Any:
    """Return the codings that the document wrote: a SNOMED CT one before a retired one is a translation.

    The text holds a code with white space as it was written.
    """
    if concept is None:
        return None
    text = concept.get("text", "")
    codings = [
        (
            coding.get("system"),
            text if " ".join(text.split()) == coding.get("code") else coding.get("code"),
            coding.get("display"),
        )
        for coding in concept["coding"]
    ]
    if len(codings) < 2 or codings[1][0] != "http://snomed.info/srt":
        return codings
    return [coding for coding in codings[1:] if coding[:2] != codings[0][:2]]


def _rebuilt_number(item: Json) -> Any:
    floating = item.get("floatingPointValue")
    return (
        item.get("numericValue"),
        float(floating) if floating is not None else None,
        item.get("rationalNumerator"),
        item.get("rationalDenominator"),
        _concept(item.get("units")),
        _concept(item.get("qualifier")),
    )


def _rebuilt_reference(item: Json) -> Any:
    reference = item.get("reference")
    if reference is None:
        return None
    nested = [
        [reference[name]] if name in reference else []
        for name in ("presentationStateUid", "realWorldValueMapUid")
    ]
    lists = [reference.get(name, []) for name in ("frame", "segment", "channel")]
    return (reference["uid"], reference.get("sopClass", {}).get("code"), *lists, *nested)


def _rebuilt_graphic(item: Json) -> Any:
    graphic = item.get("graphic", {})
    data = (
        [struct.pack("<f", float(number)) for number in graphic["data"].split("\\")]
        if "data" in graphic
        else []
    )
    return (
        data,
        *(graphic.get(name) for name in ("type", "frameOfReferenceUid", "fiducialUid", "pixelOrigin")),
    )


def _rebuilt_temporal(item: Json) -> Any:
    temporal = item.get("temporal", {})
    return (
        temporal.get("rangeType"),
        *(temporal.get(name, []) for name in ("samplePosition", "timeOffset", "dateTime")),
    )


def _rebuilt_table(item: Json) -> Any:
    values = item.get("tabulatedValues")
    if values is None:
        return None
    columns = [(one["number"], _concept(one.get("concept"))) for one in values.get("definition", [])]
    cells = [(one["row"], one["column"], one.get("textValue")) for one in values.get("cell", [])]
    return (values["rows"], values["columns"], columns, cells)


def _rebuilt_uid(item: Json) -> Any:
    return item["uidValue"]["value"].removeprefix("urn:oid:") if "uidValue" in item else None


_REBUILT: dict[str, Any] = {
    "CONTAINER": lambda item: item.get("continuity"),
    "TEXT": lambda item: item.get("textValue"),
    "CODE": lambda item: _concept(item.get("conceptCode")),
    "NUM": _rebuilt_number,
    "DATETIME": lambda item: item.get("valueText"),
    "DATE": lambda item: item.get("valueText"),
    "TIME": lambda item: item.get("valueText"),
    "UIDREF": _rebuilt_uid,
    "PNAME": lambda item: item.get("valueText"),
    "COMPOSITE": _rebuilt_reference,
    "IMAGE": _rebuilt_reference,
    "WAVEFORM": _rebuilt_reference,
    "SCOORD": _rebuilt_graphic,
    "SCOORD3D": _rebuilt_graphic,
    "TCOORD": _rebuilt_temporal,
    "TABLE": _rebuilt_table,
}
