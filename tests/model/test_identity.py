"""Who is whom over documents: ids of content, orders with one number, tracked lesions (decisions D33, D34)."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sr2fhir import render
from sr2fhir.model import RenderOptions

from tests import builders as b
from tests.model.documents import Json, codes, item, rendered

MOD = "HAS CONCEPT MOD"
CONTEXT = "HAS OBS CONTEXT"
LIVER = b.Code("10200004", "SCT", "Liver")
HOSTILE = Path(__file__).parents[3] / "shared" / "bugs" / "hostile"


def other_document(**header: str) -> dict[str, str]:
    """Give the header of another document of another study."""
    return {"SOPInstanceUID": "1.2.840.99.33", "StudyInstanceUID": "1.2.840.99.11", **header}


# ---- devices, algorithms and persons (D33) -----------------------------------------------------------------


def test_equal_equipment_is_one_device_over_all_documents():
    one, other = rendered().document["equipment"], rendered(**other_document()).document["equipment"]
    assert one["id"] == other["id"]
    for changed in (
        {"ManufacturerModelName": "Model 2"},
        {"DeviceSerialNumber": "1"},
        {"SoftwareVersions": ["1.0", "1.1"]},
        {"StationName": "CT1"},
        {"InstitutionName": "House"},
    ):
        assert rendered(**changed).document["equipment"]["id"] != one["id"]


def test_equipment_with_a_uid_keeps_its_id_whatever_else_changes():
    ids = {
        rendered(DeviceUID="1.2.9", ManufacturerModelName=model).document["equipment"]["id"]
        for model in ("One", "Two")
    }
    assert ids == {str(uuid.uuid5(uuid.NAMESPACE_OID, "urn:dicom:uid|urn:oid:1.2.9|equipment"))}


def observed(name: str | None = "AI", **header: object) -> Json:
    observer = [
        b.code(b.OBSERVER_TYPE, b.DEVICE, relationship=CONTEXT),
        b.text(b.Code("121013", "DCM", "Device Observer Name"), name or "", relationship=CONTEXT),
    ]
    algorithm = b.text(b.ALGORITHM_NAME, "net", relationship=MOD)
    stated = [*(observer if name else []), algorithm]
    return rendered(*stated, b.imaging_measurements(b.group()), **header).document


def test_equal_observers_and_algorithms_are_one_over_all_documents():
    one, other = observed(), observed(**other_document())
    assert one["device"][0]["id"] == other["device"][0]["id"]
    assert one["algorithm"][0]["id"] == other["algorithm"][0]["id"]


def test_an_algorithm_on_another_unit_is_another_device():
    """The resource names its parent: under one id a PUT would change it."""
    units = [observed(), observed("AI 2"), observed(None), observed(None, ManufacturerModelName="Model 2")]
    assert len({each["algorithm"][0]["id"] for each in units}) == 4
    assert observed(ManufacturerModelName="Model 2")["device"][0]["id"] == units[0]["device"][0]["id"]


def test_two_devices_with_one_uid_are_two_with_a_finding():
    """W7: in a transaction they become one (section 1.2)."""
    stated = [
        each
        for name in ("One", "Other")
        for each in (
            b.code(b.OBSERVER_TYPE, b.DEVICE, relationship=CONTEXT),
            b.uidref(b.DEVICE_OBSERVER_UID, "1.2.9", relationship=CONTEXT),
            b.text(b.Code("121013", "DCM", "Device Observer Name"), name, relationship=CONTEXT),
        )
    ]
    rendering = rendered(*stated)
    assert len({each["id"] for each in rendering.document["device"]}) == 2
    assert ("conflict", "1.5") in codes(rendering)


def test_a_private_number_of_a_person_is_one_of_an_institution():
    """No one identifies the scheme 99STAFF: number 77 of another institution is another person."""
    ids = set()
    for institution in ("House", "Elsewhere", "House"):
        identified = b.sequence_item(
            ObserverType="PSN",
            PersonName="Doe^Jane",
            PersonIdentificationCodeSequence=[b.Code("77", "99STAFF", "Jane").as_item()],
        )
        document = rendered(ParticipantSequence=[identified], InstitutionName=institution).document
        ids.add(document["person"][0]["id"])
    assert len(ids) == 2


def persons(*, login: str | None = None, organization: str | None = None, **header: object) -> list[Json]:
    stated = [
        b.pname(b.PERSON_OBSERVER_NAME, "Doe^Jane", relationship=CONTEXT),
        *([b.text(b.Code("128774", "DCM", "Login Name"), login, relationship=CONTEXT)] if login else []),
        *(
            [b.text(b.Code("121009", "DCM", "Organization"), organization, relationship=CONTEXT)]
            if organization
            else []
        ),
    ]
    return rendered(*stated, **header).document["person"]


def test_a_person_with_a_login_is_one_within_an_institution():
    (one,) = persons(login="jdoe", InstitutionName="House")
    (other,) = persons(login="jdoe", InstitutionName="House", **other_document())
    assert one["id"] == other["id"]
    for (another,) in (
        persons(login="jdoe2", InstitutionName="House"),
        persons(login="jdoe", InstitutionName="Elsewhere"),
        persons(login="jdoe", InstitutionName="House", organization="Ward 1"),
    ):
        assert another["id"] != one["id"]


def test_a_person_known_by_name_only_is_one_of_this_document():
    (one,) = persons()
    assert persons()[0]["id"] == one["id"]
    assert persons(SOPInstanceUID="1.2.840.99.33")[0]["id"] != one["id"]


# ---- orders (row 3.2.08) -----------------------------------------------------------------------------------


def order(**attributes: object):
    return b.sequence_item(StudyInstanceUID="1.2.840.99.1", **attributes)


def test_orders_that_share_a_number_are_two():
    """One accession covers several procedures: a legal document, and usual."""
    items = [order(AccessionNumber="A1", RequestedProcedureID=number) for number in ("P1", "P2", "P3")]
    for header in ({"AccessionNumber": "A1"}, {}):
        requests = rendered(ReferencedRequestSequence=items, **header).document["request"]
        assert [each["requestedProcedureId"]["value"] for each in requests] == ["P1", "P2", "P3"]
        assert len({each["id"] for each in requests}) == 3


def test_orders_that_say_the_same_are_one():
    items = [order(AccessionNumber="A1", RequestedProcedureID="P1") for _ in range(2)]
    rendering = rendered(ReferencedRequestSequence=items)
    (request,) = rendering.document["request"]
    assert request["accession"]["id"] == "ReferencedRequestSequence.1.AccessionNumber"
    same = {record.path: record.same_as for record in rendering.header if record.same_as}
    assert same["ReferencedRequestSequence.2.RequestedProcedureID"] == (
        "ReferencedRequestSequence.1.RequestedProcedureID"
    )


def test_orders_of_header_and_content_tree_that_share_a_number_are_two():
    placer = b.text(b.Code("121020", "DCM", "Placer Number"), "PL2", relationship=CONTEXT)
    accession = b.text(b.Code("121022", "DCM", "Accession Number"), "A1", relationship=CONTEXT)
    document = rendered(
        b.imaging_measurements(b.group(accession, placer)),
        AccessionNumber="A1",
        ReferencedRequestSequence=[order(AccessionNumber="A1", PlacerOrderNumberImagingServiceRequest="PL1")],
    ).document
    ids = [each["id"] for each in (*document["request"], *document["otherRequest"])]
    assert len(ids) == len(set(ids)) == 2


def test_the_configured_system_holds_for_an_order_of_the_content_tree():
    """D32: TID 1005 names no issuer of an accession number."""
    stated = [
        b.text(b.Code(code, "DCM", "Number"), "A2", relationship=CONTEXT) for code in ("121022", "121020")
    ]
    options = RenderOptions(accession_system="http://ris.example")
    document = rendered(b.imaging_measurements(b.group(*stated)), options=options).document
    (order_of_the_tree,) = document["otherRequest"]
    assert order_of_the_tree["accession"]["system"] == "http://ris.example"
    assert "system" not in order_of_the_tree["placer"]


@pytest.mark.skipif(
    not HOSTILE.is_dir(), reason="the inputs of ../shared/bugs are not beside this repository"
)
def test_the_reported_document_with_two_requests_has_two_orders():
    document = render(HOSTILE / "R1_two_requests_one_accession.dcm").document
    ids = [each["id"] for name in ("request", "otherRequest") for each in document.get(name, [])]
    assert len(ids) == len(set(ids)) > 1


# ---- tracked lesions (D34) ---------------------------------------------------------------------------------


def lesion(*sites: b.Code, uid: str = "1.2.44", name: str | None = "Lesion 1"):
    return b.group(
        *([b.text(b.TRACKING_IDENTIFIER, name, relationship=CONTEXT)] if name else []),
        b.uidref(b.TRACKING_UID, uid, relationship=CONTEXT),
        *(b.code(b.FINDING_SITE, site, relationship=MOD) for site in sites),
        b.num(b.VOLUME, "1", b.CUBIC_MM),
    )


def tracked(*groups, **header):
    return rendered(b.imaging_measurements(*groups), **header)


def site_of(document: Json, position: str) -> str:
    return item(document, position)["context"]["findingSite"]["id"]


def test_groups_with_one_tracking_uid_share_a_body_structure():
    rendering = tracked(lesion(b.LUNG), lesion(b.LUNG), lesion(b.LUNG, uid="1.2.45"))
    document = rendering.document
    assert len(document["findingSite"]) == 2
    first, second, third = (site_of(document, f"1.1.{n}") for n in (1, 2, 3))
    assert first == second != third
    assert codes(rendering) == []
    same = {record.position: record.same_as for record in rendering.items if record.same_as}
    assert same == {"1.1.2.1": "1.1.1.1", "1.1.2.2": "1.1.1.2", "1.1.2.3": "1.1.1.3"}


def test_a_lesion_is_the_same_in_a_later_study_of_the_patient():
    options = RenderOptions(patient_id_system="http://h.example")
    header = {"options": options}
    one, later = tracked(lesion(b.LUNG), **header), tracked(lesion(b.LUNG), **header, **other_document())
    assert one.document["findingSite"][0]["id"] == later.document["findingSite"][0]["id"]
    other = tracked(lesion(b.LUNG), PatientID="PID-2", **header)
    assert other.document["findingSite"][0]["id"] != one.document["findingSite"][0]["id"]


def test_another_site_of_a_lesion_is_a_body_structure_of_its_own_with_a_finding():
    rendering = tracked(lesion(b.LUNG), lesion(LIVER), lesion(b.LUNG))
    assert len(rendering.document["findingSite"]) == 2
    first, second, third = (site_of(rendering.document, f"1.1.{n}") for n in (1, 2, 3))
    assert first == third != second
    assert codes(rendering) == [("conflict", "1.1.2.3")]


def test_only_the_first_of_several_sites_has_the_uid_of_the_lesion():
    """Two resources with one identifier would have a server refuse each later conditional create by it."""
    document = tracked(lesion(b.LUNG), lesion(LIVER), lesion(LIVER)).document
    assert len(document["findingSite"]) == 2
    assert ["trackingUid" in entry for entry in document["findingSite"]] == [True, False]
    assert site_of(document, "1.1.2") == site_of(document, "1.1.3")


@pytest.mark.parametrize(
    "again",
    [
        (b.LUNG._replace(meaning="Lung structure"), LIVER),
        (b.Code("T-28000", "SRT", "Lung"), LIVER),
        (LIVER, b.LUNG),
    ],
    ids=["another wording", "the retired code", "another order"],
)
def test_codes_decide_whether_a_site_is_the_same(again: tuple[b.Code, ...]):
    rendering = tracked(lesion(b.LUNG, LIVER), lesion(*again))
    assert len(rendering.document["findingSite"]) == 1
    assert "conflict" not in {code for code, _ in codes(rendering)}


def test_a_group_that_repeats_the_uid_only_has_the_site_of_the_lesion():
    for groups in ((lesion(b.LUNG), lesion()), (lesion(), lesion(b.LUNG))):
        rendering = tracked(*groups)
        (entry,) = rendering.document["findingSite"]
        assert entry["structure"][0]["site"]["coding"][0]["code"] == b.LUNG.value
        assert codes(rendering) == []


def test_another_name_of_a_lesion_is_reported():
    rendering = tracked(lesion(b.LUNG, name=None), lesion(b.LUNG), lesion(b.LUNG, name="Nodule"))
    (entry,) = rendering.document["findingSite"]
    assert entry["trackingIdentifier"] == [{"id": "1.1.2.1", "value": "Lesion 1"}]
    assert codes(rendering) == [("multiplicity", "1.1.3.1")]
    assert "resolved" not in item(rendering.document, "1.1.3.1")


def test_without_a_uid_every_group_has_its_own():
    name = b.text(b.TRACKING_IDENTIFIER, "Lesion 1", relationship=CONTEXT)
    site = b.code(b.FINDING_SITE, b.LUNG, relationship=MOD)
    assert len(tracked(b.group(name, site), b.group(name, site)).document["findingSite"]) == 2
