"""Attributes of content items without a place in the logical model: none is dropped in silence."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.rendering.attributes import Attributes, keyword_path, tag
from sr2fhir.rendering.tree import Item

_CONTENT_ITEM = """
    RelationshipType ReferencedContentItemIdentifier ValueType ConceptNameCodeSequence ContentSequence
    ContentTemplateSequence ContinuityOfContent ObservationDateTime ObservationUID SpecificCharacterSet
    TextValue ConceptCodeSequence DateTime Date Time UID PersonName MeasuredValueSequence
    NumericValueQualifierCodeSequence ReferencedSOPSequence GraphicType GraphicData
    ReferencedFrameOfReferenceUID FiducialUID PixelOriginInterpretation TemporalRangeType
    ReferencedSamplePositions ReferencedTimeOffsets ReferencedDateTime TabulatedValuesSequence
"""
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
_KEPT = frozenset(map(tag, _CONTENT_ITEM.split()))
_KEPT_BELOW = {tag(keyword): frozenset(map(tag, names.split())) for keyword, names in _NESTED.items()}


def report(items: list[Item], log: FindingLog) -> None:
    """Report every attribute of a content item, other than the root, that the logical model does not hold."""
    for item in items[1:]:
        _report(item.attributes, _KEPT, item.position, log)
        for sequence, kept in _KEPT_BELOW.items():
            for below in item.attributes.items(sequence)[:1]:
                _report(below, kept, item.position, log)


def _report(attributes: Attributes, kept: frozenset[int], where: str, log: FindingLog) -> None:
    for number in attributes.others(kept):
        message = f"the attribute {keyword_path(number)} is not carried over"
        log.add("information", "no-target", where, message)
