"""Values by Value Representation (PS3.5 6.2): what pydicom holds for a text.

They are made without pydicom's warnings, which quote the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pydicom import config
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import IS, DSfloat, PersonName

PADDING = " \0"


class StringRule(NamedTuple):
    """How one value of a string VR is made, whether there can be several, and what padding is cut off."""

    make: Callable[[str], Any]
    several: bool = True
    trim: Callable[[str], str] = lambda text: text.rstrip(PADDING)


def both_ends(text: str) -> str:
    """Cut padding off at both ends, where leading spaces do not count either."""
    return text.strip(PADDING)


def uid(text: str) -> UID:
    """Hold a UID; its form is checked where it is used."""
    return UID(text, config.IGNORE)


def decimal(text: str) -> Any:
    """Hold a decimal string with its text; what is no number stays text."""
    try:
        return DSfloat(text, validation_mode=config.IGNORE)
    except ValueError:
        return text


def integer(text: str) -> Any:
    """Hold an integer string with its text; what is no number stays text."""
    try:
        return IS(text, config.IGNORE)
    except (ValueError, OverflowError):
        return text


def person_name(text: str) -> PersonName:
    """Hold a person name."""
    return PersonName(text, validation_mode=config.IGNORE)


STRINGS = {
    "AE": StringRule(str, trim=both_ends),
    "AS": StringRule(str),
    "CS": StringRule(str, trim=both_ends),
    "DA": StringRule(str),
    "DS": StringRule(decimal, trim=both_ends),
    "DT": StringRule(str),
    "IS": StringRule(integer, trim=both_ends),
    "LO": StringRule(str),
    "LT": StringRule(str, several=False),
    "PN": StringRule(person_name),
    "SH": StringRule(str),
    "ST": StringRule(str, several=False),
    "TM": StringRule(str),
    "UC": StringRule(str),
    "UI": StringRule(uid, trim=both_ends),
    "UR": StringRule(str, several=False),
    "UT": StringRule(str, several=False),
}
# VRs to which Specific Character Set applies (PS3.5 6.1.2.2).
TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
# VR -> bytes of one value.
SIZES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
NUMBERS = SIZES.keys() - {"AT"}
BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# PS3.5 7.1.2: VRs with a length of two bytes; all others, known or to come, have two reserved bytes and four.
SHORT_LENGTH = (STRINGS.keys() | SIZES.keys()) - {"SV", "UC", "UR", "UT", "UV"}
KNOWN = frozenset({*STRINGS, *NUMBERS, *BYTES, "AT", "SQ"})
LONGEST_WITH_WRONG_UN = 0xFFFF


def element(tag: int, vr: str, value: Any) -> DataElement:
    """Make a data element of a value that is converted already."""
    return DataElement(BaseTag(tag), vr, value, already_converted=True, validation_mode=config.WARN)


def empty(vr: str) -> Any:
    """Return what pydicom holds for a value of length zero."""
    return empty_value_for_VR(vr)


def from_text(vr: str, text: str) -> Any:
    """Convert the text of a string VR; several values are separated by backslashes."""
    rule = STRINGS[vr]
    if not rule.several or "\\" not in text:
        return rule.make(rule.trim(text))
    return several(rule, text.split("\\"))


def several(rule: StringRule, texts: Sequence[str]) -> MultiValue[Any]:
    """Convert several values of a string VR."""
    return MultiValue(lambda item: rule.make(rule.trim(item)) if type(item) is str else item, texts)


def text_of(dataset: Dataset, tag: int) -> str:
    """Return the text of an attribute as it stands; empty where it is absent."""
    if tag not in dataset:
        return ""
    value = dataset.get_item(tag).value
    text = value.decode("latin_1") if isinstance(value, bytes) else str(value or "")
    return text.strip(PADDING)


@lru_cache(maxsize=4096)
def standard_vr(tag: int) -> str | None:
    """Look up the VR that PS3.6 gives to an attribute; None for private and unknown ones."""
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UL" if tag & 0xFFFF == 0 else None


@lru_cache(maxsize=4096)
def private_vr(tag: int, creator: str) -> str | None:
    """Look up the VR that a known private dictionary gives to an attribute."""
    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return None


def is_private(tag: int) -> bool:
    """Tell whether the group is odd."""
    return bool(tag & 0x10000)


def creator_tag(tag: int) -> int:
    """Name the attribute that reserves the block of a private one (PS3.5 7.8.1); 0 where none can."""
    block = tag >> 8 & 0xFF
    return tag & 0xFFFF0000 | block if block >= 0x10 else 0
