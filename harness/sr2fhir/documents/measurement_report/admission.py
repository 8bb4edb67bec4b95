"""Which Datasets are rendered: Structured Reports of TID 1500 with the UIDs that nothing can do without."""

from __future__ import annotations

from sr2fhir.documents.measurement_report.structure import roles
from sr2fhir.errors import InputError, MissingAttributeError, NotStructuredReportError, TemplateError
from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes
from sr2fhir.model.coding_schemes import CodingSchemes
from sr2fhir.model.tree import template_identifier

TEMPLATE = "1500"

_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_REQUIRED = {"SOPInstanceUID": tag("SOPInstanceUID"), "StudyInstanceUID": tag("StudyInstanceUID")}
_SOP_CLASS = tag("SOPClassUID")
_VALUE_TYPE = tag("ValueType")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")


def check(header: Attributes) -> None:
    """Raise unless the Dataset is a Measurement Report.

    Raises
    ------
    NotStructuredReportError
        The SOP Class is not one of Structured Reporting, or there is no root content item.
    TemplateError
        Neither the template nor the title is that of TID 1500.
    MissingAttributeError
        There is no SOP Instance UID or no Study Instance UID.
    """
    for problem in (_not_a_report(header), _missing(header), _other_template(header)):
        if problem:
            raise problem


def _not_a_report(header: Attributes) -> InputError | None:
    sop_class = header.text(_SOP_CLASS)
    if sop_class is None and header.text(_VALUE_TYPE) is None:
        return NotStructuredReportError("this is no Structured Report", where="SOPClassUID")
    if sop_class is None:
        return MissingAttributeError("the document has no SOP Class UID", where="SOPClassUID")
    if not sop_class.startswith(_SR_CLASSES) or header.text(_VALUE_TYPE) != "CONTAINER":
        return NotStructuredReportError(
            "this is no Structured Report", where="SOPClassUID", hint="Give Structured Reports of TID 1500"
        )
    return None


def _missing(header: Attributes) -> InputError | None:
    for keyword, number in _REQUIRED.items():
        if header.text(number) is None:
            return MissingAttributeError(
                f"the document has no {keyword}",
                where=keyword,
                hint="Without it the document is not valid DICOM",
            )
    return None


def _other_template(header: Attributes) -> InputError | None:
    log = FindingLog()
    codes = Codes(CodingSchemes(header, {}, log), log, roles())
    title = codes.read(header, _CONCEPT_NAME, "1")
    template = template_identifier(header)
    if template == TEMPLATE or (title and roles().role(title.terms) == "title"):
        return None
    stated = f"TID {template}" if template else "another title and no template"
    return TemplateError(
        f"the Structured Report has {stated}, not TID 1500",
        where="ContentTemplateSequence",
        hint="Only Measurement Reports (TID 1500) can be transformed",
    )
