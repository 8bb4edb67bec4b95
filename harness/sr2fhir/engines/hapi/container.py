"""A FHIR server as a container: started out of an image, waited for, asked and removed.

It can be reached from this machine only: a port of 127.0.0.1 leads to it over Docker's bridge. Where there is
no bridge, it may, if that is allowed, share the machine's network; then it is set to listen on 127.0.0.1,
and it is for the image to heed that. Each container carries labels, by which one that was left behind is
found, and removed before another is started: ``docker ps --all --filter label=sr2fhir.engine``.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from sr2fhir.documents.measurement_report import MEASUREMENT_REPORT
from sr2fhir.engines import running as records
from sr2fhir.engines.hapi.protocol import ask_software
from sr2fhir.engines.running import Running, State
from sr2fhir.errors import EngineError, EngineUnavailableError
from sr2fhir.files import replace_file
from sr2fhir.http import Client
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import R5

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ENGINE = "hapi"
ENGINE_LABEL, HOME_LABEL, _PORT_LABEL = "sr2fhir.engine", "sr2fhir.home", "sr2fhir.port"
LOOPBACK = "127.0.0.1"
# where images keep their FHIR endpoint: matchbox, the HAPI starter, older matchbox, others
BASES = ("/matchboxv3/fhir", "/fhir", "/matchbox/fhir", "")
DEFAULT_PORT = 8080
# What matchbox and the HAPI starter are set to, as Spring Boot reads it; other images do not mind. The maps
# are for R5; matchbox lets itself be written to only as one that serves development; Undertow, under
# matchbox, takes requests of 2 MB only, which is some 800 measurements.
SETTINGS = {
    "HAPI_FHIR_FHIR_VERSION": R5.name,
    "MATCHBOX_FHIR_CONTEXT_ONLYONEENGINE": "true",
    "SERVER_UNDERTOW_MAX_HTTP_POST_SIZE": "1GB",
}
# seconds: between two looks, and for a response to a request that costs nothing
_PAUSE_S, _ASK_S = 0.5, 5.0
# how often a container is tried to be removed when Docker does not respond
_TRIES = 2
_TAIL = 200
_QUOTE = 160
_NO_DOCKER = "Install and start Docker, see that you may use it, and that DOCKER_HOST is right if it is set"
_NO_PACKAGE = "Install it with `pip install sr2fhir[docker]`"
_NO_BRIDGE = (
    "Allow it the machine's network with --host-network; an image that does not heed SERVER_ADDRESS"
    " can then be reached from outside"
)


def start(
    image: str,
    port: int | None,
    limit_s: float,
    places: Layout | None = None,
    *,
    host_network: bool = False,
) -> tuple[Running, bool]:
    """Start a container, unless one runs, and wait until its FHIR server responds.

    Parameters
    ----------
    image
        Name of an image that this machine holds; none is fetched.
    port
        Port on 127.0.0.1; None for a free one.
    limit_s
        Seconds that it may take to be ready.
    places
        Where it is written down, and the log of a start that fails is left.
    host_network
        Let the container share the machine's network.

    Returns
    -------
    Running, bool
        The server, and whether it was started by this call.

    Raises
    ------
    EngineUnavailableError
        There is no Docker, no such image or no bridge, or the server does not become ready; nothing is left
        behind.
    """
    places = places or layout()
    try:
        with records.start_lock(ENGINE, places, limit_s):
            if found := _alive(places):
                return found, False
            running = _started(image, port or _free_port(), limit_s, places, host_network=host_network)
            try:
                records.write(running, places)
            except BaseException:
                with _docker() as client:
                    _remove_all(client, places)
                raise
            return running, True
    except TimeoutError:
        hint = "Look at `sr2fhir engine status`"
        raise EngineUnavailableError("another start of a container is still under way", hint=hint) from None


def _started(image: str, port: int, limit_s: float, places: Layout, *, host_network: bool) -> Running:
    """Start a container and wait until it is ready; see `start`."""
    with _docker() as client, _nothing_left(client, places):
        _remove_all(client, places)
        container = _created(client, image, port, places, host_network=host_network)
        with _log_kept(container, places):
            container.start()
            url, version = _ready(container, limit_s)
        return Running(ENGINE, url, f"{version}, image {image}", container=str(container.id))


def state(places: Layout | None = None) -> State | None:
    """Tell how the server is; None where none runs."""
    running = _alive(places or layout())
    return None if running is None else State(running, bool(_software(running.url)))


def stop(places: Layout | None = None) -> Running | None:
    """Remove the container with the volumes that it made, and return what it was; None where none runs.

    Raises
    ------
    EngineUnavailableError
        Docker does not respond, or does not remove it.
    """
    places = places or layout()
    running = _alive(places)
    if running is None:
        return None
    with _docker() as client:
        if container := _container(client, running):
            container.remove(force=True, v=True)
    records.remove(running, places)
    return running


def _alive(places: Layout) -> Running | None:
    """Find the container that runs; one that has stopped is removed, with its record.

    Without Docker that is not known: it counts as alive, so that its record is kept.
    """
    running = records.read(ENGINE, places)
    if running is None:
        return None
    try:
        with _docker() as client:
            container = _container(client, running)
            if container is not None and container.status != "exited":
                return running
            if container is not None:
                container.remove(v=True)
    except EngineUnavailableError:
        return running
    records.remove(running, places)
    return None


@contextlib.contextmanager
def _nothing_left(client: DockerClient, places: Layout) -> Iterator[None]:
    """Remove the container of a start that fails; by its label, for Docker's response may have been lost."""
    from docker.errors import DockerException

    try:
        yield
    except BaseException:
        for _ in range(_TRIES):
            with contextlib.suppress(OSError, DockerException):
                _remove_all(client, places)
                break
        raise


@contextlib.contextmanager
def _log_kept(container: Container, places: Layout) -> Iterator[None]:
    """Keep the end of the log of a start that fails, which may hold what documents hold."""
    from docker.errors import DockerException

    try:
        yield
    except BaseException as error:
        path = records.path_of(ENGINE, places, "log")
        with contextlib.suppress(OSError, DockerException):
            replace_file(path, container.logs(tail=_TAIL), mode=0o600)
        if isinstance(error, EngineUnavailableError):
            error.hint = error.hint or f"The end of its log is in {path}"
        raise


@contextlib.contextmanager
def _docker() -> Iterator[DockerClient]:
    """Connect to Docker; put its errors into our terms."""
    try:
        import docker
        from docker.errors import APIError, DockerException
    except ImportError:
        raise EngineUnavailableError("the package docker is not installed", hint=_NO_PACKAGE) from None
    try:
        with contextlib.closing(docker.from_env()) as client:
            yield client
    except APIError as error:
        reason = re.sub(r"\s+", " ", str(error.explanation or "no reason given"))[:_QUOTE]
        raise EngineUnavailableError(f"Docker refuses: {reason}") from None
    except (DockerException, OSError):
        raise EngineUnavailableError("Docker does not respond", hint=_NO_DOCKER) from None


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
        listen = {"SERVER_ADDRESS": LOOPBACK, "SERVER_PORT": str(port)}
        options = {"environment": SETTINGS | listen, "network_mode": "host"}
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
    """Return the first TCP port that an image says it listens on."""
    exposed = (image.get("Config") or {}).get("ExposedPorts") or {}
    ports = sorted(int(name.partition("/")[0]) for name in exposed if name.endswith("/tcp"))
    return DEFAULT_PORT if DEFAULT_PORT in ports or not ports else ports[0]


def _ready(container: Container, limit_s: float) -> tuple[str, str]:
    """Wait until the server responds; return its base URL and its software."""
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
    """Ask a FHIR server for its software; empty, if it does not respond."""
    with contextlib.closing(Client(ENGINE, url, _ASK_S)) as client, contextlib.suppress(EngineError):
        return ask_software(client)
    return ""


def _is_loaded(url: str, limit_s: float) -> bool:
    """Tell whether a server looks maps up: matchbox says what it is long before, and then lets one wait."""
    with (
        contextlib.closing(Client(ENGINE, url, max(limit_s, _PAUSE_S))) as client,
        contextlib.suppress(EngineError),
    ):
        return client.get("/StructureMap", params={"url": MEASUREMENT_REPORT.entry_map}).status < 500
    return False


def _container(client: DockerClient, running: Running) -> Container | None:
    """Find the container of a record."""
    from docker.errors import NotFound

    try:
        return client.containers.get(running.container or "")
    except NotFound:
        return None


def _remove_all(client: DockerClient, places: Layout) -> None:
    """Remove the containers of this set-up, of which an earlier start may have left one behind."""
    labels = [f"{ENGINE_LABEL}={ENGINE}", f"{HOME_LABEL}={places.home}"]
    for container in client.containers.list(all=True, filters={"label": labels}):
        container.remove(force=True, v=True)


def _free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
