"""Row 3.2.24 and decision D57: where the instances of a report can be retrieved."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, Result

from tests import builders as b
from tests.builders.items import sequence_item
from tests.rows.conftest import Transform
from tests.rows.look import (
    Json,
    category,
    concept,
    elements,
    findings,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)

BASE = "https://pacs.example/dicom-web"
OTHER = "https://archive.example:8443/rs"
EVIDENCE = "CurrentRequestedProcedureEvidenceSequence"
SERIES = f"{EVIDENCE}.1.ReferencedSeriesSequence.1"
SECOND = f"{EVIDENCE}.1.ReferencedSeriesSequence.2"
# two series of the study of the report, and one of another study
FIRST_IMAGE, SECOND_IMAGE, PRIOR_IMAGE = (
    b.Instance("1.2.1", series="1.2.10"),
    b.Instance("1.2.2", series="1.2.20"),
    b.Instance("1.2.3", series="1.2.30", study="1.2.99"),
)
CONNECTION = concept(
    "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "dicom-wado-rs", "DICOM WADO-RS"
)


def report(*series: dict[str, Any], **header: Any) -> Dataset:
    """Return a report with a measurement on each of the images; each dict has attributes of a series."""
    images = (FIRST_IMAGE, SECOND_IMAGE, PRIOR_IMAGE)[: max(len(series), 1)]
    measured = [b.num(b.VOLUME, "1", b.CUBIC_MM, b.image(one.uid)) for one in images]
    made = b.measurement_report(b.imaging_measurements(*measured), listed=images, **header)
    listed = [each for study in made[EVIDENCE] for each in study.ReferencedSeriesSequence]
    for item, attributes in zip(listed, series, strict=False):
        item.update(sequence_item(**attributes))
    return b.reread(b.encoded(made))


def selection(result: Result, series: str) -> Json:
    """Return the selection of the images of a series."""
    (found,) = (each for each in resources(result, "ImagingSelection") if each.get("seriesUid") == series)
    return found


def places(result: Result, resource: Json) -> list[Any]:
    """Return where a resource is said to be: addresses of Endpoints, and names of other places."""
    return [
        target(result, each)["address"] if "reference" in each else each["identifier"]["value"]
        for each in resource.get("endpoint", [])
    ]


def named(kind: str, identifier: Json) -> Json:
    """Write the reference to a place that has no address."""
    return {"type": "Endpoint", "identifier": {"type": {"text": kind}, **identifier}}


# ---- Retrieve URL --------------------------------------------------------------------------------


@pytest.mark.row("3.2.24")
def test_a_retrieve_url_becomes_an_endpoint(transform: Transform) -> None:
    result = transform(report({"RetrieveURL": BASE}))
    endpoint = one(result, "Endpoint")
    assert endpoint == {
        "resourceType": "Endpoint",
        "id": endpoint["id"],
        "meta": {"profile": ["http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/wado-rs-endpoint"]},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": BASE}],
        "status": "active",
        "connectionType": [CONNECTION],
        "payload": [{"type": [{"text": "DICOM WADO-RS"}], "mimeType": ["application/dicom"]}],
        "address": BASE,
    }
    reference = [{"reference": urn(endpoint), "type": "Endpoint"}]
    assert one(result, "ImagingStudy")["endpoint"] == reference
    assert selection(result, "1.2.10")["endpoint"] == reference
    (own,) = resources(result, "ImagingSelection", "source-sr-content-item")
    assert own["endpoint"] == reference
    path = f"{SERIES}.RetrieveURL"
    assert category(result, path) == "SUPP"
    assert elements(result, path) == (f"Endpoint/{endpoint['id']}.address",)
    assert category(result, EVIDENCE) == "CONTEXT"


CUT = {
    f"{BASE}/": BASE,
    f"{BASE}/studies/{b.STUDY}": BASE,
    f"{BASE}/studies/{b.STUDY}/series/1.2.10/": BASE,
    f"{BASE}/studies/{b.STUDY}/series/1.2.10/instances/1.2.1/rendered": BASE,
    f"{BASE}/studies/{b.STUDY}/series/1.2.10/metadata": BASE,
    f"https://PACS.example/studies/aet/studies/{b.STUDY}": "https://pacs.example/studies/aet",
    "HTTP://studies/dicom": "http://studies/dicom",
}


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize("url", CUT)
def test_a_retrieve_url_is_cut_back_to_the_base_of_the_service(url: str, transform: Transform) -> None:
    result = transform(report({"RetrieveURL": url}))
    assert one(result, "Endpoint")["address"] == CUT[url]
    said = [("information", f"{SERIES}.RetrieveURL")] if b.STUDY in url else []
    assert findings(result, "degraded") == said
    assert findings(result, "conflict") == []
    assert not [loss for loss in result.report.losses if loss.source.startswith(EVIDENCE)]


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize("more", ["?token=SECRET", "#SECRET"])
def test_what_does_not_belong_to_the_service_is_a_loss(more: str, transform: Transform) -> None:
    result = transform(report({"RetrieveURL": f"https://user:SECRET@pacs.example/dicom-web{more}"}))
    assert one(result, "Endpoint")["address"] == BASE
    assert [loss.source for loss in result.report.losses] == [f"{SERIES}.RetrieveURL"]
    assert b"SECRET" not in result.json + result.report_json + result.outcome_json


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize(
    "path", ["studies/1.2.99", f"studies/{b.STUDY}/series/1.2.20", f"studies/{b.STUDY}/instances/1.2.2"]
)
def test_a_url_of_another_object_is_a_conflict(path: str, transform: Transform) -> None:
    made = report({})
    (listed,) = made[EVIDENCE][0].ReferencedSeriesSequence
    listed.ReferencedSOPSequence[0].RetrieveURL = f"{BASE}/{path}"
    result = transform(made)
    assert findings(result, "conflict") == [
        ("warning", f"{SERIES}.ReferencedSOPSequence.1.RetrieveURL"),
    ]
    assert one(result, "Endpoint")["address"] == BASE


NO_URLS = [
    "/dicom-web/studies",
    "pacs.example",
    "ftp://pacs.example/x",
    "https://",
    "http://a b/",
    "http://a:x/",
]


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_is_told(url: str, transform: Transform) -> None:
    result = transform(report({"RetrieveURL": url}))
    assert resources(result, "Endpoint") == []
    assert "endpoint" not in one(result, "ImagingStudy")
    assert findings(result, "invalid-value") == [("warning", f"{SERIES}.RetrieveURL")]
    assert unmapped(result)[f"{SERIES}.RetrieveURL"] == "invalid-value"


@pytest.mark.row("3.2.24")
def test_an_empty_attribute_says_nothing(transform: Transform) -> None:
    result = transform(report({"RetrieveURL": "", "RetrieveAETitle": ""}))
    assert resources(result, "Endpoint") == []
    assert not [line for line in result.report.attributes if line.source.startswith(f"{EVIDENCE}.")]
    assert not [each for each in result.findings if each.where.startswith(EVIDENCE)]


# ---- of which study and series -------------------------------------------------------------------


@pytest.mark.row("3.2.24")
def test_each_series_has_its_own_places_and_a_study_those_of_all(transform: Transform) -> None:
    result = transform(report({"RetrieveURL": BASE}, {"RetrieveURL": OTHER}, {"RetrieveURL": f"{BASE}/"}))
    assert [each["address"] for each in resources(result, "Endpoint")] == [BASE, OTHER]
    assert places(result, selection(result, "1.2.10")) == [BASE]
    assert places(result, selection(result, "1.2.20")) == [OTHER]
    assert places(result, selection(result, "1.2.30")) == [BASE]
    own, prior = resources(result, "ImagingStudy")
    assert places(result, own) == [BASE, OTHER]
    assert places(result, prior) == [BASE]
    again = f"{EVIDENCE}.2.ReferencedSeriesSequence.1.RetrieveURL"
    assert elements(result, again) == elements(result, f"{SERIES}.RetrieveURL")


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize("level", ["study", "instance"])
def test_what_is_stated_around_or_in_a_series_is_stated_for_it(level: str, transform: Transform) -> None:
    made = report({})
    study = made[EVIDENCE][0]
    item = study if level == "study" else study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    item.RetrieveURL = BASE
    result = transform(made)
    assert places(result, selection(result, "1.2.10")) == [BASE]
    assert places(result, one(result, "ImagingStudy")) == [BASE]


@pytest.mark.row("3.2.24")
def test_pertinent_other_evidence_counts_as_well(transform: Transform) -> None:
    made = report({"RetrieveURL": BASE})
    made.PertinentOtherEvidenceSequence = made[EVIDENCE].value
    del made[EVIDENCE]
    result = transform(made)
    assert places(result, selection(result, "1.2.10")) == [BASE]
    path = "PertinentOtherEvidenceSequence.1.ReferencedSeriesSequence.1.RetrieveURL"
    assert category(result, path) == "SUPP"


@pytest.mark.row("3.2.24")
def test_a_study_to_which_nothing_refers_has_no_endpoint(transform: Transform) -> None:
    images = (FIRST_IMAGE, PRIOR_IMAGE)
    measured = b.num(b.VOLUME, "1", b.CUBIC_MM, b.image(FIRST_IMAGE.uid))
    made = b.measurement_report(b.imaging_measurements(measured), listed=images)
    made[EVIDENCE][1].ReferencedSeriesSequence[0].RetrieveURL = BASE
    result = transform(made)
    assert resources(result, "Endpoint") == []
    assert unmapped(result)[f"{EVIDENCE}.2.ReferencedSeriesSequence.1.RetrieveURL"] == "no-target"


@pytest.mark.row("3.2.24")
def test_the_header_says_where_the_document_is(transform: Transform) -> None:
    result = transform(report({"RetrieveURL": BASE}, RetrieveURL=f"{OTHER}/studies/{b.STUDY}"))
    (own,) = resources(result, "ImagingSelection", "source-sr-content-item")
    assert places(result, own) == [OTHER]
    assert places(result, selection(result, "1.2.10")) == [BASE]
    assert places(result, one(result, "ImagingStudy")) == [BASE, OTHER]
    assert category(result, "RetrieveURL") == "SUPP"


# ---- places without an address -------------------------------------------------------------------


PLACES = {
    "RetrieveAETitle": ("PACS1", "Retrieve AE Title", {"value": "PACS1"}),
    "RetrieveLocationUID": ("1.2.840.5", "Retrieve Location UID", oid("1.2.840.5")),
    "StorageMediaFileSetID": ("DISC 3", "Storage Media File-Set ID", {"value": "DISC 3"}),
    "StorageMediaFileSetUID": ("1.2.840.6", "Storage Media File-Set UID", oid("1.2.840.6")),
}


@pytest.mark.row("3.2.24")
@pytest.mark.parametrize("keyword", PLACES)
def test_a_place_without_an_address_is_named(keyword: str, transform: Transform) -> None:
    value, kind, identifier = PLACES[keyword]
    result = transform(report({keyword: value}))
    assert resources(result, "Endpoint") == []
    assert one(result, "ImagingStudy")["endpoint"] == [named(kind, identifier)]
    assert selection(result, "1.2.10")["endpoint"] == [named(kind, identifier)]
    assert category(result, f"{SERIES}.{keyword}") == "SUPP"


@pytest.mark.row("3.2.24")
def test_all_titles_and_places_are_kept(transform: Transform) -> None:
    stated = {"RetrieveURL": BASE, "RetrieveAETitle": ["PACS1", "PACS2"], "RetrieveLocationUID": "1.2.840.5"}
    result = transform(report(stated, {"RetrieveAETitle": "PACS2"}))
    assert places(result, selection(result, "1.2.10")) == [BASE, "PACS1", "PACS2", "urn:oid:1.2.840.5"]
    assert places(result, selection(result, "1.2.20")) == ["PACS2"]
    assert places(result, one(result, "ImagingStudy")) == [BASE, "PACS1", "PACS2", "urn:oid:1.2.840.5"]
    assert category(result, f"{SECOND}.RetrieveAETitle") == "SUPP"


@pytest.mark.row("3.2.24")
def test_a_location_that_is_no_uid_is_told(transform: Transform) -> None:
    result = transform(report({"RetrieveLocationUID": "here"}))
    assert "endpoint" not in one(result, "ImagingStudy")
    assert unmapped(result)[f"{SERIES}.RetrieveLocationUID"] == "invalid-value"


# ---- what the site tells -------------------------------------------------------------------------


@pytest.mark.row("3.2.24")
def test_the_url_of_the_site_is_named_by_all(transform: Transform) -> None:
    made = b.measurement_report(
        b.imaging_measurements(
            b.num(b.VOLUME, "1", b.CUBIC_MM, b.image(FIRST_IMAGE.uid), b.image(PRIOR_IMAGE.uid)),
            b.group(b.scoord3d("POINT", [1, 2, 3])),
        ),
        listed=(FIRST_IMAGE, PRIOR_IMAGE),
    )
    result = transform(made, wado_rs=f"{BASE}/")
    endpoint = one(result, "Endpoint")
    assert endpoint["address"] == BASE
    naming = resources(result, "ImagingStudy") + resources(result, "ImagingSelection")
    assert len(naming) > 4
    assert [places(result, each) for each in naming] == [[BASE]] * len(naming)


@pytest.mark.row("3.2.24")
def test_without_evidence_too(transform: Transform) -> None:
    made = b.measurement_report(
        b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM, b.image("1.2.1"))), listed=()
    )
    result = transform(made, wado_rs=BASE)
    naming = resources(result, "ImagingStudy") + resources(result, "ImagingSelection")
    assert [places(result, each) for each in naming] == [[BASE]] * len(naming)


@pytest.mark.row("3.2.24")
def test_the_documents_own_urls_win(transform: Transform) -> None:
    result = transform(report({"RetrieveURL": OTHER}), wado_rs=BASE)
    assert [each["address"] for each in resources(result, "Endpoint")] == [OTHER]
    result = transform(report({"RetrieveURL": OTHER}, {}), wado_rs=BASE)
    assert places(result, selection(result, "1.2.10")) == [OTHER]
    assert places(result, selection(result, "1.2.20")) == [BASE]


@pytest.mark.row("3.2.24")
def test_the_site_has_a_url_for_an_ae_title(transform: Transform) -> None:
    made = report(
        {"RetrieveAETitle": "PACS1"}, {"RetrieveAETitle": ["PACS1", "PACS2"], "RetrieveURL": OTHER}, {}
    )
    result = transform(made, wado_rs=BASE, wado_rs_of_ae={" PACS1": "https://one.example/rs", "PACS3": BASE})
    assert places(result, selection(result, "1.2.10")) == ["https://one.example/rs", "PACS1"]
    assert places(result, selection(result, "1.2.20")) == [OTHER, "PACS1", "PACS2"]
    assert places(result, selection(result, "1.2.30")) == [BASE]


@pytest.mark.row("3.2.24")
def test_without_all_this_nothing_is_said(transform: Transform) -> None:
    result = transform(report({}))
    assert resources(result, "Endpoint") == []
    naming = resources(result, "ImagingStudy") + resources(result, "ImagingSelection")
    assert not [each for each in naming if "endpoint" in each]


# ---- two documents, one Endpoint -----------------------------------------------------------------


@pytest.mark.row("3.2.24")
def test_two_documents_make_the_same_endpoint_and_create_it_once(transform: Transform) -> None:
    stated = transform(report({"RetrieveURL": f"{BASE}/studies/{b.STUDY}", "RetrieveAETitle": "PACS1"}))
    told = transform(report({}, SOPInstanceUID="1.2.840.99.9", PatientID="PID-2"), wado_rs=BASE)
    assert one(stated, "Endpoint") == one(told, "Endpoint")
    sent = transform(report({"RetrieveURL": BASE}), packaging=Packaging("transaction"))
    (request,) = (
        entry["request"] for entry in sent.bundle["entry"] if entry["resource"]["resourceType"] == "Endpoint"
    )
    assert request == {
        "method": "POST",
        "url": "Endpoint",
        "ifNoneExist": "identifier=urn%3Aietf%3Arfc%3A3986%7Chttps%3A%2F%2Fpacs.example%2Fdicom-web",
    }
