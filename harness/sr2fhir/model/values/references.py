"""References to composite objects: COMPOSITE, IMAGE, WAVEFORM (PS3.3 sections C.18.3 to C.18.5)."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item

_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_VALUE_MAPS = tag("ReferencedRealWorldValueMappingInstanceSequence")
_INSTANCE = tag("ReferencedSOPInstanceUID")
_CLASS = tag("ReferencedSOPClassUID")
_FRAMES = tag("ReferencedFrameNumber")
_SEGMENTS = tag("ReferencedSegmentNumber")
_CHANNELS = tag("ReferencedWaveformChannels")


def reference(item: Item, env: Environment) -> JsonObject:
    """Return the value of a COMPOSITE, IMAGE or WAVEFORM item."""
    listed = item.attributes.items(_SOP_SEQUENCE)
    _report(listed, item, env)
    uid = listed[0].text(_INSTANCE) if listed else None
    return {"reference": _reference(listed[0], uid, item, env)} if uid else {}


def _reference(referenced: Attributes, uid: str, item: Item, env: Environment) -> JsonObject:
    sop_class = referenced.text(_CLASS)
    known = env.evidence.instance(uid)
    members = {
        "uid": uid,
        "sopClass": uids.sop_class(sop_class) if sop_class else None,
        "frame": referenced.texts(_FRAMES),
        "segment": whole_numbers(referenced, _SEGMENTS),
        "channel": whole_numbers(referenced, _CHANNELS),
        "presentationStateUid": _nested(referenced, _SOP_SEQUENCE),
        "realWorldValueMapUid": _nested(referenced, _VALUE_MAPS),
        "seriesUid": known.series if known else None,
        "studyUid": env.study_of(uid),
    }
    return {"id": item.position, **filled(members)}


def _report(listed: list[Attributes], item: Item, env: Environment) -> None:
    if not listed or listed[0].text(_INSTANCE) is None:
        env.log.add("warning", "invalid-value", item.position, "the item refers to no instance")
    if len(listed) > 1:
        env.log.add(
            "warning",
            "multiplicity",
            item.position,
            "the item refers to several instances; the first was taken",
        )


def _nested(referenced: Attributes, number: int) -> str | None:
    nested = referenced.first(number)
    return nested.text(_INSTANCE) if nested else None


def whole_numbers(attributes: Attributes, number: int) -> list[str]:
    """Return the values of a binary attribute of whole numbers as text."""
    try:
        return [str(int(value)) for value in attributes.numbers(number)]
    except ValueError:
        return attributes.texts(number)
