"""SIGKILL at each point: what was acknowledged is transformed exactly once, what was not leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sr2fhir.gateway.store import Store, files

from tests import builders as b
from tests.gateway.objects import accept, new_store, report, results

# a process that dies in the midst: before or after a function of the store is called for the first time
DYING = """
import os, signal, sys
from pathlib import Path
from tests.gateway.objects import ORIGIN, new_store, results
import sr2fhir.gateway.store as package
from sr2fhir.gateway.store import accepting, database, events, files, people, queue, sending

folder, action, place, when = Path(sys.argv[1]), *sys.argv[2:5]
module, kind, name = place.split(".")
owner = getattr(globals()[module], kind)
original = getattr(owner, name)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying(*arguments, **more):
    if when == "before":
        die()
    made = original(*arguments, **more)
    die()
    return made

store = new_store(folder)
setattr(owner, name, dying)
if action == "accept":
    file = store.incoming()
    file.write_bytes(Path(sys.argv[5]).read_bytes())
    store.accept(file, ORIGIN)
else:
    job = store.claim_object()
    store.transformed(job, results(text=b'{"resourceType": "Bundle"}'))
"""
ROOT = Path(__file__).parents[3]
# in the order in which they are passed; with what is there when a process dies at them
ACCEPTING = [
    ("files.Files.keep", "before", False),
    ("files.Files.keep", "after", False),
    ("events.History.add", "before", False),
    ("accepting.Accepting._settle", "after", False),
    ("accepting.Accepting._enter", "after", True),
]
TRANSFORMING = [
    ("queue.Queue.claim", "after"),
    ("files.Files.write_results", "before"),
    ("files.Files.write_results", "after"),
    ("queue.Queue._is_ours", "after"),
    ("queue.Queue._send", "after"),
    ("events.History.restate", "after"),
    ("queue.Queue.transformed", "after"),
]


def die(folder: Path, action: str, place: str, when: str, *more: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "harness")))}
    command = [sys.executable, "-c", DYING, str(folder), action, place, when, *more]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all that is left for old."""
    monkeypatch.setattr(files, "LONGEST_S", -1.0)


def kept(folder: Path) -> list[Path]:
    return [
        path
        for path in (folder / "gateway").rglob("*")
        if path.is_file() and "gateway.sqlite" not in path.name
    ]


@pytest.mark.parametrize(("place", "when", "is_there"), ACCEPTING)
@pytest.mark.usefixtures("hurried")
def test_an_object_is_there_whole_or_not_at_all(
    tmp_path: Path, place: str, when: str, is_there: bool
) -> None:
    sent = tmp_path / "sent.dcm"
    sent.write_bytes(b.encoded(report("1")))
    die(tmp_path, "accept", place, when, str(sent))
    with new_store(tmp_path) as store:
        store.recover()
        assert store.views.counts()["received"] == is_there
        assert [path.read_bytes() for path in kept(tmp_path)] == [sent.read_bytes()] * is_there
        assert accept(store, sent.read_bytes()).is_new is not is_there
        assert [path.read_bytes() for path in kept(tmp_path)] == [sent.read_bytes()]


@pytest.mark.parametrize(("place", "when"), TRANSFORMING)
def test_an_object_is_transformed_once(tmp_path: Path, place: str, when: str) -> None:
    with new_store(tmp_path) as store:
        receipt = accept(store, report("1"))
    for _ in range(3):
        if transformed(tmp_path, receipt.object_id):
            break
        die(tmp_path, "transform", place, when)
        with new_store(tmp_path) as store:
            store.recover()
    with new_store(tmp_path) as store:
        if (job := store.claim_object()) is not None:
            store.transformed(job, results(text=b'{"resourceType": "Bundle"}'))
        detail = store.views.object(receipt.object_id)
        assert detail is not None
        assert [event.what for event in detail.events] == ["received", "transformed"]
        assert [row.state for row in detail.deliveries] == ["pending"]
        assert detail.results["R5"].read_bytes() == b'{"resourceType": "Bundle"}'
        assert detail.row.state == "transformed"


def transformed(folder: Path, object_id: int) -> bool:
    with new_store(folder) as store:
        detail = store.views.object(object_id)
        return detail is not None and detail.row.state == "transformed"


@pytest.mark.usefixtures("hurried")
def test_what_has_a_row_is_never_swept_away(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
        before = kept(tmp_path)
        (tmp_path / "gateway/incoming/left").write_bytes(b"part of an object")
        orphan = tmp_path / "gateway/objects/ab" / ("ab" * 32 + ".dcm")
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(b"never acknowledged")
        store.recover()
        assert kept(tmp_path) == before


def test_what_is_being_received_is_left_alone(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        file = store.incoming()
        file.write_bytes(b"part")
        store.recover()
        assert file.is_file()


def test_two_stores_do_not_share_an_object(tmp_path: Path) -> None:
    with new_store(tmp_path) as one, new_store(tmp_path) as other:
        for number in range(6):
            accept(one, report(str(number)))
        claimed = [store.claim_object() for _ in range(3) for store in (one, other)]
        assert sorted(job.object_id for job in claimed if job) == [1, 2, 3, 4, 5, 6]
        assert isinstance(one, Store)
