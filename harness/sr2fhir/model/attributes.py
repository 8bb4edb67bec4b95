"""Attributes of a Dataset as plain text, numbers and items, whatever the reader made of them.

A Structured Report has many small attributes and each is read once, so text is taken from the undecoded
element where that is safe; that is several times faster than pydicom's conversion and, unlike it, accepts a
malformed decimal or date, which the caller judges.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.sequence import Sequence

from sr2fhir.dicom.notes import Step, keyword_path, place_of
from sr2fhir.errors import DamagedError
from sr2fhir.findings import Finding, Severity

_PADDING = " \0"
_ESCAPE = b"\x1b"
# FHIR's strings know no other control characters than tab, line feed and carriage return.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REPLACED = "control characters have no place in FHIR: a line end or a blank stands for each"
_NO_TEXT = "the attribute is a sequence where a text belongs: it is left out"
_STAND_INS = {number: " " for number in range(0x20) if _CONTROL.match(chr(number))} | {0x0B: "\n", 0x0C: "\n"}
_INDEX = re.compile(r"\[([0-9]+)\]")
_UNDECODABLE = (
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
)
_FORMATS = {"FL": "f", "FD": "d", "US": "H", "UL": "I", "SS": "h", "SL": "i"}
_VERBATIM = {"UT", "ST", "LT"}
_TEXTUAL = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())

Undecoded = tuple[tuple[str | None, bytes | None] | None, ...]


def tag(keyword: str) -> int:
    """Return the tag of a DICOM keyword as a plain number."""
    number = tag_for_keyword(keyword)
    if number is None:
        raise KeyError(keyword)
    return int(number)


class Attributes:
    """Read the attributes of one Dataset or sequence item.

    Parameters
    ----------
    dataset
        As pydicom read it.
    step, noticed
        How an item was reached, and what was noticed in the whole document so far; none for a document.
    """

    __slots__ = ("_dataset", "_elements", "_noticed", "_sequences", "_step")

    def __init__(
        self, dataset: Dataset, step: Step | None = None, noticed: dict[Finding, None] | None = None
    ) -> None:
        self._dataset = dataset
        self._step = step
        self._noticed: dict[Finding, None] = {} if noticed is None else noticed
        # plain numbers as keys: comparing pydicom's tags with each other is ten times slower
        self._elements: dict[int, Any] = dict(zip(map(int, dataset.keys()), dataset.values(), strict=True))
        self._sequences: dict[int, list[Attributes]] = {}

    def __contains__(self, number: int) -> bool:
        """Tell whether the attribute is present, be it empty."""
        return number in self._elements

    def present(self, numbers: Collection[int]) -> list[int]:
        """Return those of some tags whose attributes are present, in the given order."""
        return [number for number in numbers if number in self._elements]

    def undecoded(self, numbers: Iterable[int]) -> Undecoded | None:
        """Return value representation and bytes of some attributes, None where pydicom has decoded any.

        What is equal here reads as equal text, if that is printable ASCII.
        """
        found: list[tuple[str | None, bytes | None] | None] = []
        for number in numbers:
            element = self._elements.get(number)
            if element is not None and type(element) is not RawDataElement:
                return None
            found.append(element and (element.VR, element.value))
        return tuple(found)

    def tags(self) -> list[int]:
        """Return the tags of all attributes in ascending order."""
        return sorted(self._elements)

    def others(self, known: frozenset[int]) -> list[int]:
        """Return the tags of the attributes that are not among the known ones."""
        return sorted(self._elements.keys() - known)

    def text(self, number: int) -> str | None:
        """Return the value as one string without padding; None where absent or empty."""
        written = self._as_written(number)
        return None if written is None else self._cleaned(written, number)

    def has_control_characters(self, number: int) -> bool:
        """Tell whether the value has characters, other than padding, for which `text` puts others."""
        written = (self._as_written(number) or "").strip(_PADDING)
        return not written.isprintable() and _CONTROL.search(written) is not None

    def noticed(self) -> tuple[Finding, ...]:
        """Return what was noticed in the texts that were read so far, in the whole document."""
        return tuple(self._noticed)

    def path(self, number: int) -> str:
        """Return where it stands: ``1.4.2 TextValue``; of the header ``UDISequence.1.DeviceUID``."""
        place = place_of(self._step, number)
        return place if place[0].isdigit() else _INDEX.sub(r".\1", place)

    def _notice(self, severity: Severity, code: str, number: int, message: str) -> None:
        self._noticed[Finding(severity, code, self.path(number), message)] = None

    def _cleaned(self, text: str, number: int) -> str | None:
        """Return a text without padding, and without characters that FHIR does not have."""
        verbatim = _stated_vr(self._elements[number].VR, number) in _VERBATIM
        text = text.rstrip(_PADDING) if verbatim else text.strip(_PADDING)
        if not text.isprintable() and _CONTROL.search(text):
            self._notice("information", "no-target", number, _REPLACED)
            text = text.translate(_STAND_INS)
            text = text.rstrip(_PADDING) if verbatim else text.strip(_PADDING)
        return text if text and not text.isspace() else None

    def _as_written(self, number: int) -> str | None:
        """Return the value as one string with its padding; None where absent. pydicom is spared ASCII."""
        element = self._elements.get(number)
        if element is None:
            return None
        raw = _plain_bytes(element, number)
        if raw is not None:
            return raw.decode("ascii")
        value = self._value(number)
        if isinstance(value, Sequence):
            if value:
                self._notice("warning", "invalid-value", number, _NO_TEXT)
            return None
        return _joined(value)

    def texts(self, number: int) -> list[str]:
        """Return the values, split at backslashes, without padding and without empty ones."""
        element = self._elements.get(number)
        if element is None:
            return []
        raw = _plain_bytes(element, number)
        if raw is not None:
            parts = raw.decode("ascii").split("\\")
        else:
            parts = [_joined(value) for value in _as_list(self._value(number))]
        return [text for part in parts if (text := self._cleaned(part, number))]

    def numbers(self, number: int) -> list[int | float]:
        """Return the values of a binary numeric attribute.

        Raises
        ------
        ValueError
            A value is not a number, or the length does not fit the value representation.
        """
        element = self._elements.get(number)
        if element is None:
            return []
        if type(element) is RawDataElement and element.VR in _FORMATS:
            return _unpacked(element)
        return [
            _number(value) for value in _as_list(self._value(number)) if value is not None and value != ""
        ]

    def items(self, number: int) -> list[Attributes]:
        """Return the items of a sequence; none where absent."""
        if number not in self._elements:
            return []
        known = self._sequences.get(number)
        if known is None:
            datasets = [item for item in _as_list(self._value(number)) if isinstance(item, Dataset)]
            known = [
                Attributes(item, Step(self._step, number, n), self._noticed)
                for n, item in enumerate(datasets, 1)
            ]
            self._sequences[number] = known
        return known

    def first(self, number: int) -> Attributes | None:
        """Return the first item of a sequence."""
        return next(iter(self.items(number)), None)

    def is_sequence(self, number: int) -> bool:
        """Tell whether the attribute is a sequence."""
        return _stated_vr(self._elements[number].VR, number) == "SQ"

    def is_empty(self, number: int) -> bool:
        """Tell whether the attribute has no value."""
        element = self._elements.get(number)
        if element is None or type(element) is not RawDataElement:
            return element is None or bool(element.is_empty)
        return not (element.value or b"").strip(b" \0")

    def _value(self, number: int) -> Any:
        try:
            return self._dataset[number].value
        except _UNDECODABLE as error:
            raise DamagedError(
                f"an attribute cannot be decoded ({type(error).__name__})", where=keyword_path(number)
            ) from None


def _plain_bytes(element: Any, number: int) -> bytes | None:
    """Return the undecoded value where it is text in ASCII; None where pydicom has to decode it."""
    if type(element) is not RawDataElement:
        return None
    raw = element.value or b""
    textual = _stated_vr(element.VR, number) in _TEXTUAL
    return raw if textual and raw.isascii() and _ESCAPE not in raw else None


def _stated_vr(vr: str | None, number: int) -> str:
    """Return the value representation; that of PS3.6 where the encoding does not state it."""
    return _dictionary_vr(number) if vr is None or vr == "UN" else vr


@cache
def _dictionary_vr(number: int) -> str:
    try:
        return dictionary_VR(number)
    except KeyError:
        return "UN"


def _unpacked(element: RawDataElement) -> list[int | float]:
    code, raw = _FORMATS[str(element.VR)], element.value or b""
    size = struct.calcsize("=" + code)
    if len(raw) % size:
        raise ValueError("length does not fit the value representation")
    return list(struct.unpack(f"{'<' if element.is_little_endian else '>'}{len(raw) // size}{code}", raw))


def _number(value: Any) -> int | float:
    if type(value) in (int, float):
        number: int | float = value
        return number
    if not isinstance(value, float | int | str):  # bytes, a name, a sequence item
        raise ValueError("not a number")
    return float(value)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return (
        list(_iterated(value))
        if not isinstance(value, str | bytes) and hasattr(value, "__iter__")
        else [value]
    )


def _iterated(value: Any) -> Iterator[Any]:
    # a PersonName iterates over its characters, and is one value
    return iter([value]) if hasattr(value, "family_name") else iter(value)


def _joined(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return "\\".join(_written(part) for part in _as_list(value))


def _written(value: Any) -> str:
    """Return a decimal as its file wrote it, where pydicom remembers."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return str(getattr(value, "original_string", None) or value)
    return str(value)


_TEMPLATE_SEQUENCE = tag("ContentTemplateSequence")
_TEMPLATE_IDENTIFIER = tag("TemplateIdentifier")


def template_identifier(attributes: Attributes) -> str | None:
    """Return the Template Identifier that a content item states."""
    template = attributes.first(_TEMPLATE_SEQUENCE)
    return template.text(_TEMPLATE_IDENTIFIER) if template else None
