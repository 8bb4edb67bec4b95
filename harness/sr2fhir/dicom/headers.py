"""Heads of data elements (PS3.5 7.1), and the data sets and sequences that are open while they are read."""

from __future__ import annotations

import struct
from typing import NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from sr2fhir.dicom import values
from sr2fhir.dicom.notes import Notes, Step, place_of
from sr2fhir.dicom.values import Repertoire
from sr2fhir.errors import DamagedError

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
SEQUENCE_DELIMITER = 0xFFFEE0DD
HEADER_SIZE = 8
SHORT_FORM = {True: struct.Struct("<HH2sH"), False: struct.Struct(">HH2sH")}
LONG_FORM = {True: struct.Struct("<HHI"), False: struct.Struct(">HHI")}
LENGTH = {True: struct.Struct("<I"), False: struct.Struct(">I")}
VRS = {vr.encode(): vr for vr in values.KNOWN}
FETCH_AGAIN = "Fetch or export it again"
DATA_SET = "data set"


class Encoding(NamedTuple):
    """How data elements are written: without or with VR, least or most significant byte first."""

    implicit: bool
    little: bool


class Item:
    """A data set that is being read: the root, or an item of a sequence.

    Parameters
    ----------
    end
        Offset at which it ends at the latest.
    delimited
        Whether it is of undefined length, so that a delimiter has to come.
    encoding, repertoire
        How its elements and its texts are written.
    step
        How it was reached; None for the root.
    """

    __slots__ = ("delimited", "elements", "encoding", "end", "last", "repertoire", "step")

    def __init__(
        self, end: int, delimited: bool, encoding: Encoding, repertoire: Repertoire, step: Step | None
    ) -> None:
        self.elements: dict[BaseTag, DataElement | RawDataElement] = {}
        self.end = end
        self.delimited = delimited
        self.encoding = encoding
        self.repertoire = repertoire
        self.step = step
        self.last = 0

    def cut(self, tag: int | None = None) -> DamagedError:
        """Make the error for the item, or one of its attributes, that ends before it is complete."""
        return self.contradiction(tag, "is cut off")

    def overrun(self, tag: int | None, missing: int) -> DamagedError:
        """Make the error for a length that reaches beyond the data, or only beyond what contains the element.

        Parameters
        ----------
        missing
            By how many bytes it reaches beyond the data; zero or less where it does not.
        """
        if missing > 0:
            return self.contradiction(tag, f"is cut off: the data end {missing:,} bytes too early")
        return self.contradiction(tag, "is longer than what contains it")

    def contradiction(self, tag: int | None, what: str) -> DamagedError:
        """Make the error for lengths or delimiters that contradict each other."""
        if tag is None and self.step is None:
            return DamagedError(f"the data set {what}", where=DATA_SET, hint=FETCH_AGAIN)
        subject = "the item" if tag is None else "the attribute"
        return DamagedError(f"{subject} {what}", where=place_of(self.step, tag), hint=FETCH_AGAIN)


class OpenSequence:
    """A sequence that is being read.

    Parameters
    ----------
    holder
        The data set that it is an element of.
    """

    __slots__ = ("delimited", "encoding", "end", "holder", "items", "tag")

    def __init__(self, tag: int, end: int, delimited: bool, holder: Item) -> None:
        self.tag = tag
        self.end = end
        self.delimited = delimited
        self.encoding = holder.encoding
        self.holder = holder
        self.items: list[Dataset] = []


class Header(NamedTuple):
    """The head of a data element; `start` is where its value begins."""

    tag: int
    vr: str
    length: int
    start: int


class HeaderReader:
    """Read the heads of data elements.

    Parameters
    ----------
    data
        All bytes.
    notes
        Takes what was tolerated.
    """

    def __init__(self, data: bytes, notes: Notes) -> None:
        self._data = data
        self._notes = notes

    def read(self, item: Item, position: int) -> Header:
        """Read the head at a position.

        Raises
        ------
        DamagedError
            The item ends before the head does.
        """
        if item.end - position < HEADER_SIZE:
            return self._stub(item, position)
        if item.encoding.implicit:
            return self._implicit(item, position)
        group, number, code, length = SHORT_FORM[item.encoding.little].unpack_from(self._data, position)
        tag, vr = group << 16 | number, VRS.get(code)
        if vr in values.SHORT_LENGTH:
            return Header(tag, vr, length, position + HEADER_SIZE)
        if vr is None:
            return self._odd(
                item, position, Header(tag, code.decode("latin_1"), length, position + HEADER_SIZE)
            )
        return self._long(item, position, tag, vr)

    def item_head(self, position: int, encoding: Encoding) -> tuple[int, int]:
        """Read tag and length of an item or a delimiter, which have no VR."""
        group, number, length = LONG_FORM[encoding.little].unpack_from(self._data, position)
        return group << 16 | number, length

    def encoding_of_item(self, position: int, end: int, encoding: Encoding) -> Encoding:
        """Tell whether an item is written with VRs; some within explicit VR are not (PS3.5 6.2.2)."""
        if (
            encoding.implicit
            or end - position < HEADER_SIZE
            or is_code(self._data[position + 4 : position + 6])
        ):
            return encoding
        tag, _ = self.item_head(position, encoding)
        return Encoding(tag < ITEM, encoding.little)

    def _long(self, item: Item, position: int, tag: int, vr: str) -> Header:
        """Read the length that follows two reserved bytes."""
        start = position + HEADER_SIZE + 4
        if start > item.end:
            raise item.cut(tag)
        (length,) = LENGTH[item.encoding.little].unpack_from(self._data, start - 4)
        if vr == "UN":
            vr = self._vr_of_unknown(item, tag, length)
        elif length == UNDEFINED and vr not in values.BYTES and vr != "SQ":
            raise item.contradiction(tag, "has a VR that cannot be of undefined length")
        return Header(tag, vr, length, start)

    def _implicit(self, item: Item, position: int) -> Header:
        """Read a head without VR; the VR comes from the dictionary."""
        tag, length = self.item_head(position, item.encoding)
        start = position + HEADER_SIZE
        vr = values.standard_vr(tag) or self._private_vr(item, tag)
        if length == UNDEFINED and (
            vr not in values.BYTES or (vr == "UN" and self._holds_items(item, start))
        ):
            vr = "SQ"
        return Header(tag, vr, length, start)

    def _odd(self, item: Item, position: int, short: Header) -> Header:
        """Read a head whose VR is none: a delimiter, an element without VR, or a VR that is not known."""
        if short.tag >= ITEM or not is_code(short.vr.encode("latin_1")):
            return self._implicit(item, position)
        where = place_of(item.step, short.tag)
        self._notes.warn("unknown-vr", where, "a value representation that DICOM does not define")
        header = short._replace(vr=values.standard_vr(short.tag) or "UN")
        if short.length == 0 and short.start + 4 <= item.end:
            (length,) = LENGTH[item.encoding.little].unpack_from(self._data, short.start)
            if length <= item.end - short.start - 4:  # the long form, which all VRs to come have
                return header._replace(length=length, start=short.start + 4)
        return header

    def _stub(self, item: Item, position: int) -> Header:
        """Deal with less than a head at the end of an item: padding after the root, else damage."""
        if item.step is None and not any(self._data[position : item.end]):
            return Header(0, "UN", 0, item.end)
        raise item.cut()

    def _vr_of_unknown(self, item: Item, tag: int, length: int) -> str:
        """Find the VR of an element written as UN: the dictionary's, where the length allows it."""
        if length == UNDEFINED:
            return "SQ"  # PS3.5 6.2.2 note 4
        vr = values.standard_vr(tag) or self._private_vr(item, tag)
        return vr if vr == "SQ" or length < values.LONGEST_WITH_WRONG_UN else "UN"

    def _private_vr(self, item: Item, tag: int) -> str:
        """Find the VR of a private attribute in the dictionary of its creator."""
        if not values.is_private(tag):
            return "UN"
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        creator = item.elements.get(BaseTag(values.creator_tag(tag)))
        if creator is None or not isinstance(creator.value, bytes):
            return "UN"
        return values.private_vr(tag, creator.value.decode("latin_1").strip(values.PADDING)) or "UN"

    def _holds_items(self, item: Item, start: int) -> bool:
        """Look ahead whether a value of unknown VR consists of items."""
        if start + HEADER_SIZE > item.end:
            return True
        tag, _ = self.item_head(start, item.encoding)
        return tag in (ITEM, SEQUENCE_DELIMITER)


def is_code(code: bytes) -> bool:
    """Tell whether two bytes are written like a VR."""
    return code.isalpha() and code.isupper()
