"""Referenced instances as reference sets write them, with the study and series that they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import traced
from sr2fhir.model.environment import Environment, Instance
from sr2fhir.model.identifiers import UID_HINT, is_valid_uid, short_uid, sop_class_coding
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

_EVIDENCE = "CurrentRequestedProcedureEvidenceSequence"
_NO_EVIDENCE = "the document lists no evidence: the series of referenced instances is not known"
_NOT_LISTED = "a referenced instance is not listed in the evidence: its study and series are not known"
_OTHER_CLASS = (
    "the evidence states another SOP class of the referenced instance: that of the content tree is taken"
)
_NAMES = {
    "channel": "the waveform channel",
    "presentationStateUid": "the presentation state",
    "realWorldValueMapUid": "the real world value map",
    "segment": "the segment number",
    "frame": "the frame number",
}
_PARTS = ("channel", "presentationStateUid", "realWorldValueMapUid")


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

    def lost_of_subset(self, item: Item, value: JsonObject) -> tuple[str, ...]:
        """Name the parts of a reference that its subset leaves out: one place, for either (D12)."""
        return ("segment",) if "frame" in value else ()

    def rois(self, item: Item) -> Mapping[str, str]:
        """Return the ROI identifiers that are stated below a reference, by position."""
        return {}

    def referenced(self, item: Item) -> Placed | None:
        """Return the instance that an IMAGE, COMPOSITE or WAVEFORM item refers to."""
        value = self._values[item].get("reference")
        if value is None:
            return None
        self._report_parts(item, value)
        return self._placed(
            item,
            value["uid"],
            value.get("sopClass"),
            value.get("frame"),
            value.get("segment"),
            self.rois(item),
        )

    def report_evidence(self, placed: list[Placed], where: str) -> None:
        """Report instances of a reference set of which the evidence does not tell the study and series."""
        log = self._env.log
        if not self._env.evidence.is_stated:
            log.once("warning", "missing-evidence", _EVIDENCE, _NO_EVIDENCE)
        elif any(one.study is None for one in placed):
            log.add("warning", "missing-evidence", where, _NOT_LISTED)

    def _report_parts(self, item: Item, value: JsonObject) -> None:
        """Report what a reference states and no ImagingSelection has a place for."""
        for name in (*_PARTS, *self.lost_of_subset(item, value)):
            if name in value:
                message = (
                    f"{_NAMES[name]} of the reference has no place in an ImagingSelection and is left out"
                )
                self._env.log.add("information", "no-target", item.position, message)

    def listed(self, instance: Instance, item: Item) -> Placed | None:
        """Return an instance of the evidence, for the item that names its series."""
        sop_class = sop_class_coding(instance.sop_class) if instance.sop_class else None
        return self._placed(item, instance.uid, sop_class)

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
        if not is_valid_uid(uid):
            message = "the referenced instance is left out of the selection: its UID is not valid"
            self._env.log.add("warning", "invalid-value", item.position, message, UID_HINT)
            return None
        known = self._env.evidence.instance(uid)
        if known and sop_class and known.sop_class not in (None, sop_class["code"]):
            self._env.log.add("warning", "conflict", item.position, _OTHER_CLASS)
        body = {
            "id": item.position,
            "uid": uid,
            "sopClass": sop_class,
            "seriesUid": short_uid(known.series) if known else None,
            "frame": frames,
            "segment": segments,
            "roi": list(roi.values()) if roi else None,
        }
        return Placed(
            traced(body, {"roi": list(roi or ())}), self._env.study_of(uid), known.series if known else None
        )
