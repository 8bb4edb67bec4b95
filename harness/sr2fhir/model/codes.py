"""Code sequence items to codings and matching keys; coding schemes to FHIR code systems (mapping section 4).

PS3.3 section 8.8 and Table C.12-1, PS3.16 section 8 and Annex O.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.mislabelled import right_designator
from sr2fhir.settings import PRIVATE_SYSTEM

# ---- what concepts are for --------------------------------------------------------------------------------


class Roles:
    """Know the terms and the roles of concepts.

    Parameters
    ----------
    table
        Role → terms: a name → concept key (``DCM#121005``), or a table of such names. A term is the name of
        the innermost table and the name in it: ``observer.type``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        stated = [(role, *row) for role, terms in table.items() for row in _terms(role, terms)]
        self._terms = {key: term for _, term, key in stated}
        self._keys = {term: key for _, term, key in stated}
        self._roles = {term: role for role, term, _ in stated}

    def terms(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the terms of a concept's keys."""
        return tuple(self._terms[key] for key in keys if key in self._terms)

    def role(self, terms: Iterable[str]) -> str | None:
        """Return the role of the first of a concept's terms."""
        return next((self._roles[term] for term in terms), None)

    def keys(self, role: str) -> frozenset[str]:
        """Return the concept keys of a role."""
        return frozenset(self._keys[term] for term, of in self._roles.items() if of == role)

    def key(self, term: str) -> str:
        """Return the concept key of a term."""
        return self._keys[term]


NO_ROLES = Roles({})


def _terms(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for inner, value in table.items():
        if isinstance(value, str):
            yield f"{name}.{inner}", value
        else:
            yield from _terms(inner, value)


@cache
def table(package: str, name: str) -> Mapping[str, Any]:
    """Read a table that lies beside the modules of a package."""
    return tomllib.loads(files(package).joinpath(name).read_text("utf-8"))


# ---- concepts ---------------------------------------------------------------------------------------------


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


_IDENTIFICATION = tag("CodingSchemeIdentificationSequence")
_RESOURCES = tag("CodingSchemeResourcesSequence")
_UID = tag("CodingSchemeUID")
_URL = tag("CodingSchemeURL")


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
        scheme = self._of_code(scheme, code, written, where)
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

    def _of_code(self, stated: Scheme, code: str, written: _Written, where: str) -> Scheme:
        """Return the scheme that a code is of: DCM for one of DICOM's labelled SCT, and the reverse."""
        of_code = right_designator(stated.designator, code, written.meaning)
        if of_code is None:
            return stated
        message = f"the code {code}, labelled {stated.designator}, is one of {of_code} and taken as such"
        self._log.once("warning", "conflict", where, message, "Correct the designator in the source")
        return standard_schemes()[of_code]

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


# ---- coding schemes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scheme:
    """Name one coding scheme.

    Parameters
    ----------
    designator
        As PS3.16 spells it; a private one as written.
    system
        URI for ``Coding.system``.
    form
        ``snomed-rt``: codes are SNOMED RT identifiers; ``oid``: codes are object identifiers.
    """

    designator: str
    system: str
    form: Literal["plain", "snomed-rt", "oid"] = "plain"


class CodingSchemes:
    """Find the scheme of a designator, for one document.

    Parameters
    ----------
    header
        The document's attributes, for its Coding Scheme Identification Sequence.
    configured
        Systems that a user has given for private designators.
    log
        Receives one warning for each scheme that nothing identifies.
    """

    def __init__(self, header: Attributes, configured: Mapping[str, str], log: FindingLog) -> None:
        self._configured = {designator.strip().upper(): system for designator, system in configured.items()}
        self._identified = {
            designator.upper(): item
            for item in header.items(_IDENTIFICATION)
            if (designator := item.text(_DESIGNATOR))
        }
        self._log = log
        self._found: dict[str, Scheme] = {}

    def find(self, designator: str, where: str) -> Scheme:
        """Return the scheme; matching ignores case."""
        scheme = self._found.get(designator)
        if scheme is None:
            scheme = self._found[designator] = self._look_up(designator, where)
        return scheme

    def _look_up(self, designator: str, where: str) -> Scheme:
        name = designator.upper()
        if name in standard_schemes():
            return standard_schemes()[name]
        if name in self._configured:
            return Scheme(designator, self._configured[name])
        return (
            private_schemes().get(name) or self._from_document(designator) or self._unknown(designator, where)
        )

    def _from_document(self, designator: str) -> Scheme | None:
        item = self._identified.get(designator.upper())
        if item is None:
            return None
        uid = item.text(_UID)
        if uid:
            return schemes_by_uid().get(uid) or Scheme(designator, f"urn:oid:{uid}")
        urls = (resource.text(_URL) for resource in item.items(_RESOURCES))
        url = next((url for url in urls if url), None)
        return Scheme(designator, url) if url else None

    def _unknown(self, designator: str, where: str) -> Scheme:
        self._log.add(
            "warning",
            "unknown-scheme",
            where,
            f"coding scheme {designator} is not registered, and the document gives no UID or URL for it",
            "Give its system in the configuration",
        )
        return Scheme(designator, PRIVATE_SYSTEM + quote(designator, safe=""))


@cache
def _scheme_table() -> tuple[tuple[Scheme, str | None, bool], ...]:
    return tuple(
        (
            Scheme(row["designator"], row["system"], row.get("form", "plain")),
            row.get("uid"),
            row.get("private", False),
        )
        for row in _read("coding_schemes.json")["schemes"]
    )


@cache
def standard_schemes() -> dict[str, Scheme]:
    """Return the registered schemes by upper-case designator."""
    return {scheme.designator.upper(): scheme for scheme, _, private in _scheme_table() if not private}


@cache
def private_schemes() -> dict[str, Scheme]:
    """Return the private schemes whose system is published, by upper-case designator."""
    return {scheme.designator.upper(): scheme for scheme, _, private in _scheme_table() if private}


@cache
def schemes_by_uid() -> dict[str, Scheme]:
    """Return the schemes by Coding Scheme UID."""
    return {uid: scheme for scheme, uid, _ in _scheme_table() if uid}


# ---- SNOMED RT ---------------------------------------------------------------------------------------------


def to_snomed_ct(identifier: str) -> str | None:
    """Return the SNOMED CT concept identifier of a SNOMED RT identifier; None where there is none.

    The table is that of PS3.16 Annex O; harness/tools/snomed_rt.py makes it.

    Examples
    --------
    >>> to_snomed_ct("T-28000")
    '39607008'
    """
    return _snomed_rt().get(identifier.upper())


@cache
def _snomed_rt() -> dict[str, str]:
    pairs: dict[str, str] = _read("snomed_rt.json")["codes"]
    return pairs


def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath(name).read_text("utf-8"))
