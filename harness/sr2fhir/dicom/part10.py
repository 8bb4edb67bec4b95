"""DICOM files (PS3.10 chapter 7) in one pass, without recursion and without silent loss (PS3.5 chapter 7).

The reader walks with a stack of its own and checks every length against what contains it, every delimiter,
the order of attributes and the limits. Text beyond ASCII is decoded here; all other values stay as they are
written (pydicom's RawDataElement), with the VR that they have, and are converted when looked at.
"""

from __future__ import annotations

import zlib

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from sr2fhir.dicom import values
from sr2fhir.dicom.headers import (
    DATA_SET,
    FETCH_AGAIN,
    HEADER_SIZE,
    ITEM,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
    Header,
    HeaderReader,
    Item,
    OpenSequence,
)
from sr2fhir.dicom.notes import Notes, Step, place_of
from sr2fhir.dicom.source import HEAD_SIZE, Kind, Limits
from sr2fhir.errors import DamagedError

ITEM_DELIMITER = 0xFFFEE00D
SPECIFIC_CHARACTER_SET = 0x00080005
META_GROUP = b"\x02\x00"
UNCOMPRESSED = "Fetch or export it again, best without compression"
TRANSFER_SYNTAX = 0x00020010
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE = Encoding(implicit=True, little=True)
EXPLICIT_LITTLE = Encoding(implicit=False, little=True)
EXPLICIT_BIG = Encoding(implicit=False, little=False)
# PS3.5 Annex A; all others, with compressed pixel data, are explicit VR little endian.
TRANSFER_SYNTAXES = {
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    DEFLATED: EXPLICIT_LITTLE,
}


def read_file(data: bytes, kind: Kind, notes: Notes, limits: Limits) -> Dataset:
    """Read a DICOM file, with preamble (`part10`) or without (`bare`).

    Returns
    -------
    Dataset
        With `file_meta`, which is empty where the file has none.

    Raises
    ------
    DamagedError
        The file is cut off or contradicts itself.
    LimitError
        The file is larger or deeper than the limits allow.
    """
    reader = ElementReader(data, notes, limits)
    meta, end = reader.read_meta(HEAD_SIZE if kind == "part10" else 0)
    if kind == "bare":
        notes.inform("missing-preamble", "", "the file has no preamble and prefix, as PS3.10 demands")
    dataset = read_dataset(data[end:], meta, notes, limits)
    dataset.file_meta = meta
    return dataset


def read_dataset(data: bytes, meta: FileMetaDataset, notes: Notes, limits: Limits) -> Dataset:
    """Read what follows File Meta Information, in the transfer syntax named or else seen."""
    syntax = values.text_of(meta, TRANSFER_SYNTAX)
    if syntax == DEFLATED:
        data = inflate(data, notes, limits)
    if not data:
        raise DamagedError("the file ends before the data set", where=DATA_SET, hint=FETCH_AGAIN)
    encoding = encoding_of(data, syntax, notes)
    return ElementReader(data, notes, limits).read(0, len(data), encoding)


def inflate(packed: bytes, notes: Notes, limits: Limits) -> bytes:
    """Undo deflate, and insist on a stream that is complete and ends where the file does.

    Raises
    ------
    DamagedError
        The stream is broken or cut off, or other data follow it.
    LimitError
        The stream would grow beyond `limits.max_inflated_size`.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(packed, limits.max_inflated_size + 1)
    except zlib.error:
        raise DamagedError("the deflate stream is damaged", where=DATA_SET, hint=UNCOMPRESSED) from None
    if len(data) > limits.max_inflated_size:
        raise limits.exceeded("max_inflated_size", "the deflated data set grows too large")
    if not stream.eof:
        raise DamagedError("the deflate stream is cut off", where=DATA_SET, hint=UNCOMPRESSED)
    check_rest(stream.unused_data, notes)
    return data


def check_rest(rest: bytes, notes: Notes) -> None:
    """Accept the zero byte that makes the length even, tolerate more of them, refuse anything else."""
    if rest.strip(b"\0"):
        message = f"the deflate stream ends {len(rest):,} bytes before the file does"
        raise DamagedError(message, where=DATA_SET, hint=UNCOMPRESSED)
    if len(rest) > 1:
        notes.inform("trailing-padding", DATA_SET, "zero bytes after the deflate stream")


def encoding_of(data: bytes, syntax: str, notes: Notes) -> Encoding:
    """Choose how to read a data set: as its transfer syntax says, unless the data show otherwise."""
    seen = seen_encoding(data)
    if not syntax:
        notes.warn(
            "transfer-syntax", "TransferSyntaxUID", "no transfer syntax is named; it was told from the data"
        )
        return seen or IMPLICIT_LITTLE
    named = TRANSFER_SYNTAXES.get(syntax, EXPLICIT_LITTLE)
    if seen and seen != named:
        message = "the data are not in the transfer syntax that the file names; they were read as they are"
        notes.warn("transfer-syntax", "TransferSyntaxUID", message)
        return seen
    return named


def seen_encoding(data: bytes) -> Encoding | None:
    """Tell the encoding from the first data element, where that is of group 0008."""
    little = data[:2] == b"\x08\x00"
    if not little and data[:2] != b"\x00\x08":
        return None
    implicit = data[4:6].decode("latin_1") not in values.KNOWN
    return None if implicit and not little else Encoding(implicit, little)


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
        root = Item(end, False, encoding, values.Repertoire(), None)
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
        meta = Item(len(self._data), False, EXPLICIT_LITTLE, values.Repertoire(), None)
        while self._data.startswith(META_GROUP, self._position):
            header = self._headers.read(meta, self._position)
            if header.vr == "SQ":
                raise meta.contradiction(header.tag, "is a sequence, which File Meta Information has none of")
            self._read_value(meta, header)
        return FileMetaDataset(meta.elements), self._position

    # Data sets

    def _fill_item(self, item: Item) -> None:
        """Read elements until the item ends or a sequence opens in it; undefined length wants a delimiter."""
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
        if item.delimited:
            raise item.cut()
        self._close_item(item.end)

    def _ends_here(self, item: Item, header: Header) -> bool:
        """Close the item at its delimiter, the root at padding; refuse a delimiter that is out of place."""
        if header.tag == ITEM_DELIMITER and (item.delimited or header.start == item.end):
            return self._close_item(header.start)
        if header.tag == 0 and item.step is None and not any(self._data[self._position : item.end]):
            self._notes.inform("trailing-padding", "", "zero bytes after the data set")
            return self._close_item(item.end)
        if header.tag >= ITEM and header.tag >> 16 == ITEM >> 16:
            raise item.contradiction(None, "holds a delimiter where a data element is expected")
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
            raise item.overrun(tag, start + length - len(self._data))
        self._position = start + length
        raw = self._data[start : start + length]
        if tag == SPECIFIC_CHARACTER_SET:
            self._switch_repertoire(item, raw)
        if vr in values.SIZES and length % values.SIZES[vr]:
            vr, raw = self._of_wrong_length(item, tag, raw)
        if vr in values.STRINGS and (not raw.isascii() or values.ESCAPE in raw):
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
            delimiters = values.NAME_DELIMITERS if vr == "PN" else values.TEXT_DELIMITERS
            text, problem = item.repertoire.decode(raw, delimiters)
        else:
            text, problem = raw.decode("latin_1"), values.BEYOND_ASCII
        if problem:
            self._notes.warn(problem.code, place_of(item.step, tag), problem.message, problem.hint)
        return values.element(tag, vr, values.from_text(vr, text))

    def _switch_repertoire(self, item: Item, raw: bytes) -> None:
        terms = raw.decode("latin_1").rstrip(values.PADDING).split("\\")
        item.repertoire, problems = values.repertoire_of(terms)
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
                raise item.contradiction(header.tag, "holds something else than fragments")
            position += length
        raise item.cut(header.tag)

    # Sequences

    def _open_sequence(self, item: Item, header: Header) -> None:
        """Start to read a sequence."""
        delimited = header.length == UNDEFINED
        end = item.end if delimited else header.start + header.length
        if end > item.end:
            raise item.overrun(header.tag, end - len(self._data))
        self._depth += 1
        if self._depth > self._limits.max_nesting:
            raise self._limits.exceeded("max_nesting", "sequences are nested too deeply")
        self._position = header.start
        self._stack.append(OpenSequence(header.tag, end, delimited, item))

    def _fill_sequence(self, sequence: OpenSequence) -> None:
        """Open the next item, or close the sequence; undefined length wants a delimiter."""
        holder, position = sequence.holder, self._position
        if position >= sequence.end:
            if sequence.delimited:
                raise holder.cut(sequence.tag)
            self._close_sequence(sequence)
            return
        if sequence.end - position < HEADER_SIZE:
            raise holder.cut(sequence.tag)
        tag, length = self._headers.item_head(position, sequence.encoding)
        self._position += HEADER_SIZE
        if tag == ITEM:
            self._open_item(sequence, length)
        elif tag == SEQUENCE_DELIMITER and (sequence.delimited or self._position == sequence.end):
            self._close_sequence(sequence)
        else:
            raise holder.contradiction(sequence.tag, "holds something else than items")

    def _open_item(self, sequence: OpenSequence, length: int) -> None:
        """Start to read an item."""
        step = Step(sequence.holder.step, sequence.tag, len(sequence.items) + 1)
        delimited = length == UNDEFINED
        end = sequence.end if delimited else self._position + length
        encoding = self._headers.encoding_of_item(self._position, end, sequence.encoding)
        item = Item(end, delimited, encoding, sequence.holder.repertoire, step)
        if end > sequence.end:
            raise item.overrun(None, end - len(self._data))
        self._items += 1
        if self._items > self._limits.max_items:
            raise self._limits.exceeded(
                "max_items", "the document has too many sequence items", where=place_of(step)
            )
        sequence.items.append(Dataset(item.elements))
        self._stack.append(item)

    def _close_sequence(self, sequence: OpenSequence) -> None:
        self._stack.pop()
        self._depth -= 1
        value = Sequence(sequence.items)
        sequence.holder.elements[BaseTag(sequence.tag)] = values.element(sequence.tag, "SQ", value)
