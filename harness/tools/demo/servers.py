"""An archive and a FHIR server for the demonstration: Debian's Orthanc, and HAPI FHIR as in the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sr2fhir.errors import SetupError, UsageError

from tests.servers import hapi_jpa, orthanc

FHIR = "R4"  # what hospitals have
SENDER = "storescu"


class Archive(NamedTuple):
    """Where a report is sent to."""

    host: str
    port: int
    ae_title: str


def check() -> None:
    """See that all is there.

    Raises
    ------
    UsageError
        Something is missing; the command that installs it is named.
    """
    missing = [] if shutil.which(SENDER) else [f"{SENDER} is not installed (apt-get install dcmtk)"]
    missing += [reason] if (reason := orthanc.missing()) else []
    if missing:
        raise UsageError("the demonstration cannot run here: " + "; ".join(missing))


@contextmanager
def archive(folder: Path, forward_to: int) -> Iterator[Archive]:
    """Run Orthanc, which forwards what it gets to a port of this machine."""
    with orthanc.running(folder, forward_to) as server:
        yield Archive("127.0.0.1", server.dicom, "ORTHANC")


@contextmanager
def fhir_server(folder: Path) -> Iterator[str]:
    """Run a FHIR server, and yield its base URL.

    Raises
    ------
    SetupError
        Its jars cannot be fetched.
    """
    with hapi_jpa.alone(folder):
        try:
            yield hapi_jpa.server("demo", version=FHIR)
        except hapi_jpa.UnavailableError as error:
            raise SetupError(f"no FHIR server: {error}") from error
