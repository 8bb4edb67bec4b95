"""The record of a run outlasts it, and is believed only where it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.errors import NotDicomError, Sr2FhirError, UsageError
from sr2fhir.runs.journal import FILE, Entry, Journal
from sr2fhir.runs.results import FileResult

GOOD = FileResult("a", resources=3, unmapped=2, errors=1, warnings=4, invalid=5)


def entry(number: int, result: FileResult = GOOD) -> Entry:
    return Entry(
        number, result.name, f"source {number}", f"output {number}", result, {"Patient.ndjson": number}
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Path]:
    """Make the folder of a run that was interrupted."""
    journal = Journal(tmp_path, "one", resume=False)
    journal.enter(entry(0))
    journal.enter(entry(1, FileResult("b", error=NotDicomError("not DICOM", source="b"))))
    journal.close()
    return tmp_path


def names(journal: Journal) -> list[str]:
    found = [journal.numbered(number) for number in range(len(journal))]
    journal.close()
    return [one.name for one in found if one]


def test_what_was_recorded_comes_back(recorded: Path) -> None:
    journal = Journal(recorded, "one", resume=True)
    assert journal.named("a") == journal.numbered(0) == entry(0)
    assert journal.named("c") is None
    failed = journal.last()
    journal.close()
    assert failed is not None
    assert (failed.number, failed.result.name, str(failed.result.error)) == (1, "b", "b: not DICOM")
    assert isinstance(failed.result.error, Sr2FhirError)


@pytest.mark.parametrize(("mark", "resume", "kept"), [("one", True, 2), ("two", True, 0), ("one", False, 0)])
def test_it_is_forgotten_where_it_does_not_fit(recorded: Path, mark: str, resume: bool, kept: int) -> None:
    assert len(names(Journal(recorded, mark, resume=resume))) == kept
    assert len(names(Journal(recorded, mark, resume=True))) == kept


def test_a_damaged_one_is_made_anew(recorded: Path) -> None:
    (recorded / FILE).write_bytes(b"no journal" * 500)
    assert names(Journal(recorded, "one", resume=True)) == []


def test_what_is_recorded_in_part_is_not_recorded(recorded: Path) -> None:
    journal = Journal(recorded, "one", resume=True)

    def half() -> None:
        with journal.transaction():
            journal.forget("a")
            assert journal.is_new("Patient/1", b"x", 2)
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert journal.resources() == (0, 0)
    assert names(journal) == ["a", "b"]


def test_one_run_at_a_time(recorded: Path) -> None:
    journal = Journal(recorded, "one", resume=True)
    with pytest.raises(UsageError, match="another run") as refused:
        Journal(recorded, "one", resume=True)
    assert refused.value.hint
    journal.close()
    assert names(Journal(recorded, "one", resume=True)) == ["a", "b"]


def test_a_resource_is_new_once_for_each_content(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one", resume=False)
    seen = [("Patient/1", b"x"), ("Patient/1", b"x"), ("Patient/1", b"y"), ("Patient/2", b"x")]
    assert [journal.is_new(*one, number) for number, one in enumerate(seen)] == [True, False, True, True]
    assert journal.resources() == (3, 2)
    journal.forget_from(2)
    assert journal.resources() == (1, 1)
    journal.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Sr2FhirError, match="cannot be written") as refused:
        Journal(tmp_path / "none", "one", resume=False)
    assert refused.value.where == str(tmp_path / "none")
