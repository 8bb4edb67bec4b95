"""Code sequence items to codings and matching keys; coding schemes to FHIR code systems (mapping section 4).

PS3.3 section 8.8 and Table C.12-1, PS3.16 section 8 and Annex O.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sr2fhir.dicom.notes import keyword_path
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, Undecoded, tag
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
_WRITTEN = (_VALUE, _LONG_VALUE, _URN_VALUE, _DESIGNATOR, _VERSION, _MEANING)
_EQUIVALENT = tag("EquivalentCodeSequence")

_WHITE_SPACE = re.compile(r"\s+")
_SPACED = (
    "a code has white space that FHIR does not allow: it was collapsed, the text keeps the code as it stands"
)
# of SNOMED CT: 6 to 18 digits
_CONCEPT_ID = re.compile(r"[1-9][0-9]{5,17}")
_NO_RT = (
    "a code of a retired SNOMED scheme is no identifier of SNOMED RT but a SNOMED CT number: taken as one"
)
_WORD = re.compile(r"\w+")
_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_SEMANTIC_TAG = re.compile(r" \([a-z /]+\)$")
_EMPTY_WORDS = frozenset({"and", "of", "structure", "the"})

_URI_SYSTEM = "urn:ietf:rfc:3986"
_SCT = "SCT"
_UNVERSIONED = {"DCM"}


_IDENTIFICATION = tag("CodingSchemeIdentificationSequence")
_RESOURCES = tag("CodingSchemeResourcesSequence")
_UID = tag("CodingSchemeUID")
_URL = tag("CodingSchemeURL")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")


@dataclass(frozen=True, slots=True)
class Concept:
    """Hold one coded concept.

    Parameters
    ----------
    codings
        FHIR Codings: SNOMED CT before the retired code that it replaces, then the equivalent codes.
    text
        What the document writes and no coding shows: a code with white space, a meaning of its own.
    keys
        ``DESIGNATOR#code`` of each, after translation.
    terms
        Terms of the keys in the document type's table of roles.
    code, designator, meaning
        As the document writes them.
    """

    codings: tuple[JsonObject, ...]
    text: str | None
    keys: tuple[str, ...]
    terms: tuple[str, ...]
    code: str | None
    designator: str | None
    meaning: str | None

    def as_json(self, lineage: str) -> JsonObject:
        """Return a CodeableConcept."""
        return {"id": lineage, "coding": list(self.codings)} | ({"text": self.text} if self.text else {})

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

    @property
    def code(self) -> str | None:
        """Return the code as FHIR writes codes: no white space but single blanks within."""
        stated = self.value or self.urn
        return _WHITE_SPACE.sub(" ", stated).strip() if stated else None

    @property
    def spaced(self) -> str | None:
        """Return the code as it stands, where FHIR writes another."""
        stated = self.value or self.urn
        return stated if stated != self.code else None


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
        self._undecoded: dict[Undecoded, Concept | None] = {}

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
        """Return the concept of one item; most items repeat another byte for byte, and spare the decoding."""
        undecoded = item.undecoded(_WRITTEN)
        if undecoded in self._undecoded:
            return self._undecoded[undecoded]
        concept = self._decoded(item, where)
        if undecoded is not None and _is_printable(undecoded):
            self._undecoded[undecoded] = concept
        return concept

    def _decoded(self, item: Attributes, where: str) -> Concept | None:
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
        code = written.code
        if not (code or written.meaning):
            return None
        if written.spaced:
            self._log.add("warning", "invalid-value", where, _SPACED, kept=True)
        if written.designator and code:
            return self._in_scheme(self._schemes.find(written.designator, where), code, written, where)
        system = _URI_SYSTEM if written.urn and not written.value else None
        if system is None:
            message = "a code has no code value or no coding scheme designator"
            self._log.once("warning", "invalid-value", where, message, kept=True)
        return self._known(written, [_coding(system, None, code, written.meaning)])

    def _in_scheme(self, scheme: Scheme, code: str, written: _Written, where: str) -> Concept:
        scheme = self._of_code(scheme, code, written, where)
        if scheme.form == "snomed-rt" and _CONCEPT_ID.fullmatch(code):
            self._log.add("warning", "conflict", where, _NO_RT)
            display, said = self._of_concept(code, code, written, where)
            current = _coding(standard_schemes()[_SCT].system, written.version, code, display)
            return self._known(written, [current], f"{_SCT}#{code}", text=said)
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
        display, said = self._of_concept(replaced, code, written, where)
        current = _coding(standard_schemes()[_SCT].system, None, replaced, display)
        return self._known(written, [current, original], f"{_SCT}#{replaced}", text=said)

    def _of_code(self, stated: Scheme, code: str, written: _Written, where: str) -> Scheme:
        """Return the scheme that a code is of: DCM for one of DICOM's labelled SCT, and the reverse."""
        of_code = right_designator(stated.designator, code, written.meaning)
        if of_code is None:
            return stated
        message = f"the code {code}, labelled {stated.designator}, is one of {of_code} and taken as such"
        self._log.once("warning", "conflict", where, message, "Correct the designator in the source")
        return standard_schemes()[of_code]

    def _of_concept(
        self, concept: str, code: str, written: _Written, where: str
    ) -> tuple[str | None, str | None]:
        """Return our meaning of a SNOMED CT concept, and the document's where that is another (decision D51).

        Parameters
        ----------
        code
            As the document writes it.
        """
        known, meaning = meanings_of_snomed_ct(concept), written.meaning
        if not known or meaning is None:
            return (known[0] if known else meaning), None
        exact = next((each for each in known if each.casefold() == meaning.casefold()), None)
        if exact:
            return exact, None
        if not any(_are_synonyms(meaning, each) for each in known):
            message = f"{code} ({written.designator}) means {known[0]!r}, not what it is called"
            self._log.once("warning", "conflict", where, message)
        return known[0], meaning

    def _known(
        self, written: _Written, codings: list[JsonObject], *keys: str, text: str | None = None
    ) -> Concept:
        terms, stated = self._roles.terms(keys), written.value or written.urn
        shown = written.spaced or text
        return Concept(tuple(codings), shown, keys, terms, stated, written.designator, written.meaning)


def _is_printable(undecoded: Undecoded) -> bool:
    """Tell whether all values are printable ASCII but for their padding."""
    values = (attribute[1] for attribute in undecoded if attribute and attribute[1])
    return all(value.isascii() and value.rstrip(b" \0").decode("ascii").isprintable() for value in values)


def _translation(scheme: Scheme, code: str) -> str | None:
    """Return the SNOMED CT code of a SNOMED RT identifier, also where the document calls it SNOMED CT."""
    if scheme.form == "snomed-rt" or (scheme.designator == _SCT and not code.isdigit()):
        return to_snomed_ct(code)
    return None


def _are_synonyms(one: str, other: str) -> bool:
    """Tell whether one of two meanings has all words of the other; word forms and hyphens do not count."""
    first, second = (_words(meaning) for meaning in (one, other))
    return first <= second or second <= first


def _words(meaning: str) -> set[str]:
    bare = _HYPHEN.sub("", _SEMANTIC_TAG.sub("", meaning)).casefold()
    return {word.removesuffix("s") for word in _WORD.findall(bare)} - _EMPTY_WORDS


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
        if uid and _OID.fullmatch(uid):
            return schemes_by_uid().get(uid) or Scheme(designator, f"urn:oid:{uid}")
        urls = [url for resource in item.items(_RESOURCES) if (url := resource.text(_URL))]
        usable = next((url for url in urls if _URI.fullmatch(url)), None)
        for stated, what in ((uid, "UID"), (None if usable else next(iter(urls), None), "URL")):
            if stated:
                message = (
                    f"the {what} that the document gives for coding scheme {designator} is none: not used"
                )
                self._log.once("warning", "invalid-value", keyword_path(_IDENTIFICATION), message)
        return Scheme(designator, usable) if usable else None

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
    found: str | None = _snomed_rt()["codes"].get(identifier.upper())
    return found


def meanings_of_snomed_ct(code: str) -> list[str]:
    """Return the meanings that PS3.16 gives a SNOMED CT concept, the best first; none where it is not known.

    Examples
    --------
    >>> meanings_of_snomed_ct("410668003")[0]
    'Length'
    """
    found: list[str] = _snomed_rt()["meanings"].get(code, [])
    return found


@cache
def _snomed_rt() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = _read("snomed_rt.json")
    return tables


def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath(name).read_text("utf-8"))
