"""Documents in the DICOM JSON Model (PS3.18 Annex F), also where they do not quite conform.

Tolerated with a finding: a bare value or object where an array is required, a VR that is missing or not the
attribute's, person names as strings, values held elsewhere, tags that come twice, Latin-1. Tolerated
without one, as nothing is lost: null for no value, numbers as strings and strings as numbers, lower-case
tags, an array around the only instance.

A string keeps its text (`"12.500"`). A JSON number is a value, whose trailing zeros tell nothing, so
`3.111220E+04` is 31112.2 (mapping specification, 3.1 and 6). A decimal string of more than 16 characters was
a double on its way: the shortest decimal of that double is what its file says (decision D54).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from sr2fhir.dicom import values
from sr2fhir.dicom.notes import Notes, Step, place_of
from sr2fhir.dicom.source import BYTE_ORDER_MARK, GIVE_DICOM, Limits
from sr2fhir.errors import DamagedError, InputError, NotDicomError
from sr2fhir.jsontext import JsonError, NumberText, loads_strict

TAG = re.compile(r"[0-9A-Fa-f]{8}")
BEGINNING = re.compile(r'\s*\[?\s*\{?\s*("[0-9A-Fa-f]{8}"|$)')
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
WRITTEN_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
DEPTHS = {"[": 1, "{": 1, "]": -1, "}": -1, ",": 0}
LATIN = "latin_1"
# characters of a DS value (PS3.5 Table 6.2-1)
LONGEST_DECIMAL = 16
META_GROUP = 0x0002
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
NOT_CONFORMANT = "non-conformant-json"
FETCH_AGAIN = "Fetch or export it again"
GIVE_TO_DISCOVER = "Give the file on the command line or to `sr2fhir.runs.discovery.discover`"
Elements = dict[BaseTag, DataElement | RawDataElement]
INTEGERS = frozenset({"SL", "SS", "SV", "UL", "US", "UV"})


def read_json(data: bytes, notes: Notes, limits: Limits) -> Dataset:
    """Read one document in the DICOM JSON Model.

    Raises
    ------
    NotDicomError
        The JSON is none of the DICOM JSON Model.
    DamagedError
        The text is cut off or not well-formed.
    LimitError
        The document is larger or deeper than the limits allow.
    InputError
        The array holds several instances; `members` makes one input of each.
    """
    text = decoded(data, notes)
    content = parsed(text, notes)
    instance = only_instance(content)
    check_model(instance)
    return Builder(notes, limits, WRITTEN_SURROGATE.search(text) is not None).build(instance)


def decoded(data: bytes, notes: Notes) -> str:
    """Decode JSON text, which is UTF-8, and Latin-1 by mistake."""
    data = data.removeprefix(BYTE_ORDER_MARK)
    codec = codec_of(data)
    if codec == LATIN:
        message = "the text is not UTF-8, as JSON demands; Latin-1 was assumed"
        notes.warn("assumed-character-set", "", message, "Write the document as UTF-8")
    return data.decode(codec)


def codec_of(data: bytes) -> str:
    """Tell whether the text is UTF-8; anything is Latin-1."""
    try:
        data.decode("utf_8")
    except UnicodeDecodeError:
        return LATIN
    return "utf_8"


def parsed(text: str, notes: Notes) -> Any:
    """Parse JSON with numbers kept as text; of a key that comes twice the later value counts, with a note."""

    def joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            message = "a tag occurs twice in one JSON object; the later value was taken"
            notes.warn("duplicate-attribute", "", message, FETCH_AGAIN)
        return members

    decoder = json.JSONDecoder(
        object_pairs_hook=joined, parse_float=number_text, parse_int=NumberText, parse_constant=NumberText
    )
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise malformed(text, f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        return parsed_deep(text)


def parsed_deep(text: str) -> Any:
    """Parse JSON that is nested deeper than the standard decoder can follow."""
    try:
        return loads_strict(text)
    except JsonError:
        raise malformed(text, "brackets, commas or quotes do not match") from None


def malformed(text: str, why: str) -> InputError:
    """Make the error for text that is not JSON: damaged, where it begins like the DICOM JSON Model."""
    if BEGINNING.match(text):
        return DamagedError(f"the JSON is cut off or not well-formed: {why}", hint=FETCH_AGAIN)
    return NotDicomError("the input is neither DICOM nor well-formed JSON", hint=GIVE_DICOM)


def only_instance(content: Any) -> Any:
    """Unwrap an array of one instance."""
    if not isinstance(content, list):
        return content
    if len(content) == 1:
        return content[0]
    if not content:
        raise NotDicomError("the JSON array is empty", hint=GIVE_DICOM)
    message = f"the JSON array holds {len(content):,} instances, where one document is read at a time"
    raise InputError(message, hint=GIVE_TO_DISCOVER)


def check_model(instance: Any) -> None:
    """Refuse JSON that holds no attribute."""
    if isinstance(instance, dict) and any(TAG.fullmatch(key) for key in instance):
        return
    what = (
        "a FHIR resource"
        if isinstance(instance, dict) and "resourceType" in instance
        else "JSON of another kind"
    )
    raise NotDicomError(f"the input is not DICOM but {what}", hint=GIVE_DICOM)


def members(data: bytes) -> Iterator[bytes]:
    """Cut a JSON array into its members, as they stand, at any depth of nesting.

    Text that is not well-formed is cut as far as it goes and left for `read_json` to refuse.
    """
    data = data.removeprefix(BYTE_ORDER_MARK)
    codec = codec_of(data)
    return (part.strip().encode(codec) for part in parts_of_array(data.decode(codec)) if part.strip())


def parts_of_array(text: str) -> Iterator[str]:
    """Cut the text of a JSON array at its commas, with a count of brackets in place of recursion."""
    depth = start = 0
    for match in TOKENS.finditer(text):
        token = match.group()
        if token[0] == '"':
            continue
        depth += DEPTHS[token]
        if depth == 1 and token in "[,":
            yield text[start : match.start()] if token == "," else ""
            start = match.end()
        if depth == 0:
            yield text[start : match.start()]
            return
    yield text[start:]


class Builder:
    """Build the data set of one instance, with a list of open items in place of recursion.

    Parameters
    ----------
    notes
        Takes what was tolerated.
    limits
        Bounds on nesting, items and elements.
    surrogates
        Whether the text writes surrogates, so that lone ones are looked for.
    """

    def __init__(self, notes: Notes, limits: Limits, surrogates: bool) -> None:
        self._notes = notes
        self._limits = limits
        self._surrogates = surrogates
        self._open: list[tuple[Mapping[str, Any], Elements, Step | None, int]] = []
        self._items = 0
        self._elements = 0

    def build(self, instance: Mapping[str, Any]) -> Dataset:
        """Build the data set, with File Meta Information in `file_meta` where the JSON has any."""
        elements: Elements = {}
        self._open = [(instance, elements, None, 0)]
        while self._open:
            self._fill(*self._open.pop())
        meta = {tag: elements.pop(tag) for tag in list(elements) if tag.group == META_GROUP}
        dataset = Dataset(elements)
        dataset.file_meta = FileMetaDataset(meta)
        return dataset

    def _fill(self, members: Mapping[str, Any], elements: Elements, step: Step | None, depth: int) -> None:
        """Read all attributes of an item; the items of its sequences are queued."""
        self._elements += len(members)
        if self._elements > self._limits.max_elements:
            raise self._limits.exceeded(
                "max_elements", "the document has too many data elements", where=place_of(step)
            )
        for key in sorted(members):
            if not TAG.fullmatch(key):
                self._odd(place_of(step), "a key that is no tag was ignored")
                continue
            tag = int(key, 16)
            elements[BaseTag(tag)] = self._element(tag, members[key], step, depth)

    def _element(self, tag: int, content: Any, step: Step | None, depth: int) -> DataElement:
        where = Where(step, tag)
        if not isinstance(content, dict):
            self._odd(str(where), "an attribute is not an object with vr and Value")
            content = {"vr": values.standard_vr(tag), "Value": [content]}
        vr = self._vr(tag, content.get("vr"), where)
        if vr == "SQ":
            return values.element(tag, vr, self._sequence(content.get("Value"), where, depth))
        return values.element(tag, vr, self._value(vr, content, where))

    def _vr(self, tag: int, given: Any, where: Where) -> str:
        """Choose the VR: the standard's, where it knows the attribute and the two cannot be read alike."""
        standard = values.standard_vr(tag)
        if standard not in values.KNOWN:  # unknown, or "US or SS" and the like
            standard = None
        usable = isinstance(given, str) and given in values.KNOWN and given != "UN"
        if usable and (standard in (None, given) or alike(given, standard)):
            return str(given)
        if given != "UN" or standard:
            self._odd(str(where), "the vr is missing or not the attribute's; the standard's was taken")
        return standard or "UN"

    def _sequence(self, content: Any, where: Where, depth: int) -> Sequence:
        if depth >= self._limits.max_nesting:
            raise self._limits.exceeded("max_nesting", "sequences are nested too deeply")
        items = [self._item(item, where) for item in self._listed(content, where)]
        self._items += len(items)
        if self._items > self._limits.max_items:
            raise self._limits.exceeded(
                "max_items", "the document has too many sequence items", where=str(where)
            )
        datasets = []
        for index, item in enumerate(items, 1):
            elements: Elements = {}
            self._open.append((item, elements, Step(where.step, where.tag, index), depth + 1))
            datasets.append(Dataset(elements))
        return Sequence(datasets)

    def _item(self, content: Any, where: Where) -> Mapping[str, Any]:
        if isinstance(content, dict):
            return content
        if content is not None:
            self._odd(
                str(where), "a sequence holds something else than an item; it was read as an empty item"
            )
        return {}

    def _listed(self, content: Any, where: Where) -> list[Any]:
        """Make a list of a value that should be one."""
        if isinstance(content, list):
            return content
        if content is None:
            return []
        self._odd(str(where), "a bare value stands where JSON demands an array")
        return [content]

    def _value(self, vr: str, content: Mapping[str, Any], where: Where) -> Any:
        if "BulkDataURI" in content:
            message = "the value is held elsewhere (BulkDataURI) and was not fetched"
            self._notes.warn("bulk-data", str(where), message, "Give the document with all values in it")
        if vr in values.BYTES:
            return self._bytes(vr, content, where)
        given = [self._converted(vr, item, where) for item in self._listed(content.get("Value"), where)]
        if not given or given == [""]:
            return empty_value_for_VR(vr)
        if len(given) == 1:
            return given[0]
        return given if vr in values.NUMBERS else MultiValue(lambda item: item, given)

    def _bytes(self, vr: str, content: Mapping[str, Any], where: Where) -> Any:
        if content.get("Value") not in (None, []):
            self._invalid(where, "a value of a binary VR is not written as InlineBinary; it was left out")
        packed = content.get("InlineBinary")
        if packed is None:
            return empty_value_for_VR(vr)
        try:
            return base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError, TypeError):
            self._invalid(where, "InlineBinary is not base64; the value was left out")
            return empty_value_for_VR(vr)

    def _converted(self, vr: str, item: Any, where: Where) -> Any:
        """Convert one value of an attribute."""
        if item is None:
            return "" if vr in values.STRINGS else None
        if vr in values.STRINGS:
            return self._string(vr, item, where)
        try:
            return CONVERTERS[vr](str_only(item))
        except ValueError:
            self._invalid(where, f"the value is not one of VR {vr}; it was left out")
            return None

    def _string(self, vr: str, item: Any, where: Where) -> Any:
        text = self._name(item, where) if vr == "PN" else item
        if vr == "DS" and isinstance(text, NumberText) and len(text) > LONGEST_DECIMAL:
            text = repr(float(text))
        if not isinstance(text, str):
            self._invalid(where, f"the value is not one of VR {vr}; it was left out")
            return ""
        rule = values.STRINGS[vr]
        return rule.make(rule.trim(self._sound(text, where)))

    def _name(self, item: Any, where: Where) -> Any:
        """Join the groups of a person name; a bare string is taken as it stands."""
        if not isinstance(item, dict):
            self._odd(str(where), "a person name is not an object with Alphabetic")
            return item
        groups = [item.get(group) or "" for group in NAME_GROUPS]
        if not all(isinstance(group, str) for group in groups):
            return None
        return "=".join(groups).rstrip("=")

    def _sound(self, text: str, where: Where) -> str:
        """Replace lone surrogates, which no encoding can write."""
        if not self._surrogates or not LONE_SURROGATE.search(text):
            return str(text)
        message = "half a character (a lone surrogate); U+FFFD stands in its place"
        self._notes.warn("undecodable-text", str(where), message)
        return LONE_SURROGATE.sub("\ufffd", text)

    def _odd(self, where: str, message: str) -> None:
        self._notes.warn(NOT_CONFORMANT, where, message)

    def _invalid(self, where: Where, message: str) -> None:
        self._notes.warn("invalid-value", str(where), message)


class Where:
    """Name an attribute only when it has to be named."""

    __slots__ = ("step", "tag")

    def __init__(self, step: Step | None, tag: int) -> None:
        self.step = step
        self.tag = tag

    def __str__(self) -> str:
        """Name the attribute."""
        return place_of(self.step, self.tag)


def alike(given: str, standard: str) -> bool:
    """Tell whether two VRs have values of one kind, so that the one given can stand: UT for LO, UL for US."""
    plain = values.STRINGS.keys() - {"DS", "IS", "PN", "UI"}
    return any({given, standard} <= kind for kind in (plain, INTEGERS, {"FD", "FL"}, values.BYTES))


def number_text(text: str) -> NumberText:
    """Return the text of a JSON number without the zeros at the end of its fraction."""
    mantissa, exponent = re.split("(?=[eE])", text, maxsplit=1) if "e" in text.lower() else (text, "")
    return NumberText((mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + exponent)


def str_only(item: Any) -> str:
    """Return the text of a number or string; nothing else is a value."""
    if not isinstance(item, str) or "_" in item:  # which Python would skip
        raise ValueError
    return item


def attribute_tag(item: str) -> BaseTag:
    """Convert a tag of eight hexadecimal digits."""
    if not TAG.fullmatch(item):
        raise ValueError
    return BaseTag(int(item, 16))


CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(INTEGERS, int),
    "FD": float,
    "FL": float,
    "AT": attribute_tag,
}
