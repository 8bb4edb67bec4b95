"""The engine's Java process: what happens when it dies, hangs, does not start, or is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.engines import EngineOptions
from sr2fhir.engines.java import EmbeddedEngine
from sr2fhir.engines.java.connection import Connection, ConnectionLostError, Operation, Process
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError

from tests.engines.conftest import ENTRY_MAP

PATIENCE_S = 60
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system knows no fork")


@pytest.fixture
def document(samples: list[Path]) -> bytes:
    return sr2fhir.render(samples[0]).to_json()


@pytest.fixture
def own() -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine()
    yield engine
    engine.close()


def connection(engine: EmbeddedEngine) -> Connection:
    current = engine._connection
    assert current is not None
    return current


def pid_of(connection: Connection) -> int:
    assert isinstance(connection.link, Process)
    return connection.link.process.pid


def test_after_its_death_the_next_document_gets_a_new_process(own: EmbeddedEngine, document: bytes) -> None:
    first = own.transform(document, ENTRY_MAP)
    dead = pid_of(connection(own))
    os.kill(dead, signal.SIGKILL)
    assert [own.transform(document, ENTRY_MAP) for _ in range(2)] == [first] * 2
    assert pid_of(connection(own)) != dead


def test_a_document_whose_process_dies_is_tried_once_more(
    own: EmbeddedEngine, document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = own.transform(document, ENTRY_MAP)
    asked, request = [], Connection.request

    def dying(self: Connection, *arguments: object, **named: object) -> bytes:
        asked.append(pid_of(self))
        if len(asked) == 1:
            os.kill(asked[0], signal.SIGSTOP)  # so that it cannot answer before it dies
            os.kill(asked[0], signal.SIGKILL)
        return request(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "request", dying)
    assert own.transform(document, ENTRY_MAP) == expected
    assert len(set(asked)) == 2


def test_a_document_that_two_processes_die_of_is_the_only_one_that_fails(
    own: EmbeddedEngine, document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = own.transform(document, ENTRY_MAP)

    def dying(self: Connection, *_: object, **named: object) -> bytes:
        raise ConnectionLostError

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "request", dying)
        with pytest.raises(TransformError, match="process ended while it worked on this report"):
            own.transform(document, ENTRY_MAP)
    assert own.transform(document, ENTRY_MAP) == expected


def test_what_takes_too_long_is_given_up_and_the_next_document_works(document: bytes) -> None:
    engine = EmbeddedEngine(EngineOptions(timeout_s=0.001))
    try:
        with pytest.raises(TransformError, match=r"no result within 0\.001 s.*--engine-timeout"):
            engine.transform(document, ENTRY_MAP)
        engine._options = EngineOptions()
        assert json.loads(engine.transform(document, ENTRY_MAP))["resourceType"] == "Bundle"
    finally:
        engine.close()


def test_java_that_does_not_read_is_given_up_too_and_takes_no_other_document_with_it(document: bytes) -> None:
    """The pipe is full long before a large document is written."""
    engine = EmbeddedEngine(EngineOptions(timeout_s=20))
    try:
        expected = engine.transform(document, ENTRY_MAP)
        stuck = pid_of(connection(engine))
        os.kill(stuck, signal.SIGSTOP)
        engine._options = EngineOptions(timeout_s=1)
        with pytest.raises(TransformError, match="engine embedded: no result within 1 s"):
            engine.transform(document + b" " * 5_000_000, ENTRY_MAP)
        engine._options = EngineOptions(timeout_s=60)
        assert engine.transform(document, ENTRY_MAP) == expected
        assert pid_of(connection(engine)) != stuck
    finally:
        engine.close()


def test_a_document_given_up_costs_the_others_nothing(document: bytes) -> None:
    engine = EmbeddedEngine(EngineOptions(timeout_s=60))
    try:
        expected = engine.transform(document, ENTRY_MAP)
        first = connection(engine)
        os.kill(pid_of(first), signal.SIGSTOP)  # two requests are open when one of them is given up
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(engine.transform, document, ENTRY_MAP)
            with pytest.raises(TimeoutError):
                first.request(Operation.TRANSFORM, ENTRY_MAP, document, 1)
            assert other.result() == expected
    finally:
        engine.close()


def test_what_java_prints_is_not_taken_for_an_answer(
    document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR2FHIR_JAVA_OPTIONS", "-Xlog:gc -Xlog:startuptime")
    engine = EmbeddedEngine(EngineOptions(timeout_s=60))
    try:
        assert json.loads(engine.transform(document, ENTRY_MAP))["resourceType"] == "Bundle"
    finally:
        engine.close()


def test_java_that_does_not_start_is_named_with_the_remedy(
    document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR2FHIR_JAVA_OPTIONS", "-Xmx1z")
    engine = EmbeddedEngine()
    try:
        with pytest.raises(EngineUnavailableError, match=r"Java does not start: .*SR2FHIR_JAVA_OPTIONS"):
            engine.transform(document, ENTRY_MAP)
    finally:
        engine.close()


def test_a_closed_engine_has_no_process(document: bytes) -> None:
    engine = EmbeddedEngine()
    engine.transform(document, ENTRY_MAP)
    pid = pid_of(connection(engine))
    engine.close()
    assert not alive(pid)
    with pytest.raises(EngineError, match="closed"):
        engine.transform(document, ENTRY_MAP)


ORPHAN = """
import time
from sr2fhir.engines.java import EmbeddedEngine
print(EmbeddedEngine()._connection.link.process.pid, flush=True)
time.sleep(600)
"""


def test_the_process_ends_with_who_started_it_however_that_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert alive(pid)
        starter.kill()
    deadline = time.monotonic() + PATIENCE_S
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and nobody has asked about does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# ---- forks


FORKED = """
import os, signal, sys
from pathlib import Path
from sr2fhir.engines.java import EmbeddedEngine

MAP = "http://hl7.org/fhir/uv/dicom-sr/StructureMap/MeasurementReport"
document = Path(sys.argv[1]).read_bytes()
engine = EmbeddedEngine()
expected = engine.transform(document, MAP)
parents = engine._connection
if os.fork() == 0:
    assert engine.transform(document, MAP) == expected
    assert engine._connection is not parents
    engine.close()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
assert engine._connection is parents
assert engine.transform(document, MAP) == expected
assert engine._connection is parents
if os.fork() == 0:
    engine.close()  # what it never used is not its own to end
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
assert engine.transform(document, MAP) == expected
assert engine._connection is parents
if (child := os.fork()) == 0:
    engine.transform(document, MAP)
    os.kill(os.getpid(), signal.SIGSTOP)  # stopped, it holds no pipe of its parent's open
    os._exit(0)
os.waitpid(child, os.WUNTRACED)
engine.close()
assert parents.link.process.returncode == 0  # ended by itself
os.kill(child, signal.SIGKILL)
"""


@forking
def test_a_forked_process_has_a_process_of_java_of_its_own(document: bytes, tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    file.write_bytes(document)
    command = [sys.executable, "-c", FORKED, str(file)]
    done = subprocess.run(command, capture_output=True, timeout=120, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_process_can_validate_when_its_parent_has(document: bytes) -> None:
    script = FORKED_VALIDATING
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=300, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("7\n", "")


FORKED_VALIDATING = """
import os
from sr2fhir.engines.java import EmbeddedEngine

resource = b'{"resourceType": "Patient", "gender": "x"}'
engine = EmbeddedEngine()
found = engine.validate(resource)
if os.fork() == 0:
    same = engine.validate(resource) == found
    engine.close()
    os._exit(7 if same else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
engine.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_process_as_it_ends_any_other(number: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"at work\n"
            process.send_signal(getattr(signal, number))
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == -getattr(signal, number)
    assert said == b""


# what started the tests may ignore a signal, as `nohup` does, and that is inherited
AT_WORK = """
import signal
from sr2fhir.engines.java import EmbeddedEngine

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
engine = EmbeddedEngine()
print("at work", flush=True)
while True:
    engine.validate(b'{"resourceType": "Patient"}')
"""


def test_a_set_up_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineUnavailableError) as caught:
        Process(["true"], tmp_path / "file" / "below")
    assert caught.value.where == str(tmp_path / "file" / "below")
    assert "SR2FHIR_HOME" in (caught.value.hint or "")
