"""Databases for tests: SQLite files, and a PostgreSQL server that is started for them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    programs = POSTGRES[-1].parent if POSTGRES else Path(str(shutil.which("postgres"))).parent
    folder.mkdir()
    account: dict[str, str | int] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam(DEBIAN_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = {"user": user.pw_uid, "group": user.pw_gid}
    data, port = folder / "data", free_port()
    make = [programs / "initdb", "--pgdata", data, "--username", "tester", "--auth", "trust", "--no-sync"]
    subprocess.run([*map(str, make)], check=True, stdout=subprocess.DEVNULL, cwd=folder, **account)
    serve = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", folder, "-F"]
    server = subprocess.Popen([*map(str, serve)], stderr=subprocess.DEVNULL, cwd=folder, **account)
    try:
        wait_for(port, server)
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(60)


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
