"""Processes that tests start and interrupt."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# A process that is started where interruptions are ignored (nohup, the background of a script) ignores them, too.
_LISTEN = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def interruptible(command: Sequence[str]) -> list[str]:
    """Make a command, its program given by path, hear SIGINT however the run of the tests was started."""
    return [sys.executable, "-c", _LISTEN, *command]
