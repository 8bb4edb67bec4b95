"""The engine `embedded`: the HL7 validator's classes in a Java process of our own.

For transforming, a small context is read: the StructureDefinitions that the maps touch, the logical model and
the compiled maps. What is rarely wanted is read once, when it is first asked for: for validating the whole of
FHIR with its terminology; for another version of FHIR than R5 its definitions and the maps that lead there.
For single files a service that `sr2fhir engine start` has started is used instead of a new process.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from sr2fhir.engines import EngineOptions, ValidationMessage, messages
from sr2fhir.engines.java import service
from sr2fhir.engines.java.connection import (
    MAPS,
    VALIDATOR,
    Connection,
    ConnectionEndedError,
    ConnectionLostError,
    Operation,
    Process,
    RequestFailedError,
    blocks,
)
from sr2fhir.engines.java.options import (
    OPTIONS_VARIABLE,
    SETUP_HINT,
    Profile,
    all_contexts,
    command,
    engine_version,
)
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import R5, Target, target_of
from sr2fhir.threads import in_background

_MEMORY = "OutOfMemoryError"
_RESOURCES = {
    "StackOverflowError": ("the content tree nests deeper than the engine can follow", "Flatten the report"),
    _MEMORY: (
        "the report needs more memory than Java may use",
        f"Set {OPTIONS_VARIABLE}=-Xmx8g",
    ),
}
_COMMENT = re.compile(r"/\*.*?\*/")
_NO_PROFILE = re.compile(r"Unable to resolve profile (\S+)")
_log = logging.getLogger(__name__)


class EmbeddedEngine:
    """Execute maps, validate and write XML with the HL7 validator's classes.

    The engine begins to load as soon as it is made. Calls may come from several threads at once. In a process
    that is forked it loads once more, when it is first called there.

    Parameters
    ----------
    options
        Whether many documents are to come, and how long one may take.
    places
        Where set-up has put the engine's parts.
    """

    needs_setup: ClassVar[bool] = True

    def __init__(self, options: EngineOptions | None = None, places: Layout | None = None) -> None:
        self._options = options or EngineOptions()
        self._places = places or layout()
        self._lock = threading.Lock()
        self._is_closed = False
        self._pid = os.getpid()
        self._of_parent: Connection | None = None
        self._connection: Connection | None = self._connect()

    def transform(self, document: bytes, map_url: str) -> bytes:
        """Turn a document into a resource; see `Transforms.transform`."""
        try:
            return self._request(Operation.TRANSFORM, map_url, document, target_of(map_url))
        except RequestFailedError as failure:
            raise self._explain(failure) from None

    def transform_twice(self, document: bytes, map_url: str, step_url: str) -> tuple[bytes, bytes | None]:
        """Turn a document into a resource, and this into another; see `TransformsTwice.transform_twice`."""
        maps = f"{map_url} {step_url}"
        try:
            reply = self._request(Operation.TRANSFORM_TWICE, maps, document, target_of(step_url))
        except RequestFailedError as failure:
            raise self._explain(failure) from None
        made, *others = blocks(reply)
        return made, others[0] if others else None

    def to_xml(self, resource: bytes, target: Target = R5) -> bytes:
        """Write a resource as XML; see `Converts.to_xml`."""
        try:
            return self._request(Operation.TO_XML, "", resource, target)
        except RequestFailedError as failure:
            raise EngineError(f"the engine cannot write the resource as XML ({failure.kind})") from None

    def validate(
        self, resource: bytes, profiles: Sequence[str] = (), target: Target = R5
    ) -> list[ValidationMessage]:
        """Validate a resource; see `Validates.validate`."""
        try:
            said = self._request(Operation.VALIDATE, " ".join(profiles), resource, target)
        except RequestFailedError as failure:
            raise _unvalidated(failure) from None
        return [
            ValidationMessage(severity, code, _COMMENT.sub("", path), text, message_id)
            for severity, code, path, text, message_id in json.loads(said)
        ]

    def label(self) -> str:
        """Name the engine; see `Engine.label`."""
        return "engine embedded"

    def version(self) -> str:
        """Name the validator's and Java's version."""
        return engine_version(self._places)

    def close(self) -> None:
        """End the Java process, or leave the service."""
        self._notice_fork()
        with self._lock:
            connection, self._connection, self._is_closed = self._connection, None, True
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        """Connect to the service, for single files, or start a process that reads the small context."""
        running = None if self._options.batch else service.connect(self._places)
        connection = running or self._start()
        if self._options.target != R5:
            in_background(partial(connection.request, Operation.LOAD, MAPS, target=self._options.target))
        return connection

    def _start(self) -> Connection:
        """Start a process of our own."""
        profile: Profile = "batch" if self._options.batch else "single"
        arguments = command(self._places, profile, all_contexts(self._places))
        return Connection(Process(arguments, self._places.scratch))

    def _request(self, operation: Operation, name: str, content: bytes, target: Target) -> bytes:
        """Ask the process; if it dies, ask one that has nothing else to do."""
        try:
            return self._ask_shared(operation, name, content, target)
        except ConnectionLostError:
            _log.warning("the engine's process ended unexpectedly")
        except RequestFailedError as failure:
            if failure.kind != _MEMORY:  # which others may have used up
                raise
        return self._ask_alone(operation, name, content, target)

    def _ask_shared(self, operation: Operation, name: str, content: bytes, target: Target) -> bytes:
        """Ask the process that all share; ask anew if it was ended for the sake of another document."""
        while True:
            connection = self._current()
            try:
                return self._ask(connection, operation, name, content, target)
            except ConnectionEndedError:
                self._drop(connection)
            except (ConnectionLostError, TransformError):
                self._drop(connection)
                raise

    def _ask_alone(self, operation: Operation, name: str, content: bytes, target: Target) -> bytes:
        """Ask a process of its own, so that nothing else can be at fault and nothing else suffers."""
        connection = self._start()
        try:
            return self._ask(connection, operation, name, content, target)
        except ConnectionLostError:
            raise TransformError(
                f"{self.label()}: its Java process ended while it worked on this report",
                hint=f"If memory is short, set {OPTIONS_VARIABLE}, for example to -Xmx2g",
            ) from None
        finally:
            connection.close()

    def _ask(
        self, connection: Connection, operation: Operation, name: str, content: bytes, target: Target
    ) -> bytes:
        """Ask a process within the time limit, in which reading definitions is not counted."""
        if operation is Operation.VALIDATE:
            connection.request(Operation.LOAD, VALIDATOR, target=target)
        elif target != R5:
            connection.request(Operation.LOAD, MAPS, target=target)
        try:
            return connection.request(operation, name, content, self._options.timeout_s, target=target)
        except TimeoutError:
            raise TransformError(
                f"{self.label()}: no result within {self._options.timeout_s:g} s",
                hint="Allow more with --engine-timeout",
            ) from None

    def _current(self) -> Connection:
        """Return the connection, a new one where the last one was lost."""
        self._notice_fork()
        with self._lock:
            if self._is_closed:
                raise EngineError("the engine has been closed")
            self._connection = self._connection or self._connect()
            return self._connection

    def _notice_fork(self) -> None:
        """After a fork, leave the parent its connection: two that write into one pipe garble each other."""
        if self._pid == os.getpid():
            return
        self._pid, self._lock = os.getpid(), threading.Lock()
        # kept, since closing what its threads had locked would wait for ever
        self._of_parent, self._connection = self._connection, None
        if self._of_parent is not None:
            self._of_parent.abandon()

    def _drop(self, connection: Connection) -> None:
        """Forget a connection that was lost."""
        with self._lock:
            if self._connection is connection:
                self._connection = None
        connection.close()

    def _explain(self, failure: RequestFailedError) -> TransformError | EngineUnavailableError:
        """Make the error of a Java exception, without the engine's words, which quote values."""
        if failure.kind == "Unknown":
            return TransformError(f"the {failure.text} is not known", hint=SETUP_HINT)
        if failure.stage == "load":
            return EngineUnavailableError(
                f"the maps of this version of FHIR do not load: {failure.kind}", hint=SETUP_HINT
            )
        if failure.kind in _RESOURCES:
            text, hint = _RESOURCES[failure.kind]
            return TransformError(text, hint=hint)
        location = _location(failure) if failure.stage == "map" else messages.Location()
        return messages.transform_error(failure.kind, failure.text, location, self._places.map_index)


def _location(failure: RequestFailedError) -> messages.Location:
    """Name the rule that failed: by the engine's message, else by the rule that was being executed."""
    location = messages.innermost_rule(failure.text)
    if location.rule is not None:
        return location
    return messages.Location(group=failure.group or None, rule=failure.rule or None)


def _unvalidated(failure: RequestFailedError) -> EngineError:
    """Say why nothing was validated."""
    if failure.stage == "load":
        message = f"the validator does not start: {failure.kind}: {failure.text}"
        return EngineUnavailableError(message, hint=SETUP_HINT)
    if match := _NO_PROFILE.search(failure.text):
        return EngineError(f"the profile {match[1]} is not known")
    return EngineError(f"the validator stopped with {failure.kind}")
