"""Snapshots by the HL7 engine.

SUSHI writes snapshots too, but carries over what stands in the definitions of FHIR itself and is an error
elsewhere (extensions of HL7's own tools, sample addresses), and leaves all types on a choice element beside a
required slice of one type. The engine's are those that the IG Publisher would write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from sr2fhir.engines.java.connection import Connection, Operation, Process, RequestFailedError
from sr2fhir.engines.java.options import command
from sr2fhir.errors import SetupError
from sr2fhir.jsontext import JsonObject, dumps, loads_strict
from sr2fhir.paths import Layout
from sr2fhir.settings import R5

from tools.guide.resources import Resource

_BASE_VERSION = "http://hl7.org/fhir/tools/StructureDefinition/snapshot-base-version"


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
    bare = [_without_snapshot(resource) for resource in resources]
    with tempfile.TemporaryDirectory(dir=places.scratch) as folder:
        for resource in bare:
            Path(folder, resource.filename).write_bytes(resource.to_json())
        connection = Connection(Process(command(places, "batch", {R5.name: [places.core]}), places.scratch))
        try:
            return [_completed(connection, folder, resource) for resource in bare]
        finally:
            connection.close()


def _without_snapshot(resource: Resource) -> Resource:
    """Drop SUSHI's snapshot, so that no other profile is built on it."""
    return Resource({name: value for name, value in resource.content.items() if name != "snapshot"})


def _completed(connection: Connection, folder: str, resource: Resource) -> Resource:
    """Let the engine make the snapshot of one definition, which may build on others of the folder."""
    if resource.type != "StructureDefinition":
        return resource
    try:
        made = loads_strict(connection.request(Operation.SNAPSHOT, folder, dumps(resource.content)))
    except RequestFailedError as failure:
        raise SetupError(f"no snapshot of {resource.reference}: {failure.text}") from None
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
