"""Options that several subcommands share, and how they become objects."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.engines import EngineOptions
from sr2fhir.errors import UsageError

if TYPE_CHECKING:
    from sr2fhir.model import RenderOptions

LOG_LEVELS = ("debug", "info", "warning", "error")
FORMS = ("corrected", "ig-literal")

Subparsers = argparse._SubParsersAction  # the type has no public name
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
# the least and greatest offset in use, in minutes (PS3.3 C.12.1.1: -1200 to +1400)
_OFFSETS = range(-12 * 60, 14 * 60 + 1)


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
    )


def add_render_options(command: argparse.ArgumentParser) -> None:
    """Add what decides how an SR becomes the logical model."""
    group = command.add_argument_group("what the document does not say")
    group.add_argument(
        "--timezone",
        type=offset,
        default="+00:00",
        metavar="±HH:MM",
        help="offset of dates and times without Timezone Offset From UTC (default: +00:00)",
    )
    group.add_argument(
        "--coding-schemes",
        type=Path,
        metavar="FILE",
        help='JSON or TOML: {"99SITE": "http://site.example/codes"}, for private coding scheme designators',
    )
    group.add_argument(
        "--patient-id-system", type=uri, metavar="URI", help="system of a Patient ID that names no issuer"
    )
    group.add_argument(
        "--accession-system",
        type=uri,
        metavar="URI",
        help="system of an Accession Number that names no issuer",
    )
    command.add_argument(
        "--form",
        choices=FORMS,
        default="corrected",
        help="where the guide misprints what DICOM says: the true value, or the guide's for conformance runs "
        "(default: corrected)",
    )


def render_options(arguments: argparse.Namespace) -> RenderOptions:
    """Make the renderer's options."""
    from sr2fhir.model import RenderOptions

    return RenderOptions(
        form=arguments.form,
        default_timezone=arguments.timezone,
        coding_schemes=coding_schemes(arguments.coding_schemes) if arguments.coding_schemes else {},
        patient_id_system=arguments.patient_id_system,
        accession_system=arguments.accession_system,
    )


def offset(text: str) -> str:
    """Read an offset from UTC: `+01:00`, `+0100` or `Z`."""
    match = _OFFSET.fullmatch("+00:00" if text == "Z" else text)
    if match is None:
        raise argparse.ArgumentTypeError("not an offset such as +01:00")
    sign, hours, minutes = match.groups()
    if int(minutes) > 59 or int(f"{sign}{int(hours) * 60 + int(minutes)}") not in _OFFSETS:
        raise argparse.ArgumentTypeError("not between -12:00 and +14:00")
    return f"{sign}{hours}:{minutes}"


def uri(text: str) -> str:
    """Read an absolute URI."""
    if not _URI.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "not an absolute URI such as http://hospital.example/patients or urn:oid:1.2.3"
        )
    return text


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


def coding_schemes(file: Path) -> dict[str, str]:
    """Read a table of coding scheme designators and their URIs.

    Raises
    ------
    UsageError
        The file cannot be read, or is not such a table.
    """
    try:
        table = parse_table(file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the coding schemes cannot be read ({type(error).__name__})", source=str(file), hint=TABLE_HINT
        ) from error
    if not isinstance(table, dict) or not all(
        isinstance(value, str) and _URI.fullmatch(value) for value in table.values()
    ):
        raise UsageError("not a table of designators and absolute URIs", source=str(file), hint=TABLE_HINT)
    return table


TABLE_HINT = (
    'Write JSON, {"99SITE": "http://site.example/codes"}, or TOML, 99SITE = "http://site.example/codes"'
)


def parse_table(file: Path) -> Any:
    """Parse a JSON or TOML file."""
    text = file.read_text("utf-8")
    if file.suffix.lower() == ".toml":
        return tomllib.loads(text)
    return json.loads(text)
