"""The rows, their rules and their tests fit together, and the page of them says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sr2fhir.paths import layout
from tools.guide import docs, rows

from tests.rows.accounting import checked_against, summaries

ROWS = """
title = "Measurements"
[[row]]
id = "3.8.01"
sr = "Concept Name"
target = "Observation.code"
class = "IG"
maps = ["maps/Patient.map:PatientStub.patient"]
[[row]]
id = "3.8.02"
sr = "a | b"
target = "none"
class = "UNM"
reason = "FHIR has no place for it"
"""
TEST = "import pytest\n\n@pytest.mark.row('3.8.01')\ndef test_code():\n    pass\n"
RULE = SimpleNamespace(group=SimpleNamespace(map="Patient"), reference="PatientStub.patient")
MAPS: Any = SimpleNamespace(rules=[RULE])


def test_every_row_has_a_test_or_a_reason_and_every_marker_a_row() -> None:
    assert rows.problems(layout().sources, docs.library(layout())) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project: two rows, one test."""
    (tmp_path / rows.FOLDER).mkdir(parents=True)
    write(tmp_path)
    return tmp_path


def write(project: Path, text: str = ROWS, test: str = TEST) -> None:
    (project / rows.FOLDER / "rows_3_8.toml").write_text(text)
    (project / rows.FOLDER / "test_rows_3_8.py").write_text(test)


def test_the_page_links_rule_and_test_by_name(project: Path) -> None:
    page = rows.page(project, MAPS)
    assert "2 rows; 1 with a test, 1 with a reason why not." in page
    assert "## 3.8 Measurements" in page
    assert (
        "| 3.8.01 | Concept Name | Observation.code | IG "
        "| [PatientStub.patient](mapping/Patient.md#patientstub-patient) "
        "| [test_code](../../tests/rows/test_rows_3_8.py) |"
    ) in page
    assert "| 3.8.02 | a \\| b | none | UNM |  | cannot be done: FHIR has no place for it |" in page


def test_a_module_is_found_by_its_name_and_what_it_defines(tmp_path: Path) -> None:
    place = rows.PACKAGE / "documents" / "names.py"
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("class Name:\n    def text(self): ...\n")
    assert rows.module(tmp_path, "names.py") == place
    assert rows.module(tmp_path, "model/names.py:Name.text") == place
    assert rows.module(tmp_path, "names.py:Name.other") is None
    assert rows.module(tmp_path, "other.py") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"IG"', '"OTHER"', "class is one of"),
        ('"3.8.02"', '"3.8.03"', "should be 3.8.02"),
        ("sr = ", "source = ", "has not the members of a row"),
        ('maps = ["maps/Patient.map:PatientStub.patient"]', "", "name the rules in `maps`"),
        ("PatientStub.patient", "PatientStub.name", "there is no rule maps/Patient.map:PatientStub.name"),
        ('reason = "FHIR has no place for it"', 'renderer = ["model/no.py"]', "neither a test nor a reason"),
        ('reason = "FHIR has no place for it"', 'renderer = ["model/no.py"]', "there is no model/no.py"),
        ('class = "IG"', 'class = "IG"\nreason = "none"', "a test and a reason"),
    ],
)
def test_rows_that_are_wrong_are_found(project: Path, old: str, new: str, message: str) -> None:
    assert rows.problems(project, MAPS) == []
    write(project, text=ROWS.replace(old, new))
    assert message in "\n".join(rows.problems(project, MAPS))
    with pytest.raises(rows.RowError):
        rows.page(project, MAPS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@pytest.mark.row('3.8.01')\n", "", "test_rows_3_8.py:test_code: there is no row ''"),
        ("'3.8.01'", "'3.8.01', '3.8.09'", "there is no row '3.8.09'"),
        ("'3.8.01'", "'3.8.02'", "row 3.8.01 has neither a test nor a reason"),
    ],
)
def test_tests_that_are_wrong_are_found(project: Path, old: str, new: str, message: str) -> None:
    write(project, test=TEST.replace(old, new))
    assert message in "\n".join(rows.problems(project, MAPS))


def test_rows_are_counted_by_their_results(project: Path) -> None:
    found = rows.sections(project / rows.FOLDER)
    assert [*summaries({"3.8.01": True}, found)] == [
        "rows of spec section 3: 2 rows, 1 tested, 1 with a reason"
    ]
    assert next(summaries({"3.8.01": False}, found)).endswith("0 tested, 1 with a reason, 1 failed")
    assert next(summaries({}, found)).endswith("0 tested, 1 with a reason, 1 not run")


def test_rows_of_a_further_document_type_are_counted_apart(project: Path) -> None:
    text = ROWS.replace("3.8.", "kos.").replace("Measurements", "Key objects")
    (project / rows.FOLDER / "rows_kos.toml").write_text(text)
    (project / rows.FOLDER / "rows_3_10.toml").write_text(ROWS.replace("3.8.", "3.10."))
    (project / rows.FOLDER / "test_rows_kos.py").write_text(TEST.replace("3.8.", "kos."))
    found = rows.sections(project / rows.FOLDER)
    assert [section.number for section in found] == ["3.8", "3.10", "kos"]
    assert "rows of key objects: 2 rows, 1 tested, 1 with a reason" in summaries({"kos.01": True}, found)
    (project / rows.FOLDER / "rows_3_10.toml").unlink()
    assert rows.problems(project, MAPS) == []


def test_the_end_of_a_run_tells_whether_the_published_guide_was_at_hand(tmp_path: Path) -> None:
    assert checked_against(tmp_path).endswith("our definitions, the published ones, and in R4")
    absent = tmp_path / "shared" / "official"
    assert checked_against(absent).endswith("which is not at hand (../shared/official)")
