"""What a document offers to its Bundle: ids of resources and elements, and the content items behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr2fhir.model import Rendering

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NESTED = (dict, list)
RESOURCE_ID_KEYS = ("id", "sourceId")


@dataclass(frozen=True)
class Sources:
    """The ids of a logical model.

    Parameters
    ----------
    resources
        Id of a resource that may be made → position of the content item that it comes from, or None.
    elements
        Ids that an element of the Bundle may carry: positions of content items and keywords of attributes.
    items
        Position → content item of the logical model.
    """

    resources: dict[str, str | None]
    elements: frozenset[str]
    items: dict[str, dict[str, Any]]

    @staticmethod
    def of(rendering: Rendering) -> Sources:
        """Collect the ids of a rendering."""
        resources: dict[str, str | None] = {}
        traced: set[str] = set()
        items: dict[str, dict[str, Any]] = {}
        for node in walk(rendering.document):
            position = content_position(node)
            if position is not None:
                items[position] = node
            for name in (node[key] for key in RESOURCE_ID_KEYS if key in node):
                if UUID.fullmatch(name):
                    resources[name] = resources.get(name) or position
                else:
                    traced.update(name.split("-"))
        positions = {record.position for record in rendering.items}
        elements = traced | positions | {record.path for record in rendering.header}
        return Sources(resources, frozenset(elements), items)


def content_position(node: dict[str, Any]) -> str | None:
    """Tell the position of a content item; None for any other part of the model."""
    return node["position"] if "position" in node and "valueType" in node else None


def walk(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Visit every object of a JSON document, without recursion: content trees can be deep."""
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        members = node.values() if isinstance(node, dict) else node
        waiting += [value for value in members if isinstance(value, NESTED)]
