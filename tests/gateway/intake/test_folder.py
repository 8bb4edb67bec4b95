"""A folder into which others write: whole files, growing ones, archives, and what is refused."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway.intake.folder import Folder, FolderSettings
from sr2fhir.gateway.store import Store

from tests import builders as b
from tests.gateway.intake import kept
from tests.gateway.intake.waiting import until

REPORT = b.encoded(b.measurement_report(b.text(b.FINDING, "nodule")))
OTHER = b.encoded(b.measurement_report(b.text(b.FINDING, "other"), SOPInstanceUID="1.2.3"))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


@contextmanager
def running(inbox: Path, store: Store, **settings: Any) -> Iterator[Folder]:
    part = Folder(FolderSettings(inbox, **{"settle_s": 0.3, "scan_s": 1.0, **settings}), store)
    part.start()
    try:
        yield part
    finally:
        part.stop(5)
        assert not part._thread.is_alive()


@pytest.mark.parametrize("poll", [False, True])
def test_files_that_are_there_and_files_that_come_are_taken(
    inbox: Path, store: Store, folder: Path, poll: bool
) -> None:
    (inbox / "first.dcm").write_bytes(REPORT)
    with running(inbox, store, poll=poll):
        until(lambda: len(kept.objects(folder)) == 1)
        (inbox / "below" / "deep").mkdir(parents=True)
        (inbox / "below" / "deep" / "second").write_bytes(OTHER)
        until(lambda: len(kept.objects(folder)) == 2)
    assert (inbox / "first.dcm").read_bytes() == REPORT
    assert kept.incoming(folder) == []


def test_a_file_that_grows_is_taken_when_it_is_whole(inbox: Path, store: Store, folder: Path) -> None:
    with running(inbox, store), (inbox / "growing.dcm").open("wb") as stream:
        for start in range(0, len(REPORT), 200):
            stream.write(REPORT[start : start + 200])
            stream.flush()
            time.sleep(0.1)
            assert kept.objects(folder) == []
        stream.close()
        until(lambda: len(kept.objects(folder)) == 1)
    assert kept.objects(folder)[0].read_bytes() == REPORT


def test_a_file_that_is_moved_in_is_taken(inbox: Path, store: Store, folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(REPORT)
    os.utime(made, (time.time() - 60,) * 2)
    with running(inbox, store, settle_s=20.0) as part:
        until(lambda: part._thread.is_alive())
        time.sleep(0.5)
        made.rename(inbox / "made.dcm")
        until(lambda: len(kept.objects(folder)) == 1, 5)


def test_what_was_taken_is_not_taken_again(
    inbox: Path, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.dcm").write_bytes(REPORT)
    with running(inbox, store) as part:
        until(lambda: len(kept.objects(folder)) == 1)
        taken: list[Path] = []
        monkeypatch.setattr(part, "_take", taken.append)
        (inbox / "b.dcm").write_bytes(OTHER)
        until(lambda: bool(taken))
    assert taken == [inbox / "b.dcm"]
    with running(inbox, store):  # another process: the store knows them by their bytes
        until(lambda: len(kept.objects(folder)) == 2)
        time.sleep(0.5)
    assert len(kept.objects(folder)) == 2


def test_archives_are_taken_apart(inbox: Path, store: Store, folder: Path) -> None:
    with zipfile.ZipFile(inbox / "both.zip", "w") as archive:
        archive.writestr("a/one.dcm", REPORT)
        archive.writestr("b/two.dcm", OTHER)
    with running(inbox, store):
        until(lambda: len(kept.objects(folder)) == 2)


def test_files_are_moved_where_they_belong(inbox: Path, store: Store, folder: Path) -> None:
    (inbox / "below").mkdir()
    (inbox / "below" / "good.dcm").write_bytes(REPORT)
    (inbox / "bad.dcm").write_bytes(b"this is a text")
    with zipfile.ZipFile(inbox / "mixed.zip", "w") as archive:
        archive.writestr("good.dcm", OTHER)
        archive.writestr("bad.dcm", b"this is a text")
    (inbox / "notes.txt").write_text("not for us")
    (inbox / ".hidden.dcm").write_bytes(OTHER)
    with running(inbox, store, after="move") as part:
        until(
            lambda: (
                (inbox / "refused" / "mixed.zip").exists()
                and (inbox / "done" / "below" / "good.dcm").exists()
            )
        )
        assert "2 files" in part.alarms()[0].message
        (inbox / "below" / "good.dcm").write_bytes(REPORT)
        until(lambda: (inbox / "done" / "below" / "good-1.dcm").exists())
    assert sorted(path.name for path in inbox.iterdir()) == [
        ".hidden.dcm", "below", "done", "notes.txt", "refused",
    ]  # fmt: skip
    assert sorted(path.name for path in (inbox / "refused").iterdir()) == ["bad.dcm", "mixed.zip"]
    assert len(kept.objects(folder)) == 2


def test_a_store_that_takes_nothing_is_tried_again(
    inbox: Path, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr2fhir.gateway.intake.folder._AGAIN_S", 0.2)
    monkeypatch.setattr(store._accepting._files, "_low_disk", 1 << 60)
    (inbox / "a.dcm").write_bytes(REPORT)
    with running(inbox, store, after="move") as part:
        until(lambda: bool(part.alarms()))
        assert "MiB free" in part.alarms()[0].message
        assert (inbox / "a.dcm").exists()
        monkeypatch.undo()
        until(lambda: (inbox / "done" / "a.dcm").exists())
        until(lambda: part.alarms() == [])
    assert len(kept.objects(folder)) == 1


def test_a_folder_that_goes_and_comes_back(
    inbox: Path, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr2fhir.gateway.intake.folder._AGAIN_S", 0.2)
    with running(inbox, store) as part:
        away = inbox.rename(inbox.with_name("away"))
        until(lambda: bool(part.alarms()))
        away.rename(inbox)
        (inbox / "a.dcm").write_bytes(REPORT)
        until(lambda: len(kept.objects(folder)) == 1)
        until(lambda: part.alarms() == [])


def test_a_folder_that_is_not_there(tmp_path: Path, store: Store) -> None:
    part = Folder(FolderSettings(tmp_path / "nowhere"), store)
    (check,) = part.check()
    assert not check.ok
    assert check.hint
    with pytest.raises(UsageError, match="not there"):
        part.start()


def test_names_of_files_are_not_logged(inbox: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """People name files after patients."""
    caplog.set_level("INFO")
    (inbox / "Doe^John.dcm").write_bytes(b"this is a text")
    with running(inbox, store) as part:
        until(lambda: bool(part.alarms()))
    assert "Doe" not in caplog.text
    assert "refused" in caplog.text
