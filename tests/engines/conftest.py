"""A workshop for engine tests: small models and maps, compiled into a home of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sr2fhir.paths import Layout, layout

if TYPE_CHECKING:
    from sr2fhir.engines.embedded import EmbeddedEngine

BASE = "http://hl7.org/fhir/uv/dicom-sr"

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


@pytest.fixture
def workshop(tmp_path: Path) -> Callable[..., EmbeddedEngine]:
    """Answer a function that makes an engine of maps given as text, with the project's own definitions."""

    def make(**maps: str) -> EmbeddedEngine:
        from sr2fhir.engines import jvm
        from sr2fhir.engines.embedded import EmbeddedEngine, small_context
        from sr2fhir.setup.compiler import compile_all
        from sr2fhir.setup.maps import Map, index

        places = Layout(tmp_path / "sources", tmp_path / "home")
        for folder in (places.maps, places.compiled_maps, places.core.parent):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(layout().core, places.core)
        files = []
        for name, text in maps.items():
            files.append(places.maps / f"{name}.map")
            files[-1].write_text(text, encoding="utf-8")
        jvm.start("batch")
        problems = jvm.deep(lambda: compile_all(small_context([places.core]), files, places.compiled_maps))
        assert problems == []
        compiled = [Map(f"maps/{file.name}", file.read_text(), _content(places, file)) for file in files]
        places.map_index.write_text(json.dumps(index(compiled)), encoding="utf-8")
        return EmbeddedEngine("batch", places)

    return make


def _content(places: Layout, file: Path) -> dict[str, Any]:
    """Read a compiled map."""
    content: dict[str, Any] = json.loads((places.compiled_maps / f"{file.stem}.json").read_bytes())
    return content


def document(**content: Any) -> bytes:
    """Write a document of the logical model with a content tree of one item."""
    root = {"id": "root", "position": "1", **content}
    return json.dumps({"resourceType": "DicomSR", "bundleType": "collection", "content": root}).encode()
