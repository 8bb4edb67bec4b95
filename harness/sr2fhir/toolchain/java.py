"""Steps about Java: the engine's settings, small tables, and caches that let it start quickly."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir import pins
from sr2fhir.engines.java.connection import Connection, Process
from sr2fhir.engines.java.options import PROFILES, Profile, all_contexts, command, launcher
from sr2fhir.engines.java.service import transform_samples
from sr2fhir.errors import SetupError, Sr2FhirError
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.toolchain.steps import Progress

if TYPE_CHECKING:
    from sr2fhir.model import Rendering

# Without this the engine asks package servers and a terminology server on the internet, for 20 s where there
# is none.
_SETTINGS = {"prohibitNetworkAccess": True}
_SUBTAGS, _LICENCES = "lang.dat.txt", "spdx.json"
_SEPARATOR = "%%\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# how often the samples are transformed while Java records: a batch also learns what is worth optimising
_ROUNDS: dict[Profile, int] = {"single": 1, "batch": 5}
_log = logging.getLogger(__name__)


def write_settings(places: Layout, progress: Progress) -> None:
    """Check that the Java runtime is there and forbid the engine the network.

    Raises
    ------
    EngineUnavailableError
        The runtime is not installed.
    """
    launcher()
    replace_file(places.fhir_settings, json.dumps(_SETTINGS).encode())


def make_overlay(places: Layout, progress: Progress) -> None:
    """Put small stand-ins before two large tables that transforms never use.

    The registry of language subtags and the list of software licences take 0.24 s of processor time to read.
    The jar made here lies first on the class path and holds, under their names, a single subtag and an empty
    list; the tables themselves lie in it under ``full/``, from where validating reads them
    (harness/java/sr2fhir/Validator.java).

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
    """Return a registry of language subtags with its first entry only; an empty one cannot be read."""
    records = table.decode("utf-8").split(_SEPARATOR)
    return (_SEPARATOR + records[1]).encode("utf-8")


def without_concepts(code_system: bytes) -> bytes:
    """Return a CodeSystem without its codes and narrative."""
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


def train(places: Layout, progress: Progress) -> None:
    """Let Java record which classes a transform loads, into a cache for each profile that later starts use.

    Raises
    ------
    SetupError
        Java made none. Everything works without it, only slower.
    """
    samples = rendered_samples(places)
    for profile in PROFILES:
        cache = places.aot_cache(profile)
        cache.unlink(missing_ok=True)
        partial = cache.with_suffix(".partial")
        try:
            _record(places, profile, partial, samples)
            if not partial.is_file():
                raise SetupError("Java made no class cache")
            # Renamed at once: Java checks the cache's content, not its name.
            partial.replace(cache)
        finally:
            partial.unlink(missing_ok=True)
            partial.with_suffix(".partial.config").unlink(missing_ok=True)


def _record(places: Layout, profile: Profile, cache: Path, samples: list[Rendering]) -> None:
    """Transform the samples while Java records; it writes the cache before it ends."""
    arguments = command(places, profile, all_contexts(places), extra=[f"-XX:AOTCacheOutput={cache}"])
    connection = Connection(Process(arguments, places.scratch))
    try:
        transform_samples(connection, samples, _ROUNDS[profile])
    finally:
        connection.close(None)


def rendered_samples(places: Layout) -> list[Rendering]:
    """Render the samples of a checkout; what is no Structured Report is passed over."""
    from sr2fhir import render

    samples = []
    for path in sorted((places.sources / "samples").rglob("*.dcm")):
        try:
            samples.append(render(path))
        except Sr2FhirError as error:
            _log.warning("a sample does not render: %s", error)
    return samples
