"""The settings file of a site: one schema for all commands and for Python.

::

    fhir = "R4"
    patients = "existing"
    orders = "logical"
    studies = "create"
    ids = "client"
    timezone = "Europe/Berlin"
    wado-rs-url = "https://pacs.example/dicom-web"
    alerts = "alerts.toml"

    [systems]
    patient-id = "urn:oid:1.2.840.99999.1"
    accession = "urn:oid:1.2.840.99999.2"

    [issuers]
    HOSP_B = "urn:oid:1.2.840.99999.3"

    [wado-rs]
    PACS1 = "https://pacs.example/dicom-web"

    [coding-schemes]
    99SITE = "http://site.example/codes"

    [limits]
    max-file-size = "64M"

What is not there has its default. A file that is named is looked for beside the settings file. Options of
the command line come before the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sr2fhir.dicomweb import base_url
from sr2fhir.errors import UsageError
from sr2fhir.packaging.policies import IDS, choices, policy
from sr2fhir.settings import DOCUMENTS, SELECTIONS, TARGETS, Target
from sr2fhir.written import Written, read_table, uri

if TYPE_CHECKING:
    from sr2fhir.alerts import Rules
    from sr2fhir.pipeline import Settings

Part = Literal["options", "packaging", "limits", "target"]
Parts = dict[Part, dict[str, Any]]
"""Part of the settings of a pipeline to its members."""

_LIMITS = (
    *("max_file_size", "max_inflated_size", "max_inflation_ratio", "max_members"),
    *("max_nesting", "max_items", "max_elements"),
)


@dataclass(frozen=True)
class Key:
    """Say what a key of the file sets.

    Parameters
    ----------
    part, member
        Of the settings of a pipeline.
    read
        Makes the value, or raises ValueError or UsageError.
    hint
        What the value may be.
    is_table
        Whether the value is a table, each of whose values `read` makes.
    is_file
        Whether the value names a file, which `read` reads; its errors name that file.
    """

    part: Part
    member: str
    read: Callable[[Any], Any]
    hint: str
    is_table: bool = False
    is_file: bool = False


def time_zone(text: object) -> str:
    """Read an offset from UTC (`+01:00`, `+0100`, `Z`) or the name of a time zone (`Europe/Berlin`).

    Raises
    ------
    ValueError
        It is neither.
    """
    from sr2fhir.model.times import zone

    if not isinstance(text, str):
        raise ValueError("no text, so neither an offset from UTC nor a time zone")
    try:
        known = zone(text)
    except UsageError as error:
        raise ValueError(error.message) from error
    return known if isinstance(known, str) else text


def named_target(name: object) -> Target:
    """Return the version of FHIR that has a name.

    Raises
    ------
    UsageError
        None has it.
    """
    if isinstance(name, str) and name in TARGETS:
        return TARGETS[name]
    raise UsageError(
        f"FHIR {name} is not made: there are {' and '.join(TARGETS)}",
        hint=f"Choose {' or '.join(TARGETS)}",
    )


def named_document(name: object) -> Target:
    """Return the kind of document that has a name.

    Raises
    ------
    UsageError
        None has it.
    """
    if isinstance(name, str) and name in DOCUMENTS:
        return DOCUMENTS[name]
    raise UsageError(f"no kind of document is called {name}", hint=f"Choose {' or '.join(DOCUMENTS)}")


def check_steps(target: Target) -> None:
    """Refuse to convert to a version that Bundles of the guide have already, and to a kind of document.

    Raises
    ------
    UsageError
        No maps lead to it from any Bundle.
    """
    others = [each.name for each in TARGETS.values() if each.step_maps]
    if target.only_of:
        message = f"a document of {target.name} is made of a {target.only_of}, not of a Bundle"
        raise UsageError(message, hint=f"Convert to {' or '.join(others)}")
    if not target.step_maps:
        raise UsageError(
            f"Bundles of the guide are FHIR {target.name} already", hint=f"Convert to {' or '.join(others)}"
        )


def _selections(value: object) -> str:
    if value not in SELECTIONS:
        raise ValueError(f"not one of {', '.join(SELECTIONS)}")
    return str(value)


def _rules(file: Path) -> Rules:
    from sr2fhir.alerts import read  # loads pydicom

    return read(file)


def _policy(option: str, value: object) -> str:
    policy(option, str(value))
    return str(value)


def _ids(value: object) -> str:
    if value not in IDS:
        raise ValueError(f"not one of {', '.join(IDS)}")
    return str(value)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _size(value: object) -> int:
    from sr2fhir.dicom.source import size  # loads pydicom

    return size(str(value))


_SYSTEM = 'Write "http://hospital.example/patients" or "urn:oid:1.2.840.99999.1"'
_ADDRESS = 'Write "https://pacs.example/dicom-web"'
_EITHER = "Write true or false, without quotation marks"

KEYS = {
    "fhir": Key("target", "target", named_target, f"Choose {' or '.join(TARGETS)}"),
    "selections": Key("target", "selections", _selections, f"Choose {' or '.join(SELECTIONS)}"),
    **{
        name: Key("packaging", name, partial(_policy, name), f"Choose {choices(name)}")
        for name in ("patients", "orders", "studies")
    },
    "ids": Key("packaging", "ids", _ids, f"Choose {', '.join(IDS)}"),
    "timezone": Key("options", "default_timezone", time_zone, 'Write "+01:00" or "Europe/Berlin"'),
    "systems.patient-id": Key("options", "patient_id_system", uri, _SYSTEM),
    "systems.accession": Key("options", "accession_system", uri, _SYSTEM),
    "issuers": Key("options", "issuers", uri, _SYSTEM, is_table=True),
    "wado-rs-url": Key("options", "wado_rs", base_url, _ADDRESS),
    "wado-rs": Key("options", "wado_rs_of_ae", base_url, _ADDRESS, is_table=True),
    "coding-schemes": Key("options", "coding_schemes", uri, _SYSTEM, is_table=True),
    "diagnostic-report": Key("options", "diagnostic_report", _switch, _EITHER),
    "provenance": Key("options", "provenance", _switch, _EITHER),
    "alerts": Key("target", "alerts", _rules, 'Write "alerts.toml"', is_file=True),
    **{
        f"limits.{name.replace('_', '-')}": Key("limits", name, _size, 'Write 512, "64M" or "2G"')
        for name in _LIMITS
    },
}
"""Key of the file, with the table it stands in, to what it sets."""

_HINT = f"The keys are {', '.join(KEYS)}"


def read(file: Path) -> Parts:
    """Read a settings file.

    Raises
    ------
    UsageError
        It cannot be read, or a key or value is wrong; file, line and key are named.
    """
    written = read_table(file, "the settings", _HINT)
    parts: Parts = {}
    for names, value in _stated(written):
        key = KEYS.get(".".join(names))
        if key is None:
            raise written.error("not a setting", *names, hint=_nearest(".".join(names)))
        if key.is_table and not isinstance(value, dict):
            raise written.error("not a table", *names)
        if key.is_file and not isinstance(value, str):
            raise written.error("not the name of a file", *names, hint=key.hint)
        if key.is_file:
            parts.setdefault(key.part, {})[key.member] = key.read(file.parent / value)
            continue
        made = (written.values if key.is_table else written.value)(value, key.read, *names, hint=key.hint)
        parts.setdefault(key.part, {})[key.member] = made
    return parts


def shown(settings: Settings) -> dict[str, Any]:
    """Return what holds, by the keys of the file."""
    from sr2fhir.dicom.source import in_force  # loads pydicom

    limits = in_force(settings.limits)
    parts = {"options": settings.options, "packaging": settings.packaging, "limits": limits}
    holds = {name: getattr(parts.get(key.part, settings), key.member) for name, key in KEYS.items()}
    return holds | {"fhir": settings.target.name, "alerts": settings.alerts and str(settings.alerts)}


def _stated(written: Written) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the keys with their values; what stands in a table that has keys of its own, one by one."""
    opened = {name.partition(".")[0] for name in KEYS if "." in name}
    for name, value in written.table.items():
        if name in opened and isinstance(value, dict):
            yield from (((name, inner), each) for inner, each in value.items())
        else:
            yield (name,), value


def _nearest(name: str) -> str:
    """Suggest the key that is most like a wrong one."""
    last = {key.rpartition(".")[2]: key for key in KEYS}
    near = get_close_matches(name, KEYS, 1) or get_close_matches(name.rpartition(".")[2], last, 1)
    return f"Is {last.get(near[0], near[0])} meant?" if near else _HINT
