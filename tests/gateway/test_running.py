"""The process tree: objects reach a destination, whichever process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sr2fhir.gateway.settings import read
from sr2fhir.gateway.store import Store

from tests.databases import free_port
from tests.gateway.objects import accept, report

SETTINGS = """\
[gateway]
folder = "gateway"
workers = {workers}
low_disk = 0
log = "json"
stop_s = 20

[intake.dimse]
port = {port}

[[destination]]
name = "results"
kind = "folder"
path = "results"
after_s = 0.1
"""
LIMIT_S = 180


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.format(workers=2, port=free_port()))
    return file


def start(settings: Path) -> subprocess.Popen[str]:
    """Start a gateway; its log goes to a file beside the settings."""
    with (settings.parent / "log").open("a") as log:
        command = [sys.executable, "-m", "sr2fhir", "gateway", "run", "--settings", str(settings)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)


def wait_until_it_serves(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert "serves" in process.stdout.readline()


@contextmanager
def running(settings: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(settings)
    try:
        wait_until_it_serves(process)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def store_of(settings: Path) -> Iterator[Store]:
    with read(settings).store() as store:
        yield store


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def told(store: Store, object_id: int) -> list[str]:
    detail = store.views.object(object_id)
    assert detail is not None
    return [event.what for event in detail.events if event.what != "failed"]


def test_what_is_accepted_is_delivered_and_sigterm_ends_it(settings: Path) -> None:
    with running(settings) as process, store_of(settings) as store:
        for number in range(4):
            accept(store, report(str(number)))
        wait_for(lambda: store.views.counts()["delivered"] == 4)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not [child for child in children if child.is_running()]
    names = {path.name for path in (settings.parent / "results").iterdir()}
    assert {f"2.25.{number}.bundle.json" for number in range(4)} <= names
    log = (settings.parent / "log").read_text()
    assert '"object_id": 1' in log
    assert "PID-1" not in log
    assert "Doe" not in log


def test_killed_workers_and_engines_lose_nothing(settings: Path) -> None:
    number = 30
    with running(settings) as process, store_of(settings) as store:
        for each in range(number):
            accept(store, report(str(each), f"P{each}"))
        for turn in range(6):
            wait_for(lambda: bool(workers_of(process)))
            time.sleep(0.7)
            for worker in workers_of(process)[:1]:
                victims = worker.children() if turn % 2 else [worker]  # its Java, or itself
                for victim in victims:
                    victim.kill()
        wait_for(lambda: store.views.counts()["delivered"] == number)
        for each in range(1, number + 1):
            assert told(store, each) == ["received", "transformed", "delivered"]


def test_a_killed_gateway_loses_nothing_and_leaves_no_process(settings: Path) -> None:
    number = 24
    with store_of(settings) as store:
        for each in range(number):
            accept(store, report(str(each), f"P{each}"))
        for pause in (0.3, 2.5, 4.0, 5.5):
            process = start(settings)
            wait_until_it_serves(process)
            time.sleep(pause)
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            psutil.wait_procs(children, timeout=20)
            assert not [child for child in children if child.is_running()]
        with running(settings):
            wait_for(lambda: store.views.counts()["delivered"] == number)
        for each in range(1, number + 1):
            assert told(store, each).count("transformed") == 1
            assert told(store, each).count("delivered") == 1


def test_an_object_that_no_worker_survives_is_dead(settings: Path) -> None:
    text = settings.read_text().replace("workers = 2", "workers = 1")
    settings.write_text(text)
    with running(settings) as process, store_of(settings) as store:
        accept(store, report("1"))
        for deaths in (1, 2, 3):
            wait_for(lambda: is_held(store, 1))
            workers_of(process)[0].kill()
            wait_for(lambda deaths=deaths: failures(store, 1) == deaths)  # type: ignore[misc]
        detail = store.views.object(1)
        assert detail is not None
        assert detail.row.state == "dead"
        assert detail.row.reason == "the process working on this input ended 3 times"
        accept(store, report("2"))
        wait_for(lambda: store.views.counts()["delivered"] == 1)


def is_held(store: Store, object_id: int) -> bool:
    from sr2fhir.gateway.store.tables import objects

    with store._database.read() as connection:
        row = connection.execute(objects.select().where(objects.c.id == object_id)).one()
        return row.lease is not None


def failures(store: Store, object_id: int) -> int:
    detail = store.views.object(object_id)
    assert detail is not None
    return sum(event.what in ("failed", "dead") for event in detail.events)


def test_a_second_gateway_in_the_folder_is_refused(settings: Path) -> None:
    with running(settings):
        other = start(settings)
        assert other.wait(30) == 2
    assert "another gateway runs in this folder" in (settings.parent / "log").read_text()


def test_a_part_that_cannot_start_is_told_and_ends_the_others(settings: Path) -> None:
    import socket

    port = read(settings).parts[-1].values.port
    with socket.create_server(("127.0.0.1", port)):
        process = start(settings)
        assert process.wait(60) == 2
    assert str(port) in (settings.parent / "log").read_text()
