"""Java inside a Python process, as its guest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

# what started the tests may ignore a signal, as `nohup` does, and that is inherited
AT_WORK = """
import signal
from sr2fhir.engines import jvm

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

def work():
    print("at work", flush=True)
    jvm.java("java.lang.Thread").sleep(60_000)

jvm.start()
jvm.deep(work)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_process_as_it_ends_any_other(number: str) -> None:
    command = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"at work\n"
            process.send_signal(getattr(signal, number))
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == -getattr(signal, number)
    assert said == b""
