"""Ids, issuers and search tokens (mapping sections 1 and 3.2, decision D30)."""

from __future__ import annotations

import uuid

import pytest
from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes
from sr2fhir.model.identifiers import Ids, Issuers, modality_of

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


# ---- issuers (decision D32) ------------------------------------------------------------------------------------

UUID = "134ff38a-7740-53f6-9f1a-34e34f86e319"
HOSP_B = {"HOSP_B": "urn:oid:1.2.5"}


def identified(systems=None, assigner=None, **issuer):
    """Answer the identifier of number 7, and the codes of what was noticed."""
    log = FindingLog()
    item = Attributes(b.sequence_item(**issuer)) if issuer else None
    made = Issuers(systems or {}, log).identifier("7", "PatientID", issuer=item, assigner=assigner)
    assert made["value"] == "7"
    return made, [finding.code for finding in log]


@pytest.mark.parametrize(
    ("kind", "entity", "system"),
    [
        ("URI", "http://test-hospital.org/acsn", "http://test-hospital.org/acsn"),
        ("URI", "urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("ISO", "1.2.3", "urn:oid:1.2.3"),
        ("ISO", "urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("UUID", UUID, f"urn:uuid:{UUID}"),
        ("UUID", UUID.upper(), f"urn:uuid:{UUID}"),
    ],
)
def test_an_issuer_that_is_identified_is_a_system(kind, entity, system):
    made, noticed = identified(UniversalEntityID=entity, UniversalEntityIDType=kind)
    assert made == {"id": "PatientID", "system": system, "value": "7"}
    assert noticed == []


@pytest.mark.parametrize(
    ("kind", "entity"),
    [
        ("URI", "test-hospital.org"),
        ("URI", "test-hospital.org:8080"),
        ("DNS", "test-hospital.org"),
        ("ISO", "no oid"),
        ("UUID", "1.2.3"),
        ("X400", "whatever"),
        (None, "HOSP_B"),
    ],
)
def test_an_issuer_that_is_named_only_is_none(kind, entity):
    """No system is invented of a name: it stands in `assigner`, and the table of issuers decides."""
    issuer = {"UniversalEntityID": entity, **({"UniversalEntityIDType": kind} if kind else {})}
    made, noticed = identified(**issuer)
    assert made == {"id": "PatientID", "value": "7", "assigner": {"display": entity}}
    assert noticed == ["unknown-issuer"]
    made, noticed = identified({entity: "urn:oid:1.2.5"}, **issuer)
    assert (made["system"], made["assigner"], noticed) == ("urn:oid:1.2.5", {"display": entity}, [])


def test_the_table_is_matched_exactly_but_for_blanks_around():
    assert identified({" HOSP_B": "urn:oid:1.2.5"}, assigner="HOSP_B ")[0]["system"] == "urn:oid:1.2.5"
    for name in ("hosp_b", "HOSP", "HOSP_B2"):
        made, noticed = identified(HOSP_B, assigner=name)
        assert "system" not in made
        assert noticed == ["unknown-issuer"]


def test_the_assigner_is_the_local_namespace_else_the_issuer_else_the_entity():
    names = {"LocalNamespaceEntityID": "Ward", "UniversalEntityID": "h.org", "UniversalEntityIDType": "DNS"}
    assert identified(assigner="House", **names)[0]["assigner"] == {"display": "Ward"}
    del names["LocalNamespaceEntityID"]
    assert identified(assigner="House", **names)[0]["assigner"] == {"display": "House"}
    assert identified(**names)[0]["assigner"] == {"display": "h.org"}


def test_the_identified_issuer_may_be_named_as_well():
    oid = {"UniversalEntityID": "1.2.5", "UniversalEntityIDType": "ISO"}
    for systems, name in (({}, "unknown"), (HOSP_B, "HOSP_B")):
        made, noticed = identified(systems, LocalNamespaceEntityID=name, **oid)
        assert (made["system"], made["assigner"], noticed) == ("urn:oid:1.2.5", {"display": name}, [])


def test_two_names_of_which_one_is_unknown_give_no_system():
    for local, assigner in (("HOSP_C", "HOSP_B"), ("HOSP_B", "HOSP_C")):
        made, noticed = identified(HOSP_B, LocalNamespaceEntityID=local, assigner=assigner)
        assert "system" not in made
        assert made["assigner"] == {"display": local}
        assert noticed == ["unknown-issuer"]
        both = {**HOSP_B, "HOSP_C": HOSP_B["HOSP_B"]}
        made, noticed = identified(both, LocalNamespaceEntityID=local, assigner=assigner)
        assert (made["system"], noticed) == ("urn:oid:1.2.5", [])
    made, noticed = identified(HOSP_B, LocalNamespaceEntityID="HOSP_B ", assigner="HOSP_B")
    assert (made["system"], noticed) == ("urn:oid:1.2.5", [])


def test_an_identified_issuer_may_have_names_that_the_table_does_not_know():
    names = {"LocalNamespaceEntityID": "HOSP_C", "assigner": "Other"}
    dns = {"UniversalEntityID": "h.org", "UniversalEntityIDType": "DNS"}
    made, noticed = identified({"h.org": "urn:oid:1.2.5"}, **names, **dns)
    assert (made["system"], noticed) == ("urn:oid:1.2.5", [])
    made, noticed = identified(HOSP_B, LocalNamespaceEntityID="HOSP_B", **dns)
    assert (made["system"], noticed) == ("urn:oid:1.2.5", [])


def test_issuers_that_contradict_each_other_give_no_system():
    for issuer in (
        {"UniversalEntityID": "1.2.6", "UniversalEntityIDType": "ISO"},
        {"LocalNamespaceEntityID": "HOSP_C"},
    ):
        made, noticed = identified({**HOSP_B, "HOSP_C": "urn:oid:1.2.6"}, assigner="HOSP_B", **issuer)
        assert "system" not in made
        assert noticed == ["conflict"]


def test_no_issuer_is_no_reason_to_warn():
    assert identified() == ({"id": "PatientID", "value": "7"}, [])
    assert identified(UniversalEntityIDType="ISO") == ({"id": "PatientID", "value": "7"}, [])


# ---- modality of a series ----------------------------------------------------------------------------------

CT, ENHANCED_CT, RT_DOSE, ULTRASOUND = (
    f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("2", "2.1", "481.2", "6.1")
)


@pytest.mark.parametrize(
    ("classes", "modality"),
    [
        ([CT, CT, ENHANCED_CT], "CT"),
        ([RT_DOSE], "RTDOSE"),
        ([ULTRASOUND], None),  # US or IVUS
        ([CT, RT_DOSE], None),
        ([CT, None], None),
        ([], None),
    ],
)
def test_sop_classes_tell_the_modality_where_they_have_one(classes, modality):
    assert modality_of(classes) == modality
