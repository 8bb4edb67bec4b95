"""The account of one document: each content item and header attribute in exactly one class.

The classes are those of the mapping specification, section 8:

IG        it reached a target that the published guide names
SUPP      it reached a target of ours
CONTEXT   it is structure (a container with something inside that reached a target), was used up on the way,
          or is empty, so that there is nothing to carry over
UNM       nothing in the Bundle came from it; listed with the reason, never with its value
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

Category = Literal["IG", "SUPP", "CONTEXT", "UNM"]
CATEGORIES: tuple[Category, ...] = ("IG", "SUPP", "CONTEXT", "UNM")


@dataclass(frozen=True)
class Line:
    """One content item or header attribute and what became of it.

    Parameters
    ----------
    source
        Position of the item (`1.4.2`) or keyword path of the attribute.
    category
        Its class.
    reason
        Why it is unmapped; `degraded` if it was kept, but as text; `empty` if there is nothing to carry over.
    description
        Of an item its concept, value type and relationship, of an attribute its tag and value representation.
    digest
        Of the value of an unmapped item, where its value type allows that (see `description`).
    elements
        What came from it: elements (`Observation/<id>.code`) and resources (`Observation/<id>`).
    """

    source: str
    category: Category
    reason: str | None = None
    description: tuple[tuple[str, str], ...] = ()
    digest: str | None = None
    elements: tuple[str, ...] = ()

    @property
    def is_unmapped(self) -> bool:
        """Whether nothing came from it."""
        return self.category == "UNM"

    def to_dict(self) -> dict[str, Any]:
        """Give the line as a JSON object."""
        members = {
            "source": self.source,
            **dict(self.description),
            "class": self.category,
            "reason": self.reason,
            "digest": self.digest,
            "elements": list(self.elements),
        }
        return {name: value for name, value in members.items() if value}


@dataclass(frozen=True)
class Loss:
    """A part of an item or attribute that reached no element, though another part of it may have.

    Parameters
    ----------
    source
        As of a line, or the path of a part of an attribute.
    reason
        As of an unmapped line.
    message
        Which part; without its value.
    """

    source: str
    reason: str
    message: str


@dataclass(frozen=True)
class Report:
    """Where everything in a document went.

    Parameters
    ----------
    items
        One line for each content item, in document order.
    attributes
        One line for each attribute of the header; those of the root content item are counted as item 1.
    resources
        How many resources of each type were made, in the order of the Bundle.
    losses
        What was lost of items and attributes that are not unmapped as a whole, in the order of the findings.
    """

    items: tuple[Line, ...]
    attributes: tuple[Line, ...]
    resources: dict[str, int]
    losses: tuple[Loss, ...] = ()

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines: attributes, then items."""
        return (*self.attributes, *self.items)

    @cached_property
    def unmapped(self) -> tuple[Line, ...]:
        """What reached no element."""
        return tuple(line for line in self.lines if line.is_unmapped)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON objects."""
        return {
            "resources": self.resources,
            "items": totals(self.items),
            "attributes": totals(self.attributes),
            "unmapped": [line.to_dict() for line in self.unmapped],
            "losses": [asdict(loss) for loss in self.losses],
            "context": [line.to_dict() for line in self.lines if line.category == "CONTEXT"],
            "lineage": [line.to_dict() for line in self.lines if line.elements],
        }


def totals(lines: Sequence[Line]) -> dict[str, int]:
    """Count the lines of each class; the classes add up to the total."""
    counts = Counter(line.category for line in lines)
    return {"total": len(lines), **{category: counts[category] for category in CATEGORIES}}
