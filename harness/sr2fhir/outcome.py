"""How findings and errors are written: as OperationOutcome, as FHIR has it, and in lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sr2fhir.errors import Sr2FhirError, TransformError, UsageError
from sr2fhir.findings import REASONS, Finding

ALL_WELL: dict[str, Any] = {
    "severity": "success",
    "code": "success",
    "details": {"text": "Transformed without findings"},
}
PACKAGE = Path(__file__).parent
REPORT_IT = "This is a fault of sr2fhir: please report it; --log-level debug tells more"
DEFAULT_ISSUE_TYPE = "processing"
# third parties that come with an extra of this package (pyproject.toml)
EXTRAS = {
    **dict.fromkeys(("rich", "sqlalchemy"), "cli"),
    "docker": "docker",
    **dict.fromkeys(("alembic", "jinja2", "jwt", "prometheus_client", "psutil", "pynetdicom"), "gateway"),
    **dict.fromkeys(("python_multipart", "starlette", "uvicorn", "watchfiles"), "gateway"),
    "requests": "http",
    "psycopg": "postgresql",
    "ucumvert": "ucum",
    "lxml": "xml",
}


def outcome(issues: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Make an OperationOutcome; without issues one that says so, since FHIR wants at least one."""
    return {"resourceType": "OperationOutcome", "issue": list(issues) or [ALL_WELL]}


def from_error(error: Exception) -> dict[str, Any]:
    """Report why there is no Bundle."""
    return outcome([error_issue(error)])


def finding_issue(finding: Finding, expressions: Sequence[str] = ()) -> dict[str, Any]:
    """Make the issue of one finding.

    Parameters
    ----------
    expressions
        FHIRPath of the resources that were made of what the finding is about.
    """
    kind = REASONS.get(finding.code, DEFAULT_ISSUE_TYPE)
    diagnostics = sentence(finding.code, place(finding.where), finding.hint)
    return issue(finding.severity, kind, finding.message, diagnostics, expressions)


def error_issue(error: Exception) -> dict[str, Any]:
    """Make the issue of an error; of an unexpected one, only its type is written."""
    if not isinstance(error, Sr2FhirError):
        return issue("fatal", "exception", unexpected(error), None)
    diagnostics = sentence(error.source, place(error.where), map_place(error), error.hint)
    return issue("fatal", error.code, error.message, diagnostics)


def issue(
    severity: str, code: str, text: str, diagnostics: str | None, expressions: Sequence[str] = ()
) -> dict[str, Any]:
    """Make an issue; what is absent is left out.

    Parameters
    ----------
    diagnostics
        Where in the document, and how to mend it: content items and attributes of DICOM have no FHIRPath.
    expressions
        FHIRPath into the Bundle.
    """
    content: dict[str, Any] = {"severity": severity, "code": code, "details": {"text": text}}
    if diagnostics:
        content["diagnostics"] = diagnostics
    if expressions:
        content["expression"] = list(expressions)
    return content


def place(where: str | None) -> str | None:
    """Say where in the document something is, by the position of the item or the keyword of the attribute."""
    return f"at {where}" if where else None


def sentence(*parts: str | None) -> str | None:
    """Join what is there."""
    return "; ".join(part for part in parts if part) or None


def map_place(error: Sr2FhirError) -> str | None:
    """Tell where in the maps a transformation failed: file and line, map, group and rule."""
    if not isinstance(error, TransformError):
        return None
    location = f"{error.file}:{error.line}" if error.file and error.line else error.file
    rule = "/".join(part for part in (error.map_name, error.group, error.rule) if part)
    return sentence(location, f"rule {rule}" if rule else None)


def describe(error: BaseException, *, known: str | None = None) -> str:
    """Describe an error in one line: where, what, and how to mend it.

    Parameters
    ----------
    known
        Name of the input, if it stands before the line already.
    """
    if not isinstance(error, Sr2FhirError):
        return f"{unexpected(error)}. {REPORT_IT}"
    location = " ".join(
        part
        for part in (error.source if error.source != known else None, error.where and f"[{error.where}]")
        if part
    )
    what = ": ".join(part for part in (location, error.message) if part)
    return ". ".join(part for part in (what, map_place(error), error.hint) if part)


def explained(error: BaseException) -> BaseException:
    """Return the error; of a third party that is not installed one that names its extra."""
    if not isinstance(error, ModuleNotFoundError) or error.name not in EXTRAS:
        return error
    hint = f"Install it with `pip install 'sr2fhir[{EXTRAS[error.name]}]'`"
    return UsageError(f"the package {error.name} is not installed", hint=hint)


def require(package: str) -> None:
    """Raise unless a third party that comes with an extra is installed.

    Raises
    ------
    UsageError
        It is not; the error names the extra.
    """
    if find_spec(package) is None:
        raise explained(ModuleNotFoundError(name=package))


def unexpected(error: BaseException) -> str:
    """Describe an unexpected error by its type and where it arose; its text may hold patient data."""
    return f"unexpected {type(error).__name__} at {origin(error)}"


def origin(error: BaseException) -> str:
    """Name the innermost line of this package that an error passed: `model/tree.py:120`."""
    location = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        location = (
            f"{file.relative_to(PACKAGE).as_posix()}:{trace.tb_lineno}"
            if file.is_relative_to(PACKAGE)
            else location
        )
        trace = trace.tb_next
    return location


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Count things: `1 warning`, `2 warnings`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listed(*counts: tuple[int, str]) -> str:
    """Join the counts that are not zero: `15 resources, 2 warnings`."""
    return ", ".join(plural(number, noun) for number, noun in counts if number)
