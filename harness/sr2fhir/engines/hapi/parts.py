"""What a server has to hold, and whether what it holds is the same.

For transforming: the maps, and the structures of our own and the ConceptMaps that they name. For validating:
all definitions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sr2fhir.engines.base import CANONICAL, ENTRY_MAP
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout

MAP = "StructureMap"
# what a server writes itself, whatever it is given
_SERVERS_OWN = frozenset({"id", "meta", "text"})
_NAMED = re.compile(rf'"{re.escape(CANONICAL)}/(ConceptMap)/([\w-]+)"')
_USED = re.compile(rf'"url"\s*:\s*"{re.escape(CANONICAL)}/(StructureDefinition)/([\w-]+)"')


@dataclass(frozen=True)
class Part:
    """Hold one definition that set-up has made.

    Parameters
    ----------
    file
        Its JSON.
    """

    file: Path

    @cached_property
    def body(self) -> bytes:
        """The JSON, as it is sent."""
        return self.file.read_bytes()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The resource."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def kind(self) -> str:
        """Its resource type."""
        return str(self.content["resourceType"])

    @property
    def url(self) -> str:
        """Its canonical URL."""
        return str(self.content["url"])

    @property
    def path(self) -> str:
        """Where it is put on a server."""
        return f"/{self.kind}/{self.content['id']}"

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.kind} {self.content['id']}"

    def equals(self, found: dict[str, Any]) -> bool:
        """Tell whether a server's resource is this one, but for what servers write themselves."""
        return is_same(self.content, found)


def for_transforming(places: Layout) -> list[Part]:
    """List what transforms need; the entry map last, since it calls all others.

    Raises
    ------
    EngineUnavailableError
        Set-up has not compiled the maps.
    """
    maps = sorted(map(Part, _files(places.compiled_maps)), key=lambda part: part.url == ENTRY_MAP)
    texts = [part.body.decode("utf-8") for part in maps]
    return [*_named(places, _USED, texts), *_named(places, _NAMED, texts), *maps]


def for_validating(places: Layout) -> list[Part]:
    """List what validating needs: each definition of ours.

    Raises
    ------
    EngineUnavailableError
        Set-up has not compiled the definitions.
    """
    return [Part(file) for file in _files(places.definitions)]


def _files(folder: Path) -> list[Path]:
    """List the resources of a folder that set-up has filled."""
    found = sorted(folder.glob("*.json"))
    if not found:
        raise EngineUnavailableError(
            "the definitions and maps have not been compiled", hint="Run `sr2fhir setup`"
        )
    return found


def _named(places: Layout, pattern: re.Pattern[str], texts: Iterable[str]) -> list[Part]:
    """List the definitions of ours that maps name."""
    names = sorted({"-".join(found) for text in texts for found in pattern.findall(text)})
    return [Part(places.definitions / f"{name}.json") for name in names]


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two resources state the same, but for what servers write themselves."""
    return _stated(one) == _stated(other)


def _stated(content: dict[str, Any]) -> dict[str, Any]:
    """Return what its author states of a resource."""
    return {name: value for name, value in content.items() if name not in _SERVERS_OWN}
