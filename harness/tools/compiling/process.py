"""Run other programs and keep what they say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout

_TAIL = 12


def run(
    command: Sequence[str],
    purpose: str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    hint: str | None = None,
    check: bool = True,
) -> str:
    """Run a program to its end.

    Parameters
    ----------
    command
        Program and arguments.
    purpose
        What it is for, for the message of a failure.
    cwd
        Where it runs.
    environment
        Variables to set beside those of this process.
    hint
        How to mend a failure.
    check
        Whether an exit code other than 0 is a failure.

    Returns
    -------
    str
        What it wrote, both streams in one.

    Raises
    ------
    SetupError
        It cannot be started, or it ended with a failure; the message holds the last lines that it wrote.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SetupError(
            f"{purpose} failed: {command[0]} cannot be started ({error.strerror})", hint=hint
        ) from error
    if check and done.returncode:
        raise SetupError(f"{purpose} failed (exit code {done.returncode}):\n{tail(done.stdout)}\n", hint=hint)
    return done.stdout


def tail(text: str) -> str:
    """Return the last lines of a text that say something, indented."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-_TAIL:])


def package_manager_environment(places: Layout) -> dict[str, str]:
    """Return variables that keep npm's and SUSHI's files in the project, and both from looking for news."""
    return {
        "HOME": str(places.java_home),
        "USERPROFILE": str(places.java_home),
        "npm_config_cache": str(places.cache / "npm"),
        "npm_config_update_notifier": "false",
        "NO_UPDATE_NOTIFIER": "1",
    }
