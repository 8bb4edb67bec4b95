"""Generate code systems from the tables of DICOM that pydicom carries.

``python -m tools.terminology`` writes fsh/terminology/generated anew; do so when pydicom
brings another edition of DICOM. The files are CodeSystems whose content is a fragment: a code that they lack
may be newer than they, or private.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydicom import _version as edition
from pydicom._uid_dict import UID_dictionary
from pydicom.sr._concepts_dict import concepts
from sr2fhir.files import replace_file
from sr2fhir.model.identifiers import LATER_SOP_CLASSES
from sr2fhir.paths import layout

Concept = dict[str, Any]
Table = Mapping[str, Mapping[str, tuple[str, list[int]]]]
CodeSystem = dict[str, Any]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
SOP_CLASS = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"

# Meanings that the published profiles print otherwise than PS3.16: a pattern holds to the letter.
GUIDE_MEANINGS: Mapping[str, str] = {
    "130401": "Visual Explanation",
    "130488": "Region In Space",
}

# Breaks in the tables' columns, not part of a meaning.
_INVISIBLE = "\u200b"
_STATUS = {
    "code": "status",
    "uri": "http://hl7.org/fhir/concept-properties#status",
    "description": "Whether DICOM has retired the code",
    "type": "code",
}
_RETIRED = {"code": "status", "valueCode": "retired"}
_PUBLISHER = "sr2fhir"
_COPYRIGHT = (
    "DICOM® is the registered trademark of the National Electrical Manufacturers Association for its "
    "Standards publications relating to digital communications of medical information. The codes and their "
    "meanings are those of the DICOM standard."
)


def dicom_codes() -> CodeSystem:
    """Make the fragment of the DICOM Controlled Terminology (PS3.16 Annex D and its context groups)."""
    return _code_system(
        id="dicom-controlled-terminology",
        url=DCM,
        version=edition.__concepts_version__,
        name="DICOMControlledTerminology",
        title="DICOM Controlled Terminology (fragment)",
        source="PS3.16 Annex D and its context groups",
        concepts=_dicom_concepts(),
    )


def sop_classes() -> CodeSystem:
    """Make the fragment of the SOP classes (PS3.6 Annex A), under the system that the profiles name."""
    content = _code_system(
        id="dicom-sop-class",
        url=SOP_CLASS,
        version=edition.__dicom_version__,
        name="DICOMSOPClass",
        title="DICOM SOP Classes (fragment)",
        source="PS3.6 Annex A",
        concepts=_sop_class_concepts(),
    )
    listed = content.pop("concept")
    return {**content, "property": [_STATUS], "concept": listed}


def _code_system(
    *, id: str, url: str, version: str, name: str, title: str, source: str, concepts: Iterable[Concept]
) -> CodeSystem:
    """Make a CodeSystem whose content is a fragment."""
    return {
        "resourceType": "CodeSystem",
        "id": id,
        "url": url,
        "version": version,
        "name": name,
        "title": title,
        "status": "active",
        "experimental": True,
        "publisher": _PUBLISHER,
        "description": (
            f"Codes of {source}, edition {version} of DICOM, as pydicom tabulates them. The system belongs "
            "to DICOM; the fragment stands here so that codes and meanings can be checked where no "
            "terminology server is at hand."
        ),
        "copyright": _COPYRIGHT,
        "caseSensitive": True,
        "content": "fragment",
        "concept": list(concepts),
    }


def _dicom_concepts() -> Iterator[Concept]:
    """Return each code of the table with its meanings, in the order of the codes."""
    table: Table = cast("Table", concepts["DCM"])
    meanings: dict[str, list[tuple[str, int]]] = {}
    for entry in table.values():
        for code, (meaning, groups) in entry.items():
            meanings.setdefault(code, []).append((meaning.replace(_INVISIBLE, ""), len(groups)))
    for code, found in sorted(meanings.items()):
        further = GUIDE_MEANINGS.get(code)
        yield _concept(code, [*preferred_first(found), *([further] if further else [])])


def preferred_first(found: Iterable[tuple[str, int]]) -> list[str]:
    """Order the meanings of one code.

    Parameters
    ----------
    found
        Meaning, and in how many context groups it stands.

    Returns
    -------
    list of str
        First the one that stands in no context group, for it must be from the table of definitions; then
        those that stand in most groups.
    """
    ranked = sorted((count > 0, -count, meaning) for meaning, count in found)
    return [meaning for _, _, meaning in ranked]


def _sop_class_concepts() -> Iterator[Concept]:
    """Return each SOP class with its name."""
    later = {uid: (name, "SOP Class", "", "", "") for uid, name in LATER_SOP_CLASSES.items()}
    for uid, (name, kind, _, retired, _) in sorted({**later, **UID_dictionary}.items()):
        if kind != "SOP Class" or not name:
            continue
        if retired:
            yield {**_concept(uid, [name, f"{name} (Retired)"]), "property": [_RETIRED]}
        else:
            yield _concept(uid, [name])


def _concept(code: str, meanings: Iterable[str]) -> Concept:
    """Make a concept: the first meaning is its display, any other a designation."""
    display, *others = dict.fromkeys(meanings)
    concept: Concept = {"code": code, "display": display}
    if others:
        concept["designation"] = [{"value": other} for other in others]
    return concept


def to_json(code_system: CodeSystem) -> bytes:
    """Write a code system as JSON, one line for each concept, so that two editions can be compared."""
    lines = [json.dumps(concept, ensure_ascii=False) for concept in code_system["concept"]]
    frame = json.dumps({**code_system, "concept": []}, ensure_ascii=False, indent=2)
    listed = ",\n".join(f"    {line}" for line in lines)
    return frame.replace('"concept": []', f'"concept": [\n{listed}\n  ]').encode() + b"\n"


def write(folder: Path) -> None:
    """Write both code systems into a folder."""
    for content in (dicom_codes(), sop_classes()):
        replace_file(folder / f"CodeSystem-{content['id']}.json", to_json(content))


if __name__ == "__main__":
    write(layout().fsh / "terminology" / "generated")
