"""Folders as destinations: the files of each document, or NDJSON to which resources are appended.

What is reported as delivered is on the disk: files and folders are fsynced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sr2fhir.files import FileLock, replacing
from sr2fhir.gateway.delivery.capability import Lack
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.sending import Memory
from sr2fhir.gateway.delivery.settings import Destination
from sr2fhir.gateway.parts import Check
from sr2fhir.gateway.store import Delivery, Failure, Sent
from sr2fhir.jsontext import JsonError, dumps, loads_strict
from sr2fhir.outcome import plural
from sr2fhir.runs import Line, digest_of
from sr2fhir.runs.ndjson import resources
from sr2fhir.runs.sinks import BUNDLE, OUTCOME, REPORT

_ROOM = "See that there is room and that the folder is the gateway's"
# of the NDJSON folder: up to where each file is whole, and the last delivery
_JOURNAL, _LOCK = ".sr2fhir-journal.json", ".sr2fhir-lock"


class _Folder:
    """What both have in common."""

    def __init__(self, settings: Destination) -> None:
        self._name = settings.name
        self._path = settings.path or Path()
        self.lacks: list[Lack] = []

    def probe(self) -> None:
        """Find out whether the folder can be written to; see `Sender`."""
        with _writing(whole=True):
            self._path.mkdir(parents=True, exist_ok=True)
            tried = self._path / f".sr2fhir-{os.getpid()}.try"
            tried.touch()
            tried.unlink()

    def check(self) -> Iterator[Check]:
        """Try to write to the folder."""
        what = f"destination {self._name}"
        try:
            self.probe()
        except PostponedError as error:
            yield Check(what, False, f"{self._path}: {error.failure.reason}", error.failure.hint)
        else:
            yield Check(what, True, f"{self._path} can be written to")

    def close(self) -> None:
        """Nothing is open."""


class FolderSender(_Folder):
    """Write Bundle, report and outcome of each document, named by its SOP Instance UID.

    A new state of a document replaces the one before. The outcome comes last.
    """

    def send(self, delivery: Delivery) -> Delivered:
        """Write the files; see `Sender`."""
        files = ((REPORT, delivery.report), (BUNDLE, delivery.bundle), (OUTCOME, delivery.outcome))
        with _writing():
            self._path.mkdir(parents=True, exist_ok=True)
            for ending, source in files:
                if source is None:
                    continue
                _replace(self._path / f"{delivery.sop_instance_uid}{ending}", source.read_bytes())
        return Delivered(note=f"{delivery.sop_instance_uid}{BUNDLE}")


class NdjsonSender(_Folder):
    """Append the resources of each document to one file for each type; see `runs.ndjson` for their form.

    A resource of the document that is there as it is, is not appended again; a changed one is, and the last
    line holds. A journal tells up to where each file is whole: what an interrupted attempt left behind is cut
    off, and one that was finished, and only not recorded, is recognised. A file that somebody took away is
    begun anew. Several gateways may share the folder.
    """

    def __init__(self, settings: Destination, memory: Memory) -> None:
        super().__init__(settings)
        self._memory = memory

    def send(self, delivery: Delivery) -> Delivered:
        """Append the lines; see `Sender`."""
        state = {each.key: each for each in self._memory.sent_of(self._name, delivery.sop_instance_uid)}
        texts: dict[str, bytes] = {}
        number = 0
        for line in _lines(delivery):
            kind, _, made = str(line.key).partition("/")
            sent = Sent(kind, made, None, digest_of(line.text), str(line.key))
            if state.get(sent.key) != sent:
                state[sent.key] = sent
                texts[line.file] = texts.get(line.file, b"") + line.text + b"\n"
                number += 1
        with _writing():
            self._path.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path / _LOCK):
                self._append_all(_named(delivery), texts)
        return Delivered(tuple(state.values()), note=plural(number, "line"))

    def _append_all(self, name: str, texts: dict[str, bytes]) -> None:
        """Append to all files, unless the journal says that this delivery is there."""
        journal = self._journal()
        if journal.get("delivery") == name:
            return
        lengths = journal.get("lengths", {})
        written = {file: self._append(file, lengths.get(file), text) for file, text in texts.items()}
        _replace(self._path / _JOURNAL, dumps({"delivery": name, "lengths": lengths | written}))

    def _journal(self) -> dict[str, Any]:
        """Read the journal; without one, the files are taken as they are."""
        file = self._path / _JOURNAL
        try:
            content = loads_strict(file.read_bytes()) if file.is_file() else {}
        except JsonError:
            content = {}
        return content if isinstance(content, dict) else {}

    def _append(self, name: str, length: str | None, text: bytes) -> int:
        """Append lines where the file is whole; return its length then."""
        with (self._path / name).open("ab") as stream:
            size = stream.tell()
            stream.truncate(min(int(length), size) if length is not None else size)
            stream.seek(0, os.SEEK_END)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
            return stream.tell()


def _lines(delivery: Delivery) -> list[Line]:
    """Return the lines of a Bundle."""
    try:
        content = loads_strict(delivery.bundle.read_bytes()) if delivery.bundle else {}
    except JsonError:
        failure = Failure(None, "the file of the Bundle is damaged", "Transform the document again")
        raise RefusedError(failure) from None
    except OSError as error:
        reason = f"the Bundle cannot be read ({type(error).__name__})"
        raise PostponedError(Failure(None, reason, "See that the folder of the gateway is there")) from None
    return list(resources(content))


def _named(delivery: Delivery) -> str:
    """Return what tells a delivery from all others, and from one of a new state of the document."""
    return f"{delivery.id} {delivery.digest}"


@contextmanager
def _writing(*, whole: bool = False) -> Iterator[None]:
    """Postpone what cannot be written: the folder is not there, not ours, or full."""
    try:
        yield
    except OSError as error:
        reason = f"the folder cannot be written to: {error.strerror or type(error).__name__}"
        raise PostponedError(Failure(None, reason, _ROOM), whole=True) from None


def _replace(path: Path, data: bytes) -> None:
    """Replace a file; on return the disk holds it."""
    with replacing(path) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
