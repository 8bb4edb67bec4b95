"""All that decides about results beside the inputs, as one digest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from sr2fhir.dicom.limits import in_force
from sr2fhir.outcome import PACKAGE
from sr2fhir.paths import Layout, layout
from sr2fhir.transformer import ENGINE_VARIABLE, URL_VARIABLE

if TYPE_CHECKING:
    from sr2fhir.runs.work import Recipe


VARIABLES = (ENGINE_VARIABLE, URL_VARIABLE)


def fingerprint(recipe: Recipe, form: str, places: Layout | None = None) -> str:
    """Answer a digest of the options, the limits, the program, the definitions and the maps.

    Where one of them has changed, results of an interrupted run are not gone on with.

    Parameters
    ----------
    recipe
        How inputs are worked on.
    form
        In what form results are written.
    """
    digest = sha256()
    environment = [os.environ.get(name) for name in VARIABLES]
    # how long an answer may take decides whether there is a result, not what it is
    recipe = replace(recipe, engine_options=replace(recipe.engine_options, timeout_s=0, settings={}))
    for text in (repr(recipe), form, repr(in_force(None)), repr(environment)):
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0")
    for content in contents(places or layout()):
        digest.update(sha256(content).digest())
    return digest.hexdigest()


def contents(places: Layout) -> Iterator[bytes]:
    """Read the program, the definitions and the maps, in an order that is always the same."""
    for ending in ("*.py", "*.json", "*.toml", "*.map"):
        for path in sorted(PACKAGE.rglob(ending)):
            yield path.read_bytes()
    parts = (places.pins, places.map_runner, places.core, places.map_index)
    for path in (*parts, *sorted(places.compiled_maps.glob("*.json")), *sorted(places.definitions.glob("*"))):
        if path.is_file():
            yield path.read_bytes()
