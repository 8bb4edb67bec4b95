"""Snapshots by the HL7 engine.

SUSHI writes snapshots too, but carries over what stands in the definitions of FHIR itself and is an error
elsewhere (extensions of HL7's own tools, sample addresses), and leaves all types on a choice element beside a
required slice of one type. The engine's are those that the IG Publisher would write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sr2fhir import pins
from sr2fhir.engines import jvm
from sr2fhir.engines.jvm import java
from sr2fhir.errors import SetupError
from sr2fhir.jsontext import JsonObject, dumps, loads_strict
from sr2fhir.paths import Layout

from tools.guide.resources import Resource

_BASE_VERSION = "http://hl7.org/fhir/tools/StructureDefinition/snapshot-base-version"
_FHIR_VERSION = "5.0.0"


def with_snapshots(places: Layout, resources: Sequence[Resource]) -> list[Resource]:
    """Give each StructureDefinition a snapshot made by the engine.

    Parameters
    ----------
    places
        Where the engine lies.
    resources
        All definitions of the guide; those of other types come back as they are.

    Raises
    ------
    SetupError
        The engine cannot make a snapshot; the message names the definition.
    """
    jvm.start("batch")
    return jvm.deep(lambda: _with_snapshots(places, [_without_snapshot(resource) for resource in resources]))


def _without_snapshot(resource: Resource) -> Resource:
    """Drop SUSHI's snapshot, so that no other profile is built on it."""
    return Resource({name: value for name, value in resource.content.items() if name != "snapshot"})


def _with_snapshots(places: Layout, resources: Sequence[Resource]) -> list[Resource]:
    """Load all definitions, then make the snapshots one by one."""
    with tempfile.TemporaryDirectory(dir=places.scratch) as folder:
        for resource in resources:
            Path(folder, resource.filename).write_bytes(resource.to_json())
        engine = _engine(places, folder)
    return [
        _completed(engine, resource) if resource.type == "StructureDefinition" else resource
        for resource in resources
    ]


def _engine(places: Layout, folder: str) -> Any:
    """Read FHIR R5 and the definitions of a folder."""
    core = next(package.name for package in pins.load(places.pins).packages if "core" in package.name)
    builder = java("org.hl7.fhir.validation.ValidationEngine$ValidationEngineBuilder")()
    engine = builder.withVersion(_FHIR_VERSION).withNoTerminologyServer().fromSource(core)
    engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), folder, True)
    return engine


def _completed(engine: Any, resource: Resource) -> Resource:
    """Let the engine make the snapshot of one definition."""
    import jpype

    json_format = java("org.hl7.fhir.r5.elementmodel.Manager$FhirFormat").JSON
    try:
        made = loads_strict(bytes(engine.generateSnapshot(dumps(resource.content), json_format)))
    except jpype.JException as error:
        raise SetupError(f"no snapshot of {resource.reference}: {error.getMessage()}") from None
    return resource.with_content(snapshot=clean(made["snapshot"]))


def clean(snapshot: JsonObject) -> JsonObject:
    """Drop what is of no use outside FHIR's own definitions.

    That is the example values of elements (sample addresses among them, which no other guide may hold) and
    the engine's note of the version that the snapshot was based on.
    """
    elements = [
        {name: value for name, value in element.items() if name != "example"}
        for element in snapshot["element"]
    ]
    notes = [entry for entry in snapshot.get("extension", ()) if entry["url"] != _BASE_VERSION]
    return ({"extension": notes} if notes else {}) | {"element": elements}
