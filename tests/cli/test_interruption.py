"""What an interruption from the keyboard does to a command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import interruptible

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")

INTERRUPT_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('deaf')"
IGNORING = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")


def test_a_process_of_a_test_hears_an_interruption_where_the_test_itself_does_not() -> None:
    command = interruptible([sys.executable, "-c", INTERRUPT_ITSELF])
    done = subprocess.run([*IGNORING, *command], capture_output=True, timeout=60, check=False)
    assert b"KeyboardInterrupt" in done.stderr
    assert done.stdout == b""
