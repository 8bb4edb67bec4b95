"""A workshop for engine tests: small models and maps, compiled into a home of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sr2fhir.paths import Layout, layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sr2fhir.engines.java import EmbeddedEngine

BASE = "http://hl7.org/fhir/uv/dicom-sr"
ENTRY_MAP = f"{BASE}/StructureMap/MeasurementReport"

HEAD = f"""\
/// url = '{BASE}/StructureMap/NAME'
/// name = 'NAME'
/// status = 'draft'

uses "{BASE}/StructureDefinition/DicomSR" alias DicomSR as source
uses "http://hl7.org/fhir/StructureDefinition/Bundle" alias Bundle as target

imports "{BASE}/StructureMap/*"

"""


def fml(name: str, body: str) -> str:
    """Write a map with a head."""
    return HEAD.replace("NAME", name) + body


def lay_out(folder: Path) -> Layout:
    """Lay out a home with the engine of the project's own, without maps."""
    places, own = Layout(folder / "sources", folder / "home"), layout()
    for path in (places.maps, places.compiled_maps, places.core.parent):
        path.mkdir(parents=True, exist_ok=True)
    for name in ("pins", "jars", "map_runner", "overlay", "fhir_settings", "core"):
        getattr(places, name).symlink_to(getattr(own, name))
    return places


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Callable[..., EmbeddedEngine]]:
    """Return a function that makes an engine of maps given as text, with the project's own definitions."""
    made: list[EmbeddedEngine] = []

    def make(**maps: str) -> EmbeddedEngine:
        from sr2fhir.engines.java import EmbeddedEngine
        from tools.compiling.maps import Map, compile_files, index

        places = lay_out(tmp_path)
        files = []
        for name, text in maps.items():
            files.append(places.maps / f"{name}.map")
            files[-1].write_text(text, encoding="utf-8")
        assert list(compile_files(places, files, places.compiled_maps)) == []
        compiled = [Map(f"maps/{file.name}", file.read_text(), _content(places, file)) for file in files]
        places.map_index.write_text(json.dumps(index(compiled)), encoding="utf-8")
        made.append(EmbeddedEngine(places=places))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def _content(places: Layout, file: Path) -> dict[str, Any]:
    """Read a compiled map."""
    content: dict[str, Any] = json.loads((places.compiled_maps / f"{file.stem}.json").read_bytes())
    return content


def document(**content: Any) -> bytes:
    """Write a document of the logical model with a content tree of one item."""
    root = {"id": "root", "position": "1", **content}
    return json.dumps({"resourceType": "DicomSR", "content": root}).encode()
