"""Which Datasets are rendered (mapping section 1)."""

from __future__ import annotations

import pytest
from sr2fhir import render
from sr2fhir.errors import MissingAttributeError, NotStructuredReportError, TemplateError

from tests import builders as b

OTHER_TITLE = b.Code("121181", "DCM", "DICOM Object Catalog")


def test_the_template_or_the_title_admits():
    assert render(b.measurement_report(title=OTHER_TITLE)).document["template"] == "1500"
    for title in ("126000", "126001", "126002", "126003"):
        assert (
            "template"
            not in render(b.measurement_report(title=b.Code(title, "DCM", "title"), template=None)).document
        )


def test_the_template_counts_before_the_sop_class_and_that_before_the_title():
    def kind(**stated):
        return render(b.key_objects(b.image("1.2.3"), **stated)).document_type.template

    report = b.Code("126000", "DCM", "Imaging Measurement Report")
    assert kind() == kind(template=None) == kind(template=None, title=OTHER_TITLE) == "2010"
    assert kind(template=None, title=report) == "2010"
    assert kind(SOPClassUID=b.COMPREHENSIVE_3D) == "2010"
    assert kind(template="1500") == "1500"


def test_a_refusal_names_all_types_that_are_taken():
    with pytest.raises(TemplateError, match="not TID 1500 or TID 2010") as caught:
        render(b.measurement_report(title=OTHER_TITLE, template="2000"))
    assert "Measurement Reports (TID 1500) and Key Object Selections (TID 2010)" in caught.value.hint


@pytest.mark.parametrize(
    ("title", "template"), [(OTHER_TITLE, None), (OTHER_TITLE, "2000"), (b.MEASUREMENT_GROUP, "1501")]
)
def test_another_template_is_refused(title, template):
    with pytest.raises(TemplateError) as caught:
        render(b.measurement_report(title=title, template=template))
    assert template is None or template in str(caught.value)
    assert caught.value.hint


def test_a_template_identifier_that_is_no_number_is_not_quoted():
    with pytest.raises(TemplateError, match="has a template identifier that is not a number") as caught:
        render(b.measurement_report(title=OTHER_TITLE, template="DOE JOHN"))
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID"])
def test_a_missing_uid_is_named(keyword):
    report = b.measurement_report()
    delattr(report, keyword)
    with pytest.raises(MissingAttributeError) as caught:
        render(report)
    assert caught.value.where == keyword


@pytest.mark.parametrize(
    "dataset",
    [
        b.sequence_item(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID="1.2", StudyInstanceUID="1.3"
        ),
        b.sequence_item(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22",
            SOPInstanceUID="1.2",
            StudyInstanceUID="1.3",
            ValueType="TEXT",
        ),
        b.sequence_item(PatientID="1"),
    ],
)
def test_what_is_no_report_is_refused(dataset):
    with pytest.raises(NotStructuredReportError):
        render(dataset)


def test_a_report_without_a_sop_class():
    report = b.measurement_report()
    del report.SOPClassUID
    with pytest.raises(MissingAttributeError):
        render(report)
