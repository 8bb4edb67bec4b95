"""A FHIR server in a container: started, waited for, recorded and removed, with Docker faked at its boundary; and for real.

The real one runs where a Docker daemon answers and SR2FHIR_TEST_DOCKER_IMAGE names an image of a FHIR server.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker as docker_package
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests import ReadTimeout
from sr2fhir.engines import running as records
from sr2fhir.engines.hapi import container as containers
from sr2fhir.engines.running import Running, State
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout

from .replay import Asked, Fhir, Reply, serving

IMAGE = "matchbox:test"


@dataclass
class Container:
    """A container of the fake."""

    docker: Docker
    id: str
    labels: dict[str, str]
    options: dict[str, Any]
    status: str = "created"
    attrs: dict[str, Any] = field(default_factory=lambda: {"State": {"ExitCode": 0}})

    def start(self) -> None:
        self.docker.meet("start")
        if self.docker.refuses:
            raise APIError("refused", explanation=self.docker.refuses)
        self.status = "running"

    def reload(self) -> None:
        if self.docker.exits is not None:
            self.status, self.attrs = "exited", {"State": {"ExitCode": self.docker.exits}}

    def logs(self, tail: int) -> bytes:
        self.docker.meet("logs")
        return f"the last {tail} lines".encode()

    def remove(self, force: bool = False, v: bool = False) -> None:
        self.docker.meet("remove")
        assert v
        assert force or self.status == "exited"
        self.docker.held.remove(self)


@dataclass
class Docker:
    """A Docker with one image, that behaves as told: stands in for the client and for its collections."""

    bridge: bool = True
    refuses: str = ""
    exits: int | None = None
    held: list[Container] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    exposed: dict[str, Any] = field(default_factory=lambda: {"9090/tcp": {}, "8080/tcp": {}, "53/udp": {}})

    @property
    def containers(self) -> _Containers:
        return _Containers(self)

    @property
    def images(self) -> _Images:
        return _Images(self)

    @property
    def networks(self) -> _Networks:
        return _Networks(self)

    def close(self) -> None:
        """Close nothing."""

    def meet(self, step: str) -> None:
        """Return too late, if that is what was told for this step."""
        if step in self.late:
            self.late.remove(step)
            raise ReadTimeout


@dataclass
class _Containers:
    docker: Docker

    def create(self, image: str, labels: dict[str, str], **options: Any) -> Container:
        assert image == IMAGE
        self.docker.held.append(Container(self.docker, f"id{len(self.docker.held)}", labels, options))
        self.docker.meet("create")
        return self.docker.held[-1]

    def get(self, name: str) -> Container:
        for container in self.docker.held:
            if container.id == name:
                return container
        raise NotFound("no such container")

    def list(self, all: bool, filters: dict[str, list[str]]) -> list[Container]:
        assert all
        wanted = dict(label.split("=", 1) for label in filters["label"])
        return [each for each in self.docker.held if wanted.items() <= each.labels.items()]


@dataclass
class _Images:
    docker: Docker

    def get(self, image: str) -> Any:
        if image != IMAGE:
            raise ImageNotFound("no such image")
        return type("Image", (), {"attrs": {"Config": {"ExposedPorts": self.docker.exposed}}})


@dataclass
class _Networks:
    docker: Docker

    def list(self, filters: dict[str, str]) -> list[str]:
        assert filters == {"driver": "bridge"}
        return ["bridge"] if self.docker.bridge else []


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Put a fake in the place of Docker."""
    fake = Docker()
    monkeypatch.setattr(docker_package, "from_env", lambda: fake)
    return fake


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "sources", tmp_path / "home")


@pytest.fixture
def port() -> Iterator[int]:
    """Return the port on which a FHIR server answers, as if it were in the container."""
    with serving(Fhir()) as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


def start(places: Layout, port: int | None, limit_s: float = 20.0) -> Running:
    running, is_new = containers.start(IMAGE, port, limit_s, places)
    assert is_new
    return running


def test_a_container_is_started_and_waited_for(fake: Docker, places: Layout, port: int) -> None:
    running = start(places, port)
    (container,) = fake.held
    assert running.url == f"http://127.0.0.1:{port}/fhir"
    assert (running.engine, running.container) == ("hapi", container.id)
    assert running.version.startswith("matchbox 4.1.7")
    assert container.options["ports"] == {"8080/tcp": ("127.0.0.1", port)}
    assert "network_mode" not in container.options
    assert container.options["environment"]["MATCHBOX_FHIR_CONTEXT_ONLYONEENGINE"] == "true"
    assert containers.start(IMAGE, port, 20.0, places) == (running, False)
    assert containers.state(places) == State(running, responds=True)
    assert containers.stop(places) == running
    assert fake.held == []
    assert containers.state(places) is None
    assert containers.stop(places) is None


def test_without_a_bridge_the_machines_network_is_not_taken_unasked(
    fake: Docker, places: Layout, port: int
) -> None:
    fake.bridge = False
    with pytest.raises(EngineUnavailableError, match=r"no bridge.*--host-network.*from outside"):
        start(places, port)
    assert fake.held == []


@pytest.mark.parametrize("bridge", [True, False])
def test_on_the_machines_network_it_is_told_to_listen_on_loopback(
    fake: Docker, places: Layout, port: int, bridge: bool
) -> None:
    fake.bridge = bridge
    containers.start(IMAGE, port, 20.0, places, host_network=True)
    options = fake.held[0].options
    assert options["network_mode"] == "host"
    assert "ports" not in options
    told = options["environment"]
    assert (told["SERVER_ADDRESS"], told["SERVER_PORT"]) == ("127.0.0.1", str(port))


@pytest.mark.parametrize(
    ("exposed", "inner"), [({"80/tcp": {}}, "80/tcp"), ({}, "8080/tcp"), (None, "8080/tcp")]
)
def test_the_port_inside_is_the_one_that_the_image_exposes(
    fake: Docker, places: Layout, port: int, exposed: Any, inner: str
) -> None:
    fake.exposed = exposed
    start(places, port)
    assert list(fake.held[0].options["ports"]) == [inner]


def test_a_port_is_found_if_none_is_given(fake: Docker, places: Layout) -> None:
    fake.exits = 0
    with pytest.raises(EngineUnavailableError):
        start(places, None)
    assert not Path(places.home, "running", "hapi.json").exists()


def test_a_container_that_ends_early_is_removed_and_its_log_kept(fake: Docker, places: Layout) -> None:
    fake.exits = 3
    with pytest.raises(EngineUnavailableError, match="ended with status 3 before") as caught:
        start(places, None)
    log = records.path_of("hapi", places, "log")
    assert str(log) in str(caught.value)
    assert log.read_text() == "the last 200 lines"
    assert log.stat().st_mode & 0o077 == 0
    assert fake.held == []


def test_a_server_that_says_what_it_is_but_does_not_answer_yet_is_waited_for(
    fake: Docker, places: Layout
) -> None:
    fhir, answers = Fhir(), iter([Reply(503), Reply(500), None])
    fhir.instead["GET /StructureMap"] = lambda asked: next(answers) or fhir.usual(asked)
    with serving(fhir) as url:
        running = start(places, int(url.rpartition(":")[2].partition("/")[0]))
    assert running.url == url
    assert fhir.lines("GET").count("/StructureMap") == 3


def test_a_container_that_is_never_ready_is_removed(fake: Docker, places: Layout) -> None:
    with pytest.raises(EngineUnavailableError, match=r"not ready within 0\.1 seconds"):
        start(places, None, 0.1)
    assert fake.held == []


def test_an_interrupted_start_leaves_nothing_behind(
    fake: Docker, places: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(containers, "_software", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start(places, None)
    assert fake.held == []


@pytest.mark.parametrize(
    "late",
    [["create"], ["start"], ["start", "logs"], ["start", "remove"], ["create", "remove"]],
    ids=" ".join,
)
def test_a_docker_that_answers_too_late_leaves_no_container(
    fake: Docker, places: Layout, late: list[str]
) -> None:
    fake.late = late
    with pytest.raises(EngineUnavailableError, match="Docker does not respond"):
        start(places, None)
    assert fake.late == []
    assert fake.held == []


def test_a_log_that_cannot_be_kept_leaves_no_container(fake: Docker, places: Layout) -> None:
    fake.exits = 3
    records.path_of("hapi", places, "log").mkdir(parents=True)
    with pytest.raises(EngineUnavailableError, match="ended with status 3 before"):
        start(places, None)
    assert fake.held == []


def test_what_dockers_daemon_refuses_is_said_in_one_line(fake: Docker, places: Layout) -> None:
    fake.refuses = "port is already\n allocated"
    with pytest.raises(EngineUnavailableError, match="Docker refuses: port is already allocated"):
        start(places, None)
    assert fake.held == []


def test_an_image_that_is_not_there_is_not_fetched(fake: Docker, places: Layout) -> None:
    with pytest.raises(EngineUnavailableError, match=r"no image other:1\..*docker pull other:1"):
        containers.start("other:1", None, 5.0, places)


def raises(error: Exception) -> Callable[[], Any]:
    def from_env() -> Any:
        raise error

    return from_env


def test_without_docker_it_says_so_and_keeps_the_record(
    places: Layout, port: int, fake: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(places, port)
    monkeypatch.setattr(docker_package, "from_env", raises(DockerException("no socket")))
    with pytest.raises(EngineUnavailableError, match=r"Docker does not respond.*DOCKER_HOST"):
        containers.stop(places)
    assert containers.start(IMAGE, port, 20.0, places) == (running, False)
    records.path_of("hapi", places).unlink()
    with pytest.raises(EngineUnavailableError, match=r"Docker does not respond.*DOCKER_HOST"):
        start(places, port)


def test_what_an_earlier_start_left_behind_is_removed_and_nothing_else(
    fake: Docker, places: Layout, port: int
) -> None:
    start(places, port)
    others = Container(fake, "others", {"sr2fhir.engine": "hapi", "sr2fhir.home": "/elsewhere"}, {})
    foreign = Container(fake, "foreign", {}, {})
    fake.held += [others, foreign]
    records.path_of("hapi", places).unlink()
    start(places, port)
    assert len(fake.held) == 3
    assert fake.held[:2] == [others, foreign]


def test_a_container_that_stopped_by_itself_is_removed(fake: Docker, places: Layout, port: int) -> None:
    start(places, port)
    fake.held[0].status = "exited"
    assert containers.state(places) is None
    assert fake.held == []
    assert not records.path_of("hapi", places).exists()


def test_what_cannot_be_written_down_is_removed(
    fake: Docker, places: Layout, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(records, "write", full)
    with pytest.raises(OSError, match="no space"):
        containers.start(IMAGE, port, 20.0, places)
    assert fake.held == []


def test_of_two_starts_at_once_the_second_finds_the_first(fake: Docker, places: Layout) -> None:
    fhir, second = Fhir(), ThreadPoolExecutor(1)
    waiting: list[Future[tuple[Running, bool]]] = []

    def start_another(asked: Asked) -> Reply:
        if not waiting:
            waiting.append(second.submit(containers.start, IMAGE, None, 20.0, places))
        return fhir.usual(asked)

    with second, serving(fhir) as url:
        fhir.instead["GET /metadata"] = start_another
        port = int(url.rpartition(":")[2].partition("/")[0])
        running, new = containers.start(IMAGE, port, 20.0, places)
        assert new
        assert waiting[0].result(20) == (running, False)
    assert len(fake.held) == 1


def test_a_start_that_takes_too_long_is_not_waited_for(fake: Docker, places: Layout) -> None:
    other = records.start_lock("hapi", places, 0)
    assert other.acquire()
    with pytest.raises(EngineUnavailableError, match="another start of a container"):
        containers.start(IMAGE, None, 0.05, places)
    other.release()
    assert fake.held == []


# ---- for real ----------------------------------------------------------------------------------------------

IMAGE_VARIABLE = "SR2FHIR_TEST_DOCKER_IMAGE"


@pytest.fixture
def daemon() -> None:
    """Skip where no Docker daemon answers."""
    try:
        docker_package.from_env().ping()
    except DockerException:
        pytest.skip("no Docker daemon answers")


@pytest.mark.usefixtures("daemon")
def test_real_docker_knows_no_such_image(places: Layout) -> None:
    with pytest.raises(EngineUnavailableError, match="no image sr2fhir-no-such-image"):
        containers.start("sr2fhir-no-such-image", None, 5.0, places)


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_a_real_container_runs_the_maps_and_is_removed(places: Layout, samples_dir: Path) -> None:
    import sr2fhir
    from sr2fhir.engines import EngineOptions
    from sr2fhir.engines.hapi import HapiEngine

    image = os.environ.get(IMAGE_VARIABLE)
    if not image:
        pytest.skip(f"{IMAGE_VARIABLE} names no image of a FHIR server")
    bridges = docker_package.from_env().networks.list(filters={"driver": "bridge"})
    running, new = containers.start(image, None, 900.0, places, host_network=not bridges)
    try:
        assert new
        engine = HapiEngine(EngineOptions(url=running.url, settings={"install": "yes"}))
        sample = samples_dir / "gen_highdicom_group1501_cyrillic_iso_ir144.dcm"
        expected = samples_dir.parent / "tests" / "samples" / "expected" / f"{sample.name}.bundle.json"
        assert sr2fhir.Transformer(engine).transform(sample).json == expected.read_bytes()
        engine.close()
    finally:
        containers.stop(places)
    assert containers.state(places) is None
    with pytest.raises(NotFound):
        docker_package.from_env().containers.get(running.container)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(running.url.split(":")[2].split("/")[0]))) != 0
