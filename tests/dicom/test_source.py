"""Bytes of an input: all of them, and never more than are there or allowed."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from sr2fhir.dicom.source import MEGABYTE, Limits, bytes_of
from sr2fhir.errors import LimitError

LIMITS = Limits(max_file_size=64 * MEGABYTE)


class Dribbling(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def read(self, size: int = -1) -> bytes:
        given, self.left = self.left[: min(size, 7)], self.left[min(size, 7) :]
        return given


def test_a_stream_is_read_to_its_end_in_whatever_pieces_it_comes() -> None:
    data = bytes(range(256)) * 10
    assert bytes_of(Dribbling(data), LIMITS) == data  # type: ignore[arg-type]
    assert bytes_of(io.BytesIO(data * 2000), LIMITS) == data * 2000
    assert bytes_of(io.BytesIO(b""), LIMITS) == b""


@pytest.mark.parametrize("size", [MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE + 5])
def test_the_limit_is_exact(size: int) -> None:
    assert len(bytes_of(io.BytesIO(bytes(size)), Limits(max_file_size=size))) == size
    with pytest.raises(LimitError):
        bytes_of(io.BytesIO(bytes(size + 1)), Limits(max_file_size=size))


def test_a_small_file_takes_little_memory_whatever_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "small"
    file.write_bytes(b"some bytes")
    tracemalloc.start()
    try:
        with file.open("rb") as stream:
            assert bytes_of(stream, LIMITS) == b"some bytes"
        assert bytes_of(file, LIMITS) == b"some bytes"
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()
