"""The resources of the guide, as set-up has compiled them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sr2fhir.errors import SetupError
from sr2fhir.jsontext import JsonObject, dumps, loads_strict
from sr2fhir.paths import Layout
from sr2fhir.settings import TARGETS


@dataclass(frozen=True)
class Resource:
    """Hold a resource of the guide.

    Parameters
    ----------
    content
        The resource.
    example
        Whether it is an example; all others define something.
    """

    content: JsonObject
    example: bool = False

    @property
    def type(self) -> str:
        """Return the type of the resource."""
        return str(self.content["resourceType"])

    @property
    def reference(self) -> str:
        """Return type and id, as a relative reference writes them."""
        return f"{self.type}/{self.content['id']}"

    @property
    def filename(self) -> str:
        """Return the name of its file in a package."""
        return self.reference.replace("/", "-") + ".json"

    def with_content(self, **members: object) -> Resource:
        """Return the resource with members set."""
        return replace(self, content={**self.content, **members})

    def to_json(self) -> bytes:
        """Write it as UTF-8 JSON, numbers as they were read."""
        return dumps(self.content, indent=True) + b"\n"


def definitions(places: Layout) -> list[Resource]:
    """Read the compiled profiles, the logical model and the terminology, the ImplementationGuide left out.

    Raises
    ------
    SetupError
        Set-up has not compiled them.
    """
    return read_all(places.definitions.glob("*.json"), "definitions")


def structure_maps(places: Layout) -> list[Resource]:
    """Read the compiled maps.

    Raises
    ------
    SetupError
        Set-up has not compiled them.
    """
    return read_all(places.compiled_maps.glob("*.json"), "maps")


def step_maps(places: Layout) -> list[Resource]:
    """Read the compiled maps that lead from R5 to another version of FHIR.

    Raises
    ------
    SetupError
        Set-up has not compiled them.
    """
    folders = [places.step_maps(target.folder) for target in TARGETS.values() if target.folder]
    return read_all((path for folder in folders for path in folder.glob("*.json")), "step maps")


def map_sources(places: Layout) -> dict[str, Path]:
    """Find the text of each map, by its name."""
    return {path.stem: path for path in sorted(places.maps.rglob("*.map"))}


def read_all(paths: Iterable[Path], what: str) -> list[Resource]:
    """Read resources, in the order of their names.

    Raises
    ------
    SetupError
        There is none.
    """
    found = [read(path) for path in paths]
    if not found:
        raise SetupError(f"the {what} of the guide have not been compiled", hint="Run `make setup`")
    return sorted(found, key=lambda resource: resource.reference)


def read(path: Path, *, example: bool = False) -> Resource:
    """Read a resource from its file."""
    return Resource(loads_strict(path.read_bytes()), example)
