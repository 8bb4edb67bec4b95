"""What a report may say of an item or attribute: nothing that could be a value of the patient's.

Of a concept name code and scheme are shown. Its meaning is text that the document's maker chose, and some
viewers write there what a user typed; so it is shown only where the scheme is a public one, and for DCM only
where the standard has that meaning.

Of the value of an item that reached nothing a digest is shown, by which two reports can be compared, and only
for value types whose values are codes, UIDs, references or graphics. A name, date, time, number or text has
none: anybody could find it again by digesting guesses. Values of header attributes are not even known here.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sr2fhir.jsontext import dumps

if TYPE_CHECKING:
    from sr2fhir.model import ItemRecord

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


def of_item(record: ItemRecord) -> Description:
    """Describe a content item by its concept, value type and relationship."""
    members = {
        "concept": concept(record.concept),
        "valueType": record.value_type,
        "relationship": record.relationship,
    }
    return tuple((name, value) for name, value in members.items() if value)


def of_attribute(path: str) -> Description:
    """Describe an attribute by its tag and value representation (PS3.6).

    Parameters
    ----------
    path
        Keywords, or `(gggg,eeee)` of what has none, with the numbers of items between them.
    """
    from pydicom.datadict import dictionary_VR, tag_for_keyword  # noqa: PLC0415

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
        return meaning.casefold() in dcm_meanings().get(code, ())
    return scheme in PUBLIC_SCHEMES and bool(meaning)


@cache
def dcm_meanings() -> dict[str, list[str]]:
    """Return the meanings of the codes of DCM (PS3.16 Annex D) in small letters."""
    text = files(__package__).joinpath("dcm_meanings.json").read_text("utf-8")
    meanings: dict[str, list[str]] = json.loads(text)["meanings"]
    return meanings


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
