"""A FHIR server as a container: started out of an image, waited for, asked and removed.

It can be reached from this machine only: a port of 127.0.0.1 leads to it over Docker's bridge. Where there is
no bridge, it may, if that is allowed, share the machine's network; then it is told to listen on 127.0.0.1,
and it is for the image to heed that. Each container carries labels, by which one that was left behind is
found, and removed before another is started: ``docker ps --all --filter label=sr2fhir.engine``.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from sr2fhir.engines.background import record
from sr2fhir.engines.background.record import Running
from sr2fhir.errors import EngineError, EngineUnavailableError
from sr2fhir.paths import Layout, layout

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ENGINE = "hapi"
ENGINE_LABEL, HOME_LABEL, _PORT_LABEL = "sr2fhir.engine", "sr2fhir.home", "sr2fhir.port"
LOOPBACK = "127.0.0.1"
# where images keep their FHIR endpoint: matchbox, the HAPI starter, older matchbox, others
BASES = ("/matchboxv3/fhir", "/fhir", "/matchbox/fhir", "")
DEFAULT_PORT = 8080
# What matchbox and the HAPI starter are told, as Spring Boot reads it; other images do not mind. The maps are
# for R5; matchbox lets itself be written to only as one that serves development; Undertow, under matchbox,
# takes requests of 2 MB only, which is some 800 measurements.
SETTINGS = {
    "HAPI_FHIR_FHIR_VERSION": "R5",
    "MATCHBOX_FHIR_CONTEXT_ONLYONEENGINE": "true",
    "SERVER_UNDERTOW_MAX_HTTP_POST_SIZE": "1GB",
}
_LISTEN = {"SERVER_ADDRESS": LOOPBACK}
# seconds: between two looks, and for an answer to a question that costs nothing
_PAUSE_S, _ASK_S = 0.5, 5.0
# how often a container is tried to be removed when Docker does not answer
_TRIES = 2
_TAIL = 200
_QUOTE = 160


def start_container(
    image: str,
    port: int | None,
    limit_s: float,
    places: Layout | None = None,
    *,
    host_network: bool = False,
) -> Running:
    """Start a container and wait until its FHIR server answers.

    Parameters
    ----------
    image
        Name of an image that this machine holds; none is fetched.
    port
        Port on 127.0.0.1; None for a free one.
    limit_s
        Seconds that it may take to be ready.
    places
        The folder in which the log of a start that fails is left.
    host_network
        Let the container share the machine's network.

    Raises
    ------
    EngineUnavailableError
        There is no Docker, no such image or no bridge, or the server does not become ready; nothing is left
        behind.
    """
    places = places or layout()
    with _docker() as client:
        _remove_leftovers(client, places)
        with _nothing_left(client, places):
            port = port or _free_port()
            container = _created(client, image, port, places, host_network=host_network)
            with _log_kept(container, places):
                container.start()
                url, version = _ready(container, limit_s)
        return Running(ENGINE, "container", url, f"{version}, image {image}", container=str(container.id))


@contextlib.contextmanager
def _nothing_left(client: DockerClient, places: Layout) -> Iterator[None]:
    """Remove the container of a start that fails; by its label, for Docker's answer may have been lost."""
    from docker.errors import DockerException

    try:
        yield
    except BaseException:
        for _ in range(_TRIES):
            with contextlib.suppress(OSError, DockerException):
                _remove_leftovers(client, places)
                break
        raise


@contextlib.contextmanager
def _log_kept(container: Container, places: Layout) -> Iterator[None]:
    """Keep the end of the log of a start that fails."""
    try:
        yield
    except BaseException as error:
        path = _keep_log(container, places)
        if isinstance(error, EngineUnavailableError):
            error.hint = error.hint or f"The end of its log is in {path}"
        raise


def is_alive(running: Running, places: Layout) -> bool:
    """Tell whether the container runs; one that has stopped is removed.

    Without Docker that cannot be told: it counts as alive, so that its record is kept.
    """
    try:
        with _docker() as client:
            container = _container(client, running)
            if container is not None and container.status == "exited":
                container.remove(v=True)
            return container is not None and container.status != "exited"
    except EngineUnavailableError:
        return True


def answers(running: Running) -> bool:
    """Tell whether the FHIR server answers."""
    return bool(_software(running.url))


def stop(running: Running, places: Layout) -> None:
    """Stop the container and remove it, with the volumes that it made.

    Raises
    ------
    EngineUnavailableError
        Docker does not answer, or does not remove it.
    """
    with _docker() as client:
        container = _container(client, running)
        if container is not None:
            container.remove(force=True, v=True)


@contextlib.contextmanager
def _docker() -> Iterator[DockerClient]:
    """Connect to Docker; put its errors into our terms."""
    import docker
    from docker.errors import APIError, DockerException

    client = None
    try:
        client = docker.from_env()
        yield client
    except APIError as error:
        raise EngineUnavailableError(f"Docker refuses: {_quoted(error.explanation)}") from None
    except (DockerException, OSError):
        raise EngineUnavailableError("no Docker answers", hint=_NO_DOCKER) from None
    finally:
        if client is not None:
            client.close()


_NO_DOCKER = "Install and start Docker, see that you may use it, and that DOCKER_HOST is right if it is set"


_NO_BRIDGE = (
    "Allow it the machine's network with --host-network; an image that does not heed SERVER_ADDRESS"
    " can then be reached from outside"
)


def _created(client: DockerClient, image: str, port: int, places: Layout, *, host_network: bool) -> Container:
    """Make a container that only this machine can reach.

    Raises
    ------
    EngineUnavailableError
        There is no such image, or no bridge.
    """
    inner = _exposed_port(_image(client, image))
    options: dict[str, Any] = {"environment": SETTINGS, "ports": {f"{inner}/tcp": (LOOPBACK, port)}}
    if host_network:
        options = {"environment": SETTINGS | _LISTEN | {"SERVER_PORT": str(port)}, "network_mode": "host"}
    elif not client.networks.list(filters={"driver": "bridge"}):
        raise EngineUnavailableError("Docker has no bridge to a container", hint=_NO_BRIDGE)
    labels = {ENGINE_LABEL: ENGINE, HOME_LABEL: str(places.home), _PORT_LABEL: str(port)}
    return client.containers.create(image, labels=labels, **options)


def _image(client: DockerClient, image: str) -> dict[str, Any]:
    """Look an image up; none is fetched, since that is for whoever owns the machine to decide."""
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.images.get(image).attrs
    except ImageNotFound:
        reason = f"Docker holds no image {image}"
        raise EngineUnavailableError(reason, hint=f"Get it with `docker pull {image}`, or build it") from None
    return found


def _exposed_port(image: dict[str, Any]) -> int:
    """Answer the first TCP port that an image says it listens on."""
    exposed = (image.get("Config") or {}).get("ExposedPorts") or {}
    ports = sorted(int(name.partition("/")[0]) for name in exposed if name.endswith("/tcp"))
    return DEFAULT_PORT if DEFAULT_PORT in ports or not ports else ports[0]


def _ready(container: Container, limit_s: float) -> tuple[str, str]:
    """Wait until the server answers; give its base URL and its software."""
    root = f"http://{LOOPBACK}:{container.labels[_PORT_LABEL]}"
    deadline = monotonic() + limit_s
    while monotonic() < deadline:
        for url in (root + base for base in BASES):
            if (version := _software(url)) and _is_loaded(url, deadline - monotonic()):
                return url, version
        container.reload()
        if container.status == "exited":
            code = container.attrs["State"]["ExitCode"]
            raise EngineUnavailableError(f"the container ended with status {code} before it was ready")
        sleep(_PAUSE_S)
    raise EngineUnavailableError(f"the container was not ready within {limit_s:g} seconds")


def _software(url: str) -> str:
    """Ask a FHIR server for its software; nothing, if it does not answer."""
    from sr2fhir.engines.hapi.server import software
    from sr2fhir.http import Client

    client = Client(ENGINE, url, _ASK_S)
    try:
        return software(client)
    except EngineError:
        return ""
    finally:
        client.close()


def _is_loaded(url: str, limit_s: float) -> bool:
    """Tell whether a server looks maps up: matchbox says what it is long before, and then lets one wait."""
    from sr2fhir.engines.base import ENTRY_MAP
    from sr2fhir.http import Client

    client = Client(ENGINE, url, max(limit_s, _PAUSE_S))
    try:
        return client.get("/StructureMap", params={"url": ENTRY_MAP}).status < 500
    except EngineError:
        return False
    finally:
        client.close()


def _container(client: DockerClient, running: Running) -> Container | None:
    """Find the container of a record."""
    from docker.errors import NotFound

    try:
        return client.containers.get(running.container or "")
    except NotFound:
        return None


def _remove_leftovers(client: DockerClient, places: Layout) -> None:
    """Remove what an earlier start of this set-up has left behind."""
    labels = [f"{ENGINE_LABEL}={ENGINE}", f"{HOME_LABEL}={places.home}"]
    for container in client.containers.list(all=True, filters={"label": labels}):
        container.remove(force=True, v=True)


def _keep_log(container: Container, places: Layout) -> Path:
    """Write the last lines of a container's log into a file, which may hold what documents hold."""
    from docker.errors import DockerException

    path = record.path_of(ENGINE, places, "log")
    with contextlib.suppress(OSError, DockerException):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(container.logs(tail=_TAIL))
    return path


def _free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _quoted(text: object) -> str:
    """Answer what Docker says, as one short line."""
    return re.sub(r"\s+", " ", str(text or "no reason given"))[:_QUOTE]
