"""The rows, their rules and their tests fit together, and docs/rows.md says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.paths import layout
from tools.publishing import row_table

from tests.rows.accounting import checked_against, summary

ROOT = layout().sources

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


def test_every_row_has_a_test_or_a_reason_and_every_marker_a_row() -> None:
    assert row_table.problems(ROOT) == []


def test_the_page_is_up_to_date() -> None:
    assert row_table.up_to_date(ROOT), "python -m tools.publishing.row_table"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Answer a small project: one map, two rows, one test."""
    for folder in (row_table.FOLDER, row_table.MAPS, row_table.PAGE.parent):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "maps/Patient.map").write_text(
        'group PatientStub(source a, target b) {\n  a then X(a, b) "patient";\n}\n'
    )
    write(tmp_path)
    return tmp_path


def write(project: Path, rows: str = ROWS, test: str = TEST) -> None:
    (project / row_table.FOLDER / "rows_3_8.toml").write_text(rows)
    (project / row_table.FOLDER / "test_rows_3_8.py").write_text(test)


def test_the_page_links_rule_and_test_by_line(project: Path) -> None:
    page = row_table.page(project)
    assert "2 rows; 1 with a test, 1 with a reason why not." in page
    assert "## 3.8 Measurements" in page
    assert (
        "| 3.8.01 | Concept Name | Observation.code | IG | [Patient: PatientStub.patient](../maps/Patient.map#L2) "
        "| [test_code](../tests/rows/test_rows_3_8.py#L4) |"
    ) in page
    assert "| 3.8.02 | a \\| b | none | UNM |  | cannot be done: FHIR has no place for it |" in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"IG"', '"OTHER"', "class is one of"),
        ('"3.8.02"', '"3.8.03"', "should be 3.8.02"),
        ("sr = ", "source = ", "has not the members of a row"),
        ('maps = ["maps/Patient.map:PatientStub.patient"]', "", "name the rules in `maps`"),
        ("PatientStub.patient", "PatientStub.name", "there is no rule maps/Patient.map:PatientStub.name"),
        (
            'reason = "FHIR has no place for it"',
            'renderer = ["model/none.py"]',
            "neither a test nor a reason",
        ),
        (
            'reason = "FHIR has no place for it"',
            'renderer = ["model/none.py"]',
            "there is no model/none.py",
        ),
        ('class = "IG"', 'class = "IG"\nreason = "none"', "a test and a reason"),
    ],
)
def test_rows_that_are_wrong_are_found(project: Path, old: str, new: str, message: str) -> None:
    assert row_table.problems(project) == []
    write(project, rows=ROWS.replace(old, new))
    assert message in "\n".join(row_table.problems(project))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@pytest.mark.row('3.8.01')\n", "", "test_code has no @pytest.mark.row(id)"),
        ("'3.8.01'", "'3.8.01', '3.8.09'", "there is no row 3.8.09"),
        ("'3.8.01'", "'3.8.02'", "row 3.8.01 has neither a test nor a reason"),
    ],
)
def test_tests_that_are_wrong_are_found(project: Path, old: str, new: str, message: str) -> None:
    write(project, test=TEST.replace(old, new))
    assert message in "\n".join(row_table.problems(project))


def test_rows_are_counted_by_their_results(project: Path) -> None:
    sections = row_table.sections(project / row_table.FOLDER)
    assert summary({"3.8.01": True}, sections) == "rows of spec section 3: 2 rows, 1 tested, 1 with a reason"
    assert summary({"3.8.01": False}, sections).endswith("0 tested, 1 with a reason, 1 failed")
    assert summary({}, sections).endswith("0 tested, 1 with a reason, 1 not run")


def test_the_end_of_a_run_tells_whether_the_published_guide_was_at_hand(tmp_path: Path) -> None:
    assert checked_against(tmp_path).endswith("our definitions and the published ones")
    absent = tmp_path / "shared" / "official"
    assert checked_against(absent).endswith("which is not at hand (../shared/official)")
