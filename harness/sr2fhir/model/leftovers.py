"""What content items have without a place in the logical model, or lack: none is dropped in silence."""

from __future__ import annotations

from collections.abc import Container

from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, keyword_path, tag
from sr2fhir.model.datetimes import is_instant
from sr2fhir.model.tree import Item

_ALWAYS = """
    RelationshipType ValueType ConceptNameCodeSequence ContentSequence ContentTemplateSequence
    ContinuityOfContent SpecificCharacterSet
"""
_OF_OBSERVATION = "ObservationDateTime ObservationUID"
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
    # the Observation UID names the item that carries the coordinates (D11)
    "SCOORD3D": """
        GraphicType GraphicData PixelOriginInterpretation FiducialUID ReferencedFrameOfReferenceUID
        ObservationUID
    """,
    # the Observation DateTime holds for what is below
    "CONTAINER": "ObservationDateTime",
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
_KEPT_OF_OBSERVATION = _tags(_OF_OBSERVATION)
_KEPT_BELOW = {tag(keyword): _tags(keywords) for keyword, keywords in _NESTED.items()}


def report(items: list[Item], observing: Container[Item], log: FindingLog) -> None:
    """Report every attribute of a content item, other than the root, that the logical model does not hold.

    A value without a concept name (PS3.3 Table C.17-5: required) is reported too: it says nothing.

    Parameters
    ----------
    observing
        The items that become Observations.
    """
    for item in items[1:]:
        if item.concept is None and item.value_type in _NAMED:
            log.add(
                "warning",
                "invalid-value",
                item.position,
                "the item has no concept name: nothing says what it is",
            )
        if item.observed and not is_instant(item.observed):
            log.add("information", "no-target", item.position, _NO_INSTANT)
        _report(item.attributes, _kept(item, observing), item.position, log)
        for sequence, kept in _KEPT_BELOW.items():
            for below in item.attributes.items(sequence)[:1]:
                _report(below, kept, item.position, log)


def _kept(item: Item, observing: Container[Item]) -> frozenset[int]:
    """Return the attributes of an item that the logical model holds."""
    if item.by_reference:
        return _KEPT_BY_REFERENCE
    kept = _KEPT.get(item.value_type, _KEPT_ALWAYS)
    return kept | _KEPT_OF_OBSERVATION if item in observing else kept


def _report(attributes: Attributes, kept: frozenset[int], where: str, log: FindingLog) -> None:
    for number in attributes.others(kept):
        message = f"the attribute {keyword_path(number)} is not carried over"
        log.add("information", "no-target", where, message)
