"""Heads of data elements: tag, value representation, length (PS3.5 7.1)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from pydicom.tag import BaseTag

from sr2fhir.dicom import values
from sr2fhir.dicom.notes import Notes
from sr2fhir.dicom.open_items import Encoding, Item, contradiction, cut
from sr2fhir.dicom.place import place_of

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
SEQUENCE_DELIMITER = 0xFFFEE0DD
HEADER_SIZE = 8
# VRs whose value of undefined length consists of fragments.
FRAGMENTED = values.BYTES
SHORT_FORM = {True: struct.Struct("<HH2sH"), False: struct.Struct(">HH2sH")}
LONG_FORM = {True: struct.Struct("<HHI"), False: struct.Struct(">HHI")}
LENGTH = {True: struct.Struct("<I"), False: struct.Struct(">I")}
VRS = {vr.encode(): vr for vr in values.KNOWN}


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
            raise cut(item, tag)
        (length,) = LENGTH[item.encoding.little].unpack_from(self._data, start - 4)
        if vr == "UN":
            vr = self._vr_of_unknown(item, tag, length)
        elif length == UNDEFINED and vr not in FRAGMENTED and vr != "SQ":
            raise contradiction(item, tag, "has a VR that cannot be of undefined length")
        return Header(tag, vr, length, start)

    def _implicit(self, item: Item, position: int) -> Header:
        """Read a head without VR; the VR comes from the dictionary."""
        tag, length = self.item_head(position, item.encoding)
        start = position + HEADER_SIZE
        vr = values.standard_vr(tag) or self._private_vr(item, tag)
        if length == UNDEFINED and (vr not in FRAGMENTED or (vr == "UN" and self._holds_items(item, start))):
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
        raise cut(item)

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
