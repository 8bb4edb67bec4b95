"""Folders and NDJSON as destinations: whole after any interruption."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.gateway.delivery import files
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.files import FolderSender, NdjsonSender
from sr2fhir.gateway.delivery.settings import Destination

from .bundles import patient, result, written
from .memory import Memory, delivery


def ndjson(folder: Path, memory: Memory | None = None) -> NdjsonSender:
    return NdjsonSender(Destination("lake", "ndjson", path=folder), memory or Memory())


def lines(folder: Path, kind: str = "Observation") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.ndjson").read_text().splitlines()]


def test_the_three_files_of_a_document_are_named_by_its_uid(tmp_path: Path) -> None:
    source = tmp_path / "results"
    source.mkdir()
    for name in ("bundle", "report", "outcome"):
        (source / name).write_text(f'"{name}"')
    made = delivery(source / "bundle", "1.2.3")._replace(report=source / "report", outcome=source / "outcome")
    out = tmp_path / "out"
    sender = FolderSender(Destination("share", "folder", path=out))
    sender.send(made)
    assert {file.name: file.read_text() for file in out.iterdir()} == {
        "1.2.3.bundle.json": '"bundle"',
        "1.2.3.report.json": '"report"',
        "1.2.3.outcome.json": '"outcome"',
    }
    (source / "bundle").write_text('"newer"')
    sender.send(made)
    assert (out / "1.2.3.bundle.json").read_text() == '"newer"'
    assert len(list(out.iterdir())) == 3


@pytest.mark.parametrize("kind", ["folder", "ndjson"])
def test_a_folder_that_cannot_be_written_to_is_waited_for(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text("a file")
    out = tmp_path / "out"
    sender = FolderSender(Destination("share", kind, path=out)) if kind == "folder" else ndjson(out)
    with pytest.raises(PostponedError) as caught:
        sender.send(delivery(written(tmp_path / "in"), "1.2.3"))
    assert caught.value.whole
    with pytest.raises(PostponedError):
        sender.probe()
    (check,) = sender.check()
    assert not check.ok
    (tmp_path / "out").unlink()
    sender.probe()
    assert [each.ok for each in sender.check()] == [True]
    assert list((tmp_path / "out").iterdir()) == []


def test_resources_are_appended_by_type(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    out = tmp_path / "out"
    sender = ndjson(out)
    for name in ("one", "two"):
        sender.send(delivery(written(tmp_path / "in", patient(), result(name, "1.50")), f"1.{name}"))
    assert [each["id"] for each in lines(out)] == ["one", "two"]
    assert [each["id"] for each in lines(out, "Patient")] == ["pat", "pat"]
    assert lines(out)[0]["subject"] == {"reference": "Patient/pat"}


def test_what_is_there_as_it_is_is_not_appended_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    out, memory = tmp_path / "out", Memory()
    sender = ndjson(out, memory)
    for value in ("1", "1", "2"):
        made = sender.send(
            delivery(written(tmp_path / "in", patient(), result("one", value), result("two")), "1.2")
        )
        memory.update_sent("lake", "1.2", made.sent)
    assert [(each["id"], each["valueString"]) for each in lines(out)] == [
        ("one", "1"),
        ("two", "1"),
        ("one", "2"),
    ]
    assert len(lines(out, "Patient")) == 1


def test_a_delivery_that_was_written_and_not_recorded_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    out = tmp_path / "out"
    made = delivery(written(tmp_path / "in", patient(), result("one")), "1.2")
    ndjson(out).send(made)
    ndjson(out).send(made._replace(attempts=2))
    assert len(lines(out)) == 1


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_what_an_interrupted_attempt_left_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Fail at each point where the disk is asked to hold something."""
    (tmp_path / "in").mkdir()
    out = tmp_path / "out"
    ndjson(out).send(delivery(written(tmp_path / "in", patient(), result("one")), "1.1"))
    second = delivery(written(tmp_path / "in", patient(), result("two")), "1.2")
    fsync, count = os.fsync, iter(range(100))

    def failing(descriptor: int) -> None:
        if next(count) >= after:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", failing)
        with pytest.raises(PostponedError, match="No space left"):
            ndjson(out).send(second)
    if after < 3:  # before the journal says that all is there
        with (out / "Observation.ndjson").open("ab") as stream:
            stream.write(b'{"resourceType": "Obs')
    ndjson(out).send(second)
    assert [each["id"] for each in lines(out)] == ["one", "two"]
    assert len(lines(out, "Patient")) == 2


def test_a_file_that_somebody_took_away_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    out = tmp_path / "out"
    ndjson(out).send(delivery(written(tmp_path / "in", patient(), result("one")), "1.1"))
    (out / "Observation.ndjson").rename(tmp_path / "taken")
    ndjson(out).send(delivery(written(tmp_path / "in", patient(), result("two")), "1.2"))
    assert [each["id"] for each in lines(out)] == ["two"]


def test_a_damaged_bundle_is_a_dead_letter(tmp_path: Path) -> None:
    file = tmp_path / "cut"
    file.write_text("{")
    with pytest.raises(RefusedError):
        ndjson(tmp_path / "out").send(delivery(file, "1.2"))
