"""Databases for tests: SQLite files, and a PostgreSQL server that is started for them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
DEBIAN_USER = "postgres"


def require_postgres() -> None:
    """Skip a test where no PostgreSQL server can be started; where all have to run, fail."""
    if reason := missing():
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(reason)


def missing() -> str | None:
    """Say why no PostgreSQL server can be started here; None if one can."""
    if not (POSTGRES or shutil.which("postgres")):
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.geteuid() == 0 and DEBIAN_USER not in {user.pw_name for user in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a server on loopback, with its data in a folder; yield the URL of a database."""
    server = Postgres(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class Postgres:
    """A server on loopback, with its data in a folder; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._programs = POSTGRES[-1].parent if POSTGRES else Path(str(shutil.which("postgres"))).parent
        self._account: dict[str, str | int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://tester@127.0.0.1:{self._port}/postgres"
        folder.mkdir()
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam(DEBIAN_USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._account = {"user": user.pw_uid, "group": user.pw_gid}
        make = ["initdb", "--pgdata", "data", "--username", "tester", "--auth", "trust", "--no-sync"]
        self._begun(*make).wait()

    def start(self) -> None:
        """Start it, and wait until it takes statements."""
        place = ["-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._folder)]
        self._process = self._begun("postgres", "-D", "data", *place, "-F")
        wait_for(self._port, self._process)

    def kill(self) -> None:
        """End all its processes at once, as the system does; what was committed is kept."""
        assert self._process is not None
        processes = [self._process.pid, *_children(self._process.pid)]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(60)
        for pid in processes[1:]:
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.05)

    def stop(self) -> None:
        """End it in order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def _begun(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self._programs / program), *arguments]
        nowhere = subprocess.DEVNULL
        return subprocess.Popen(command, stdout=nowhere, stderr=nowhere, cwd=self._folder, **self._account)


def _children(pid: int) -> list[int]:
    """List the processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="sr2fhir-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes statements."""
    import psycopg

    for _ in range(600):
        assert server.poll() is None, "the PostgreSQL server ended"
        try:
            psycopg.connect(f"postgresql://tester@127.0.0.1:{port}/postgres", connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the PostgreSQL server does not begin to serve")
