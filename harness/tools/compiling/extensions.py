"""The cross-version extensions that step maps write, as StructureDefinitions for validating.

What another version of FHIR has no element for stands in an extension whose URL names the element of R5:
`http://hl7.org/fhir/5.0/StructureDefinition/extension-ImagingSelection.instance`. HL7's definitions of all of
them (hl7.fhir.uv.xver-r5.r4) are in no registry; the few that the maps write are made here of the elements of
R5 by the same rules. Bindings are left out: the value sets are R5's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sr2fhir.errors import SetupError
from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from tools.compiling.core import Core, Definition

PREFIX = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
_URL = re.compile(re.escape(PREFIX) + r"([A-Za-z0-9.]+)")
_DATATYPE = "http://hl7.org/fhir/StructureDefinition/_datatype"
_CODEABLE_REFERENCE = "CodeableReference"
# where HL7 puts an extension that cannot stand where its element stood
_CONTEXTS = {"Device.displayName": "Device.deviceName"}
# what stands for a type of resource that the other version has not
_BASIC = "Basic"


def written(texts: Iterable[str]) -> list[str]:
    """List the elements of R5 for which maps write an extension."""
    return sorted({name for text in texts for name in _URL.findall(text)})


class Extensions:
    """Make definitions of extensions for elements of R5.

    Parameters
    ----------
    r5, other
        The definitions of both versions.
    target
        The other version.
    """

    def __init__(self, r5: Core, other: Core, target: Target) -> None:
        self._r5, self._other, self._target = r5, other, target

    def define(self, path: str) -> Definition:
        """Return the definition of the extension for an element, with a differential only.

        Raises
        ------
        SetupError
            R5 has no such element.
        """
        element = self._element(path)
        url = PREFIX + path
        root = {"id": "Extension", "path": "Extension", "min": 0, "max": element["max"]}
        if element.get("isModifier"):
            why = element.get("isModifierReason", "it is a modifier in R5")
            root |= {"isModifier": True, "isModifierReason": why}
        return {
            "resourceType": "StructureDefinition",
            "id": f"extension-{path}"[:64],
            "url": url,
            "name": "Extension" + "".join(part[0].upper() + part[1:] for part in path.split(".")),
            "status": "active",
            "fhirVersion": self._target.fhir_version,
            "kind": "complex-type",
            "abstract": False,
            "context": [{"type": "element", "expression": self._context(path)}],
            "type": "Extension",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
            "derivation": "constraint",
            "differential": {"element": [root, *self._content("Extension", "Extension", url, element)]},
        }

    def _element(self, path: str) -> dict[str, Any]:
        """Return an element of R5."""
        kind = path.partition(".")[0]
        elements = self._r5[kind]["snapshot"]["element"] if kind in self._r5 else ()
        found = next((each for each in elements if each["path"].removesuffix("[x]") == path), None)
        if found is None:
            raise SetupError(
                f"a map writes an extension for {path}, which R5 has not", hint="Mend it in maps/"
            )
        return dict(found)

    def _children(self, path: str) -> list[dict[str, Any]]:
        """Return what an element of R5 consists of, but for what all elements have."""
        elements = self._r5[path.partition(".")[0]]["snapshot"]["element"]
        own = [each for each in elements if each["path"].rpartition(".")[0] == path]
        return [
            each
            for each in own
            if each["path"].rpartition(".")[2] not in ("id", "extension", "modifierExtension")
        ]

    def _context(self, path: str) -> str:
        """Return the element on which the extension may stand."""
        kind, parent = path.partition(".")[0], path.rpartition(".")[0]
        return _CONTEXTS.get(path, parent) if kind in self._other else _BASIC

    def _content(self, id: str, path: str, url: str, element: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the elements below an extension: parts, or a value."""
        kinds = [kind["code"] for kind in element.get("type", ())]
        children = self._children(element["path"])
        if kinds == [_CODEABLE_REFERENCE]:
            yield from self._codeable_reference(id, path, element)
        for child in children:
            yield from self._part(id, path, child)
        yield {"id": f"{id}.url", "path": f"{path}.url", "fixedUri": url}
        value = {"id": f"{id}.value[x]", "path": f"{path}.value[x]"}
        if children or kinds == [_CODEABLE_REFERENCE]:
            yield value | {"max": "0"}
        else:
            yield value | {"type": [self._type(kind) for kind in element["type"] if self._is_known(kind)]}

    def _part(self, id: str, path: str, element: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the slice of an extension for one part of an element."""
        name = element["path"].rpartition(".")[2].removesuffix("[x]")
        inner = f"{id}.extension:{name}", f"{path}.extension"
        yield {
            "id": inner[0],
            "path": inner[1],
            "sliceName": name,
            "min": element["min"],
            "max": element["max"],
        }
        yield from self._content(*inner, name, element)

    def _codeable_reference(self, id: str, path: str, element: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the parts of a CodeableReference, with the name of the type, since R4 has none."""
        targets = [profile for kind in element["type"] for profile in kind.get("targetProfile", ())]
        concept: dict[str, Any] = {"code": "CodeableConcept"}
        reference = self._type({"code": "Reference", "targetProfile": targets})
        parts: tuple[tuple[str, str, dict[str, Any], dict[str, str]], ...] = (
            ("_datatype", _DATATYPE, {"code": "string"}, {"fixedString": _CODEABLE_REFERENCE}),
            ("concept", "concept", concept, {}),
            ("reference", "reference", reference, {}),
        )
        for name, url, kind, fixed in parts:
            inner = f"{id}.extension:{name}", f"{path}.extension"
            least = 1 if fixed else 0
            yield {"id": inner[0], "path": inner[1], "sliceName": name, "min": least, "max": "1"}
            yield {"id": f"{inner[0]}.url", "path": f"{inner[1]}.url", "fixedUri": url}
            yield {"id": f"{inner[0]}.value[x]", "path": f"{inner[1]}.value[x]", "type": [kind], **fixed}

    def _type(self, kind: dict[str, Any]) -> dict[str, Any]:
        """Return a type as the other version has it."""
        targets = {self._in_other(profile) for profile in kind.get("targetProfile", ())}
        return {"code": kind["code"]} | ({"targetProfile": sorted(targets)} if targets else {})

    def _is_known(self, kind: dict[str, Any]) -> bool:
        """Tell whether the other version has a type."""
        return kind["code"] in self._other

    def _in_other(self, profile: str) -> str:
        """Return the type of resource that stands for one of R5."""
        name = profile.removeprefix(R5.definitions_url)
        return profile if name in self._other else R5.definitions_url + _BASIC
