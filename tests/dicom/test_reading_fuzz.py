"""Whatever is read, it is read, or refused with an error of ours: nothing else is raised, printed or warned of."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
from sr2fhir.dicom import Limits, read
from sr2fhir.errors import InputError
from sr2fhir.findings import REASONS

from tests.dicom.specimens import (
    DOCUMENTS,
    SYNTAXES,
    read_by_pydicom,
    report,
    sample,
    saved,
    split_deflated,
)

BOUNDED = settings(
    max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
SMALL = Limits(max_file_size=10_000_000, max_inflated_size=10_000_000)
SPECIMENS = [
    *(path.read_bytes() for path in DOCUMENTS),
    *(
        saved(report(), syntax, delimited=delimited)
        for syntax in SYNTAXES.values()
        for delimited in (False, True)
    ),
]
# Pieces that mean something to a reader.
PIECES = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0",
    b"\xfe\xff\xdd\xe0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    *(vr + b"\0\0" for vr in (b"UN", b"SQ", b"OB", b"UT", b"LO", b"US", b"AT", b"ZZ", b"FD")),
    b"\x1b$B",
    b"\x1b",
    b"\\",
    b'"',
    b"[",
    b"}",
    b"null",
    b"\\ud800",
    b"1e999",
]


def must_be_sound(data: bytes) -> None:
    with suppress(InputError), warnings.catch_warnings():
        warnings.simplefilter("error")
        document = read(data, limits=SMALL)
        assert {finding.code for finding in document.findings} <= REASONS.keys()


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SPECIMENS)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        removed = draw(st.sampled_from((0, 1, 2, 4, 8, 30)))
        put = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
        data[start : start + removed] = put
    return bytes(data)


@BOUNDED
@given(mutations())
def test_mutated_documents(data: bytes) -> None:
    must_be_sound(data)


@BOUNDED
@given(st.data())
def test_bits_turned_over(data: st.DataObject) -> None:
    document = bytearray(data.draw(st.sampled_from(SPECIMENS)))
    for _ in range(data.draw(st.integers(1, 3))):
        document[data.draw(st.integers(0, len(document) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    must_be_sound(bytes(document))


@BOUNDED
@given(
    st.binary(max_size=400),
    st.sampled_from((b"", bytes(128) + b"DICM", b"\x08\0\x16\0", b"\0\x08\0\x16", b"{", b"[")),
)
def test_any_bytes(data: bytes, beginning: bytes) -> None:
    must_be_sound(beginning + data)


@BOUNDED
@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_streams(put: bytes, start: int) -> None:
    head, stream = split_deflated(saved(report(), SYNTAXES["deflated"]))
    must_be_sound(head + stream[:start] + put + stream[start + len(put) :])


EXAMPLE: dict[str, Any] = json.loads(sample("ig_example"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vr", "Value", "InlineBinary", "BulkDataURI", "00080100", "Alphabetic"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
VRS = st.sampled_from(
    ["SQ", "PN", "DS", "IS", "FD", "UL", "AT", "OB", "UN", "LO", "UI", "US or SS", "", "sq"]
)


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(sorted(EXAMPLE)),
        st.fixed_dictionaries({"vr": VRS, "Value": JSON}) | JSON,
        min_size=1,
        max_size=4,
    )
)
def test_json_of_any_shape(changed: dict[str, Any]) -> None:
    must_be_sound(json.dumps({**EXAMPLE, **changed}).encode("utf-8", "surrogatepass"))


@BOUNDED
@given(
    st.text(max_size=60),
    st.sampled_from(["ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030", "ISO_IR 13"]),
    st.binary(max_size=60),
)
def test_any_text_in_any_character_set(terms: str, charset: str, raw: bytes) -> None:
    dataset = report()
    data = saved(dataset).replace(b"SECRET-4711 ", raw[:12].ljust(12))
    assert read_by_pydicom(data) is not None
    for specific in (charset, terms):
        marked = specific.encode("utf-8", "replace")[:16].ljust(16)
        must_be_sound(data.replace(b"\x10\0\x10\0PN", b"\x08\0\x05\0CS\x10\0" + marked + b"\x10\0\x10\0PN"))
