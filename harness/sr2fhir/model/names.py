"""Person names: PN to HumanName, one for each component group (PS3.5 section 6.2.1)."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_GROUPS: tuple[str | None, ...] = (None, "IDE", "SYL")
_DISPLAY_ALPHABETIC = (3, 1, 2, 0, 4)
_DISPLAY_OTHER = (3, 0, 1, 2, 4)
_PADDING = " \0"


def human_names(text: str, lineage: str) -> list[JsonObject]:
    """Return the alphabetic, ideographic and phonetic group of a PN value.

    Parameters
    ----------
    text
        The value as DICOM writes it: ``family^given^middle^prefix^suffix``, groups parted by ``=``.
    lineage
        Position or keyword path to carry as ``id``.

    Returns
    -------
    list
        One HumanName for each group that is not empty.
    """
    groups = zip(text.split("="), _GROUPS, strict=False)
    return [name for group, kind in groups if (name := _human_name(group, kind, lineage))]


def report_further(named: list[JsonObject], log: FindingLog) -> None:
    """Report the further groups of a name where the profile has room for one."""
    for name in named[1:2]:
        message = "the name has further groups of components: the first was taken"
        log.add("information", "multiplicity", name["id"], message)


def text_name(text: str, lineage: str) -> list[JsonObject]:
    """Return a name that was written as plain text."""
    return [{"id": lineage, "text": text}]


def _human_name(group: str, kind: str | None, lineage: str) -> JsonObject | None:
    parts = [part.strip(_PADDING) for part in group.split("^")]
    parts += [""] * (5 - len(parts))
    if not any(parts):
        return None
    name: JsonObject = {"id": lineage}
    if kind:
        name["extension"] = [{"url": REPRESENTATION, "valueCode": kind}]
    name["text"] = " ".join(parts[i] for i in (_DISPLAY_OTHER if kind else _DISPLAY_ALPHABETIC) if parts[i])
    return name | _components(parts)


def _components(parts: list[str]) -> JsonObject:
    components: JsonObject = {
        "family": parts[0],
        "given": [part for part in parts[1:3] if part],
        "prefix": [part for part in parts[3:4] if part],
        "suffix": [part for part in parts[4:5] if part],
    }
    return {key: value for key, value in components.items() if value}
