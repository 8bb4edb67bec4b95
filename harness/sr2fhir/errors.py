"""What can go wrong, as one tree.

::

    Sr2FhirError                    catch this to catch everything that this package raises on purpose
    ├── UsageError                  the command or call is wrong (exit code 2)
    ├── SetupError                  a step of the set-up failed (exit code 3)
    ├── InputError                  one input cannot become a Bundle; the others of a run go on (exit code 1)
    │   ├── NotDicomError           not DICOM at all, or empty
    │   ├── DamagedError            DICOM, but cut off or with a damaged stream
    │   ├── NotStructuredReportError  a DICOM object of another kind
    │   ├── TemplateError           a Structured Report of a template or kind that is not taken
    │   ├── MissingAttributeError   without Study or SOP Instance UID nothing can be produced
    │   ├── IdentityError           not certain whose results they are, or nothing to find the patient by
    │   └── LimitError              larger or deeper than the limits that protect the reader
    └── EngineError                 the engine that executes the maps
        ├── EngineUnavailableError  not installed, not reachable (exit code 3)
        ├── TransformError          a map failed on this input; names map, group, rule, file and line
        └── OutputError             the engine returned something else than the Bundle of the document

Each carries *what* (the message), *where* (`source`: the input; `where`: a position in its content tree or an
attribute) and how to mend it (`hint`). No message holds patient data: values are named by their attribute or
position, never quoted.
"""

from __future__ import annotations


class Sr2FhirError(Exception):
    """Carry what failed, where, and how to mend it.

    Parameters
    ----------
    message
        What failed, in one clause, without patient data.
    source
        The input: a file name or a member of an archive.
    where
        Position in the content tree (``1.4.2``), DICOM keyword, or map file and line.
    hint
        How to mend it.
    """

    code = "exception"

    def __init__(
        self, message: str, *, source: str | None = None, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Join source, location, message and hint into one line."""
        location = " ".join(part for part in (self.source, f"[{self.where}]" if self.where else None) if part)
        line = f"{location}: {self.message}" if location else self.message
        return f"{line}. {self.hint}" if self.hint else line


class UsageError(Sr2FhirError):
    """The command or call is wrong."""

    code = "invalid"


class SetupError(Sr2FhirError):
    """A step of the set-up failed."""


class InputError(Sr2FhirError):
    """One input cannot become a Bundle."""

    code = "invalid"


class NotDicomError(InputError):
    """The input is empty or not DICOM."""

    code = "structure"


class DamagedError(InputError):
    """The input is DICOM, but cut off or damaged."""

    code = "incomplete"


class NotStructuredReportError(InputError):
    """The input is a DICOM object, but not a Structured Report."""

    code = "not-supported"


class TemplateError(InputError):
    """The Structured Report is of a template, or of a kind of document, that is not taken."""

    code = "not-supported"


class MissingAttributeError(InputError):
    """An attribute is missing without which nothing can be produced."""

    code = "required"


class IdentityError(InputError):
    """It is not certain whose results these are, or what they belong to cannot be found on a server."""

    code = "business-rule"


class LimitError(InputError):
    """The input is larger or deeper than the reader allows."""

    code = "too-costly"


class EngineError(Sr2FhirError):
    """The engine that executes the maps failed."""


class EngineUnavailableError(EngineError):
    """The engine is not installed or not reachable."""

    code = "not-found"


class TransformError(EngineError):
    """A map failed on this input.

    Parameters
    ----------
    map_name, group, rule
        Where in the maps, as the engine reports it.
    file, line
        Where that rule stands, as looked up in the map sources.
    """

    code = "processing"

    def __init__(
        self,
        message: str,
        *,
        map_name: str | None = None,
        group: str | None = None,
        rule: str | None = None,
        file: str | None = None,
        line: int | None = None,
        source: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, source=source, where=where, hint=hint)
        self.map_name = map_name
        self.group = group
        self.rule = rule
        self.file = file
        self.line = line


class OutputError(EngineError):
    """The engine returned something else than the Bundle of the document."""

    code = "processing"
