"""What an interruption from the keyboard does to a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.fake_server import answer, serving, silent
from tests.engines.hapi import replay
from tests.processes import interruptible

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")

INTERRUPT_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('deaf')"
# in the place of what parses the words: the subcommand has been loaded, and nothing has been done
INTERRUPTED_EARLY = """
import os, signal, sys
from sr2fhir.cli import main

main.parser = lambda modules: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["sr2fhir", "info"]
sys.exit(main.main())
"""
IGNORING = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")


def test_a_process_of_a_test_hears_an_interruption_where_the_test_itself_does_not() -> None:
    command = interruptible([sys.executable, "-c", INTERRUPT_ITSELF])
    done = subprocess.run([*IGNORING, *command], capture_output=True, timeout=60, check=False)
    assert b"KeyboardInterrupt" in done.stderr
    assert done.stdout == b""


def interrupted(arguments: list[str], is_waiting: Callable[[], bool]) -> tuple[int, str]:
    """Interrupt a command when it waits for a server; return its exit code and what it says."""
    command = [sys.executable, "-m", "sr2fhir", "transform", *arguments]
    with subprocess.Popen(
        interruptible(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(is_waiting)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    return process.returncode, said


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing was asked"
        time.sleep(0.02)


def test_an_interruption_while_the_command_loads() -> None:
    command = interruptible([sys.executable, "-c", INTERRUPTED_EARLY])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stderr == "sr2fhir: interrupted; the files that were written are whole\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_server_that_hangs_does_not_hold_back_the_end(jobs: int, samples_dir: Path, tmp_path: Path) -> None:
    with serving(answer(), silent) as server:
        arguments = [str(samples_dir), "--out", str(tmp_path), "--jobs", str(jobs)]
        code, said = interrupted(
            [*arguments, "--engine", "validator", "--engine-url", server.url],
            lambda: len(server.requests) == 1 + jobs,
        )
    assert code == 130
    assert said.splitlines() == ["sr2fhir: interrupted; the files that were written are whole"]


def test_a_server_that_hangs_while_it_is_looked_at_does_not_either(samples_dir: Path, tmp_path: Path) -> None:
    fhir = replay.Fhir()
    fhir.instead["GET /StructureMap"] = fhir.hang  # type: ignore[assignment]
    fhir.instead["GET /StructureDefinition"] = fhir.hang  # type: ignore[assignment]
    with replay.serving(fhir) as url:
        arguments = [str(samples_dir), "--out", str(tmp_path), "--engine", "hapi", "--engine-url", url]
        code, _ = interrupted(arguments, lambda: "/StructureDefinition" in fhir.lines("GET"))
    assert code == 130
