"""Run the program as its users do: time it, and watch the memory of it and of what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SR2FHIR = (sys.executable, "-m", "sr2fhir")
_EVERY_S = 0.02
_MB = 1e6


@dataclass(frozen=True)
class Run:
    """What a process took.

    Parameters
    ----------
    seconds
        From start to end.
    python_mb, java_mb
        Resident memory at the moment when all processes together had most, in 10^6 bytes; 0 where the system
        does not tell.
    """

    seconds: float
    python_mb: float = 0
    java_mb: float = 0


def environment() -> dict[str, str]:
    """Return the environment of the processes: Python may keep its bytecode, as it does by default."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed, with some variables of its own."""
    nowhere = subprocess.DEVNULL
    env = environment() | dict(variables or {})
    subprocess.run(command, check=True, stdout=nowhere, stderr=nowhere, env=env)


def transform(path: Path, out: Path, *options: str) -> list[str]:
    """Write the command that transforms a file or folder."""
    return [*SR2FHIR, "transform", str(path), "--out", str(out), "--quiet", *options]


def watch(command: Sequence[str]) -> Run:
    """Run a command that must succeed, and watch its memory."""
    begin = time.perf_counter()
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment())
    most = (0.0, 0.0)
    while process.poll() is None:
        most = max(most, _resident(process.pid), key=sum)
        time.sleep(_EVERY_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(time.perf_counter() - begin, *most)


def _resident(root: int) -> tuple[float, float]:
    """Return the resident memory of a process and all below it: Python's and Java's."""
    python = java = 0.0
    for pid in _family(root):
        size, name = _status(pid)
        if name == "java":
            java += size
        else:
            python += size
    return python, java


def _family(root: int) -> list[int]:
    """List a process and all below it."""
    found = [root]
    for pid in found:
        found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    """List the processes that a process has started; none where the system does not tell."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for line in lists for child in line.split()]


def _status(pid: int) -> tuple[float, str]:
    """Return resident memory and name of a process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, ""
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields.get("VmRSS", "0").split()[0]) * 1024 / _MB, fields["Name"].strip()
