"""The tables of a Measurement Report: what concepts are for, each said once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import sr2fhir
from sr2fhir.documents.measurement_report.structure import OBSERVATIONS, roles
from sr2fhir.model.codes import Roles, table

PACKAGE = Path(sr2fhir.__file__).parent
TABLES = "sr2fhir.documents.measurement_report"
KEY = re.compile(r'"(?:DCM|SCT|UMLS|NCIt|RADLEX|LN)#[^"]+"')


def test_each_concept_is_said_once() -> None:
    text = (PACKAGE / "documents" / "measurement_report" / "roles.toml").read_text("utf-8")
    counted = Counter(KEY.findall(text))
    assert len(counted) > 80
    assert {key for key, count in counted.items() if count > 1} == set()


def test_python_knows_concepts_by_their_terms_only() -> None:
    for house in ("model", "documents", "accounting"):
        for path in (PACKAGE / house).rglob("*.py"):
            assert not KEY.findall(path.read_text("utf-8")), path


def test_every_term_that_python_names_is_in_the_table() -> None:
    known = set(roles()._keys)
    groups = {term.partition(".")[0] for term in known}
    named = {
        term
        for house in ("model", "documents")
        for path in (PACKAGE / house).rglob("*.py")
        for term in re.findall(r'"([a-z-]+\.[a-z-]+)"', path.read_text("utf-8"))
        if term.partition(".")[0] in groups
    }
    assert len(named) > 40
    assert named <= known


def test_the_structure_names_known_roles() -> None:
    structure = table(TABLES, "structure.toml")
    for row in structure.values():
        assert {row["number"]} <= structure.keys() if "number" in row else True
        assert all(roles().keys(role) for role in row.get("never", ()))
        assert all(roles().key(f"section.{section}") for section in row.get("containers", ()))
    assert OBSERVATIONS - {"evaluation"} <= {row.get("role", name) for name, row in structure.items()}


def test_terms_and_roles() -> None:
    known = Roles({"context": {"observer": {"type": "A#1"}}, "finding": {"finding": "A#2"}})
    assert known.terms(("A#2", "A#1", "A#3")) == ("finding.finding", "observer.type")
    assert known.role(("observer.type",)) == "context"
    assert known.role(()) is None
    assert (known.key("finding.finding"), known.keys("context")) == ("A#2", {"A#1"})
