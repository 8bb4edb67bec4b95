"""Find one's way in a rendered document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from sr2fhir import render
from sr2fhir.model import Rendering, RenderOptions
from sr2fhir.model.values import LISTS

from tests import builders as b

Json = dict[str, Any]
CHILD_LISTS = (*LISTS.values(), "unknown")


def rendered(*children: Dataset, options: RenderOptions | None = None, **header: Any) -> Rendering:
    """Render a Measurement Report with these children of its root."""
    return render(b.measurement_report(*children, **header), options=options)


def items(document: Json) -> Iterator[Json]:
    """Yield the content items by walking the document; those copied below a by-reference item are left out."""
    stack = [(document["content"], "1")]
    while stack:
        current, place = stack.pop()
        if current["position"] != place and not current["position"].startswith(place + "."):
            continue
        yield current
        stack.extend((child, current["position"]) for name in CHILD_LISTS for child in current.get(name, []))


def item(document: Json, position: str) -> Json:
    """Return the content item at a position."""
    return next(one for one in items(document) if one["position"] == position)


def sets(document: Json, position: str) -> list[Json]:
    """Return the reference sets of the content item at a position."""
    return item(document, position).get("referenceSet", [])


def codes(rendering: Rendering) -> list[tuple[str, str]]:
    """Return code and place of each finding."""
    return [(finding.code, finding.where) for finding in rendering.all_findings()]
