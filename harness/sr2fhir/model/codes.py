"""Code sequence items to codings and matching keys (PS3.3 section 8.8, mapping section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.coding_schemes import CodingSchemes, Scheme, standard_schemes
from sr2fhir.model.roles import NO_ROLES, Roles
from sr2fhir.model.snomed_rt import to_snomed_ct

_VALUE = tag("CodeValue")
_LONG_VALUE = tag("LongCodeValue")
_URN_VALUE = tag("URNCodeValue")
_DESIGNATOR = tag("CodingSchemeDesignator")
_VERSION = tag("CodingSchemeVersion")
_MEANING = tag("CodeMeaning")
_EQUIVALENT = tag("EquivalentCodeSequence")

_URI_SYSTEM = "urn:ietf:rfc:3986"
_SCT = "SCT"
_UNVERSIONED = {"DCM"}


@dataclass(frozen=True, slots=True)
class Concept:
    """Hold one coded concept.

    Parameters
    ----------
    codings
        FHIR Codings: SNOMED CT before the retired code that it replaces, then the equivalent codes.
    keys
        ``DESIGNATOR#code`` of each, after translation.
    terms
        Terms of the keys in the document type's table of roles.
    code, designator, meaning
        As the document writes them.
    """

    codings: tuple[JsonObject, ...]
    keys: tuple[str, ...]
    terms: tuple[str, ...]
    code: str | None
    designator: str | None
    meaning: str | None

    def as_json(self, lineage: str) -> JsonObject:
        """Return a CodeableConcept."""
        return {"id": lineage, "coding": list(self.codings)}

    @property
    def label(self) -> str:
        """Return ``code, scheme, "meaning"`` as DICOM writes it, for reports."""
        return f'{self.code or ""}, {self.designator or ""}, "{self.meaning or ""}"'


class _Written(NamedTuple):
    """The attributes of one code sequence item."""

    value: str | None
    urn: str | None
    designator: str | None
    version: str | None
    meaning: str | None


class Codes:
    """Read code sequences; equal items give the same Concept.

    Parameters
    ----------
    schemes
        Finds the coding schemes.
    log
        Receives codes that could not be translated.
    roles
        Knows the terms of concepts.
    """

    def __init__(self, schemes: CodingSchemes, log: FindingLog, roles: Roles = NO_ROLES) -> None:
        self._schemes = schemes
        self._log = log
        self._roles = roles
        self._cache: dict[_Written, Concept | None] = {}

    def read(self, attributes: Attributes, sequence: int, where: str) -> Concept | None:
        """Return the concept of a code sequence; None where it is absent or empty."""
        items = attributes.items(sequence)
        if len(items) > 1:
            message = "a code sequence has more than one item; the first was taken"
            self._log.add("warning", "multiplicity", where, message)
        return self.item(items[0], where) if items else None

    def read_all(self, attributes: Attributes, sequence: int, where: str) -> list[Concept]:
        """Return the concepts of a code sequence that may have several items."""
        concepts = (self.item(item, where) for item in attributes.items(sequence))
        return [concept for concept in concepts if concept]

    def item(self, item: Attributes, where: str) -> Concept | None:
        """Return the concept of one code sequence item with its equivalent codes."""
        concept = self._concept(item, where)
        if concept is None or _EQUIVALENT not in item:
            return concept
        others = [self._concept(equivalent, where) for equivalent in item.items(_EQUIVALENT)]
        return _merged([concept, *(other for other in others if other)])

    def _concept(self, item: Attributes, where: str) -> Concept | None:
        written = _Written(
            item.text(_VALUE) or item.text(_LONG_VALUE),
            item.text(_URN_VALUE),
            item.text(_DESIGNATOR),
            item.text(_VERSION),
            item.text(_MEANING),
        )
        if written not in self._cache:
            self._cache[written] = self._make(written, where)
        return self._cache[written]

    def _make(self, written: _Written, where: str) -> Concept | None:
        code = written.value or written.urn
        if not (code or written.meaning):
            return None
        if written.designator and code:
            return self._in_scheme(self._schemes.find(written.designator, where), code, written, where)
        system = _URI_SYSTEM if written.urn and not written.value else None
        if system is None:
            message = "a code has no code value or no coding scheme designator"
            self._log.once("warning", "invalid-value", where, message, kept=True)
        return self._known(written, [_coding(system, None, code, written.meaning)])

    def _in_scheme(self, scheme: Scheme, code: str, written: _Written, where: str) -> Concept:
        version = None if scheme.designator in _UNVERSIONED else written.version
        text = f"urn:oid:{code}" if scheme.form == "oid" and code[:1].isdigit() else code
        original = _coding(scheme.system, version, text, written.meaning)
        replaced = _translation(scheme, code)
        if replaced is None:
            if scheme.form == "snomed-rt":
                message = f"the retired code {code} ({scheme.designator}) has no SNOMED CT code"
                self._log.once("warning", "untranslated-code", where, message)
            return self._known(written, [original], f"{scheme.designator}#{code}")
        if scheme.designator == _SCT:
            original["system"] = standard_schemes()["SRT"].system
        current = _coding(standard_schemes()[_SCT].system, None, replaced, written.meaning)
        return self._known(written, [current, original], f"{_SCT}#{replaced}")

    def _known(self, written: _Written, codings: list[JsonObject], *keys: str) -> Concept:
        code = written.value or written.urn
        terms = self._roles.terms(keys)
        return Concept(tuple(codings), keys, terms, code, written.designator, written.meaning)


def _translation(scheme: Scheme, code: str) -> str | None:
    """Return the SNOMED CT code of a SNOMED RT identifier, also where the document calls it SNOMED CT."""
    if scheme.form == "snomed-rt" or (scheme.designator == _SCT and not code.isdigit()):
        return to_snomed_ct(code)
    return None


def _coding(system: str | None, version: str | None, code: str | None, display: str | None) -> JsonObject:
    members = {"system": system, "version": version, "code": code, "display": display}
    return {name: value for name, value in members.items() if value}


def _merged(concepts: list[Concept]) -> Concept:
    codings: list[JsonObject] = []
    for concept in concepts:
        codings += [coding for coding in concept.codings if coding not in codings]
    keys = dict.fromkeys(key for concept in concepts for key in concept.keys)
    terms = dict.fromkeys(term for concept in concepts for term in concept.terms)
    return replace(concepts[0], codings=tuple(codings), keys=tuple(keys), terms=tuple(terms))
