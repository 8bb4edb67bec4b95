"""The HL7 validator's engine as a Java process of our own.

For transforming, a small context is read: the StructureDefinitions that the maps touch, the logical model and
the compiled maps. For validating, the whole of FHIR R5 with its terminology is read, once, when it is first
asked for.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir.engines import failures, jvm
from sr2fhir.engines.base import ENTRY_MAP, EngineOptions, ValidationMessage
from sr2fhir.engines.embedded.runner import (
    TO_XML,
    TRANSFORM,
    RequestFailedError,
    Runner,
    RunnerDiedError,
    RunnerStoppedError,
)
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError
from sr2fhir.paths import Layout, layout

if TYPE_CHECKING:
    from sr2fhir.engines.embedded.validating import Validator

__all__ = ["EmbeddedEngine"]

_MEMORY = "OutOfMemoryError"
_RESOURCES = {
    "StackOverflowError": ("the content tree nests deeper than the engine can follow", "Flatten the report"),
    _MEMORY: (
        "the report needs more memory than Java may use",
        f"Set {jvm.OPTIONS_VARIABLE}=-Xmx8g",
    ),
}
_log = logging.getLogger(__name__)


class EmbeddedEngine:
    """Execute maps and validate with the HL7 validator's classes.

    The engine begins to load as soon as it is made. Calls may come from several threads at once. In a process
    that is forked it loads once more, when it is first called there.

    Parameters
    ----------
    options
        Whether many documents are to come, and how long one may take.
    places
        Where set-up has put the engine's parts.
    """

    def __init__(self, options: EngineOptions | None = None, places: Layout | None = None) -> None:
        self._options = options or EngineOptions()
        self._places = places or layout()
        self._lock = threading.Lock()
        self._validator: Validator | None = None
        self._closed = False
        self._pid = os.getpid()
        self._parents: Runner | None = None
        self._runner: Runner | None = self._start()

    def transform(self, document: bytes, map_url: str = ENTRY_MAP) -> bytes:
        """Turn a logical-model document into a resource; see `Engine.transform`."""
        try:
            return self._request(TRANSFORM, map_url, document)
        except RequestFailedError as failure:
            raise self._explain(failure) from None

    def to_xml(self, resource: bytes) -> bytes:
        """Write a resource as XML; see `Engine.to_xml`."""
        try:
            return self._request(TO_XML, "", resource)
        except RequestFailedError as failure:
            raise EngineError(f"the engine cannot write the resource as XML ({failure.kind})") from None

    def validate(self, bundle: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        """Validate a resource; see `Engine.validate`."""
        return self._full().validate(bundle, profiles)

    def place(self) -> str:
        """Name the engine; see `Engine.place`."""
        return "engine embedded"

    def version(self) -> str:
        """Name the validator's and Java's version."""
        return jvm.engine_version(self._places)

    def close(self) -> None:
        """End the Java process."""
        self._settle()
        with self._lock:
            runner, self._runner, self._validator, self._closed = self._runner, None, None, True
        if runner is not None:
            runner.close()

    def _start(self) -> Runner:
        """Start a process that reads the small context."""
        profile: jvm.Profile = "batch" if self._options.batch else "single"
        return Runner(self._places, profile, context_files(self._places))

    def _request(self, operation: bytes, map_url: str, document: bytes) -> bytes:
        """Ask the process; if it dies, ask one that has nothing else to do."""
        try:
            return self._ask_shared(operation, map_url, document)
        except RunnerDiedError:
            _log.warning("the engine's process ended unexpectedly")
        except RequestFailedError as failure:
            if failure.kind != _MEMORY:  # which others may have used up
                raise
        return self._ask_alone(operation, map_url, document)

    def _ask_shared(self, operation: bytes, map_url: str, document: bytes) -> bytes:
        """Ask the process that all share; ask anew if it was stopped for the sake of another document."""
        while True:
            runner = self._current()
            try:
                return self._timed(runner, operation, map_url, document)
            except RunnerStoppedError:
                self._drop(runner)
            except (RunnerDiedError, TransformError):
                self._drop(runner)
                raise

    def _ask_alone(self, operation: bytes, map_url: str, document: bytes) -> bytes:
        """Ask a process of its own, so that nothing else can be at fault and nothing else suffers."""
        runner = self._start()
        try:
            return self._timed(runner, operation, map_url, document)
        except RunnerDiedError:
            raise TransformError(
                f"{self.place()}: its Java process ended while it worked on this report",
                hint=f"If memory is short, set {jvm.OPTIONS_VARIABLE}, for example to -Xmx2g",
            ) from None
        finally:
            runner.close()

    def _timed(self, runner: Runner, operation: bytes, map_url: str, document: bytes) -> bytes:
        """Ask a process within the time limit."""
        try:
            return runner.request(operation, map_url, document, self._options.timeout_s)
        except TimeoutError:
            raise TransformError(
                f"{self.place()}: no answer within {self._options.timeout_s:g} s",
                hint="Allow more with --engine-timeout",
            ) from None

    def _current(self) -> Runner:
        """Answer the process, a new one where the last one has died."""
        self._settle()
        with self._lock:
            if self._closed:
                raise EngineError("the engine has been closed")
            self._runner = self._runner or self._start()
            return self._runner

    def _settle(self) -> None:
        """After a fork, leave the parent its process: two that write into one pipe garble each other."""
        if self._pid == os.getpid():
            return
        self._pid, self._lock = os.getpid(), threading.Lock()
        # kept, since closing what its threads had locked would wait for ever
        self._parents, self._runner, self._validator = self._runner, None, None
        if self._parents is not None:
            self._parents.disown()

    def _drop(self, runner: Runner) -> None:
        """Forget a process that is dead."""
        with self._lock:
            if self._runner is runner:
                self._runner = None
        runner.close()

    def _explain(self, failure: RequestFailedError) -> TransformError:
        """Make the error of a Java exception, without the engine's words, which quote values."""
        if failure.kind == "Unknown":
            return TransformError(f"the {failure.text} is not known", hint=jvm.SETUP_HINT)
        if failure.kind in _RESOURCES:
            text, hint = _RESOURCES[failure.kind]
            return TransformError(text, hint=hint)
        if failure.stage != "map":
            return failures.transform_error(failure.kind, failure.text, failures.Place())
        return failures.transform_error(
            failure.kind, failure.text, failures.locate(_place(failure), self._places.map_index)
        )

    def _full(self) -> Validator:
        """Answer the validator; read it when first asked for."""
        from sr2fhir.engines.embedded.validating import Validator

        self._settle()
        with self._lock:
            if self._validator is None:
                self._validator = Validator(self._places)
            return self._validator


def _place(failure: RequestFailedError) -> failures.Place:
    """Name the rule that failed: by the engine's message, else by the rule that was being executed."""
    place = failures.innermost_rule(failure.text)
    if place.rule is not None:
        return place
    return failures.Place(group=failure.group or None, rule=failure.rule or None)


def context_files(places: Layout) -> list[Path]:
    """List the files of the small context: definitions first, then the compiled maps.

    Raises
    ------
    EngineUnavailableError
        Set-up has not made them.
    """
    files = [places.core, *sorted(places.compiled_maps.glob("*.json"))]
    if len(files) < 2 or not files[0].is_file():
        raise EngineUnavailableError("the definitions and maps have not been compiled", hint=jvm.SETUP_HINT)
    return files
