"""Data elements from bytes, in one pass, without recursion and without silent loss (PS3.5 chapter 7).

pydicom reads a data set that was cut off without an error, and sequences of undefined length by recursion,
which ends at some hundred levels. This reader walks with a stack of its own and checks every length against
what contains it, every delimiter, the order of attributes and the limits. Text beyond ASCII is decoded
here; all other values stay as they are written (pydicom's RawDataElement), with the VR that they have, and
are converted when looked at.
"""

from __future__ import annotations

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from sr2fhir.dicom import values
from sr2fhir.dicom.headers import HEADER_SIZE, ITEM, SEQUENCE_DELIMITER, UNDEFINED, Header, HeaderReader
from sr2fhir.dicom.limits import Limits
from sr2fhir.dicom.notes import Notes
from sr2fhir.dicom.open_items import (
    EXPLICIT_LITTLE,
    Encoding,
    Item,
    OpenSequence,
    contradiction,
    cut,
    overrun,
)
from sr2fhir.dicom.place import Step, place_of
from sr2fhir.dicom.repertoire import (
    BEYOND_ASCII,
    DEFAULT,
    ESCAPE,
    NAME_DELIMITERS,
    TEXT_DELIMITERS,
    repertoire_of,
)

ITEM_DELIMITER = 0xFFFEE00D
SPECIFIC_CHARACTER_SET = 0x00080005
META_GROUP = b"\x02\x00"


class ElementReader:
    """Read the data set that `data` holds from `start` to its end.

    Parameters
    ----------
    data
        All bytes, deflate undone.
    notes
        Takes what was tolerated.
    limits
        Bounds on nesting, items and elements.
    """

    def __init__(self, data: bytes, notes: Notes, limits: Limits) -> None:
        self._data = data
        self._notes = notes
        self._headers = HeaderReader(data, notes)
        self._limits = limits
        self._position = 0
        self._stack: list[Item | OpenSequence] = []
        self._items = 0
        self._elements = 0
        self._depth = 0

    def read(self, start: int, end: int, encoding: Encoding) -> Dataset:
        """Read the data elements between two offsets.

        Raises
        ------
        DamagedError
            The data end too early, or lengths and delimiters contradict each other.
        LimitError
            More nesting, items or elements than allowed.
        """
        self._position = start
        root = Item(end, False, encoding, DEFAULT, None)
        self._stack = [root]
        while self._stack:
            container = self._stack[-1]
            if isinstance(container, Item):
                self._fill_item(container)
            else:
                self._fill_sequence(container)
        dataset = Dataset(root.elements)
        dataset.set_original_encoding(encoding.implicit, encoding.little, root.repertoire.codecs)
        return dataset

    def read_meta(self, start: int) -> tuple[FileMetaDataset, int]:
        """Read the elements of group 0002, and tell where they end.

        Raises
        ------
        DamagedError
            The data end too early.
        """
        self._position = start
        meta = Item(len(self._data), False, EXPLICIT_LITTLE, DEFAULT, None)
        while self._data.startswith(META_GROUP, self._position):
            header = self._headers.read(meta, self._position)
            if header.vr == "SQ":
                raise contradiction(
                    meta, header.tag, "is a sequence, which File Meta Information has none of"
                )
            self._read_value(meta, header)
        return FileMetaDataset(meta.elements), self._position

    # Data sets

    def _fill_item(self, item: Item) -> None:
        """Read elements until the item ends or a sequence opens in it."""
        while self._position < item.end:
            header = self._headers.read(item, self._position)
            if header.tag >= ITEM or header.tag <= item.last:
                if self._ends_here(item, header):
                    return
                self._check_order(item, header)
            item.last = header.tag
            self._count_element(item)
            if header.vr == "SQ":
                self._open_sequence(item, header)
                return
            self._read_value(item, header)
        self._end_item(item)

    def _ends_here(self, item: Item, header: Header) -> bool:
        """Close the item at its delimiter, the root at padding; refuse a delimiter that is out of place."""
        if header.tag == ITEM_DELIMITER and (item.delimited or header.start == item.end):
            return self._close_item(header.start)
        if header.tag == 0 and item.step is None and not any(self._data[self._position : item.end]):
            self._notes.inform("trailing-padding", "", "zero bytes after the data set")
            return self._close_item(item.end)
        if header.tag >= ITEM and header.tag >> 16 == ITEM >> 16:
            raise contradiction(item, None, "holds a delimiter where a data element is expected")
        return False

    def _check_order(self, item: Item, header: Header) -> None:
        """Note an attribute that comes twice or too late; of two the later one counts."""
        if header.tag > item.last:
            return
        where = place_of(item.step, header.tag)
        if BaseTag(header.tag) in item.elements:
            message = "the attribute occurs twice in one data set; the later one was taken"
            self._notes.warn("duplicate-attribute", where, message)
        else:
            self._notes.warn("attribute-order", where, "the attribute is not in ascending order of tags")

    def _count_element(self, item: Item) -> None:
        self._elements += 1
        if self._elements > self._limits.max_elements:
            raise self._limits.exceeded(
                "max_elements", "the document has too many data elements", where=place_of(item.step)
            )

    def _end_item(self, item: Item) -> None:
        """Close an item whose length is used up; one of undefined length should have had a delimiter."""
        if item.delimited:
            raise cut(item)
        self._close_item(item.end)

    def _close_item(self, position: int) -> bool:
        self._stack.pop()
        self._position = position
        return True

    # Values

    def _read_value(self, item: Item, header: Header) -> None:
        """Read the value of an element that is no sequence."""
        tag, vr, length, start = header
        if length == UNDEFINED:
            length = self._fragments_length(item, header)
        if length > item.end - start:
            raise overrun(item, tag, start + length - len(self._data))
        self._position = start + length
        raw = self._data[start : start + length]
        if tag == SPECIFIC_CHARACTER_SET:
            self._switch_repertoire(item, raw)
        if vr in values.SIZES and length % values.SIZES[vr]:
            vr, raw = self._of_wrong_length(item, tag, raw)
        if vr in values.STRINGS and (not raw.isascii() or ESCAPE in raw):
            item.elements[BaseTag(tag)] = self._text(item, tag, vr, raw)
        else:
            implicit, little = item.encoding
            # of "US or SS" and the like pydicom chooses one when the value is looked at
            known = vr if vr in values.KNOWN else None
            item.elements[BaseTag(tag)] = RawDataElement(
                BaseTag(tag), known, len(raw), raw, start, implicit, little
            )

    def _of_wrong_length(self, item: Item, tag: int, raw: bytes) -> tuple[str, bytes]:
        """Read a number of impossible length as text, where the dictionary says so, else leave it out."""
        vr = values.standard_vr(tag) or "UN"
        where = place_of(item.step, tag)
        if vr in values.STRINGS:
            self._notes.warn(
                "unknown-vr", where, "the value is not of the VR stated; the standard's was taken"
            )
            return vr, raw
        self._notes.warn(
            "invalid-value", where, "the value has a length that it cannot have; it was left out"
        )
        return vr, b""

    def _text(self, item: Item, tag: int, vr: str, raw: bytes) -> DataElement:
        """Decode text beyond ASCII, and tell what was wrong with it."""
        if vr in values.TEXTS:
            text, problem = item.repertoire.decode(raw, NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS)
        else:
            text, problem = raw.decode("latin_1"), BEYOND_ASCII
        if problem:
            self._notes.warn(problem.code, place_of(item.step, tag), problem.message, problem.hint)
        return values.element(tag, vr, values.from_text(vr, text))

    def _switch_repertoire(self, item: Item, raw: bytes) -> None:
        terms = raw.decode("latin_1").rstrip(values.PADDING).split("\\")
        item.repertoire, problems = repertoire_of(terms)
        for problem in problems:
            where = place_of(item.step, SPECIFIC_CHARACTER_SET)
            self._notes.warn(problem.code, where, problem.message, problem.hint)

    def _fragments_length(self, item: Item, header: Header) -> int:
        """Measure an encapsulated value: items of defined length up to a sequence delimiter (PS3.5 A.4)."""
        position = header.start
        while position + HEADER_SIZE <= item.end:
            tag, length = self._headers.item_head(position, item.encoding)
            position += HEADER_SIZE
            if tag == SEQUENCE_DELIMITER:
                return position - header.start
            if tag != ITEM:
                raise contradiction(item, header.tag, "holds something else than fragments")
            position += length
        raise cut(item, header.tag)

    # Sequences

    def _open_sequence(self, item: Item, header: Header) -> None:
        """Start to read a sequence."""
        delimited = header.length == UNDEFINED
        end = item.end if delimited else header.start + header.length
        if end > item.end:
            raise overrun(item, header.tag, end - len(self._data))
        self._depth += 1
        if self._depth > self._limits.max_nesting:
            raise self._limits.exceeded("max_nesting", "sequences are nested too deeply")
        self._position = header.start
        self._stack.append(OpenSequence(header.tag, end, delimited, item))

    def _fill_sequence(self, sequence: OpenSequence) -> None:
        """Open the next item, or close the sequence."""
        holder, position = sequence.holder, self._position
        if position >= sequence.end:
            return self._end_sequence(sequence)
        if sequence.end - position < HEADER_SIZE:
            raise cut(holder, sequence.tag)
        tag, length = self._headers.item_head(position, sequence.encoding)
        self._position += HEADER_SIZE
        if tag == ITEM:
            self._open_item(sequence, length)
        elif tag == SEQUENCE_DELIMITER and (sequence.delimited or self._position == sequence.end):
            self._close_sequence(sequence)
        else:
            raise contradiction(holder, sequence.tag, "holds something else than items")
        return None

    def _open_item(self, sequence: OpenSequence, length: int) -> None:
        """Start to read an item."""
        step = Step(sequence.holder.step, sequence.tag, len(sequence.items) + 1)
        delimited = length == UNDEFINED
        end = sequence.end if delimited else self._position + length
        encoding = self._headers.encoding_of_item(self._position, end, sequence.encoding)
        item = Item(end, delimited, encoding, sequence.holder.repertoire, step)
        if end > sequence.end:
            raise overrun(item, None, end - len(self._data))
        self._items += 1
        if self._items > self._limits.max_items:
            raise self._limits.exceeded(
                "max_items", "the document has too many sequence items", where=place_of(step)
            )
        sequence.items.append(Dataset(item.elements))
        self._stack.append(item)

    def _end_sequence(self, sequence: OpenSequence) -> None:
        """Close a sequence whose length is used up; one of undefined length should have had a delimiter."""
        if sequence.delimited:
            raise cut(sequence.holder, sequence.tag)
        self._close_sequence(sequence)

    def _close_sequence(self, sequence: OpenSequence) -> None:
        self._stack.pop()
        self._depth -= 1
        value = Sequence(sequence.items)
        sequence.holder.elements[BaseTag(sequence.tag)] = values.element(sequence.tag, "SQ", value)
