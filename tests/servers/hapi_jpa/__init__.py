"""FHIR servers for the tests: HAPI FHIR JPA, made of the jars that HAPI publishes by a launcher of ours.

One Java process holds all servers of a run of the tests, whichever of its worker processes asks for them, and ends
with the run. A server is made in some seconds and has a database of its own, in memory. A plugin of pytest, named in
tests/conftest.py::

    server = hapi_jpa.server("empty", client_ids="NOT_ALLOWED")

Where the jars cannot be fetched, tests are skipped; with SR2FHIR_TEST_ONLINE they fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests
from sr2fhir.engines.java.options import launcher
from sr2fhir.errors import SetupError
from sr2fhir.files import FileLock, replace_file
from sr2fhir.paths import layout

from . import parts

_FOLDER, _OWNER = "hapi_jpa_folder", "hapi_jpa_owner"
# seconds: until Java listens, for a server to be made, and for Java to end
_LISTENS_S, _MADE_S, _ENDS_S = 120, 600, 20
_OPTIONS = (
    "-Xmx2g",
    "-Xss64m",  # content trees nest deeply
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dnet.bytebuddy.experimental=true",  # HAPI's Hibernate knows Java only up to 23
    "-Dslf4j.internal.verbosity=ERROR",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
    "-Duser.timezone=UTC",
    "-Djava.awt.headless=true",
)
_run: dict[str, Any] = {}


class UnavailableError(Exception):
    """Say why there is no server."""


def pytest_configure(config: pytest.Config) -> None:
    """Note what the processes of this run share: a folder, and whose end Java follows."""
    given = getattr(config, "workerinput", None)
    _run.update(given or {_FOLDER: tempfile.mkdtemp(prefix="sr2fhir-hapi-"), _OWNER: os.getpid()})


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker process what is shared."""
    node.workerinput.update({name: _run[name] for name in (_FOLDER, _OWNER)})


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have servers outside of a run of the tests; they end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    _run.update({_FOLDER: str(folder), _OWNER: os.getpid()})
    try:
        yield
    finally:
        _end_java(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End Java with the run."""
    if not hasattr(config, "workerinput"):
        folder = Path(_run[_FOLDER])
        _end_java(folder)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def _end_java(folder: Path) -> None:
    """End the Java process of a run, if there is one."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        _end(json.loads((folder / "java.json").read_bytes()).get("pid"))


def _end(process: int | None) -> None:
    """End the Java process, and see that it has ended."""
    deadline = monotonic() + _ENDS_S
    while process and monotonic() < deadline:
        os.kill(process, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, os.WNOHANG)
        sleep(0.1)


def server(
    name: str,
    *,
    version: str = "R5",
    client_ids: str = "ALPHANUMERIC",
    validate: bool = False,
    package: Path | None = None,
) -> str:
    """Return the base URL of a server, which is made unless there is one of this name.

    Parameters
    ----------
    name
        Of letters and digits.
    version
        R5 or R4.
    client_ids
        Which ids a client may choose: ALPHANUMERIC, ANY or NOT_ALLOWED.
    validate
        Refuse requests with resources that are not valid.
    package
        A FHIR package that is installed.

    Raises
    ------
    UnavailableError
        The jars cannot be fetched.
    """
    settings = {"version": version, "client-ids": client_ids, "validate": str(validate).lower()}
    settings |= {"package": str(package)} if package else {}
    response = requests.post(f"{_root()}/servers/{name}", params=settings, timeout=_MADE_S)
    assert response.ok, response.text
    return f"{_root()}/{name}/fhir"


def end(name: str) -> None:
    """End a server and forget what it held."""
    response = requests.delete(f"{_root()}/servers/{name}", timeout=_MADE_S)
    assert response.ok, response.text


def required(name: str, **settings: Any) -> str:
    """Return the base URL of a server; where it cannot be had, skip the test, or fail where all have to run."""
    try:
        return server(name, **settings)
    except UnavailableError as error:
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(f"no FHIR server: {error}")


@cache
def _root() -> str:
    """Return the URL of the Java process of this run, which is started by who asks first."""
    folder = Path(_run[_FOLDER])
    with FileLock(folder / "java.lock"):
        file = folder / "java.json"
        if not file.is_file():
            replace_file(file, json.dumps(_started(folder)).encode())
        state = json.loads(file.read_bytes())
    if reason := state.get("reason"):
        raise UnavailableError(reason)
    return f"http://127.0.0.1:{state['port']}"


def _started(folder: Path) -> dict[str, Any]:
    """Start Java and wait until it listens; tell its port and process id, or why it cannot be started."""
    try:
        path = parts.class_path(layout())
    except SetupError as error:
        return {"reason": str(error)}
    java = [str(launcher()), *_OPTIONS, "-cp", os.pathsep.join(map(str, path)), "sr2fhir.hapi.Main"]
    out, log = folder / "java.out", folder / "java.log"
    with out.open("wb") as said, log.open("wb") as logged:
        process = subprocess.Popen([*java, str(_run[_OWNER])], stdout=said, stderr=logged, cwd=folder)
    deadline = monotonic() + _LISTENS_S
    while not (port := out.read_text()).endswith("\n"):
        assert process.poll() is None, log.read_text()
        assert monotonic() < deadline, "Java does not listen"
        sleep(0.1)
    return {"port": int(port), "pid": process.pid}
