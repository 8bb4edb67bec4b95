"""Options that several subcommands share, and how they become objects."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sr2fhir.configuration import named_document, named_target, time_zone
from sr2fhir.dicomweb import base_url
from sr2fhir.engines import EngineOptions
from sr2fhir.errors import UsageError
from sr2fhir.jsontext import NumberText
from sr2fhir.packaging import IDS, Packaging, version_of
from sr2fhir.packaging.policies import choices
from sr2fhir.settings import DOCUMENTS, R5, SELECTIONS, TARGETS
from sr2fhir.written import read_systems, read_table, uri

if TYPE_CHECKING:
    from sr2fhir.pipeline import Settings

LOG_LEVELS = ("debug", "info", "warning", "error")
FORMS = ("corrected", "ig-literal")

Subparsers = argparse._SubParsersAction  # the type has no public name
Value = TypeVar("Value")


def add_command(
    subparsers: Subparsers[argparse.ArgumentParser], name: str, help: str, examples: str
) -> argparse.ArgumentParser:
    """Add a subcommand, whose help ends with examples."""
    command = subparsers.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog="examples:\n" + examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--log-level", choices=LOG_LEVELS, metavar="L", help="log to standard error: " + ", ".join(LOG_LEVELS)
    )
    return command


def add_version_option(command: argparse._ActionsContainer, about: str) -> None:
    """Add the option that chooses a version of FHIR."""
    command.add_argument(
        "--fhir", type=argument(named_target), metavar="VERSION", help=f"{about}: {', '.join(TARGETS)}"
    )


def add_selections_option(command: argparse.ArgumentParser) -> None:
    """Add the option that says what becomes of selections in FHIR R4."""
    command.add_argument(
        "--selections",
        choices=SELECTIONS,
        help="in R4, which has no ImagingSelection: a Basic for each, or none (default: basic)",
    )


def add_target_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose what Bundles are: a version of FHIR, or a kind of document."""
    group = command.add_mutually_exclusive_group()
    add_version_option(group, f"version of FHIR of the Bundles (default: {R5.name})")
    group.add_argument(
        "--target",
        type=argument(named_document),
        dest="fhir",
        metavar="KIND",
        help=f"make a document of each manifest: {', '.join(DOCUMENTS)}, the R4 manifest of IHE RAD MADO",
    )


def add_engine_option(command: argparse.ArgumentParser) -> None:
    """Add the options that choose an engine."""
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine",
        metavar="NAME",
        help="what executes the maps (default: $SR2FHIR_ENGINE, else embedded, with a URL validator)",
    )
    group.add_argument(
        "--engine-url",
        metavar="URL",
        help="a server that runs elsewhere (default: $SR2FHIR_ENGINE_URL, else one started here)",
    )
    add_server_options(group)


def add_server_options(group: argparse._ActionsContainer) -> None:
    """Add what holds for any engine that is a server."""
    group.add_argument(
        "--engine-install",
        action="store_true",
        help="put the logical model and the maps on a FHIR server that lacks them",
    )
    group.add_argument(
        "--engine-timeout",
        type=seconds,
        default=EngineOptions.timeout_s,
        metavar="SECONDS",
        help=f"time that one response of a server may take (default: {EngineOptions.timeout_s:g})",
    )


def engine_options(arguments: argparse.Namespace, *, batch: bool = False) -> EngineOptions:
    """Make the engine's options."""
    return EngineOptions(
        batch=batch,
        url=arguments.engine_url,
        timeout_s=arguments.engine_timeout,
        settings={"install": "yes"} if arguments.engine_install else {},
        target=vars(arguments).get("fhir") or R5,
    )


def add_render_options(command: argparse.ArgumentParser) -> None:
    """Add what decides how an SR becomes the logical model."""
    command.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file of a site; other options come before it"
    )
    group = command.add_argument_group("what the document does not say")
    group.add_argument(
        "--timezone",
        type=argument(time_zone),
        metavar="ZONE",
        help="of dates and times without Timezone Offset From UTC: +01:00, Europe/Berlin (default: unknown; "
        "times of day are then left out, but for instants, which are taken to be in UTC)",
    )
    group.add_argument(
        "--coding-schemes",
        type=Path,
        metavar="FILE",
        help='JSON or TOML: {"99SITE": "http://site.example/codes"}, for private coding scheme designators',
    )
    group.add_argument(
        "--issuers",
        type=Path,
        metavar="FILE",
        help='JSON or TOML: {"HOSP_B": "urn:oid:2.999.1"}, systems of issuers that documents name in words',
    )
    group.add_argument(
        "--patient-id-system",
        type=argument(uri),
        metavar="URI",
        help="system of a Patient ID that names no issuer",
    )
    group.add_argument(
        "--accession-system",
        type=argument(uri),
        metavar="URI",
        help="system of an Accession Number that names no issuer",
    )
    group.add_argument(
        "--wado-rs",
        type=argument(base_url),
        metavar="URL",
        help="base URL of the DICOMweb service that has the images, where no Retrieve URL says so",
    )
    command.add_argument(
        "--diagnostic-report",
        action="store_true",
        default=None,
        help="make a DiagnosticReport of the document as a whole, too",
    )
    command.add_argument(
        "--provenance",
        action="store_true",
        default=None,
        help="make a Provenance, too: who made and verified the document, and which documents came before",
    )
    command.add_argument(
        "--form",
        choices=FORMS,
        help="where the guide misprints what DICOM says: the true value, or the guide's for conformance runs "
        "(default: corrected)",
    )


def add_alerts_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names a site's rules for critical findings."""
    command.add_argument(
        "--alerts",
        type=Path,
        metavar="FILE",
        help="TOML file of rules: findings that they call critical get a Flag and a CommunicationRequest",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Make the settings: what the command line says, else the settings file, else the defaults.

    Raises
    ------
    UsageError
        A file cannot be read, a key or value is wrong, or what is asked for does not go together.
    """
    from sr2fhir.alerts import read  # loads pydicom, as this does:
    from sr2fhir.pipeline import Settings

    site = Settings.read(arguments.settings) if arguments.settings else Settings()
    stated = {
        "form": arguments.form,
        "default_timezone": arguments.timezone,
        "coding_schemes": systems(arguments.coding_schemes, "the coding schemes", "99SITE"),
        "issuers": systems(arguments.issuers, "the issuers", "HOSP_B"),
        "patient_id_system": arguments.patient_id_system,
        "accession_system": arguments.accession_system,
        "wado_rs": arguments.wado_rs,
        "diagnostic_report": arguments.diagnostic_report,
        "provenance": arguments.provenance,
    }
    return replace(
        site,
        options=replace(site.options, **given(stated)),
        packaging=packaging(arguments, site.packaging) if "bundle" in arguments else site.packaging,
        target=vars(arguments).get("fhir") or site.target,
        selections=vars(arguments).get("selections") or site.selections,
        alerts=read(file) if (file := vars(arguments).get("alerts")) else site.alerts,
    )


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the command line says."""
    return {name: value for name, value in values.items() if value is not None}


def systems(file: Path | None, what: str, example: str) -> dict[str, str] | None:
    """Read a table of names and their systems, if one is named."""
    return read_systems(file, what, example) if file else None


# ---- how Bundles travel


POLICY_OPTIONS = ("patients", "orders", "studies", "ids", "if_match")


def add_packaging_options(command: argparse.ArgumentParser) -> None:
    """Add what decides how a server is to store the resources of a transaction."""
    group = command.add_argument_group("what a transaction does with")
    for option, about in (
        ("patients", "the patient"),
        ("orders", "the orders"),
        ("studies", "the studies"),
    ):
        ways = choices(option)
        group.add_argument(
            f"--{option}", metavar="POLICY", help=f"{about}: {ways} (default: {ways.partition(',')[0]})"
        )
    group.add_argument(
        "--ids",
        choices=IDS,
        help="all that the document itself states: stored under its own ids, or under ids of the server"
        " (default: client)",
    )
    group.add_argument(
        "--if-match",
        type=Path,
        metavar="FILE",
        help='what was sent before: JSON, {"Observation/ID": "VERSION"}; is updated only in that version',
    )


def packaging(arguments: argparse.Namespace, site: Packaging) -> Packaging:
    """Make the packaging.

    Raises
    ------
    UsageError
        A policy is not known, or the versions cannot be read.
    """
    stated = {name: getattr(arguments, name) for name in POLICY_OPTIONS if name != "if_match"}
    stated["versions"] = versions(arguments.if_match) if arguments.if_match else None
    return replace(site, bundle=arguments.bundle, **given(stated))


def versions(file: Path) -> dict[str, str]:
    """Read the versions that resources had when they were written: `"3"`, `3`, or as an ETag, `W/"3"`.

    Raises
    ------
    UsageError
        The file cannot be read, is no such table, or names a resource that is never updated.
    """
    hint = 'Write JSON, {"Observation/ID": "3"}: by type and id the version that the server returned'
    written = read_table(file, "the versions", hint)
    stated = {name: _plain(version) for name, version in written.table.items()}
    return {name: written.value(stated[name], partial(version_of, name), name) for name in stated}


def _plain(version: object) -> str | None:
    """Return a version as plain text; None if it is neither text nor a whole number."""
    if isinstance(version, NumberText | int):
        # JSON's `true` is an int in Python, and `True` has no digits
        return str(version) if str(version).isdecimal() else None
    return _ETAG.sub(r"\1", version) if isinstance(version, str) else None


_ETAG = re.compile(r'W/"([^"]*)"')


# ---- values


def argument(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Return what reads a value for the command line, where it raises another kind of error."""

    def convert(text: str) -> Value:
        try:
            return read(text)
        except (ValueError, UsageError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def count(text: str) -> int:
    """Read a number of workers."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("not a whole number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    """Read a time in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("not a number of seconds above 0")
    return value
