"""The files of the store: what is coming in, the objects, and their results.

::

    incoming/   being received; whatever is left there after a crash was never acknowledged
    objects/    <aa>/<sha256 of the data set>.dcm
    results/    <aa>/<number of the object>/R5.json, R4.json, report.json, outcome.json
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from sr2fhir.files import replacing
from sr2fhir.gateway.store.records import BusyError

INCOMING, OBJECTS, RESULTS = "incoming", "objects", "results"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
# PS3.10 table 7.1-1: the preamble and its prefix, then File Meta Information
_PREAMBLE, _META_START, _META_GROUP = 128, 132, 2
# PS3.5 table 7.1-1: a tag, a VR and a length of two bytes; of these VRs, two bytes more and a length of four
_ELEMENT = struct.Struct("<H2x2sH")
_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"))
# No association lasts longer; what lies in incoming/ or without a row for longer belongs to nobody.
LONGEST_S = 3600.0


class Files:
    """The files of a gateway.

    Parameters
    ----------
    folder
        Made if it is not there, and for its owner only.
    low_disk
        Bytes that have to stay free.

    Raises
    ------
    BusyError
        It cannot be made.
    """

    def __init__(self, folder: Path, low_disk: int) -> None:
        self.folder, self._low_disk = folder, low_disk
        try:
            for place in (folder, *(folder / name for name in (INCOMING, OBJECTS, RESULTS))):
                place.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            raise refusal(error, folder) from None

    def check(self) -> None:
        """Refuse to take more while there is little room.

        Raises
        ------
        BusyError
            Less is free than has to stay.
        """
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise refusal(error, self.folder) from None
        if free < self._low_disk:
            message = f"the disk has {free >> 20:,} MiB free, less than the {self._low_disk >> 20:,} to keep"
            hint = "Make room, or lower low_disk in [gateway]"
            raise BusyError(message, cause="disk", where=str(self.folder), hint=hint)

    def incoming(self) -> Path:
        """Return the name of a new file."""
        return self.folder / INCOMING / uuid4().hex

    def object(self, digest: str) -> Path:
        """Return where an object is."""
        return self.folder / OBJECTS / digest[:2] / f"{digest}.dcm"

    def result(self, object_id: int, name: str) -> Path:
        """Return where a result of an object is."""
        return self._results(object_id) / f"{name}.json"

    def _results(self, object_id: int) -> Path:
        return self.folder / RESULTS / f"{object_id % 256:02x}" / str(object_id)

    def keep(self, file: Path, digest: str) -> None:
        """Move a file that was received to its place; it outlasts a power failure when this returns.

        Raises
        ------
        BusyError
            The disk does not take it.
        """
        place = self.object(digest)
        try:
            file.chmod(PRIVATE_FILE)
            sync(file)
            make_folder(place.parent)
            file.replace(place)
            sync(place.parent)
        except OSError as error:
            raise refusal(error, self.folder) from None

    def write_results(self, object_id: int, contents: Mapping[str, bytes]) -> None:
        """Write results; they outlast a power failure when this returns.

        Raises
        ------
        BusyError
            The disk does not take them.
        """
        place = self._results(object_id)
        try:
            make_folder(place)
            for name, content in contents.items():
                with replacing(self.result(object_id, name), mode=PRIVATE_FILE) as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
            sync(place)
        except OSError as error:
            raise refusal(error, self.folder) from None

    def remove_results(self, object_ids: Iterable[int]) -> None:
        """Remove the results of objects."""
        for object_id in object_ids:
            shutil.rmtree(self._results(object_id), ignore_errors=True)

    def leftovers(self) -> Iterator[Path]:
        """Yield what was being received longer ago than any association lasts."""
        for file in (self.folder / INCOMING).iterdir():
            if is_old(file):
                yield file

    def old_objects(self) -> Iterator[Path]:
        """Yield the objects that are there for longer than an acceptance takes."""
        for file in (self.folder / OBJECTS).glob("*/*.dcm"):
            if is_old(file):
                yield file


def digest_of(file: Path) -> str:
    """Return the SHA-256 of the data set of a file.

    Its File Meta Information is passed over (PS3.10 section 7.1): whoever stores an object writes another
    one, and an object that comes in two ways is still one.
    """
    with file.open("rb") as stream:
        stream.seek(_data_start(stream))
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _data_start(stream: BinaryIO) -> int:
    """Return where the data set begins; 0 where that is not certain, so that everything counts.

    The length that the File Meta Information states of itself is not believed: one that is too large would
    make different objects one.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(_PREAMBLE)
    if stream.read(_META_START - _PREAMBLE) != b"DICM":
        return 0
    start = _META_START
    while start < size:
        stream.seek(start)
        head = stream.read(_ELEMENT.size)
        if len(head) < _ELEMENT.size:
            return 0
        group, vr, length = _ELEMENT.unpack(head)
        if group != _META_GROUP:
            return start
        if vr in _LONG_VRS:
            length = 4 + int.from_bytes(stream.read(4), "little")
        start += _ELEMENT.size + length
    return 0


def is_old(file: Path) -> bool:
    """Tell whether nothing was done with a file for longer than any association lasts."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return False
    return time.time() - max(found.st_mtime, found.st_ctime) > LONGEST_S


def make_folder(folder: Path) -> None:
    """Make a folder below one that is there; it outlasts a power failure."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refusal(error: OSError, folder: Path) -> BusyError:
    """Say why the disk cannot be used."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    hint = "See that the folder is there, that its disk has room, and that you may write to it"
    return BusyError(f"the folder cannot be written ({reason})", cause="disk", where=str(folder), hint=hint)
