"""Polling an archive: paging, the cursor, and archives that fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.gateway.authentication import LogInSettings, Secret
from sr2fhir.gateway.intake.archive import Archive, ArchiveSettings, Cursor
from sr2fhir.gateway.store import BusyError, Store

from tests import builders as b
from tests.gateway.intake import kept
from tests.gateway.intake.archives import JSON, FakeArchive, Reply, instance, multipart, serving
from tests.gateway.intake.waiting import until

TODAY = datetime(2026, 11, 28, 9, tzinfo=UTC)


def report(number: int, study: int = 1, **header: Any) -> Dataset:
    uids = {"SOPInstanceUID": f"1.2.{number}", "StudyInstanceUID": f"1.9.{study}"}
    return b.measurement_report(b.text(b.FINDING, "nodule"), **{**uids, **header})


@pytest.fixture
def archive() -> Iterator[FakeArchive]:
    with serving(FakeArchive(*(report(n, study=n // 2) for n in range(7)))) as archive:
        yield archive


def part_of(archive: FakeArchive, store: Store, **settings: Any) -> Archive:
    return Archive(ArchiveSettings("pacs", archive.url, **settings), store)


def cursor_of(store: Store) -> Cursor:
    return Cursor.read(store.cursor("archive pacs"))


# ---- what is found


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100, None])
def test_all_pages_are_read(archive: FakeArchive, store: Store, folder: Path, page: int | None) -> None:
    part_of(archive, store, page=page).poll(TODAY)
    assert kept.uids(folder) == [f"1.2.{n}" for n in range(7)]
    assert kept.incoming(folder) == []


def test_an_archive_that_knows_no_pages_is_not_asked_for_ever(
    archive: FakeArchive, store: Store, folder: Path
) -> None:
    archive.knows_pages = False
    part_of(archive, store, page=2).poll(TODAY)
    assert len(kept.uids(folder)) == 7


def test_an_archive_that_does_not_say_that_there_is_more(
    archive: FakeArchive, store: Store, folder: Path
) -> None:
    archive.reports = [report(n, study=n) for n in range(230)]
    archive.most = 100
    part_of(archive, store).poll(TODAY)
    assert len(kept.uids(folder)) == 230


def test_key_objects_and_reports_of_one_study(archive: FakeArchive, store: Store, folder: Path) -> None:
    notes = b.key_objects(b.image("1.2.3"), SOPInstanceUID="1.3.1", StudyInstanceUID="1.9.1")
    archive.reports.append(notes)
    part_of(archive, store).poll(TODAY)
    assert "1.3.1" in kept.uids(folder)


def test_instances_can_be_searched_at_once(archive: FakeArchive, store: Store, folder: Path) -> None:
    reply = archive.reply

    def replied(path: str, query: dict[str, str]) -> Reply:
        if path != "/instances":
            return reply(path, query)
        assert query["InstanceCreationDate"] == "20261127-"
        found = [instance(each) for each in archive.reports if each.Modality == query["Modality"]]
        return Reply(200, JSON, json.dumps(found).encode())

    archive.reply = replied  # type: ignore[method-assign]
    part_of(archive, store, search="instance", by="InstanceCreationDate").poll(TODAY)
    assert len(kept.uids(folder)) == 7


def test_what_is_no_document_is_not_fetched(archive: FakeArchive, store: Store) -> None:
    archive.reports = [report(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")]
    part_of(archive, store).poll(TODAY)
    assert not [path for path, _ in archive.asked if "/series/" in path]


def test_every_part_of_a_response_is_taken(archive: FakeArchive, store: Store, folder: Path) -> None:
    archive.reports = [report(1)]
    archive.faults["/instances/1.2.1"] = multipart(b.encoded(report(1)), b.encoded(report(2)))
    part_of(archive, store).poll(TODAY)
    assert kept.uids(folder) == ["1.2.1", "1.2.2"]


# ---- how far it was read


def test_the_days_since_the_last_poll_and_some_before_are_searched(
    archive: FakeArchive, store: Store
) -> None:
    part = part_of(archive, store, first_days=3, overlap_days=2)
    part.poll(TODAY)
    assert {query["StudyDate"] for path, query in archive.asked if path == "/studies"} == {"20261125-"}
    archive.asked.clear()
    part.poll(datetime(2026, 11, 30, tzinfo=UTC))
    assert {query["StudyDate"] for path, query in archive.asked if path == "/studies"} == {"20261126-"}


def test_what_was_fetched_is_not_fetched_again(archive: FakeArchive, store: Store) -> None:
    part_of(archive, store).poll(TODAY)
    archive.asked.clear()
    part_of(archive, store).poll(TODAY)  # another process: the cursor is the store's
    assert {path for path, _ in archive.asked} == {"/studies"}  # as many instances as before
    archive.tells_numbers = False
    part_of(archive, store).poll(TODAY)
    assert not [path for path, _ in archive.asked if "/series/" in path]


def test_a_report_that_joins_a_known_study_is_fetched(
    archive: FakeArchive, store: Store, folder: Path
) -> None:
    part_of(archive, store).poll(TODAY)
    archive.asked.clear()
    archive.reports.append(report(8, study=1))
    part_of(archive, store).poll(TODAY)
    assert "1.2.8" in kept.uids(folder)
    assert len([path for path, _ in archive.asked if "/series/" in path]) == 1


def test_studies_of_days_that_are_over_are_forgotten(archive: FakeArchive, store: Store) -> None:
    part = part_of(archive, store)
    part.poll(TODAY)
    assert set(cursor_of(store).studies) == {f"1.9.{n}" for n in range(4)}
    archive.reports = archive.reports[:2]
    part.poll(TODAY)
    assert set(cursor_of(store).studies) == {"1.9.0"}


# ---- archives that fail


SEARCH_FAULTS = {
    "down": Reply(503, "text/plain", b"busy"),
    "html": Reply(200, "text/html", b"<html>log in</html>"),
    "html under the name of JSON": Reply(200, JSON, b"<html>log in</html>"),
    "no list": Reply(200, JSON, b'{"a": 1}'),
    "no UID": Reply(200, JSON, b'[{"0020000D": {"vr": "UI"}}]'),
    "a UID that leads elsewhere": Reply(200, JSON, b'[{"0020000D": {"vr": "UI", "Value": ["../../x"]}}]'),
    "cut off": Reply(200, JSON, b'[{"0020000D"', 4000),
    "no log-in": Reply(401, "text/plain", b""),
}


@pytest.mark.parametrize("fault", SEARCH_FAULTS.values(), ids=SEARCH_FAULTS)
def test_a_search_that_fails_does_not_move_the_cursor(
    archive: FakeArchive, store: Store, folder: Path, fault: Reply
) -> None:
    archive.faults["/studies"] = fault
    with pytest.raises(Sr2FhirError, match="archive pacs at"):
        part_of(archive, store).poll(TODAY)
    assert cursor_of(store).since is None
    archive.faults.clear()
    part_of(archive, store).poll(TODAY)
    assert len(kept.uids(folder)) == 7
    assert cursor_of(store).since == "20261128"


FETCH_FAULTS = {
    "half a multipart": multipart(b.encoded(report(3))[:500], closing=b""),
    "no part": multipart(),
    "html": Reply(200, "text/html", b"<html>"),
    "html in a part": multipart(b"<html>"),
    "an error": Reply(500, "text/plain", b""),
    "shorter than it says": Reply(200, "application/dicom", b"DICM", 5000),
    "on a slower medium": Reply(404, "text/plain", b""),
}


@pytest.mark.parametrize("fault", FETCH_FAULTS.values(), ids=FETCH_FAULTS)
def test_an_instance_that_cannot_be_fetched_is_owed(
    archive: FakeArchive, store: Store, folder: Path, fault: Reply
) -> None:
    archive.faults["/instances/1.2.3"] = fault
    if fault.status == 404:  # a search still finds it
        reply = archive.reply
        found = Reply(200, JSON, b'[{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}]')
        archive.reply = (  # type: ignore[method-assign]
            lambda path, query: found if "SOPInstanceUID" in query else reply(path, query)
        )
    part = part_of(archive, store)
    part.poll(TODAY)
    assert [each.instance for each in cursor_of(store).owed] == ["1.2.3"]
    assert len(kept.uids(folder)) == 6
    assert "1 instance" in part.alarms()[0].message
    archive.faults.clear()
    part.poll(TODAY)
    assert len(kept.uids(folder)) == 7
    assert cursor_of(store).owed == set()
    assert part.alarms() == []


def test_an_instance_that_was_deleted_meanwhile_is_not_owed(archive: FakeArchive, store: Store) -> None:
    archive.faults["/series/"] = Reply(404, "text/plain", b"")
    reply = archive.reply
    archive.reply = (  # type: ignore[method-assign]
        lambda path, query: Reply(204, "", b"") if "SOPInstanceUID" in query else reply(path, query)
    )
    part_of(archive, store).poll(TODAY)
    assert cursor_of(store).owed == set()


def test_an_archive_that_gives_nothing_is_left_in_peace(archive: FakeArchive, store: Store) -> None:
    archive.faults["/series/"] = Reply(500, "text/plain", b"")
    with pytest.raises(Sr2FhirError, match="one after another"):
        part_of(archive, store).poll(TODAY)
    assert len([path for path, _ in archive.asked if "/series/" in path]) == 3
    assert cursor_of(store).since is None


def test_what_was_fetched_before_an_archive_went_down_is_remembered(
    archive: FakeArchive, store: Store, folder: Path
) -> None:
    archive.faults["/instances/1.2.5"] = Reply(503, "text/plain", b"")
    with pytest.raises(Sr2FhirError):
        part_of(archive, store).poll(TODAY)
    taken = len(kept.uids(folder))
    assert taken > 0
    archive.faults.clear()
    archive.asked.clear()
    part_of(archive, store).poll(TODAY)
    assert len([path for path, _ in archive.asked if "/series/" in path]) == 7 - taken
    assert len(kept.uids(folder)) == 7


def test_nothing_is_fetched_that_the_store_would_not_take(archive: FakeArchive, tmp_path: Path) -> None:
    with Store(tmp_path / "full", low_disk=1 << 60) as store:
        with pytest.raises(BusyError):
            part_of(archive, store).poll(TODAY)
        assert not [path for path, _ in archive.asked if "/series/" in path]
        assert cursor_of(store).since is None


# ---- an archive that gives no files


METADATA = """[{"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
 "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.34"]},
 "00080018": {"vr": "UI", "Value": ["1.2.1"]}, "0020000D": {"vr": "UI", "Value": ["1.9.1"]},
 "0040A040": {"vr": "CS", "Value": ["CONTAINER"]}, "00101030": {"vr": "DS", "Value": [70.10]},
 "0040A730": {"vr": "SQ", "Value": [{"0040A040": {"vr": "CS", "Value": ["TEXT"]}}]},
 "00420011": {"vr": "OB", "BulkDataURI": "%s"}}]"""


def metadata_only(archive: FakeArchive, uri: str) -> None:
    archive.reports = [report(1)]
    archive.faults = {
        "/instances/1.2.1/metadata": Reply(200, JSON, (METADATA % uri).encode()),
        "/instances/1.2.1/bulk": multipart(b"\x01\x02\x03"),
        "/instances/1.2.1": Reply(406, "text/plain", b""),
    }


@pytest.mark.parametrize("uri", ["bulk/1", "{url}/studies/1.9.1/series/1.2.840.99.2/instances/1.2.1/bulk/1"])
def test_metadata_with_bulk_data_of_the_same_origin_are_taken(
    archive: FakeArchive, store: Store, folder: Path, uri: str
) -> None:
    metadata_only(archive, uri.format(url=archive.url))
    part_of(archive, store).poll(TODAY)
    (path,) = kept.objects(folder)
    assert b'"InlineBinary":"AQID"' in path.read_bytes()
    assert b"70.10" in path.read_bytes()  # numbers keep their text


@pytest.mark.parametrize(
    "uri", ["http://169.254.169.254/secrets", "file:///etc/passwd", "/elsewhere", "//x.example/a"]
)
def test_bulk_data_elsewhere_are_refused(archive: FakeArchive, store: Store, folder: Path, uri: str) -> None:
    metadata_only(archive, uri)
    part_of(archive, store).poll(TODAY)
    assert kept.objects(folder) == []
    assert len(cursor_of(store).owed) == 1
    assert not [path for path, _ in archive.asked if "secrets" in path or "elsewhere" in path]


# ---- as a part


def test_it_polls_until_it_is_stopped_and_tells_what_is_wrong(
    archive: FakeArchive, store: Store, folder: Path
) -> None:
    archive.faults["/studies"] = Reply(503, "text/plain", b"")
    part = part_of(archive, store, every_s=0.05, first_days=36500)
    part.start()
    until(lambda: bool(part.alarms()))
    assert part.alarms()[0].severity == "error"
    archive.faults.clear()
    until(lambda: len(kept.uids(folder)) == 7)
    until(lambda: part.alarms() == [])
    part.stop(5)
    asked = len(archive.asked)
    assert not part._thread.is_alive()
    assert len(archive.asked) == asked


def test_check(archive: FakeArchive, store: Store) -> None:
    (fine,) = part_of(archive, store).check()
    assert fine.ok
    archive.faults["/studies"] = Reply(200, "text/html", b"<html>")
    (page,) = part_of(archive, store).check()
    assert not page.ok
    (down,) = Archive(ArchiveSettings("pacs", "http://127.0.0.1:9/dicom-web"), store).check()
    assert not down.ok
    assert down.hint


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"url": "pacs.example"}, "url"),
        ({"url": "https://pacs.example/dicom-web/studies/1.2"}, "url"),
        ({"page": 0}, "page"),
        ({"modalities": ()}, "modalities"),
        ({"url": "http://pacs.example", "log_in": LogInSettings("bearer", secret=Secret(env="X"))}, "url"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        ArchiveSettings(**{"name": "pacs", "url": "https://pacs.example", **settings})
    assert caught.value.where == where
