"""Ids, issuers and search tokens (mapping sections 1 and 3.2, decision D30)."""

from __future__ import annotations

import uuid

import pytest
from sr2fhir.model.attributes import Attributes
from sr2fhir.model.identifiers import Ids, issued_identifier, issuer_system

from tests import builders as b

IDS = Ids("1.2.3", "1.2")


def _uuid(key):
    return str(uuid.uuid5(uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8"), key))


def test_content_items_are_keyed_by_document_position_and_role():
    assert IDS.at("1\\4\\2", "item") == _uuid("1.2.3|1\\4\\2|item")
    assert IDS.at("1\\4\\2", "source") != IDS.at("1\\4\\2", "item")


def test_an_identifier_with_a_system_is_the_key():
    numbers = [{"value": "7"}, {"system": "http://h.org", "value": "9"}]
    assert IDS.of(numbers, "PatientID", "patient") == _uuid("http://h.org|9|patient")
    assert IDS.of(numbers, "PatientID", "patient") == Ids("9.9", "8.8").of(numbers, "PatientID", "patient")


def test_an_identifier_without_a_system_holds_within_its_study():
    assert IDS.of([{"value": "7"}], "PatientID", "patient") == _uuid("1.2|7|patient")


def test_without_an_identifier_the_document_is_the_key():
    assert IDS.of([], "PatientID", "patient") == _uuid("1.2.3|PatientID|patient")


def test_patient_and_order_of_the_same_number_are_two():
    number = [{"value": "7"}]
    assert IDS.of(number, "PatientID", "patient") != IDS.of(number, "AccessionNumber", "request")


@pytest.mark.parametrize(
    ("kind", "entity", "system"),
    [
        ("URI", "http://test-hospital.org/acsn", "http://test-hospital.org/acsn"),
        ("URI", "test-hospital.org", "http://test-hospital.org"),
        ("ISO", "1.2.3", "urn:oid:1.2.3"),
        ("ISO", "urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("UUID", "134ff38a-7740-53f6-9f1a-34e34f86e319", "urn:uuid:134ff38a-7740-53f6-9f1a-34e34f86e319"),
        ("DNS", "h.org", "http://h.org"),
        ("X400", "whatever", None),
        (None, "h.org", None),
    ],
)
def test_issuers(kind, entity, system):
    issuer = Attributes(b.sequence_item(UniversalEntityID=entity, UniversalEntityIDType=kind))
    assert issuer_system(issuer) == system


def test_the_assigner_is_the_local_namespace_else_the_issuer():
    local = Attributes(b.sequence_item(LocalNamespaceEntityID="Ward"))
    assert issued_identifier("7", "PatientID", issuer=local, assigner="House")["assigner"] == {
        "display": "Ward"
    }
    assert issued_identifier("7", "PatientID", assigner="House")["assigner"] == {"display": "House"}


def test_the_configured_system_yields_to_the_stated_one():
    stated = Attributes(b.sequence_item(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO"))
    assert issued_identifier("7", "PatientID", issuer=stated, default="http://d")["system"] == "urn:oid:1.2.3"
    assert issued_identifier("7", "PatientID", default="http://d")["system"] == "http://d"
