"""Orthanc: what it forwards by C-STORE, and what it gives by QIDO-RS and WADO-RS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from sr2fhir.gateway.authentication import LogInSettings, Secret
from sr2fhir.gateway.intake.archive import Archive, ArchiveSettings
from sr2fhir.gateway.intake.dimse import Dimse, DimseSettings, Peer
from sr2fhir.gateway.store import Store

from tests.gateway.intake import kept
from tests.gateway.intake.senders import dcmtk
from tests.gateway.intake.waiting import until
from tests.servers import orthanc


@pytest.fixture
def reports(samples: list[Path]) -> list[Path]:
    return [path for path in samples if path.suffix == ".dcm"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[orthanc.Orthanc]:
    with orthanc.running(tmp_path / "orthanc") as server:
        yield server


def sent(server: orthanc.Orthanc, files: list[Path]) -> None:
    done = dcmtk("storescu", "-R", "-aec", "ORTHANC", "127.0.0.1", server.dicom, *files)
    assert done.returncode == 0, done.stderr


def contents(files: list[Path]) -> dict[str, Any]:
    return {dataset.SOPInstanceUID: dataset for dataset in map(dcmread, files)}


def part_of(server: orthanc.Orthanc, store: Store, tmp_path: Path, **settings: Any) -> Archive:
    (tmp_path / "password").write_text(orthanc.PASSWORD)
    log_in = LogInSettings("basic", user=orthanc.USER, secret=Secret(file=tmp_path / "password"))
    every_day = {"first_days": 36500, "overlap_days": 36500}
    return Archive(ArchiveSettings("pacs", server.dicomweb, log_in=log_in, **every_day, **settings), store)


def test_what_orthanc_forwards_is_taken(
    store: Store, folder: Path, tmp_path: Path, reports: list[Path]
) -> None:
    dimse = Dimse(DimseSettings(port=0, allow=(Peer(ae="ORTHANC", address="127.0.0.1"),)), store)
    dimse.start()
    with orthanc.running(tmp_path / "orthanc", forward_to=dimse.port) as server:
        sent(server, reports)
        until(lambda: len(kept.objects(folder)) == len(reports), 30)
    dimse.stop(5)
    assert contents(kept.objects(folder)) == contents(reports)


@pytest.mark.parametrize("search", ["study", "instance"])
def test_what_orthanc_has_is_fetched_once(
    server: orthanc.Orthanc,
    store: Store,
    folder: Path,
    tmp_path: Path,
    reports: list[Path],
    search: str,
) -> None:
    sent(server, reports[:-1])
    part = part_of(server, store, tmp_path, search=search)
    part.poll()
    assert contents(kept.objects(folder)) == contents(reports[:-1])
    assert part.alarms() == []
    before = kept.objects(folder)
    sent(server, reports)
    part.poll()
    assert contents(kept.objects(folder)) == contents(reports)
    assert set(before) < set(kept.objects(folder))


def test_check_of_orthanc(server: orthanc.Orthanc, store: Store, tmp_path: Path) -> None:
    (check,) = part_of(server, store, tmp_path).check()
    assert check.ok
    (refused,) = Archive(ArchiveSettings("pacs", server.dicomweb), store).check()
    assert not refused.ok
    assert "log-in" in refused.message
