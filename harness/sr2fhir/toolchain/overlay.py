"""Step: put small stand-ins before two large tables that transforms never use.

The registry of language subtags and the list of software licences take 0.2 s to read. The jar made here lies
first on the class path and holds, under their names, a single subtag and an empty list; the tables themselves
lie in it under ``full/``, from where the engine for validating reads them
(`sr2fhir.engines.embedded.validating.restore_tables`).
"""

from __future__ import annotations

import io
import json
import zipfile

from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.toolchain.report import Report

_SUBTAGS = "lang.dat.txt"
_LICENCES = "spdx.json"
_SEPARATOR = "%%\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def run(places: Layout, report: Report) -> None:
    """Write the overlay jar.

    Raises
    ------
    SetupError
        The tables are not where this version of the engine has them.
    """
    jar = next(jar for jar in pins.load(places.pins).jars if "org.hl7.fhir.utilities" in jar.coordinates)
    with zipfile.ZipFile(places.jars / jar.filename) as archive:
        try:
            subtags, licences = archive.read(_SUBTAGS), archive.read(_LICENCES)
        except KeyError as error:
            raise SetupError(f"{jar.filename} holds no table of that name: {error}") from error
    members = {
        _SUBTAGS: first_record(subtags),
        _LICENCES: without_concepts(licences),
        f"full/{_SUBTAGS}": subtags,
        f"full/{_LICENCES}": licences,
    }
    replace_file(places.overlay, pack(members))


def first_record(table: bytes) -> bytes:
    """Answer a registry of language subtags with its first entry only; an empty one cannot be read."""
    records = table.decode("utf-8").split(_SEPARATOR)
    return (_SEPARATOR + records[1]).encode("utf-8")


def without_concepts(code_system: bytes) -> bytes:
    """Answer a CodeSystem without its codes and narrative."""
    content = json.loads(code_system)
    kept = {name: value for name, value in content.items() if name not in ("concept", "text")}
    return json.dumps(kept).encode("utf-8")


def pack(members: dict[str, bytes]) -> bytes:
    """Make a jar; the same members always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return buffer.getvalue()
