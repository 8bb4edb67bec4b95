"""The kinds of Structured Reports that can be transformed, and which of them a document is."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary

from sr2fhir.dicom import STRUCTURED_REPORTS
from sr2fhir.documents.key_objects import KEY_OBJECTS
from sr2fhir.documents.measurement_report import MEASUREMENT_REPORT
from sr2fhir.errors import InputError, MissingAttributeError, NotStructuredReportError, TemplateError
from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, tag, template_identifier
from sr2fhir.model.codes import Codes, CodingSchemes
from sr2fhir.model.rendering import DocumentType

__all__ = ["SOP_CLASSES", "TYPES", "DocumentType", "type_of"]

TYPES: tuple[DocumentType, ...] = (MEASUREMENT_REPORT, KEY_OBJECTS)

SOP_CLASSES: tuple[str, ...] = tuple(
    uid
    for uid, (_, kind, _, retired, _) in UID_dictionary.items()
    if uid.startswith(STRUCTURED_REPORTS) and kind == "SOP Class" and not retired
)
"""Storage classes whose instances may be of a type: which one it is, template and title tell."""

_REQUIRED = {"SOPInstanceUID": tag("SOPInstanceUID"), "StudyInstanceUID": tag("StudyInstanceUID")}
_SOP_CLASS = tag("SOPClassUID")
_VALUE_TYPE = tag("ValueType")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")


def type_of(header: Attributes, types: tuple[DocumentType, ...] = TYPES) -> DocumentType:
    """Return the type of a document: by the template of its root, else by its SOP Class, else by its title.

    Raises
    ------
    NotStructuredReportError
        The SOP Class is not one of Structured Reporting, or there is no root content item.
    MissingAttributeError
        There is no SOP Instance UID or no Study Instance UID.
    TemplateError
        None of them is that of a type.
    """
    problem = _not_a_report(header, types) or _missing(header)
    if problem:
        raise problem
    template, sop_class = template_identifier(header), header.text(_SOP_CLASS)
    titles = _title_keys(header)
    told = (
        *(each for each in types if each.template == template),
        *(each for each in types if sop_class in each.sop_classes),
        *(each for each in types if not each.titles.isdisjoint(titles)),
    )
    if not told:
        raise _other_template(template, types)
    return told[0]


def _not_a_report(header: Attributes, types: tuple[DocumentType, ...]) -> InputError | None:
    sop_class = header.text(_SOP_CLASS)
    if sop_class is None and header.text(_VALUE_TYPE) is None:
        return NotStructuredReportError("this is no Structured Report", where="SOPClassUID")
    if sop_class is None:
        return MissingAttributeError("the document has no SOP Class UID", where="SOPClassUID")
    if sop_class.startswith(STRUCTURED_REPORTS) and header.text(_VALUE_TYPE) == "CONTAINER":
        return None
    wanted = " or ".join(each.tid for each in types)
    hint = f"Give Structured Reports of {wanted}"
    return NotStructuredReportError("this is no Structured Report", where="SOPClassUID", hint=hint)


def _missing(header: Attributes) -> InputError | None:
    keyword = next((keyword for keyword, number in _REQUIRED.items() if header.text(number) is None), None)
    if keyword is None:
        return None
    hint = "Without it the document is not valid DICOM"
    return MissingAttributeError(f"the document has no {keyword}", where=keyword, hint=hint)


def _title_keys(header: Attributes) -> frozenset[str]:
    """Return the keys of the root's concept name; what is odd about it is reported when it is rendered."""
    log = FindingLog()
    title = Codes(CodingSchemes(header, {}, log), log).read(header, _CONCEPT_NAME, "1")
    return frozenset(title.keys) if title else frozenset()


def _other_template(template: str | None, types: tuple[DocumentType, ...]) -> TemplateError:
    return TemplateError(
        f"the Structured Report has {_stated(template)}, not {' or '.join(each.tid for each in types)}",
        where="ContentTemplateSequence",
        hint=f"Only {' and '.join(f'{each.name} ({each.tid})' for each in types)} can be transformed",
    )


def _stated(template: str | None) -> str:
    """Return a template in words; what is no number may be anything, a patient's name too."""
    if template is None:
        return "another title and no template"
    is_number = template.isascii() and template.isdecimal()
    return f"TID {template}" if is_number else "a template identifier that is not a number"
