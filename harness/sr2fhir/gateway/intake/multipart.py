"""The body of a Store request, received straight to disk (PS3.18 section 8.6.1, RFC 2387, RFC 2046).

The parser of python-multipart finds the parts as the bytes come; what a part holds goes to a file of its own.
Until the closing boundary is there nothing has been received: whoever is given an error drops the files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import BinaryIO, NoReturn

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser


class BodyError(Exception):
    """The body is none that can be taken.

    Parameters
    ----------
    status
        HTTP status that says so.
    message
        What is wrong and how to mend it, in one sentence.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class MediaType:
    """A media type with its parameters, as a header states it."""

    def __init__(self, text: str) -> None:
        message = Message()
        message["Content-Type"] = text
        #: in lower case, without parameters
        self.name = message.get_content_type() if "/" in text else ""
        self._message = message

    def parameter(self, name: str) -> str | None:
        """Return a parameter without its quotation marks."""
        value = self._message.get_param(name)
        return value if isinstance(value, str) and value else None


@dataclass
class BodyPart:
    """One part: its headers, names in lower case, and the file that has what it holds."""

    file: Path
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True)
class Bounds:
    """Bytes of one part and of all together, and how many parts there may be."""

    part: int
    body: int
    parts: int


class Received:
    """The parts of a body, as they come.

    Parameters
    ----------
    boundary
        Between parts; None where the body is one part without a boundary, which begins at once.
    new_file
        Names a file that is not there yet.
    bounds
        What may come.
    """

    def __init__(self, boundary: str | None, new_file: Callable[[], Path], bounds: Bounds) -> None:
        self.parts: list[BodyPart] = []
        self._new_file = new_file
        self._bounds = bounds
        self._size = 0
        self._stream: BinaryIO | None = None
        self._name = self._value = b""
        self._is_whole = boundary is None
        self._parser = None if boundary is None else self._parser_of(boundary)
        if boundary is None:
            self._begin()

    def _parser_of(self, boundary: str) -> MultipartParser:
        try:
            return MultipartParser(
                boundary.encode("latin-1"),
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._whole,
                },
            )
        except (FormParserError, UnicodeEncodeError):
            raise BodyError(
                400, "The boundary of the body is not one of RFC 2046: at most 70 ASCII characters"
            ) from None

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        BodyError
            They are no part of such a body, or too many.
        """
        self._size += len(data)
        if self._size > self._bounds.body:
            self._too_large("The body", self._bounds.body)
        if self._parser is None:
            self._data(data, 0, len(data))
            return
        try:
            self._parser.write(data)
        except FormParserError:
            message = "The body is not made of parts between the boundary that Content-Type names"
            raise BodyError(400, message) from None

    def finish(self) -> list[BodyPart]:
        """Return the parts when all bytes have come.

        Raises
        ------
        BodyError
            The closing boundary is missing, or there is no part.
        """
        self._close()
        if not self._is_whole:
            message = "No closing boundary came: the body is cut off, or Content-Type names another boundary"
            raise BodyError(400, message)
        if not self.parts or not self._size:
            raise BodyError(400, "The body has no part: send at least one instance")
        return self.parts

    def discard(self) -> None:
        """Drop the files that are still there."""
        self._close()
        for part in self.parts:
            part.file.unlink(missing_ok=True)

    def _begin(self) -> None:
        if len(self.parts) >= self._bounds.parts:
            message = f"The body has more than {self._bounds.parts:,} parts: send several requests"
            raise BodyError(413, message)
        self.parts.append(BodyPart(self._new_file()))
        self._stream = self.parts[-1].file.open("xb")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        name, value = self._name.decode("latin-1").lower(), self._value.decode("latin-1").strip()
        self.parts[-1].headers[name] = value
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.size += end - start
        if part.size > self._bounds.part:
            self._too_large(f"Part {len(self.parts)} of the body", self._bounds.part)
        if self._stream is not None:
            self._stream.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._close()

    def _whole(self) -> None:
        self._is_whole = True

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @staticmethod
    def _too_large(what: str, limit: int) -> NoReturn:
        raise BodyError(413, f"{what} is larger than the {limit:,} bytes that [intake.stow] allows")
