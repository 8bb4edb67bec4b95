"""Coordinates: SCOORD, SCOORD3D and TCOORD (PS3.3 sections C.18.6, C.18.7, C.18.9)."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import numbers
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item
from sr2fhir.model.values.references import whole_numbers

GRAPHIC_TYPE = tag("GraphicType")
FRAME_OF_REFERENCE = tag("ReferencedFrameOfReferenceUID")
FIDUCIAL = tag("FiducialUID")
PIXEL_ORIGIN = tag("PixelOriginInterpretation")
_GRAPHIC_DATA = tag("GraphicData")
_RANGE_TYPE = tag("TemporalRangeType")
_SAMPLES = tag("ReferencedSamplePositions")
_OFFSETS = tag("ReferencedTimeOffsets")
_DATE_TIMES = tag("ReferencedDateTime")


def graphic_data(attributes: Attributes) -> list[str]:
    """Return Graphic Data, each number as the shortest text of its 32-bit float; other text as it stands."""
    try:
        return [numbers.single(value) for value in attributes.numbers(_GRAPHIC_DATA)]
    except ValueError:
        return attributes.texts(_GRAPHIC_DATA)


def spatial(item: Item, env: Environment) -> JsonObject:
    """Return the value of a SCOORD or SCOORD3D item."""
    attributes = item.attributes
    graphic = filled(
        {
            "type": attributes.text(GRAPHIC_TYPE),
            "data": "\\".join(graphic_data(attributes)),
            "frameOfReferenceUid": attributes.text(FRAME_OF_REFERENCE),
            "fiducialUid": attributes.text(FIDUCIAL),
            "pixelOrigin": attributes.text(PIXEL_ORIGIN),
        }
    )
    return {"graphic": {"id": item.position, **graphic}} if graphic else {}


def temporal(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TCOORD item."""
    attributes = item.attributes
    range_ = filled(
        {
            "rangeType": attributes.text(_RANGE_TYPE),
            "samplePosition": whole_numbers(attributes, _SAMPLES),
            "timeOffset": attributes.texts(_OFFSETS),
            "dateTime": attributes.texts(_DATE_TIMES),
        }
    )
    return {"temporal": {"id": item.position, **range_}} if range_ else {}
