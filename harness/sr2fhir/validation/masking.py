"""Keep values that may identify a patient out of the validator's sentences, which quote what they reject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASK = "…"
# resources whose texts are about a person, and elements that are so in any resource
PERSONAL_RESOURCES = frozenset({"Patient", "Practitioner"})
PERSONAL_ELEMENTS = frozenset(
    {"identifier", "subject", "performer", "note", "valueString", "specimen", "accessIdentifier"}
)
# members that hold no value of a person wherever they stand
IMPERSONAL_MEMBERS = frozenset(
    {"resourceType", "id", "meta", "system", "code", "url", "type", "reference", "use", "extension", "gender"}
)
SHORTEST = 2


@dataclass(frozen=True)
class Mask:
    """Replace the personal values of one Bundle in a text."""

    pattern: re.Pattern[str] | None

    @staticmethod
    def of(resource: dict[str, Any]) -> Mask:
        """Collect the personal values of a resource, the longest first, since one may contain another."""
        values = sorted(
            {value for value in personal(resource, False) if len(value) >= SHORTEST}, key=len, reverse=True
        )
        bounded = (rf"(?<!\w){re.escape(value)}(?!\w)" for value in values)
        return Mask(re.compile("|".join(bounded)) if values else None)

    def __call__(self, text: str) -> str:
        """Mask a text."""
        return self.pattern.sub(MASK, text) if self.pattern else text


def personal(node: Any, inside: bool) -> Iterator[str]:
    """Yield the texts that are about a person."""
    if isinstance(node, dict):
        inside = inside or node.get("resourceType") in PERSONAL_RESOURCES
        for key, value in node.items():
            if key not in IMPERSONAL_MEMBERS:
                yield from personal(value, inside or key in PERSONAL_ELEMENTS)
    elif isinstance(node, list):
        for value in node:
            yield from personal(value, inside)
    elif inside and isinstance(node, str):
        yield node
