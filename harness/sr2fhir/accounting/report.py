"""The account of one document: each content item and header attribute in exactly one class.

The classes are those of the mapping specification, section 8:

IG        it reached a target that the published guide names
SUPP      it reached a target of ours
CONTEXT   it is structure (a container with something inside that reached a target), was used up on the way,
          or is empty, so that there is nothing to carry over
UNM       nothing in the Bundle came from it; listed with the reason, never with its value

What a report may say of an item or attribute: nothing that could be a value of the patient's.

Of a concept name code and scheme are shown. Its meaning is text that the document's maker chose, and some
viewers write there what a user typed; so it is shown only where the scheme is a public one, and for DCM only
where the standard has that meaning.

Of the value of an item that reached nothing a digest is shown, by which two reports can be compared, and only
for value types whose values are codes, UIDs, references or graphics. A name, date, time, number or text has
none: anybody could find it again by digesting guesses. Values of header attributes are not even known here.
A code is told in clear besides, without its meaning, where it has the form that codes of a public scheme
have: such a code is of nobody.

What a container holds that reached nothing, such as an Image Library with the descriptors of its images, is
one line with a count: hundreds of lines would hide the few losses that matter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydicom.datadict import dictionary_VR, tag_for_keyword

from sr2fhir.jsontext import dumps
from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.model import ItemRecord

Category = Literal["IG", "SUPP", "CONTEXT", "UNM"]
NOT_SENT = "not-sent"
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
        Of the value of an unmapped item, where its value type allows that (see `value_digest`).
    elements
        What came from it: elements (`Observation/<id>.code`) and resources (`Observation/<id>`).
    code
        Of an unmapped item, `code, scheme` of its value, where that may be shown.
    """

    source: str
    category: Category
    reason: str | None = None
    description: tuple[tuple[str, str], ...] = ()
    digest: str | None = None
    elements: tuple[str, ...] = ()
    code: str | None = None

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
            "code": self.code,
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

    def sent(self, resources: Iterable[dict[str, Any]]) -> Report:
        """Return the report of a Bundle in which there are only these resources.

        What reached an element of the others alone is unmapped, with the reason `not-sent`.
        """
        kept = [(each["resourceType"], each["id"]) for each in resources]
        names = {f"{kind}/{made}" for kind, made in kept}
        items, attributes = (
            tuple(_sent(line, names) for line in lines) for lines in (self.items, self.attributes)
        )
        return Report(items, attributes, dict(Counter(kind for kind, _ in kept)), self.losses)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON objects."""
        return {
            "resources": self.resources,
            "items": totals(self.items),
            "attributes": totals(self.attributes),
            "unmapped": folded(self.unmapped),
            "losses": [asdict(loss) for loss in self.losses],
            "context": [line.to_dict() for line in self.lines if line.category == "CONTEXT"],
            "lineage": [line.to_dict() for line in self.lines if line.elements],
        }


def _sent(line: Line, names: Container[str]) -> Line:
    elements = tuple(each for each in line.elements if each.partition(".")[0] in names)
    if elements == line.elements:
        return line
    if not elements:
        return Line(line.source, "UNM", NOT_SENT, line.description)
    return replace(line, elements=elements)


# reasons of lines that may go into the one of the container around them: nothing was wrong with the items
FOLDED = frozenset({"no-target", "out-of-scope-container"})
FOLD_FROM = 4
"""Lines that a block has at least."""


def folded(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Give lines as JSON objects, those of an unmapped container as one with a count.

    Parameters
    ----------
    lines
        Unmapped ones; of items in document order.
    """
    blocks: dict[str, list[Line]] = {}
    outer = ""
    for line in lines:
        if outer and line.source.startswith(f"{outer}.") and line.reason in FOLDED:
            blocks[outer].append(line)
        elif ("valueType", "CONTAINER") in line.description and line.reason in FOLDED:
            outer = line.source
            blocks[outer] = [line]
    large = {outer: block for outer, block in blocks.items() if len(block) >= FOLD_FROM}
    hidden = {line.source for block in large.values() for line in block[1:]}
    return [
        block_line(large[line.source]) if line.source in large else line.to_dict()
        for line in lines
        if line.source not in hidden
    ]


def block_line(block: Sequence[Line]) -> dict[str, Any]:
    """Give a container and what it holds as one JSON object; the digest is of all its lines."""
    content = dumps([line.to_dict() for line in block])
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    return {**block[0].to_dict(), "digest": digest, "count": len(block)}


def totals(lines: Sequence[Line]) -> dict[str, int]:
    """Count the lines of each class; the classes add up to the total."""
    counts = Counter(line.category for line in lines)
    return {"total": len(lines), **{category: counts[category] for category in CATEGORIES}}


# ---- descriptions ------------------------------------------------------------------------------------------

Description = tuple[tuple[str, str], ...]

DIGEST_LENGTH = 16
# members of a content item that hold its value, for the value types that get a digest
DIGESTED = {
    "CODE": ("conceptCode",),
    "UIDREF": ("uidValue",),
    "IMAGE": ("reference",),
    "COMPOSITE": ("reference",),
    "WAVEFORM": ("reference",),
    "SCOORD": ("graphic",),
    "SCOORD3D": ("graphic",),
}
# ids say where a value stands, not what it is; series and study of a reference were looked up
NOT_VALUE = frozenset({"id", "seriesUid", "studyUid"})
# schemes, in capitals, whose meanings are shown (PS3.16 Table 8-1)
PUBLIC_SCHEMES = frozenset({"DCM", "SCT", "SRT", "UCUM", "LN", "UMLS", "NCIT", "RADLEX"})
DCM = "DCM"
MEANING_START = ', "'


def description_of_item(record: ItemRecord) -> Description:
    """Describe a content item by its concept, value type and relationship."""
    members = {
        "concept": concept(record.concept),
        "valueType": record.value_type,
        "relationship": record.relationship,
    }
    return tuple((name, value) for name, value in members.items() if value)


def description_of_attribute(path: str) -> Description:
    """Describe an attribute by its tag and value representation (PS3.6).

    Parameters
    ----------
    path
        Keywords, or `(gggg,eeee)` of what has none, with the numbers of items between them.
    """
    keyword = path.rpartition(".")[2]
    number = tag_for_keyword(keyword)
    if number is None:
        return (("tag", keyword),) if keyword.startswith("(") else ()
    return (("tag", f"({number >> 16:04X},{number & 0xFFFF:04X})"), ("vr", dictionary_VR(number)))


def concept(label: str | None) -> str | None:
    """Name a concept: `code, scheme`, and the meaning where it may be shown.

    Parameters
    ----------
    label
        `code, scheme, "meaning"`, as the renderer records it.

    Examples
    --------
    >>> concept('121071, DCM, "Finding"'), concept('111010, DCM, "Mrs Roe"'), concept('7, 99X, "Mrs Roe"')
    ('121071, DCM, "Finding"', '111010, DCM', '7, 99X')
    """
    if label is None:
        return None
    coded, _, meaning = label.partition(MEANING_START)
    code, _, scheme = coded.rpartition(", ")
    return label if may_show(code, scheme.upper(), meaning.removesuffix('"')) else coded


def may_show(code: str, scheme: str, meaning: str) -> bool:
    """Tell whether a meaning is certainly not the patient's."""
    if scheme == DCM:
        return is_dcm_meaning(code, meaning)
    return scheme in PUBLIC_SCHEMES and bool(meaning)


@cache
def dcm_meanings() -> dict[str, dict[str, Any]]:
    """Return the codes of DCM (PS3.16 Annex D) with their meanings, from the guide's CodeSystem."""
    path = layout().definitions / "CodeSystem-dicom-controlled-terminology.json"
    return {concept["code"]: concept for concept in json.loads(path.read_bytes())["concept"]}


def is_dcm_meaning(code: str, meaning: str) -> bool:
    """Tell whether the standard has a meaning for a code of DCM; capitals do not matter."""
    known = dcm_meanings().get(code)
    if known is None:
        return False
    meanings = (known["display"], *(each["value"] for each in known.get("designation", ())))
    return meaning.casefold() in (each.casefold() for each in meanings)


# schemes, in capitals, whose codes are shown → the form that these have; of DCM the standard knows all
CODES = {
    "SCT": re.compile(r"[0-9]{6,18}"),
    "SRT": re.compile(r"[A-Z0-9]{1,2}-[A-Z0-9]{1,6}"),
    "LN": re.compile(r"[0-9]{1,7}-[0-9]"),
    "UMLS": re.compile(r"C[0-9]{7}"),
    "NCIT": re.compile(r"C[0-9]{3,7}"),
    "RADLEX": re.compile(r"RID[0-9]{1,6}"),
}


def code_in_clear(label: str | None) -> str | None:
    """Write the code of an item's value; None where it might be a user's own words.

    Parameters
    ----------
    label
        `code, scheme, "meaning"`, as the renderer records it.

    Examples
    --------
    >>> code_in_clear('2667000, SCT, "Absent"'), code_in_clear('Roe, SCT, "Absent"')
    ('2667000, SCT', None)
    """
    coded = label.partition(MEANING_START)[0] if label else ""
    code, _, scheme = coded.rpartition(", ")
    if scheme.upper() == DCM:
        return coded if code in dcm_meanings() else None
    form = CODES.get(scheme.upper())
    return coded if form and form.fullmatch(code) else None


def value_digest(item: dict[str, Any]) -> str | None:
    """Digest the value of a content item: 16 hexadecimal digits of its SHA-256; None if it may have none."""
    members = DIGESTED.get(item.get("valueType", ""), ())
    value = {member: stripped(item[member]) for member in members if member in item}
    return hashlib.sha256(dumps(value)).hexdigest()[:DIGEST_LENGTH] if value else None


def stripped(value: Any) -> Any:
    """Leave out of a value what does not belong to it."""
    if isinstance(value, dict):
        return {name: stripped(member) for name, member in value.items() if name not in NOT_VALUE}
    return [stripped(member) for member in value] if isinstance(value, list) else value
