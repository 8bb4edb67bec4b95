"""Graphics as the regions of an ImagingSelection: flat coordinates, and point by point (D10, D11)."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import numbers, uids
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item
from sr2fhir.model.values import FIDUCIAL, GRAPHIC_TYPE, PIXEL_ORIGIN, graphic_data

_POINTS_2D = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "CIRCLE": 2, "ELLIPSE": 4}
_POINTS_3D = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "POLYGON": 3, "ELLIPSE": 4, "ELLIPSOID": 6}
# of these there is one, whole: not the first of several
_EXACT = {"POINT", "CIRCLE", "ELLIPSE", "ELLIPSOID"}
_GRAPHICS = {"SCOORD": (2, _POINTS_2D), "SCOORD3D": (3, _POINTS_3D)}
_CUT_INTO_POINTS = ("SCOORD", "MULTIPOINT")
_WHOLE_MATRIX = "VOLUME"
_CUT = "MULTIPOINT is no type of region in two dimensions: each point stands by itself, not as one graphic"


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
        coordinates = [numbers.decimal(text) for text in graphic_data(item.attributes)]
        if None in coordinates or not _is_whole(
            len(coordinates) / dimension, points.get(kind), kind in _EXACT
        ):
            self._log.add("warning", "invalid-value", item.position, "the graphic is not a valid one")
            return None
        self._check_origin(item)
        fiducial = item.attributes.text(FIDUCIAL)
        cut = (item.value_type, kind) == _CUT_INTO_POINTS
        if cut:
            self._log.add("information", "no-target", item.position, _CUT)
        starts = range(0, len(coordinates) if cut else 0, dimension)
        return filled(
            {
                "type": kind,
                "fiducial": uids.identifier(fiducial, item.position) if fiducial else None,
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
