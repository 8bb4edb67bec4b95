"""Which Finding is the value of a Measurement Group, and what says whether a finding is there (D41, D42).

PS3.16 TID 1410, 1411 and 1501 have a Finding (121071, DCM). An item says whether it is there by a value of
CID 240 or 230 or the like; its concept is Presence (705057003, SCT) or the finding itself. Any other concept
with such a value is a property: a nodule without calcification is a nodule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import tag
from sr2fhir.model.codes import table
from sr2fhir.model.tree import CONTAINS, QUALIFIES, Item

PRESENT = "present"
ABSENT = "absent"
_FINDING = "finding.finding"
_PRESENCE = "presence.presence"
_OF_WHAT_IT_QUALIFIES = frozenset({"presence.of-property", "presence.finding-context"})
"""Concepts that ask whether there is what they stand below."""
_WORDS = {"present": PRESENT, "positive": PRESENT, "absent": ABSENT, "negative": ABSENT}
"""First part of the term of a value → what it says."""
_ROLES = table(__package__, "roles.toml")["presence"]
ABSENCE = frozenset({*_ROLES["absent"].values(), *_ROLES["negative"].values()})
"""Concept keys of the values that say that something is absent: Absent, No and the like."""
ASKS_FOR_PRESENCE = frozenset(key for key in _ROLES.values() if isinstance(key, str))
"""Concept keys of what asks whether something is there."""
_FREE_TEXT = "FREETEXT"
_TEXT_VALUE = tag("TextValue")
_CONTRADICTION = "the group says of its finding both that it is present and that it is absent"


@dataclass(frozen=True)
class GroupFindings:
    """What is known of the findings of a document.

    Parameters
    ----------
    value
        Measurement Group → the Finding that is its value.
    negated
        Findings of which the document says that they are absent.
    presence
        Item that says whether a finding is there → `present` or `absent`.
    """

    value: dict[Item, Item] = field(default_factory=dict)
    negated: set[Item] = field(default_factory=set)
    presence: dict[Item, str] = field(default_factory=dict)


def group_findings(
    items: Iterable[Item], groups: Mapping[Item, Iterable[Item]], log: FindingLog
) -> GroupFindings:
    """Return what the document says of its findings.

    Parameters
    ----------
    items
        All items in document order.
    groups
        Measurement Group → what it contains, also within containers of evaluations.
    log
        Receives a warning where a group contradicts itself.
    """
    found = GroupFindings()
    for item in items:
        if _is_finding(item) and _says(item) and not item.by_reference:
            said = {child: word for child in item.children if (word := _said_below(child, item))}
            found.presence.update(said)
            if ABSENT in said.values():
                found.negated.add(item)
    for group, contained in groups.items():
        _of_group(group, contained, found, log)
    return found


def _of_group(group: Item, contained: Iterable[Item], found: GroupFindings, log: FindingLog) -> None:
    head = _head([child for child in group.children if _is_finding(child)], found)
    words = {found.presence[child] for child in (head.children if head else ()) if child in found.presence}
    for item in (*_qualifiers(group), *contained):
        word = _word(item)
        if word and _asks_for(item, head):
            found.presence[item] = word
            words.add(word)
            if head and _says(head) and word == ABSENT and item.relationship != CONTAINS:
                found.negated.add(head)
    if head and head.value_type == "CODE" and head not in found.negated:
        found.value[group] = head
    if len(words) > 1:
        log.add("warning", "conflict", group.position, _CONTRADICTION)


def _head(findings: list[Item], found: GroupFindings) -> Item | None:
    """Return the Finding that a group is about: coded before free text, asserted before negated."""
    codes = [finding for finding in findings if finding.value_type == "CODE"] or findings
    stated = [finding for finding in codes if finding.origin.coded] or codes
    coded = [finding for finding in stated if not _is_free_text(finding)] or stated
    asserted = [finding for finding in coded if finding not in found.negated]
    return next(iter(asserted or coded), None)


def _qualifiers(group: Item) -> Iterator[Item]:
    return (child for child in group.children if child.relationship in QUALIFIES)


def _said_below(child: Item, finding: Item) -> str | None:
    """Return what a child says of its Finding. That a property is absent says nothing of it."""
    qualifies = child.relationship in QUALIFIES and not _OF_WHAT_IT_QUALIFIES.isdisjoint(child.terms)
    return _word(child) if qualifies or _asks_for(child, finding) else None


def _asks_for(item: Item, finding: Item | None) -> bool:
    """Tell whether an item asks if something is there: Presence, or a finding as concept name."""
    value = finding.origin.coded if finding else None
    return item.means(_PRESENCE) or (value is not None and not set(item.keys).isdisjoint(value.keys))


def _is_finding(item: Item) -> bool:
    return item.value_type in ("CODE", "TEXT") and item.means(_FINDING) and not item.in_library


def _says(finding: Item) -> bool:
    """Tell whether a Finding has a value of its own, coded or in words."""
    return finding.coded is not None or bool(finding.attributes.text(_TEXT_VALUE))


def _is_free_text(finding: Item) -> bool:
    """Tell whether a code stands for no concept: what somebody typed is its meaning (CORNERSTONEFREETEXT)."""
    value = finding.origin.coded
    return value is not None and _FREE_TEXT in (value.code or "").upper().replace("_", "").replace("-", "")


def _word(item: Item) -> str | None:
    """Return what a coded value says: the first parts of its terms tell."""
    value = item.origin.coded if item.value_type == "CODE" else None
    kinds = [term.partition(".")[0] for term in value.terms] if value else []
    return next((_WORDS[kind] for kind in kinds if kind in _WORDS), None)
