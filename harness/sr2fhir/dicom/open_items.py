"""What is being read at a moment: data sets and sequences that are open, and what can be wrong with them."""

from __future__ import annotations

from typing import NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from sr2fhir.dicom.place import Step, place_of
from sr2fhir.dicom.repertoire import Repertoire
from sr2fhir.errors import DamagedError

FETCH_AGAIN = "Fetch or export it again"


class Encoding(NamedTuple):
    """How data elements are written: without or with VR, least or most significant byte first."""

    implicit: bool
    little: bool


IMPLICIT_LITTLE = Encoding(implicit=True, little=True)
EXPLICIT_LITTLE = Encoding(implicit=False, little=True)
EXPLICIT_BIG = Encoding(implicit=False, little=False)


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


def cut(item: Item, tag: int | None = None) -> DamagedError:
    """Make the error for an item, or one of its attributes, that ends before it is complete."""
    return contradiction(item, tag, "is cut off")


def overrun(item: Item, tag: int | None, missing: int) -> DamagedError:
    """Make the error for a length that reaches beyond the data, or only beyond what contains the element.

    Parameters
    ----------
    missing
        By how many bytes it reaches beyond the data; zero or less where it does not.
    """
    if missing > 0:
        return contradiction(item, tag, f"is cut off: the data end {missing:,} bytes too early")
    return contradiction(item, tag, "is longer than what contains it")


def contradiction(item: Item, tag: int | None, what: str) -> DamagedError:
    """Make the error for lengths or delimiters that contradict each other."""
    if tag is None and item.step is None:
        return DamagedError(f"the data set {what}", where="data set", hint=FETCH_AGAIN)
    subject = "the item" if tag is None else "the attribute"
    return DamagedError(f"{subject} {what}", where=place_of(item.step, tag), hint=FETCH_AGAIN)
