"""Instances and regions of the ImagingSelections that references become (decisions D9 to D12, D29)."""

from __future__ import annotations

from collections.abc import Mapping

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import decimal, filled, traced
from sr2fhir.model.identifiers import short_uid, sop_class_coding, uid_identifier
from sr2fhir.model.instances import Instances, Placed
from sr2fhir.model.tree import REGIONS, Item, text_of
from sr2fhir.model.values import FIDUCIAL, GRAPHIC_TYPE, PIXEL_ORIGIN, graphic_data

# ---- instances --------------------------------------------------------------------------------------------


_WITHOUT_SUBSET = frozenset({"reference.region-in-space", "reference.value-map"})
_ROI_TYPES = frozenset({"TEXT", "NUM"})


class ReportInstances(Instances):
    """Place referenced instances as the profiles of the guide want them."""

    def lost_of_subset(self, item: Item, value: JsonObject) -> tuple[str, ...]:
        """Name the parts of a reference that its subset leaves out: it has one place, for either (D12)."""
        if item.means("segmentation.segment"):
            return ("frame",)
        if _WITHOUT_SUBSET.intersection(item.terms):
            return ("frame", "segment")
        of_region = item.parent is not None and item.parent.value_type in REGIONS
        return ("segment",) if "frame" in value or of_region or item.means("source-image.image") else ()

    def rois(self, item: Item) -> Mapping[str, str]:
        """Return the ROI identifiers (130489, DCM) that are stated below a reference, by position."""
        return {
            child.position: text
            for child in item.origin.children
            if child.means("reference.roi") and child.value_type in _ROI_TYPES and (text := text_of(child))
        }

    def document(self, item: Item) -> Placed:
        """Return the document itself, as the carrier of the coordinates of an item (decision D11)."""
        env, origin = self._env, item.origin
        body = {
            "id": item.position,
            "uid": env.sop_instance_uid,
            "sopClass": sop_class_coding(env.sop_class_uid),
            "seriesUid": short_uid(env.series_uid),
            "item": origin.observation_uid or origin.identifier,
        }
        uid = origin.attribute("ObservationUID") if origin.observation_uid else item.position
        return Placed(traced(body, {"item": uid}), env.study_uid, env.series_uid)


# ---- regions: flat coordinates, and point by point (D10, D11) ---------------------------------------------


_POINTS_2D = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "CIRCLE": 2, "ELLIPSE": 4}
_POINTS_3D = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "POLYGON": 3, "ELLIPSE": 4, "ELLIPSOID": 6}
# of these there is one, whole: not the first of several
_EXACT = {"POINT", "CIRCLE", "ELLIPSE", "ELLIPSOID"}
_GRAPHICS = {"SCOORD": (2, _POINTS_2D), "SCOORD3D": (3, _POINTS_3D)}
_CUT_INTO_POINTS = ("SCOORD", "MULTIPOINT")
_WHOLE_MATRIX = "VOLUME"
_CUT = "MULTIPOINT is no type of region in two dimensions: each point stands by itself, not as one graphic"
_NONE = "the graphic is not a valid one"
_NOT_IN_SPACE = "SCOORD3D has no Graphic Type {} (PS3.3 C.18.9.1.2)"


class Regions:
    """Make the regions of a document.

    Parameters
    ----------
    log
        Receives graphics that are none.
    """

    def __init__(self, log: FindingLog) -> None:
        self._log = log
        self._made: dict[Item, JsonObject | None] = {}

    def of(self, member: Item) -> JsonObject | None:
        """Return the graphic of a SCOORD or SCOORD3D item, or of its target; None where it is none."""
        origin = member.origin
        if origin not in self._made:
            self._made[origin] = self._region(origin)
        region = self._made[origin]
        return {"id": member.position, **region} if region else None

    def _region(self, item: Item) -> JsonObject | None:
        kind = (item.attributes.text(GRAPHIC_TYPE) or "").upper()
        dimension, points = _GRAPHICS[item.value_type]
        coordinates = [decimal(text) for text in graphic_data(item.attributes)]
        if None in coordinates or not _is_whole(
            len(coordinates) / dimension, points.get(kind), kind in _EXACT
        ):
            known = kind in _POINTS_2D and kind not in points
            self._log.add(
                "warning", "invalid-value", item.position, _NOT_IN_SPACE.format(kind) if known else _NONE
            )
            return None
        self._check_origin(item)
        fiducial = item.attributes.text(FIDUCIAL)
        cut = (item.value_type, kind) == _CUT_INTO_POINTS
        if cut and len(coordinates) > dimension:
            self._log.add("information", "no-target", item.position, _CUT)
        starts = range(0, len(coordinates) if cut else 0, dimension)
        return filled(
            {
                "type": kind,
                "fiducial": uid_identifier(fiducial, item.position) if fiducial else None,
                "coordinate": coordinates,
                "point": [{"coordinate": coordinates[n : n + dimension]} for n in starts],
            }
        )

    def _check_origin(self, item: Item) -> None:
        if item.attributes.text(PIXEL_ORIGIN) == _WHOLE_MATRIX:
            message = (
                "Pixel Origin Interpretation VOLUME is lost: the coordinates are of the whole pixel matrix"
            )
            hint = "A reader of the selection takes them as relative to the frame"
            self._log.add("warning", "no-target", item.position, message, hint)


def _is_whole(points: float, least: int | None, exactly: bool) -> bool:
    """Tell whether a graphic of a known type has whole points, and as many as it needs (PS3.3 C.18.6.1.2)."""
    if least is None or not points.is_integer():
        return False
    return points == least if exactly else points >= least
