"""What content items have without a place in the logical model, or lack: none is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sr2fhir.documents.measurement_report.structure import OBSERVATIONS
from sr2fhir.findings import Finding
from sr2fhir.model.accounting import Leftover
from sr2fhir.model.attributes import keyword_path, tag
from sr2fhir.model.datetimes import is_instant
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

_ALWAYS = """
    RelationshipType ValueType ConceptNameCodeSequence ContentSequence ContentTemplateSequence
    ContinuityOfContent SpecificCharacterSet
"""
_BY_REFERENCE = (
    "ReferencedContentItemIdentifier RelationshipType ValueType ConceptNameCodeSequence ContentSequence"
)
_VALUES = {
    "TEXT": "TextValue",
    "CODE": "ConceptCodeSequence",
    "NUM": "MeasuredValueSequence NumericValueQualifierCodeSequence",
    "DATETIME": "DateTime",
    "DATE": "Date",
    "TIME": "Time",
    "UIDREF": "UID",
    "PNAME": "PersonName",
    "COMPOSITE": "ReferencedSOPSequence",
    "IMAGE": "ReferencedSOPSequence",
    "WAVEFORM": "ReferencedSOPSequence",
    "SCOORD": "GraphicType GraphicData PixelOriginInterpretation FiducialUID",
    "SCOORD3D": "GraphicType GraphicData PixelOriginInterpretation FiducialUID ReferencedFrameOfReferenceUID",
    "TCOORD": "TemporalRangeType ReferencedSamplePositions ReferencedTimeOffsets ReferencedDateTime",
    "TABLE": "TabulatedValuesSequence",
}
_NESTED = {
    "ReferencedSOPSequence": """
        ReferencedSOPClassUID ReferencedSOPInstanceUID ReferencedFrameNumber ReferencedSegmentNumber
        ReferencedWaveformChannels ReferencedSOPSequence ReferencedRealWorldValueMappingInstanceSequence
    """,
    "MeasuredValueSequence": """
        NumericValue FloatingPointValue RationalNumeratorValue RationalDenominatorValue
        MeasurementUnitsCodeSequence
    """,
}
_NO_INSTANT = (
    "the Observation DateTime has no time of day, which `issued` needs: that of what is around holds"
)
_NAMED = frozenset("TEXT NUM CODE DATETIME DATE TIME UIDREF PNAME".split())


def _tags(keywords: str) -> frozenset[int]:
    return frozenset(map(tag, keywords.split()))


_KEPT = {value_type: _tags(f"{_ALWAYS} {keywords}") for value_type, keywords in _VALUES.items()}
_KEPT_ALWAYS = _tags(_ALWAYS)
_KEPT_BY_REFERENCE = _tags(_BY_REFERENCE)
_OBSERVED = tag("ObservationDateTime")
_TRACED = frozenset({_OBSERVED, tag("ObservationUID")})
_KEPT_BELOW = {tag(keyword): _tags(keywords) for keyword, keywords in _NESTED.items()}


def of(items: Iterable[Item], values: Values, roles: Mapping[Item, str]) -> tuple[Leftover, ...]:
    """Return every attribute of a content item, other than the root, that the logical model does not hold.

    A value without a concept name (PS3.3 Table C.17-5: required) is told too: it says nothing. Observation UID and
    Observation DateTime are held with a lineage of their own: what becomes of them is seen in the Bundle.
    """
    return tuple(left for item in items if item.parent for left in _of(item, values, roles.get(item)))


def _of(item: Item, values: Values, role: str | None) -> Iterator[Leftover]:
    observed = values.observed.get(item)
    if item.concept is None and item.value_type in _NAMED:
        message = "the item has no concept name: nothing says what it is"
        yield Leftover(Finding("warning", "invalid-value", item.position, message))
    if observed and not is_instant(observed):
        yield Leftover(Finding("information", "no-target", item.position, _NO_INSTANT))
    kept = _KEPT_BY_REFERENCE if item.by_reference else _KEPT.get(item.value_type, _KEPT_ALWAYS)
    for number in item.attributes.others(kept):
        if number not in _TRACED:
            yield _not_carried(number, item)
        elif number != _OBSERVED or is_instant(observed):
            yield _not_carried(number, item, item.attribute(keyword_path(number)))
        elif role not in OBSERVATIONS and item.value_type != "CONTAINER":
            yield _not_carried(number, item)
    for sequence, below in _KEPT_BELOW.items():
        for nested in item.attributes.items(sequence)[:1]:
            for number in nested.others(below):
                yield _not_carried(number, item)


def _not_carried(number: int, item: Item, lineage: str | None = None) -> Leftover:
    message = f"the attribute {keyword_path(number)} is not carried over"
    return Leftover(Finding("information", "no-target", item.position, message), lineage)
