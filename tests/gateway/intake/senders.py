"""Who sends to the gateway: DCMTK where all is well, and peers that break the rules."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification

from tests import builders as b


def dcmtk(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of DCMTK."""
    return subprocess.run(_command(program, *arguments), capture_output=True, text=True, timeout=120)


def begun(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a program of DCMTK."""
    return subprocess.Popen(
        _command(program, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _command(program: str, *arguments: object) -> list[str]:
    if shutil.which(program) is None:
        reason = f"DCMTK's {program} is not installed (apt-get install dcmtk)"
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(reason)
    return [program, *map(str, arguments)]


@contextmanager
def associated(
    port: int,
    *,
    calling: str = "SENDER",
    called: str = "SR2FHIR",
    sop_class: str = b.COMPREHENSIVE_3D,
    syntax: UID = ExplicitVRLittleEndian,
    tls: Any = None,
) -> Iterator[Association]:
    """Ask for an association with pynetdicom; it may be rejected."""
    ae = AE(calling)
    contexts = [build_context(sop_class, [syntax]), build_context(Verification)]
    association = ae.associate("127.0.0.1", port, contexts, ae_title=called, tls_args=tls)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def rejection(association: Association) -> tuple[int, int, int]:
    """Return result, source and reason of a rejection."""
    assert association.is_rejected
    said = association.acceptor.primitive
    return said.result, said.result_source, said.diagnostic


def store_request(
    association: Association,
    data: bytes | None,
    *,
    sop_class: str = b.COMPREHENSIVE_3D,
    uid: str = b.INSTANCE,
) -> C_STORE:
    """Send a C-STORE whose parts need not fit each other, and return the response."""
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = sop_class
    request.AffectedSOPInstanceUID = uid
    request.Priority = 2
    if data is not None:
        request.DataSet = BytesIO(data)
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, 1)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return response


def data_set(report: Any) -> bytes:
    """Return a report without preamble and File Meta Information."""
    data = b.encoded(report)
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


@cache
def request_pdu() -> bytes:
    """Return the bytes of an A-ASSOCIATE-RQ (PS3.8 9.3.2), as DCMTK makes them."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    sender = begun("storescu", "-aet", "SENDER", "-aec", "SR2FHIR", "-R", "127.0.0.1", port, SAMPLE)
    connection, _ = listener.accept()
    head = connection.recv(6, socket.MSG_WAITALL)
    body = connection.recv(int.from_bytes(head[2:], "big"), socket.MSG_WAITALL)
    connection.close()
    listener.close()
    sender.wait(30)
    return head + body


SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "real_highdicom_sr_document.dcm"
