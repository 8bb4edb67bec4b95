"""Content items of every value type (PS3.3 section C.17.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.builders.codes import IMAGE_REGION, Code

CT = "1.2.840.10008.5.1.4.1.1.2"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
VALUE_MAP = "1.2.840.10008.5.1.4.1.1.67"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"


def sequence_item(**attributes: Any) -> Dataset:
    """Return a sequence item; attributes of value None are left out."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        if value is not None:
            tag = tag_for_keyword(keyword) or 0
            dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))
    return dataset


def raw(dataset: Dataset, keyword: str, vr: str, value: bytes) -> Dataset:
    """Put a value into a Dataset as it would stand in a file, be it malformed."""
    padded = value if len(value) % 2 == 0 else value + b" "
    tag = Tag(tag_for_keyword(keyword) or 0)
    dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, False, True)
    return dataset


def item(
    value_type: str | None,
    concept: Code | None,
    relationship: str | None,
    children: Sequence[Dataset] = (),
    **attributes: Any,
) -> Dataset:
    """Return a content item.

    Parameters
    ----------
    value_type, concept, relationship
        As DICOM writes them; None leaves them out.
    children
        Its content items.
    attributes
        Further attributes by keyword.
    """
    return sequence_item(
        RelationshipType=relationship,
        ValueType=value_type,
        ConceptNameCodeSequence=[concept.as_item()] if concept else None,
        ContentSequence=list(children) or None,
        **attributes,
    )


def container(
    concept: Code,
    *children: Dataset,
    template: str | None = None,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a CONTAINER."""
    identified = sequence_item(MappingResource="DCMR", TemplateIdentifier=template)
    sequence = [identified] if template else None
    return item(
        "CONTAINER",
        concept,
        relationship,
        children,
        ContinuityOfContent="SEPARATE",
        ContentTemplateSequence=sequence,
        **attributes,
    )


def text(
    concept: Code | None,
    value: str | None,
    *children: Dataset,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a TEXT item."""
    return item("TEXT", concept, relationship, children, TextValue=value, **attributes)


def code(
    concept: Code | None,
    value: Code | None,
    *children: Dataset,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a CODE item."""
    coded = [value.as_item()] if value else None
    return item("CODE", concept, relationship, children, ConceptCodeSequence=coded, **attributes)


def num(
    concept: Code | None,
    value: str | None,
    unit: Code | None,
    *children: Dataset,
    floating: float | None = None,
    rational: tuple[int, int] | None = None,
    qualifier: Code | None = None,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a NUM item; ``value`` may be any text, valid as a decimal string or not."""
    measured = sequence_item(
        FloatingPointValue=floating,
        RationalNumeratorValue=rational[0] if rational else None,
        RationalDenominatorValue=rational[1] if rational else None,
        MeasurementUnitsCodeSequence=[unit.as_item()] if unit else None,
    )
    if value is not None:
        raw(measured, "NumericValue", "DS", value.encode())
    return item(
        "NUM",
        concept,
        relationship,
        children,
        MeasuredValueSequence=[measured] if len(measured) else None,
        NumericValueQualifierCodeSequence=[qualifier.as_item()] if qualifier else None,
        **attributes,
    )


def date_time(concept: Code, value: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    """Return a DATETIME item."""
    return raw(item("DATETIME", concept, relationship, children), "DateTime", "DT", value.encode())


def date(concept: Code, value: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    """Return a DATE item."""
    return raw(item("DATE", concept, relationship, children), "Date", "DA", value.encode())


def time(concept: Code, value: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    """Return a TIME item."""
    return raw(item("TIME", concept, relationship, children), "Time", "TM", value.encode())


def uidref(concept: Code, uid: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    """Return a UIDREF item."""
    return raw(item("UIDREF", concept, relationship, children), "UID", "UI", _uid(uid))


def pname(concept: Code, value: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    """Return a PNAME item."""
    return item("PNAME", concept, relationship, children, PersonName=value)


def image(
    uid: str,
    *children: Dataset,
    concept: Code | None = None,
    sop_class: str = CT,
    frames: Sequence[int] = (),
    segments: Sequence[int] = (),
    presentation_state: str | None = None,
    value_map: str | None = None,
    relationship: str = "CONTAINS",
) -> Dataset:
    """Return an IMAGE item."""
    nested = {
        "ReferencedSOPSequence": (presentation_state, "1.2.840.10008.5.1.4.1.1.11.1"),
        "ReferencedRealWorldValueMappingInstanceSequence": (value_map, VALUE_MAP),
    }
    further = {keyword: [_reference(of, kind)] if of else None for keyword, (of, kind) in nested.items()}
    reference = _reference(
        uid,
        sop_class,
        ReferencedFrameNumber=list(frames) or None,
        ReferencedSegmentNumber=list(segments) or None,
        **further,
    )
    return item("IMAGE", concept, relationship, children, ReferencedSOPSequence=[reference])


def composite(
    uid: str,
    *children: Dataset,
    concept: Code | None = None,
    sop_class: str = VALUE_MAP,
    relationship: str = "CONTAINS",
) -> Dataset:
    """Return a COMPOSITE item."""
    return item(
        "COMPOSITE", concept, relationship, children, ReferencedSOPSequence=[_reference(uid, sop_class)]
    )


def waveform(
    uid: str,
    *children: Dataset,
    concept: Code | None = None,
    channels: Sequence[int] = (),
    relationship: str = "CONTAINS",
) -> Dataset:
    """Return a WAVEFORM item."""
    reference = _reference(uid, ECG, ReferencedWaveformChannels=list(channels) or None)
    return item("WAVEFORM", concept, relationship, children, ReferencedSOPSequence=[reference])


def scoord(
    graphic_type: str,
    data: Sequence[float],
    *children: Dataset,
    concept: Code | None = IMAGE_REGION,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a SCOORD item; what it is selected from is given as children."""
    graphic = {"GraphicType": graphic_type, "GraphicData": list(data) or None}
    return item("SCOORD", concept, relationship, _selected(children), **graphic, **attributes)


def scoord3d(
    graphic_type: str,
    data: Sequence[float],
    *children: Dataset,
    frame_of_reference: str | None = "1.2.840.99.5.1",
    concept: Code | None = IMAGE_REGION,
    relationship: str = "CONTAINS",
    **attributes: Any,
) -> Dataset:
    """Return a SCOORD3D item."""
    graphic = {
        "GraphicType": graphic_type,
        "GraphicData": list(data) or None,
        "ReferencedFrameOfReferenceUID": frame_of_reference,
    }
    return item("SCOORD3D", concept, relationship, _selected(children), **graphic, **attributes)


def tcoord(
    range_type: str,
    *children: Dataset,
    samples: Sequence[int] = (),
    offsets: Sequence[str] = (),
    moments: Sequence[str] = (),
    concept: Code | None = None,
    relationship: str = "CONTAINS",
) -> Dataset:
    """Return a TCOORD item."""
    return item(
        "TCOORD",
        concept,
        relationship,
        _selected(children),
        TemporalRangeType=range_type,
        ReferencedSamplePositions=list(samples) or None,
        ReferencedTimeOffsets=list(offsets) or None,
        ReferencedDateTime=list(moments) or None,
    )


def table(
    concept: Code, columns: Sequence[Code], rows: Sequence[Sequence[str]], relationship: str = "CONTAINS"
) -> Dataset:
    """Return a TABLE item of text cells, with a concept name for each column."""
    definitions = [
        sequence_item(TableColumnNumber=n, ConceptNameCodeSequence=[column.as_item()])
        for n, column in enumerate(columns, 1)
    ]
    cells = [
        sequence_item(TableRowNumber=r, TableColumnNumber=c, SelectorAttributeVR="UT", SelectorUTValue=cell)
        for r, row in enumerate(rows, 1)
        for c, cell in enumerate(row, 1)
    ]
    values = sequence_item(
        NumberOfTableRows=len(rows),
        NumberOfTableColumns=len(columns),
        TableColumnDefinitionSequence=definitions or None,
        CellValuesSequence=cells or None,
    )
    return item("TABLE", concept, relationship, TabulatedValuesSequence=[values])


def by_reference(relationship: str, *position: int) -> Dataset:
    """Return an item that refers to another by its position: ``by_reference("INFERRED FROM", 1, 2, 1)``."""
    return sequence_item(RelationshipType=relationship, ReferencedContentItemIdentifier=list(position))


def _selected(children: Sequence[Dataset]) -> Sequence[Dataset]:
    for child in children:
        child.RelationshipType = "SELECTED FROM"
    return children


def _reference(uid: str, sop_class: str, **attributes: Any) -> Dataset:
    reference = sequence_item(ReferencedSOPClassUID=sop_class, **attributes)
    return raw(reference, "ReferencedSOPInstanceUID", "UI", _uid(uid))


def _uid(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)
