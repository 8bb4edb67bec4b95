"""Instances that content items refer to, with their series and study from the evidence (D9, D29)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import evidence, uids
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import traced
from sr2fhir.model.tree import REGIONS, Item, text_of
from sr2fhir.model.values import Values

_NAMES = {
    "channel": "the waveform channel",
    "presentationStateUid": "the presentation state",
    "realWorldValueMapUid": "the real world value map",
    "segment": "the segment number",
    "frame": "the frame number",
}
_PARTS = ("channel", "presentationStateUid", "realWorldValueMapUid")
_WITHOUT_SUBSET = frozenset({"reference.region-in-space", "reference.value-map"})
_ROI_TYPES = frozenset({"TEXT", "NUM"})


def _lost_of_subset(item: Item, value: JsonObject) -> tuple[str, ...]:
    """Name the parts of a reference that its subset leaves out: it has one place, for either (D12)."""
    if item.means("segmentation.segment"):
        return ("frame",)
    if _WITHOUT_SUBSET.intersection(item.terms):
        return ("frame", "segment")
    of_region = item.parent is not None and item.parent.value_type in REGIONS
    return ("segment",) if "frame" in value or of_region or item.means("source-image.image") else ()


@dataclass(frozen=True, slots=True)
class Placed:
    """An instance as the logical model writes it, with the study and series that it is of."""

    body: JsonObject
    study: str | None
    series: str | None

    def carrier(self) -> tuple[object, ...]:
        """Return what is equal for the same part of the same instance."""
        return tuple(repr(self.body.get(name)) for name in ("uid", "frame", "segment", "item"))


class Instances:
    """Place referenced instances.

    Parameters
    ----------
    env
        The document.
    values
        Values of its items.
    """

    def __init__(self, env: Environment, values: Values) -> None:
        self._env = env
        self._values = values.of

    def referenced(self, item: Item) -> Placed | None:
        """Return the instance that an IMAGE, COMPOSITE or WAVEFORM item refers to."""
        value = self._values[item].get("reference")
        if value is None:
            return None
        self._report_parts(item, value)
        roi = {
            child.position: text
            for child in item.origin.children
            if child.means("reference.roi") and child.value_type in _ROI_TYPES and (text := text_of(child))
        }
        return self._placed(
            item, value["uid"], value.get("sopClass"), value.get("frame"), value.get("segment"), roi
        )

    def _report_parts(self, item: Item, value: JsonObject) -> None:
        """Report what a reference states and no ImagingSelection has a place for."""
        for name in (*_PARTS, *_lost_of_subset(item, value)):
            if name in value:
                message = (
                    f"{_NAMES[name]} of the reference has no place in an ImagingSelection and is left out"
                )
                self._env.log.add("information", "no-target", item.position, message)

    def listed(self, instance: evidence.Instance, item: Item) -> Placed | None:
        """Return an instance of the evidence, for the item that names its series."""
        sop_class = uids.sop_class(instance.sop_class) if instance.sop_class else None
        return self._placed(item, instance.uid, sop_class)

    def document(self, item: Item) -> Placed:
        """Return the document itself, as the carrier of the coordinates of an item (decision D11)."""
        env, origin = self._env, item.origin
        body = {
            "id": item.position,
            "uid": env.sop_instance_uid,
            "sopClass": uids.sop_class(env.sop_class_uid),
            "seriesUid": uids.short(env.series_uid),
            "item": origin.observation_uid or origin.identifier,
        }
        uid = origin.attribute("ObservationUID") if origin.observation_uid else item.position
        return Placed(traced(body, {"item": uid}), env.study_uid, env.series_uid)

    def _placed(
        self,
        item: Item,
        uid: str,
        sop_class: JsonObject | None,
        frames: list[str] | None = None,
        segments: list[str] | None = None,
        roi: Mapping[str, str] | None = None,
    ) -> Placed | None:
        """Return an instance; None where its UID does not fit FHIR's ``id``."""
        if not uids.is_valid(uid):
            message = "the referenced instance is left out of the selection: its UID is not valid"
            self._env.log.add("warning", "invalid-value", item.position, message, uids.HINT)
            return None
        known = self._env.evidence.instance(uid)
        body = {
            "id": item.position,
            "uid": uid,
            "sopClass": sop_class,
            "seriesUid": uids.short(known.series) if known else None,
            "frame": frames,
            "segment": segments,
            "roi": list(roi.values()) if roi else None,
        }
        return Placed(
            traced(body, {"roi": list(roi or ())}), self._env.study_of(uid), known.series if known else None
        )
