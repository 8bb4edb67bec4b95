"""Rows of the Key Object Selection (PS3.16 TID 2010, PS3.3 C.17.6)."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result
from sr2fhir.errors import IdentityError

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    PROFILES,
    SOP_CLASS,
    absent,
    category,
    claims,
    coding,
    concept,
    elements,
    findings,
    oid,
    one,
    reason,
    resources,
    target,
    unmapped,
    urn,
)

Json = dict[str, Any]

PROFILE = "key-object-selection"
MODIFIER, CONTEXT = "HAS CONCEPT MOD", "HAS OBS CONTEXT"
DESCRIPTION_URL = "http://hl7.org/fhir/StructureDefinition/artifact-description"
OTHER_STUDY, OTHER_SERIES = "1.2.840.99.50", "1.2.840.99.51"
LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
COUNTRY = b.Code("121046", "DCM", "Country of Language")
ROLE = b.Code("121011", "DCM", "Person Observer's Role in this Procedure")
DEVICE_ROLE = b.Code("113876", "DCM", "Device Role in Procedure")
PATIENT_ID = b.Code("121030", "DCM", "Subject ID")


def selections(result: Result) -> list[Json]:
    return resources(result, "ImagingSelection")


def uids(selection: Json) -> list[str]:
    return [instance["uid"] for instance in selection["instance"]]


def description(text: str) -> Dataset:
    return b.text(b.KEY_OBJECT_DESCRIPTION, text)


def described(selection: Json) -> str:
    (extension,) = selection["extension"]
    assert extension["url"] == DESCRIPTION_URL
    text: str = extension["valueMarkdown"]
    return text


# ---- what was selected -------------------------------------------------------------------------------------


@pytest.mark.row("kos.01")
def test_one_selection_for_each_study_and_series_in_the_order_of_the_tree(transform: Transform) -> None:
    listed = [
        b.Instance("1.2.9"),  # in the evidence, not selected
        b.Instance("1.2.3", series=OTHER_SERIES),
        b.Instance("1.2.1"),
        b.Instance("1.2.2", series=OTHER_SERIES),
        b.Instance("1.2.4", sop_class=b.ECG, series=OTHER_SERIES, study=OTHER_STUDY),
    ]
    references = [b.image("1.2.2"), b.image("1.2.1"), b.composite("1.2.3"), b.waveform("1.2.4")]
    result = transform(b.key_objects(*references, listed=listed))
    first, second, third = selections(result)
    assert all(claims(each, PROFILE) and each["status"] == "available" for each in (first, second, third))
    assert [uids(each) for each in (first, second, third)] == [["1.2.2", "1.2.3"], ["1.2.1"], ["1.2.4"]]
    assert [each["seriesUid"] for each in (first, second, third)] == [
        OTHER_SERIES,
        b.IMAGE_SERIES,
        OTHER_SERIES,
    ]
    assert [each["studyUid"] for each in (first, second, third)] == [b.STUDY, b.STUDY, OTHER_STUDY]
    assert first["instance"][0]["sopClass"] == coding(SOP_CLASS, b.CT, "CT Image Storage")
    assert third["instance"][0]["sopClass"]["code"] == b.ECG
    assert first["subject"]["reference"] == urn(one(result, "Patient"))
    assert {category(result, f"1.{n}") for n in range(1, 5)} == {"SUPP"}


@pytest.mark.row("kos.01")
def test_an_instance_that_is_selected_twice_stands_twice(transform: Transform) -> None:
    """Two items may show it in two ways, and a viewer follows the order of the items."""
    result = transform(b.key_objects(b.image("1.2.1"), b.image("1.2.2"), b.image("1.2.1")))
    assert uids(one(result, "ImagingSelection")) == ["1.2.1", "1.2.2", "1.2.1"]
    assert reason(result, "1.3") is None


@pytest.mark.row("kos.01")
def test_an_invalid_uid_is_left_out(transform: Transform) -> None:
    result = transform(b.key_objects(b.image("1.2.x"), b.image("1.2.2")))
    assert uids(one(result, "ImagingSelection")) == ["1.2.2"]
    assert unmapped(result)["1.1"] == "invalid-value"


@pytest.mark.row("kos.02")
def test_frames_else_segments_are_the_subset(transform: Transform) -> None:
    references = [
        b.image("1.2.1", frames=[3, 1]),
        b.image("1.2.2", segments=[2, 4], sop_class=b.SEGMENTATION),
        b.image("1.2.3", frames=[7], segments=[1], sop_class=b.SEGMENTATION),
        b.image("1.2.4"),
    ]
    result = transform(b.key_objects(*references))
    subsets = [each.get("subset") for each in one(result, "ImagingSelection")["instance"]]
    assert subsets == [["3", "1"], ["2", "4"], ["7"], None]
    assert findings(result, "no-target")[0] == ("information", "1.3")


@pytest.mark.row("kos.03")
def test_each_study_of_the_evidence_is_a_study(transform: Transform) -> None:
    listed = [b.Instance("1.2.1", study=OTHER_STUDY), b.Instance("1.2.2", study="1.2.840.99.60")]
    result = transform(b.key_objects(b.image("1.2.1"), listed=listed))
    studies = {each["identifier"][0]["value"]: each for each in resources(result, "ImagingStudy")}
    assert list(studies) == [f"urn:oid:{uid}" for uid in (b.STUDY, OTHER_STUDY, "1.2.840.99.60")]
    assert {each["subject"]["reference"] for each in studies.values()} == {urn(one(result, "Patient"))}
    (derived_from,) = one(result, "ImagingSelection")["derivedFrom"]
    assert target(result, derived_from) == studies[f"urn:oid:{OTHER_STUDY}"]
    identifier = derived_from["identifier"]
    assert {name: identifier[name] for name in ("system", "value")} == oid(OTHER_STUDY)
    assert identifier["type"] == concept(DCM, "110180", "Study Instance UID")
    assert category(result, "CurrentRequestedProcedureEvidenceSequence") == "SUPP"


@pytest.mark.row("kos.04")
def test_instances_in_no_evidence_are_a_selection_of_their_own(transform: Transform) -> None:
    references = [b.image("1.2.8"), b.image("1.2.1"), b.image("1.2.9")]
    result = transform(b.key_objects(*references, listed=[b.Instance("1.2.1")]))
    unknown, known = selections(result)
    assert uids(unknown) == ["1.2.8", "1.2.9"]
    assert unknown.keys().isdisjoint({"studyUid", "seriesUid", "derivedFrom", "basedOn"})
    assert uids(known) == ["1.2.1"]
    assert findings(result, "missing-evidence") == [("warning", "1.1")]


@pytest.mark.row("kos.04")
def test_without_evidence_the_instances_are_of_the_study_of_the_document(transform: Transform) -> None:
    result = transform(b.key_objects(b.image("1.2.1"), listed=[]))
    selection = one(result, "ImagingSelection")
    assert selection["studyUid"] == b.STUDY
    assert "seriesUid" not in selection
    assert findings(result, "missing-evidence") == [("warning", "CurrentRequestedProcedureEvidenceSequence")]


@pytest.mark.row("kos.16")
@pytest.mark.parametrize("children", [(), (description("nothing"),), (b.image("1.2.x"),)])
def test_a_document_that_selects_nothing(transform: Transform, children: tuple[Dataset, ...]) -> None:
    result = transform(b.key_objects(*children, listed=[b.Instance("1.2.1")]))
    assert selections(result) == []
    assert findings(result, "empty-selection") == [("error", "1")]
    (finding,) = [each for each in result.findings if each.code == "empty-selection"]
    assert finding.hint
    assert one(result, "ImagingStudy")


# ---- what it was selected for ------------------------------------------------------------------------------


@pytest.mark.row("kos.05")
def test_the_title_is_the_code(transform: Transform) -> None:
    result = transform(b.key_objects(b.image("1.2.1")))
    assert one(result, "ImagingSelection")["code"] == concept(DCM, "113000", "Of Interest")
    assert findings(result, "unknown-title") == []
    assert category(result, "1") == "SUPP"


@pytest.mark.row("kos.05")
def test_a_title_that_is_not_known_is_kept_and_reported(transform: Transform) -> None:
    title = b.Code("KEY", "99HOSP", "Our key images")
    result = transform(b.key_objects(b.image("1.2.1"), title=title))
    system = {"system": "urn:x-dicom-csd:99HOSP", "code": "KEY", "display": "Our key images"}
    assert one(result, "ImagingSelection")["code"] == {"coding": [system]}
    assert findings(result, "unknown-title") == [("warning", "1")]
    assert "Our key images" not in "".join(each.message for each in result.findings)


@pytest.mark.row("kos.05")
def test_a_document_without_a_title(transform: Transform) -> None:
    result = transform(b.key_objects(b.image("1.2.1"), title=None))
    assert one(result, "ImagingSelection")["code"] == {"extension": absent("unknown")}
    assert findings(result, "unknown-title") == [("warning", "1")]


@pytest.mark.row("kos.06")
def test_title_modifiers_are_categories(transform: Transform) -> None:
    grid, motion = b.Code("111208", "DCM", "Grid artifact(s)"), b.Code("111210", "DCM", "Motion blur")
    modifiers = [b.code(b.TITLE_MODIFIER, each, relationship=MODIFIER) for each in (grid, motion)]
    title = b.Code("113001", "DCM", "Rejected for Quality Reasons")
    selection = one(transform(b.key_objects(*modifiers, b.image("1.2.1"), title=title)), "ImagingSelection")
    assert selection["category"] == [concept(DCM, code, text) for code, _, text, *_ in (grid, motion)]


@pytest.mark.row("kos.07")
def test_descriptions_are_joined_in_their_order(transform: Transform) -> None:
    result = transform(b.key_objects(description("first"), b.image("1.2.1"), description("second")))
    selection = one(result, "ImagingSelection")
    assert described(selection) == "first\n\nsecond"
    assert selection["text"] == {
        "status": "extensions",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>first<br/><br/>second</p></div>',
    }
    assert {category(result, position) for position in ("1.1", "1.3")} == {"SUPP"}


@pytest.mark.row("kos.07")
def test_the_narrative_of_a_description_is_escaped(transform: Transform) -> None:
    text = 'a <b>bold</b> & "quoted" text\r\nof two lines\nand one more'
    selection = one(transform(b.key_objects(description(text), b.image("1.2.1"))), "ImagingSelection")
    assert described(selection) == text
    assert selection["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &lt;b&gt;bold&lt;/b&gt; &amp; "quoted" text<br/>'
        "of two lines<br/>and one more</p></div>"
    )


@pytest.mark.row("kos.07")
def test_without_a_description_there_is_no_narrative(transform: Transform) -> None:
    selection = one(transform(b.key_objects(description(""), b.image("1.2.1"))), "ImagingSelection")
    assert selection.keys().isdisjoint({"text", "extension"})


# ---- which document, who, when -----------------------------------------------------------------------------


@pytest.mark.row("kos.08")
def test_every_selection_names_the_document(transform: Transform) -> None:
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", series=OTHER_SERIES)]
    result = transform(b.key_objects(b.image("1.2.1"), b.image("1.2.2"), listed=listed))
    for selection in selections(result):
        assert selection["identifier"] == [oid(b.INSTANCE)]
        assert selection["meta"]["source"] == f"urn:oid:{b.INSTANCE}"
        assert selection["meta"]["profile"] == [PROFILES + PROFILE]
    assert len({each["id"] for each in selections(result)}) == 2


@pytest.mark.row("kos.09")
def test_each_copy_of_identical_documents_makes_the_same_selections(transform: Transform) -> None:
    """PS3.3 C.17.6.2.1: one copy in each study that is referred to; each lists the others."""
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", series=OTHER_SERIES, study=OTHER_STUDY)]
    other = {"study": OTHER_STUDY, "series": "1.2.840.99.71", "sop_class": b.KEY_OBJECT_SELECTION}
    own = {"study": b.STUDY, "series": b.SERIES, "sop_class": b.KEY_OBJECT_SELECTION}

    def copy(uid: str, copies: list[b.Instance], **header: Any) -> Result:
        identical = b.evidence(copies)
        references = [b.image("1.2.1"), b.image("1.2.2")]
        header |= {"SOPInstanceUID": uid, "IdenticalDocumentsSequence": identical}
        return transform(b.key_objects(*references, listed=listed, **header))

    here = copy("1.2.840.99.3", [b.Instance("1.2.840.99.70", **other)])
    there = copy("1.2.840.99.70", [b.Instance("1.2.840.99.3", **own)], StudyInstanceUID=OTHER_STUDY)
    assert [each["id"] for each in selections(here)] == [each["id"] for each in selections(there)]
    for result in (here, there):
        found = {each["value"] for each in selections(result)[0]["identifier"]}
        assert found == {"urn:oid:1.2.840.99.3", "urn:oid:1.2.840.99.70"}
        assert category(result, "IdenticalDocumentsSequence") == "SUPP"
    alone = transform(b.key_objects(b.image("1.2.1"), b.image("1.2.2"), listed=listed))
    assert selections(alone)[0]["id"] not in {each["id"] for each in selections(here)}


@pytest.mark.row("kos.09")
def test_each_copy_makes_the_same_persons_and_orders(transform: Transform) -> None:
    """Who is known by name alone is a person of all copies; an order belongs to the study that it states."""
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", series=OTHER_SERIES, study=OTHER_STUDY)]
    name = b.person_observer("Doe^Jane")
    requests = [request(b.STUDY, "A-1"), request(OTHER_STUDY, "A-2")]
    made = []
    for uid, copy, study in (
        ("1.2.840.99.3", "1.2.840.99.70", b.STUDY),
        ("1.2.840.99.70", "1.2.840.99.3", OTHER_STUDY),
    ):
        document = b.key_objects(
            name,
            b.image("1.2.1"),
            b.image("1.2.2"),
            listed=listed,
            SOPInstanceUID=uid,
            StudyInstanceUID=study,
            IdenticalDocumentsSequence=b.evidence([b.Instance(copy, sop_class=b.KEY_OBJECT_SELECTION)]),
            ReferencedRequestSequence=requests,
        )
        made.append(transform(document))
    for kind in ("Practitioner", "ServiceRequest"):
        first, second = ({each["id"] for each in resources(result, kind)} for result in made)
        assert first == second
    assert len(first) == 2


@pytest.mark.row("kos.01")
def test_a_class_that_is_not_that_of_the_evidence_is_told(transform: Transform) -> None:
    listed = [b.Instance("1.2.1", sop_class=b.ECG)]
    result = transform(b.key_objects(b.image("1.2.1"), listed=listed))
    assert one(result, "ImagingSelection")["instance"][0]["sopClass"]["code"] == b.CT
    assert findings(result, "conflict") == [("warning", "1.1")]


@pytest.mark.row("kos.10")
def test_the_content_date_is_when_it_was_issued(transform: Transform) -> None:
    result = transform(b.key_objects(b.image("1.2.1")))
    assert one(result, "ImagingSelection")["issued"] == "2024-01-03T12:00:00+01:00"
    assert category(result, "ContentTime") == "SUPP"
    day = transform(b.key_objects(b.image("1.2.1"), ContentTime=None))
    assert "issued" not in one(day, "ImagingSelection")


@pytest.mark.row("kos.11", "kos.12")
def test_observers_with_their_roles_are_performers(transform: Transform) -> None:
    performing = b.Code("121094", "DCM", "Performing")
    archive = b.Code("121153", "DCM", "Recording")
    observers = [
        b.observer(b.PERSON),
        b.person_observer("Doe^Jane"),
        b.code(ROLE, performing, relationship=CONTEXT),
        b.observer(b.PERSON),
        b.person_observer("Roe^Richard"),
        b.observer(b.DEVICE),
        b.uidref(b.DEVICE_OBSERVER_UID, "1.2.840.99.80", relationship=CONTEXT),
        b.code(DEVICE_ROLE, archive, relationship=CONTEXT),
    ]
    result = transform(b.key_objects(*observers, b.image("1.2.1")))
    jane, richard, device = one(result, "ImagingSelection")["performer"]
    assert target(result, jane["actor"])["name"][0]["text"] == "Jane Doe"
    assert jane["function"] == concept(DCM, "121094", "Performing")
    assert target(result, richard["actor"])["name"][0]["text"] == "Richard Roe"
    assert "function" not in richard
    assert target(result, device["actor"])["identifier"] == [oid("1.2.840.99.80")]
    assert device["function"] == concept(DCM, "121153", "Recording")
    assert {category(result, position) for position in ("1.2", "1.3", "1.5", "1.7", "1.8")} == {"SUPP"}


@pytest.mark.row("kos.11")
def test_without_observers_the_authors_are_performers(transform: Transform) -> None:
    author = b.sequence_item(ObserverType="PSN", PersonName="Poe^Ann")
    result = transform(b.key_objects(b.image("1.2.1"), AuthorObserverSequence=[author]))
    (performer,) = one(result, "ImagingSelection")["performer"]
    assert target(result, performer["actor"])["name"][0]["text"] == "Ann Poe"
    assert "performer" not in one(transform(b.key_objects(b.image("1.2.1"))), "ImagingSelection")


@pytest.mark.row("kos.13")
def test_the_language_is_that_of_selection_and_narrative(transform: Transform) -> None:
    german, austria = b.Code("de", "RFC5646", "German"), b.Code("AT", "ISO3166_1", "Austria")
    language = b.code(
        LANGUAGE, german, b.code(COUNTRY, austria, relationship=MODIFIER), relationship=MODIFIER
    )
    result = transform(b.key_objects(language, description("Befund"), b.image("1.2.1")))
    selection = one(result, "ImagingSelection")
    assert selection["language"] == "de-AT"
    assert (
        '<div xmlns="http://www.w3.org/1999/xhtml" lang="de-AT" xml:lang="de-AT">' in selection["text"]["div"]
    )


def request(study: str, accession: str, **numbers: str) -> Dataset:
    return b.sequence_item(StudyInstanceUID=study, AccessionNumber=accession, **numbers)


@pytest.mark.row("kos.14")
def test_each_order_is_that_of_its_studies(transform: Transform) -> None:
    """Two items that state one order for two studies are one order of both."""
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", study=OTHER_STUDY)]
    placer = {"PlacerOrderNumberImagingServiceRequest": "P-1"}
    requests = [
        request(b.STUDY, "A-1", **placer),
        request(OTHER_STUDY, "A-1", **placer),
        request(OTHER_STUDY, "A-2"),
    ]
    header = {"AccessionNumber": "A-1", "ReferencedRequestSequence": requests}
    result = transform(b.key_objects(b.image("1.2.1"), b.image("1.2.2"), listed=listed, **header))
    both, second = resources(result, "ServiceRequest")
    assert [each["value"] for each in both["identifier"]] == ["A-1", "P-1"]
    for kind in ("ImagingSelection", "ImagingStudy"):
        own, other = resources(result, kind)
        assert [target(result, each) for each in own["basedOn"]] == [both]
        assert [target(result, each) for each in other["basedOn"]] == [both, second]
    assert category(result, "ReferencedRequestSequence.2.StudyInstanceUID") == "CONTEXT"


@pytest.mark.row("kos.14")
def test_orders_with_one_accession_number_are_told_apart(transform: Transform) -> None:
    numbers = [{"PlacerOrderNumberImagingServiceRequest": each} for each in ("P-1", "P-2")]
    requests = [request(b.STUDY, "A-1", **each) for each in numbers]
    result = transform(b.key_objects(b.image("1.2.1"), ReferencedRequestSequence=requests))
    found = [each["identifier"] for each in one(result, "ImagingSelection")["basedOn"]]
    assert [each["value"] for each in found] == ["A-1", "P-2"]
    assert [each["type"]["coding"][0]["code"] for each in found] == ["ACSN", "PLAC"]


@pytest.mark.row("kos.14")
def test_an_accession_number_of_the_header_is_of_the_study_of_the_document(transform: Transform) -> None:
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", study=OTHER_STUDY)]
    header = {"AccessionNumber": "A-1", "listed": listed}
    result = transform(b.key_objects(b.image("1.2.1"), b.image("1.2.2"), **header))
    own, other = selections(result)
    assert target(result, own["basedOn"][0]) == one(result, "ServiceRequest")
    assert "basedOn" not in other


@pytest.mark.row("kos.14")
def test_a_study_that_only_an_order_names(transform: Transform) -> None:
    result = transform(
        b.key_objects(b.image("1.2.1"), ReferencedRequestSequence=[request(OTHER_STUDY, "A-1")])
    )
    own, other = resources(result, "ImagingStudy")
    assert "basedOn" not in own
    assert target(result, other["basedOn"][0]) == one(result, "ServiceRequest")
    nameless = b.sequence_item(StudyInstanceUID=OTHER_STUDY)
    alone = transform(b.key_objects(b.image("1.2.1"), ReferencedRequestSequence=[nameless]))
    assert resources(alone, "ServiceRequest") == []


# ---- what is left out --------------------------------------------------------------------------------------


def of_patient(number: str, uid: str) -> Dataset:
    return b.image(uid, b.text(PATIENT_ID, number, relationship=CONTEXT))


@pytest.mark.row("kos.15")
def test_references_to_another_patient_are_left_out(transform: Transform) -> None:
    result = transform(b.key_objects(of_patient("PID-2", "1.2.1"), of_patient("PID-1", "1.2.2")))
    assert uids(one(result, "ImagingSelection")) == ["1.2.2"]
    assert findings(result, "different-subject") == [("error", "1.1.1")]
    assert unmapped(result)["1.1"] == "different-subject"


@pytest.mark.row("kos.15")
def test_a_selection_of_another_patient_is_refused(transform: Transform) -> None:
    stated = b.text(PATIENT_ID, "PID-2", relationship=CONTEXT)
    with pytest.raises(IdentityError, match="all that was selected") as caught:
        transform(b.key_objects(stated, b.image("1.2.1")))
    assert caught.value.hint
    assert "PID-2" not in str(caught.value)


@pytest.mark.row("kos.17")
def test_what_a_selection_has_no_place_for_is_lost_with_a_word(transform: Transform) -> None:
    purpose = b.Code("121112", "DCM", "Source of Measurement")
    references = [
        b.image("1.2.1", presentation_state="1.2.7"),
        b.waveform("1.2.2", channels=[1, 2]),
        b.image("1.2.3", value_map="1.2.8"),
        b.image("1.2.4", concept=purpose),
    ]
    result = transform(b.key_objects(*references))
    lost = [where for severity, where in findings(result, "no-target") if severity == "information"]
    assert lost[:4] == ["1.1", "1.2", "1.3", "1.4"]
    assert len(one(result, "ImagingSelection")["instance"]) == 4


@pytest.mark.row("kos.18")
def test_what_has_no_row_is_reported(transform: Transform) -> None:
    inside = b.container(b.FINDING, b.image("1.2.7"))
    comment = b.text(b.Code("121106", "DCM", "Comment"), "seen")
    result = transform(b.key_objects(b.image("1.2.1"), inside, comment, SeriesNumber=3))
    assert uids(one(result, "ImagingSelection")) == ["1.2.1"]
    assert unmapped(result) == {
        "SeriesInstanceUID": "no-target",
        "SeriesNumber": "no-target",
        "1.2": "out-of-scope-container",
        "1.2.1": "out-of-scope-container",
        "1.3": "no-target",
    }
    assert elements(result, "SOPClassUID") == ()
