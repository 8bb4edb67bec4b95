"""Code sequence items to codings and keys (mapping section 4)."""

from __future__ import annotations

import io
import json
from importlib.resources import files

import pydicom
import pytest
from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes, CodingSchemes, to_snomed_ct

from tests import builders as b

HEADER = b.sequence_item(
    CodingSchemeIdentificationSequence=[
        b.sequence_item(CodingSchemeDesignator="99X", CodingSchemeUID="2.16.840.1.113883.6.96"),
        b.sequence_item(CodingSchemeDesignator="99OID", CodingSchemeUID="1.2.3.4"),
        b.sequence_item(
            CodingSchemeDesignator="99URL",
            CodingSchemeResourcesSequence=[b.sequence_item(CodingSchemeURL="http://codes.example.org")],
        ),
        b.sequence_item(CodingSchemeDesignator="99NAME", CodingSchemeName="Only a name"),
    ]
)


def read(*codes: b.Code, configured=None):
    log = FindingLog()
    reader = Codes(CodingSchemes(Attributes(HEADER), configured or {}, log), log)
    item = b.sequence_item(ConceptCodeSequence=[code.as_item() for code in codes])
    return reader.read(Attributes(item), tag("ConceptCodeSequence"), "1.2"), log.frozen()


@pytest.mark.parametrize(
    ("designator", "system", "canonical"),
    [
        ("DCM", "http://dicom.nema.org/resources/ontology/DCM", "DCM"),
        ("SCT", "http://snomed.info/sct", "SCT"),
        ("LN", "http://loinc.org", "LN"),
        ("UCUM", "http://unitsofmeasure.org", "UCUM"),
        ("RadLex", "http://radlex.org", "RADLEX"),
        ("NCIT", "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "NCIt"),
        ("umls", "http://terminology.hl7.org/CodeSystem/umls", "UMLS"),
        ("FMA", "urn:oid:2.16.840.1.113883.6.119", "FMA"),
        ("IBSI", "urn:oid:1.2.840.10008.2.16.13", "IBSI"),
        ("99LIDCQIICR", "http://cancerimagingarchive.net", "99LIDCQIICR"),
        ("99OID", "urn:oid:1.2.3.4", "99OID"),
        ("99URL", "http://codes.example.org", "99URL"),
    ],
)
def test_systems_and_keys(designator, system, canonical):
    concept, findings = read(b.Code("1", designator, "one"))
    assert concept.codings == ({"system": system, "code": "1", "display": "one"},)
    assert concept.keys == (f"{canonical}#1",)
    assert findings == ()


def test_a_private_name_of_a_known_scheme_is_that_scheme():
    concept, findings = read(b.Code("39607008", "99X", "Lung"))
    assert concept.codings[0]["system"] == "http://snomed.info/sct"
    assert concept.keys == ("SCT#39607008",)
    assert findings == ()


@pytest.mark.parametrize("designator", ["99NAME", "99 A/B"])
def test_an_unknown_scheme_is_kept_as_a_urn_with_a_warning(designator):
    concept, findings = read(b.Code("1", designator, "one"))
    expected = {"99NAME": "urn:x-dicom-csd:99NAME", "99 A/B": "urn:x-dicom-csd:99%20A%2FB"}[designator]
    assert concept.codings == ({"system": expected, "code": "1", "display": "one"},)
    assert concept.keys == (f"{designator}#1",)
    assert [finding.code for finding in findings] == ["unknown-scheme"]


def test_a_configured_system_comes_first_for_private_schemes_only():
    concept, findings = read(b.Code("1", "99oid", "one"), configured={"99OID": "http://mine"})
    assert concept.codings[0]["system"] == "http://mine"
    assert findings == ()
    concept, _ = read(b.Code("1", "DCM", "one"), configured={"DCM": "http://mine"})
    assert concept.codings[0]["system"] == "http://dicom.nema.org/resources/ontology/DCM"


@pytest.mark.parametrize("designator", ["SRT", "SNM3", "99SDM", "SCT"])
def test_retired_snomed_codes_are_translated_and_kept(designator):
    concept, _ = read(b.Code("T-28000", designator, "Lung"))
    assert concept.codings == (
        {"system": "http://snomed.info/sct", "code": "39607008", "display": "Lung"},
        {"system": "http://snomed.info/srt", "code": "T-28000", "display": "Lung"},
    )
    assert concept.keys == ("SCT#39607008",)


def test_the_finding_site_of_the_specification():
    assert to_snomed_ct("G-C0E3") == "363698007"


def test_an_untranslatable_retired_code_is_kept_with_a_warning():
    concept, findings = read(b.Code("X-99999", "SRT", "?"))
    assert concept.codings == ({"system": "http://snomed.info/srt", "code": "X-99999", "display": "?"},)
    assert concept.keys == ("SRT#X-99999",)
    assert [finding.code for finding in findings] == ["untranslated-code"]


def test_equivalent_codes_add_codings_and_keys():
    standard = b.Code("39607008", "SCT", "Lung")
    concept, _ = read(b.Code("L1", "99OID", "lung", equivalents=(standard, standard)))
    assert [coding["code"] for coding in concept.codings] == ["L1", "39607008"]
    assert concept.keys == ("99OID#L1", "SCT#39607008")


def test_the_version_is_kept_but_not_of_dcm():
    assert read(b.Code("1", "LN", "one", version="2.7"))[0].codings[0]["version"] == "2.7"
    assert "version" not in read(b.Code("1", "DCM", "one", version="01"))[0].codings[0]


def test_long_and_urn_code_values():
    concept, _ = read(b.Code("12345678901234567", "SCT", "long"))
    assert concept.codings[0]["code"] == "12345678901234567"
    log = FindingLog()
    codes = Codes(CodingSchemes(Attributes(HEADER), {}, log), log)
    item = b.sequence_item(URNCodeValue="urn:lex:us:federal", CodeMeaning="law")
    concept = codes.item(Attributes(item), "1.2")
    assert concept is not None
    assert concept.codings == (
        {"system": "urn:ietf:rfc:3986", "code": "urn:lex:us:federal", "display": "law"},
    )


def test_uids_as_codes_are_oids():
    concept, _ = read(b.Code("1.2.840.1", "DCMUID", "class"))
    assert concept.codings[0] == {
        "system": "urn:ietf:rfc:3986",
        "code": "urn:oid:1.2.840.1",
        "display": "class",
    }


def test_an_empty_sequence_is_absent_and_a_second_item_is_reported():
    assert read()[0] is None
    concept, findings = read(b.Code("1", "DCM", "one"), b.Code("2", "DCM", "two"))
    assert concept.keys == ("DCM#1",)
    assert [finding.code for finding in findings] == ["multiplicity"]


def test_a_meaning_without_a_code_is_kept():
    log = FindingLog()
    codes = Codes(CodingSchemes(Attributes(HEADER), {}, log), log)
    concept = codes.item(Attributes(b.sequence_item(CodeMeaning="something")), "1.2")
    assert concept is not None
    assert concept.codings == ({"display": "something"},)
    assert concept.keys == ()


@pytest.mark.parametrize("meaning", ["Liver", "Li\x01ver", "L\u00e9ber"])
def test_an_item_that_repeats_another_is_read_as_if_it_were_the_first(meaning):
    """Repeated items are found by their bytes, before they are decoded."""
    item = b.sequence_item(CodeValue="10200004", CodingSchemeDesignator="SCT", CodeMeaning=meaning)
    written = io.BytesIO()
    dataset = b.sequence_item(SpecificCharacterSet="ISO_IR 192", ConceptCodeSequence=[item] * 3)
    dataset.save_as(written, implicit_vr=False, little_endian=True)
    written.seek(0)
    document = Attributes(pydicom.dcmread(written, force=True))
    log = FindingLog()
    codes = Codes(CodingSchemes(Attributes(HEADER), {}, log), log)
    concepts = codes.read_all(document, tag("ConceptCodeSequence"), "1.2")
    assert [each.meaning for each in concepts] == [meaning.replace("\x01", " ")] * 3
    assert len(document.noticed()) == (3 if "\x01" in meaning else 0)


def test_every_system_and_designator_of_the_table_is_unique_or_meant_to_be_shared():
    rows = json.loads(files("sr2fhir.model").joinpath("coding_schemes.json").read_text("utf-8"))["schemes"]
    designators = [row["designator"].upper() for row in rows]
    assert len(set(designators)) == len(designators)
    uids = [row["uid"] for row in rows if "uid" in row]
    assert len(set(uids)) == len(uids)
    shared = {"http://snomed.info/srt", "urn:ietf:bcp:47", "urn:ietf:rfc:3986"}
    alone = [row["system"] for row in rows if row["system"] not in shared]
    assert len(set(alone)) == len(alone)
