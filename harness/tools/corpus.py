"""Make many different Structured Reports out of the samples: ``python -m tools.corpus FOLDER NUMBER``.

Each is a sample byte for byte, but for its UIDs and its Patient ID, which are replaced by others of the same
length: whatever is odd about the sample stays as it is. Every four of them have one patient. The same call
always makes the same files.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import pydicom
from sr2fhir.paths import layout

ENDINGS = (".dcm", ".json")
PER_PATIENT = 4
PER_FOLDER = 500
# Five components at least, or made of a UUID: neither a decimal nor a version. Those of the standard stay.
UID = re.compile(rb"(?<![\d.])(?:2\.25\.\d{9,}|\d+(?:\.\d+){4,})(?![\d.])")
STANDARD = b"1.2.840.10008."
PATIENT_ID = (0x0010, 0x0020)


def main() -> None:
    """Write the reports and say how many."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    for name, data in corpus(number):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"{number:,} reports in {folder}")


def corpus(number: int, endings: Sequence[str] = ENDINGS) -> Iterator[tuple[str, bytes]]:
    """Make so many reports, with the names of their files."""
    folder = layout().sources / "samples"
    samples = sorted(path for path in folder.iterdir() if path.suffix in endings)
    for count in range(number):
        sample = samples[count % len(samples)]
        yield f"{count // PER_FOLDER:03}/{count:06}{sample.suffix}", variant(sample, count)


def variant(sample: Path, number: int) -> bytes:
    """Return a sample with UIDs and a patient of its own."""
    data = bytearray(sample.read_bytes())
    begin, end = patient_id(sample)
    data[begin:end] = digits(data[begin:end], f"patient {number // PER_PATIENT}")
    return UID.sub(partial(replaced, number=number), bytes(data))


@cache
def patient_id(sample: Path) -> tuple[int, int]:
    """Find where in a file the Patient ID stands; nowhere in DICOM JSON."""
    if sample.suffix != ".dcm":
        return 0, 0
    element = pydicom.dcmread(sample).get_item(PATIENT_ID)
    begin = getattr(element, "value_tell", 0)
    return begin, begin + len(getattr(element, "value", None) or b"")


def replaced(match: re.Match[bytes], number: int) -> bytes:
    """Return another UID of the same form: the root stays, and no component begins with a zero."""
    uid = match[0]
    if uid.startswith(STANDARD):
        return uid
    first, second, rest = uid.split(b".", 2)
    return b".".join([first, second, digits(rest, f"{number} {uid.decode()}")])


def digits(text: bytes | bytearray, seed: str) -> bytes:
    """Replace the digits after the first of each run of digits by others."""
    made = iter(hashlib.sha512(seed.encode()).hexdigest() * 2)
    return re.sub(rb"(?<=\d)\d", lambda _: b"%d" % (int(next(made), 16) % 10), bytes(text))


if __name__ == "__main__":
    main()
