"""HL7's own validator service (`tests.hl7_service`) in a process of its own, one for each process of the tests."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class UnavailableError(Exception):
    """Say why there is no service."""


@cache
def url() -> str:
    """Return the base URL of the service, which is started the first time; it ends with this process.

    Raises
    ------
    UnavailableError
        JPype is not installed, or the service does not start.
    """
    if find_spec("jpype") is None:
        raise UnavailableError("HL7's own service is started through JPype, which is not installed")
    command = [sys.executable, "-m", "tests.hl7_service"]
    # it ends when its standard input does
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        raise UnavailableError(f"HL7's own service did not start (exit code {process.wait()})")
    return f"http://127.0.0.1:{int(port)}"
