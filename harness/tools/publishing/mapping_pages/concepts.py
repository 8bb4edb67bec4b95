"""Codes with their meanings, as DICOM writes them: ``(121401, DCM, Derivation)``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydicom.sr._concepts_dict import concepts

_CONCEPTS: Any = concepts
DCM = "http://dicom.nema.org/resources/ontology/DCM"
_SYSTEMS = {
    DCM: "DCM",
    "http://snomed.info/sct": "SCT",
    "http://terminology.hl7.org/CodeSystem/umls": "UMLS",
}
# A concept in running text: (121401, DCM, Derivation), (363698007, SCT), (121020, 121021, DCM)
_IN_TEXT = re.compile(r"\(((?:[\w$]+, )+)(DCM|SCT|UMLS|NCIt)(?:, ([^()]*))?\)")
_TAG_IN_TEXT = re.compile(r"\(([0-9A-F]{4},[0-9A-F]{4})\)")


@lru_cache
def meanings(scheme: str) -> Mapping[str, str]:
    """Answer the codes of a scheme with their meanings, as pydicom lists them from PS3.16.

    Parameters
    ----------
    scheme
        Coding scheme designator.
    """
    return {
        code: meaning for each in _CONCEPTS.get(scheme, {}).values() for code, (meaning, _) in each.items()
    }


class UnknownConceptError(ValueError):
    """A code has no meaning in any table."""


class Concepts:
    """Answer codes with their meanings.

    Parameters
    ----------
    own
        Meanings by key (``SCT#276214006``) that go before pydicom's, or that it lacks.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = own

    def meaning(self, key: str) -> str:
        """Answer the meaning of a key (``DCM#121401``).

        Raises
        ------
        UnknownConceptError
            No table has it.
        """
        scheme, code = key.split("#")
        found = self._own.get(key) or meanings(scheme).get(code)
        if found is None:
            raise UnknownConceptError(
                f"no table holds the meaning of {key}: add it to words.toml, [meanings]"
            )
        return found

    def label(self, key: str) -> str:
        """Answer a key as DICOM writes a concept."""
        scheme, code = key.split("#")
        return f"({code}, {scheme}, {self.meaning(key)})"


def is_key(text: str) -> bool:
    """Say whether a text is the key of a concept."""
    return re.fullmatch(r"(DCM|SCT|UMLS|NCIt)#\w+", text) is not None


def scheme_of(system: str) -> str | None:
    """Answer the coding scheme designator for a FHIR system that concepts in the maps have."""
    return _SYSTEMS.get(system)


def keys_in(text: str) -> Iterator[str]:
    """Answer the keys of the concepts that a text names."""
    for match in _IN_TEXT.finditer(text):
        yield from (f"{match[2]}#{code}" for code in match[1].split(", ") if code)


def tags_in(text: str) -> Iterator[str]:
    """Answer the attribute tags that a text names: ``0040,A043``."""
    return (match[1] for match in _TAG_IN_TEXT.finditer(text))
