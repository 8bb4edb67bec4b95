"""Many inputs in one run: worked on by several workers, reported in their order, summed up at the end.

::

    inputs ─▶ shared (jobs) ─▶ pool ─▶ work (pipeline, sinks) ─▶ shared ─▶ results

`discovery` finds `inputs`: documents in files, folders, archives and arrays; `jobs` is the table of what is
done; `pool` works in one process or several; `work` does one input; `sinks` and `ndjson` put results where
they belong. Here stands what all of them hand on: what came of an input, and the sum of it; and what the name
of an input alone can tell.
"""

from __future__ import annotations

import glob
import logging
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sr2fhir.errors import Sr2FhirError
from sr2fhir.outcome import REPORT_IT, explained, unexpected

if TYPE_CHECKING:
    from sr2fhir.runs.inputs import Skipped

logger = logging.getLogger(__name__)

# seconds that a job belongs to its owner
LEASE_S = 600.0
COUNTS = ("resources", "unmapped", "errors", "warnings")
# standard input or output, and what begins the name of a list
STANDARD, LIST_SIGN = "-", "@"


def is_list(source: str) -> bool:
    """Tell whether a source is a list of sources."""
    return source.startswith(LIST_SIGN) and not Path(source).exists()


def is_pattern(source: str) -> bool:
    """Tell whether a source is a pattern."""
    return glob.has_magic(source) and not Path(source).exists()


@dataclass(frozen=True)
class FileResult:
    """What became of one input, without its content.

    Parameters
    ----------
    where
        Where the Bundle is; for a failure, its OperationOutcome.
    resources, unmapped
        Resources made; content items and attributes that reached no element.
    errors, warnings
        Findings of these severities, without those of the validator.
    invalid
        Errors that the validator found; None if it was not asked.
    error
        Why there is no Bundle.
    """

    name: str
    where: str | None = None
    resources: int = 0
    unmapped: int = 0
    errors: int = 0
    warnings: int = 0
    invalid: int | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a Bundle and nothing of severity error was found."""
        return self.error is None and not self.errors and not self.invalid


class Line(NamedTuple):
    """One line of an NDJSON file.

    Parameters
    ----------
    file
        Name of the file.
    key
        Type and id of the resource, which is written once; None for what has no identity.
    text
        The line without its end.
    """

    file: str
    key: str | None
    text: bytes


@dataclass(frozen=True)
class Written:
    """What a sink did with one result.

    Parameters
    ----------
    where
        Where the Bundle is, or the OperationOutcome.
    digests
        SHA-256 of what was written, by file or part of one; empty where nobody will compare them.
    lines
        What is to be written at the end of the run, since it needs the order of the inputs.
    """

    where: str | None = None
    digests: dict[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Done:
    """What a worker hands over.

    Parameters
    ----------
    digest
        SHA-256 of the input's bytes; empty if it cannot be read.
    job
        Number of the job that is done; 0 where there is no table of jobs.
    """

    result: FileResult
    digest: str = ""
    written: Written = Written()
    job: int = 0


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return sha256(data).hexdigest()


def without_frames(error: Exception, name: str | None = None) -> Sr2FhirError:
    """Make of any error one that says the same and can be sent to another process.

    It keeps no frame that it passed through, and with them not the input, which would otherwise stay in
    memory for as long as the error.

    Parameters
    ----------
    name
        Of the input, for an error that is none of ours.
    """
    known = explained(error)
    if not isinstance(known, Sr2FhirError):
        return Sr2FhirError(unexpected(known), source=name, hint=REPORT_IT)
    known.__context__ = known.__cause__ = None
    return known.with_traceback(None)


@dataclass
class Summary:
    """Add up a run.

    Parameters
    ----------
    resumed
        Inputs that an interrupted run or another command had done.
    repeated, differing
        Resources that stood in an earlier input too, and those of them with other content (NDJSON).
    """

    files: int = 0
    failed: int = 0
    resources: int = 0
    unmapped: int = 0
    errors: int = 0
    warnings: int = 0
    invalid: int = 0
    skipped: int = 0
    resumed: int = 0
    repeated: int = 0
    differing: int = 0

    def skip(self, skipped: Skipped) -> None:
        """Count what was passed over."""
        logger.info("%s", skipped)
        self.skipped += 1

    def resume(self, result: FileResult) -> None:
        """Add what was done before, or by another command."""
        self.resumed += 1
        self.add(result)

    def add(self, result: FileResult) -> None:
        """Add one result."""
        self.files += 1
        self.failed += result.error is not None
        for member in COUNTS:
            setattr(self, member, getattr(self, member) + getattr(result, member))
        self.invalid += result.invalid or 0

    @property
    def done(self) -> int:
        """How many inputs became Bundles."""
        return self.files - self.failed

    @property
    def ok(self) -> bool:
        """Whether no input failed and no finding is an error."""
        return not (self.failed or self.errors or self.invalid)
