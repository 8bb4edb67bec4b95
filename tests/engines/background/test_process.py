"""A server in the background, from its start to its end, whatever happens between: with a stand-in for Java."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sr2fhir.engines import background
from sr2fhir.engines.background import Running, process, record
from sr2fhir.engines.background.lock import Lock, is_held
from sr2fhir.engines.validator import ValidatorEngine
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout

from .conftest import STAND_IN


def lock_file(places: Layout) -> Path:
    return record.path_of("validator", places, "lock")


def wait_for_end(places: Layout) -> None:
    deadline = time.monotonic() + 20
    while is_held(lock_file(places)):
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.02)


def test_start_status_stop(places: Layout) -> None:
    assert background.status(places) == []
    running, new = background.start(places=places)
    assert new
    assert running.url.startswith("http://127.0.0.1:")
    assert background.find("validator", places) == running
    assert background.status(places) == [background.State(running, answers=True, current=True)]
    assert background.stop("validator", places) == running
    assert background.find("validator", places) is None
    assert background.stop("validator", places) is None
    assert not record.path_of("validator", places).exists()


def test_a_second_start_finds_the_first(places: Layout) -> None:
    first, _ = background.start(places=places)
    assert background.start(places=places) == (first, False)


def test_the_port_can_be_chosen_and_is_told_when_it_is_taken(places: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(EngineUnavailableError):
            background.start(port, places=places)
    running, _ = background.start(port, places=places)
    assert running.url == f"http://127.0.0.1:{port}"


def test_the_record_is_for_its_owner_only(places: Layout) -> None:
    background.start(places=places)
    assert record.path_of("validator", places).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("refuses", "it does not want to. Ask again"),
        ("dies", "it ended with status 7. Its log is"),
        ("silent", "it was not ready within 1 seconds. Its log is"),
    ],
)
def test_a_server_that_does_not_start_leaves_nothing(
    places: Layout, monkeypatch: pytest.MonkeyPatch, mode: str, says: str
) -> None:
    monkeypatch.setenv("STAND_IN", mode)
    with pytest.raises(EngineUnavailableError, match=says):
        background.start(limit_s=1 if mode == "silent" else 30, places=places)
    assert not is_held(lock_file(places))
    assert background.status(places) == []


def test_an_interrupted_start_leaves_nothing(places: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("STAND_IN", "silent")
    monkeypatch.setattr(process, "_first_word", interrupted)
    with pytest.raises(KeyboardInterrupt):
        background.start(places=places)
    assert not is_held(lock_file(places))


def test_a_server_whose_starter_has_died_ends_by_itself(places: Layout) -> None:
    command = [sys.executable, str(STAND_IN)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    child.stdout.close()
    assert child.wait(30) == 0
    assert background.find("validator", places) is None
    assert not record.path_of("validator", places).exists()


def test_a_server_whose_home_is_taken_away_ends_by_itself(places: Layout) -> None:
    background.start(places=places)
    record.path_of("validator", places).unlink()
    wait_for_end(places)


def test_a_server_that_is_deaf_is_ended_by_force(places: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "stubborn")
    monkeypatch.setattr(process, "_POLITE_S", 0.3)
    running, _ = background.start(places=places)
    assert background.stop("validator", places) == running
    assert not is_held(lock_file(places))


def test_a_server_that_was_killed_is_gone_and_another_can_start(places: Layout) -> None:
    first, _ = background.start(places=places)
    os.kill(first.pid or 0, signal.SIGKILL)
    wait_for_end(places)
    assert background.find("validator", places) is None
    assert not record.path_of("validator", places).exists()
    second, new = background.start(places=places)
    assert new
    assert second.pid != first.pid


def test_the_process_of_a_stale_record_is_left_alone(places: Layout) -> None:
    # the id in the record is by now that of another process, such as this one
    stale = Running("validator", "process", "http://127.0.0.1:9", "old", os.getpid(), content="x")
    record.write(stale, places)
    assert background.stop("validator", places) is None
    assert background.status(places) == []


def test_a_server_with_an_older_set_up_is_told_of_refused_and_replaced(places: Layout) -> None:
    old, _ = background.start(places=places)
    (places.home / "maps").unlink()
    (places.home / "maps").mkdir()
    (places.home / "maps" / "New.json").write_text("{}")
    assert background.status(places) == [background.State(old, answers=True, current=False)]
    with pytest.raises(EngineUnavailableError, match="other maps or definitions") as caught:
        ValidatorEngine(places=places).transform(b"{}")
    assert old.url in caught.value.message
    assert "sr2fhir engine start" in (caught.value.hint or "")
    new, started = background.start(places=places)
    assert started
    assert new.pid != old.pid
    assert background.status(places) == [background.State(new, answers=True, current=True)]


def test_a_server_that_does_not_answer_any_more_is_told_of_and_replaced(places: Layout) -> None:
    running, _ = background.start(places=places)
    os.kill(running.pid or 0, signal.SIGSTOP)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "_ASK_S", 0.3)
            patch.setattr(process, "_POLITE_S", 0.3)
            assert background.status(places) == [background.State(running, answers=False, current=True)]
            second, new = background.start(places=places)
        assert new
        assert second.pid != running.pid
    finally:
        background.stop("validator", places)


def test_another_server_on_the_same_port_is_not_taken_for_ours(places: Layout) -> None:
    running, _ = background.start(places=places)
    assert not process.answers(dataclasses.replace(running, content="other"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"engine": "validator"}'])
def test_a_damaged_record_is_none(places: Layout, content: str) -> None:
    path = record.path_of("validator", places)
    path.parent.mkdir()
    path.write_text(content)
    assert background.find("validator", places) is None
    running, new = background.start(places=places)
    assert new
    assert json.loads(path.read_bytes())["pid"] == running.pid


def test_a_lock_is_held_by_one_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    assert not is_held(path)
    first, second = Lock(path), Lock(path)
    assert first.hold(0)
    assert is_held(path)
    assert not second.hold(0.05)
    first.release()
    assert not is_held(path)
    assert second.hold(0)
    second.release()
    second.release()


def test_the_key_changes_with_the_content_of_maps_and_definitions(places: Layout) -> None:
    before = record.content_key(places)
    assert before == record.content_key(places)
    for name in ("maps", "definitions"):
        own = {path.name: path.read_bytes() for path in (places.home / name).glob("*.json")}
        (places.home / name).unlink()
        (places.home / name).mkdir()
        for file, data in own.items():
            (places.home / name / file).write_bytes(data)
        assert record.content_key(places) == before
        (places.home / name / next(iter(own))).write_bytes(b"{}")
        changed = record.content_key(places)
        assert changed != before
        before = changed
