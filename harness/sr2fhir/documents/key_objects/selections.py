"""What was selected: the references under the root, one set for each study and series (PS3.16 TID 2010).

The content tree says what was selected. The evidence says of which study and series each instance is; it may
list more than was selected.
"""

from __future__ import annotations

from collections.abc import Iterable

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import filled
from sr2fhir.model.entities import Studies
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import short_uid
from sr2fhir.model.instances import Instances, Placed
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

_REFERENCES = frozenset({"IMAGE", "COMPOSITE", "WAVEFORM"})
_KIND = "selected"
_EMPTY = "the document selects nothing: it has no reference that can be taken"
_EMPTY_HINT = "Refer to at least one instance under the root (IMAGE, COMPOSITE or WAVEFORM, PS3.16 TID 2010)"
_PURPOSE = "the concept name of a reference has no place: the title says what the objects were selected for"


def selected(root: Item) -> list[Item]:
    """Return the references under the root, in the order of the content tree."""
    return [child for child in root.children if child.value_type in _REFERENCES and not child.by_reference]


def orders_of(requests: Iterable[JsonObject], study: str, own: str) -> list[JsonObject]:
    """Return what a reference to each order of a study needs: ``study.request``.

    Parameters
    ----------
    study
        Its Study Instance UID.
    own
        That of the document: an order that states no study is of this one.
    """
    return [
        {name: order[name] for name in ("id", "namedBy", order.get("namedBy")) if name in order}
        for order in requests
        if study in order.get("studyUid", [own])
    ]


class Selections:
    """Make the reference sets of the root.

    Parameters
    ----------
    env
        The document.
    values
        Values of its items.
    studies
        Those that it names.
    requests
        Orders of the header.
    """

    def __init__(
        self, env: Environment, values: Values, studies: Studies, requests: list[JsonObject]
    ) -> None:
        self._env = env
        self._instances = Instances(env, values)
        self._studies = studies
        self._requests = requests

    def of(self, root: Item, references: list[Item]) -> list[JsonObject]:
        """Return one set for each study and series, in the order of their first references."""
        sets: dict[tuple[str | None, str | None], list[tuple[Item, Placed]]] = {}
        for item in references:
            placed = self._instances.referenced(item)
            if item.concept:
                self._env.log.add("information", "no-target", item.position, _PURPOSE)
            if placed:
                sets.setdefault((placed.study, placed.series), []).append((item, placed))
        if not sets:
            self._env.log.add("error", "empty-selection", root.position, _EMPTY, _EMPTY_HINT)
        return [self._set(study, series, members) for (study, series), members in sets.items()]

    def _set(self, study: str | None, series: str | None, members: list[tuple[Item, Placed]]) -> JsonObject:
        leading, placed = members[0][0], [one for _, one in members]
        self._instances.report_evidence(placed, leading.position)
        return filled(
            {
                "id": self._env.ids.selection(study, series),
                "kind": _KIND,
                "valueType": leading.value_type,
                "ordinal": 1,
                "seriesUid": short_uid(series),
                "endpoint": self._env.evidence.endpoints.of_series([series]),
                "study": self._studies.of_instances(study) if study else None,
                "request": orders_of(self._requests, study, self._env.study_uid) if study else None,
                "instance": [one.body for one in placed],
            }
        )
