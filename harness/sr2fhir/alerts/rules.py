"""A site's rules for critical findings: the file, its schema, and what a rule asks for.

A report of TID 1500 has no code that says how urgent a finding is, so a site decides by rules. They are data,
read and checked once, and never run as code. `alerts.toml` beside this module is a commented example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from sr2fhir.alerts.quantities import LIBRARY, Comparison, comparison
from sr2fhir.errors import UsageError
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.codes import standard_schemes
from sr2fhir.outcome import require
from sr2fhir.written import Written, read_table, uri

Mode = Literal["shadow", "live"]
Token = tuple[str, str]
"""System and code."""

CATEGORIES = {f"RID4948{number}": f"ACR Category {number + 1} Actionable Finding" for number in range(3)}
"""Codes of RADLEX to their meanings: CID 7035 Actionable Finding Classification (PS3.16)."""

# who a CommunicationRequest may be for, in FHIR R5 and in R4
_RECIPIENTS = (
    *("CareTeam", "Device", "Group", "HealthcareService", "Organization", "Patient", "Practitioner"),
    *("PractitionerRole", "RelatedPerson"),
)
_REQUESTERS = ("Device", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson")
_STATUSES = ("registered", "preliminary", "final", "amended", "corrected", "unknown")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFERENCE = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True)
class Condition:
    """State what one thing has to say: an Observation, or a component of it.

    Parameters
    ----------
    codes
        Its code is one of these; none where any will do.
    values
        Its coded value is one of these; none where any will do.
    quantity
        What holds for its quantity.
    """

    codes: frozenset[Token] = frozenset()
    values: frozenset[Token] = frozenset()
    quantity: Comparison | None = None


@dataclass(frozen=True)
class DeviceIs:
    """State which device has to have made an Observation: one of the names, one of the versions."""

    names: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """State when an Observation is a critical finding, and who is to know.

    Parameters
    ----------
    name
        Of the rule; it stands in logs, and the ids of what is made depend on it.
    mode
        `shadow` to decide and log only.
    category
        Code of CID 7035.
    expires
        The last day of the reports that it is for.
    recipients, requester
        FHIR References: who is to be told, and who asks for it; None for the device.
    own
        What holds for the Observation itself.
    components, members
        For each of these, one component of it, or one Observation that is a member of it.
    device
        Which device made it.
    statuses
        Its status is one of these; none where any will do.
    """

    name: str
    mode: Mode
    category: str
    expires: date
    recipients: tuple[JsonObject, ...]
    requester: JsonObject | None
    own: Condition
    components: tuple[Condition, ...] = ()
    members: tuple[Condition, ...] = ()
    device: DeviceIs | None = None
    statuses: frozenset[str] = frozenset()

    @property
    def category_coding(self) -> JsonObject:
        """The category as a Coding."""
        system = standard_schemes()["RADLEX"].system
        return {"system": system, "code": self.category, "display": CATEGORIES[self.category]}


@dataclass(frozen=True)
class Rules:
    """Hold the rules of one file, in its order."""

    file: str
    rules: tuple[Rule, ...]

    def __str__(self) -> str:
        """Name the file."""
        return self.file


# ---- values of keys ----------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no text")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("not a name of letters, digits, dots, dashes and underscores, at most 64")
    return value


def _one_of(choices: tuple[str, ...], value: object) -> str:
    if value not in choices:
        raise ValueError(f"not one of {', '.join(choices)}")
    return str(value)


def _date(value: object) -> date:
    if type(value) is not date:
        raise ValueError("not a date such as 2027-12-31, without quotation marks")
    return value


def _several(read: Callable[[Any], Any], value: object) -> tuple[Any, ...]:
    """Read one value, or a list of at least one."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("an empty list")
    return tuple(read(each) for each in values)


def _set(read: Callable[[Any], Any], value: object) -> frozenset[Any]:
    return frozenset(_several(read, value))


def _token(value: object) -> Token:
    """Read a code: `SCT|36118008`, `http://snomed.info/sct|36118008`."""
    system, separator, code = value.strip().rpartition("|") if isinstance(value, str) else ("", "", "")
    if not separator or not system or not code:
        raise ValueError('not system and code, such as "SCT|36118008" or "http://snomed.info/sct|36118008"')
    scheme = standard_schemes().get(system.upper())
    if scheme is not None and scheme.system:
        return scheme.system, code
    try:
        return uri(system), code
    except ValueError as error:
        raise ValueError(f"{system} is neither a system nor a coding scheme that DICOM registers") from error


def _reference(types: tuple[str, ...], value: object) -> JsonObject:
    """Read a reference: `PractitionerRole/1`, or a table with type, system, value and display."""
    if isinstance(value, str):
        found = _REFERENCE.fullmatch(value)
        if found is None or found[1] not in types:
            raise ValueError(f"not a reference such as PractitionerRole/1, to one of {', '.join(types)}")
        return {"reference": value, "type": found[1]}
    if not isinstance(value, dict) or value.keys() - {"type", "system", "value", "display"}:
        raise ValueError("neither a reference nor a table of type, system, value and display")
    kind = _one_of(types, value.get("type"))
    identifier = {"system": uri(value.get("system")), "value": _text(value.get("value"))}
    display = {"display": _text(value["display"])} if "display" in value else {}
    return {"type": kind, "identifier": identifier, **display}


# ---- the schema --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """Say what a key may be.

    Parameters
    ----------
    read
        Makes the value, or raises ValueError.
    hint
        How it is written.
    required
        Whether each table has it.
    """

    read: Callable[[Any], Any]
    hint: str
    required: bool = False


_CODE_HINT = 'Write "SCT|36118008", or a list of such'
_CONDITION = {
    "code": Key(partial(_set, _token), _CODE_HINT),
    "value": Key(partial(_set, _token), _CODE_HINT),
    "quantity": Key(comparison, 'Write ">= 2 cm" or "< 90 %"; the unit of a number without one is 1'),
}
_PART = _CONDITION | {"code": Key(partial(_set, _token), _CODE_HINT, required=True)}
_DEVICE = {
    name: Key(partial(_set, _text), 'Write "2.1.0", or a list of such') for name in ("name", "version")
}
_TABLE_HINT = 'Write {code = "DCM|111012", quantity = ">= 80 %"}, or a list of such'
KEYS = {
    "name": Key(_name, 'Write a short name, such as "pneumothorax"', required=True),
    "mode": Key(partial(_one_of, get_args(Mode)), 'Choose "shadow" or "live"', required=True),
    "category": Key(partial(_one_of, tuple(CATEGORIES)), f"Choose {', '.join(CATEGORIES)}", required=True),
    "expires": Key(_date, "Write the last day, such as 2027-12-31", required=True),
    "recipients": Key(
        partial(_several, partial(_reference, _RECIPIENTS)),
        'Write "PractitionerRole/1", or {type = "PractitionerRole", system = "http://…", value = "…"}',
        required=True,
    ),
    "requester": Key(partial(_reference, _REQUESTERS), 'Write "Organization/1"'),
    **_CONDITION,
    "component": Key(partial(_several, lambda table: table), _TABLE_HINT),
    "member": Key(partial(_several, lambda table: table), _TABLE_HINT),
    "device": Key(lambda table: table, 'Write {name = "Detector", version = ["2.0", "2.1"]}'),
    "status": Key(
        partial(_set, partial(_one_of, _STATUSES)),
        f"Choose of {', '.join(_STATUSES)}; a list is one of these",
    ),
}
"""Keys of a rule."""

_RULE = "rule"
_HINT = f"A file of rules has tables [[{_RULE}]]; keys of a rule are {', '.join(KEYS)}"


def read(file: str | Path) -> Rules:
    """Read a file of rules.

    Raises
    ------
    UsageError
        It cannot be read, or a key or value is wrong; file, line and key are named. Or rules compare
        quantities, and what converts units is not installed.
    """
    written = read_table(Path(file), "the rules", _HINT)
    for name in written.table:
        if name != _RULE:
            raise written.error("not a key of a file of rules", name)
    tables = written.table.get(_RULE)
    if not isinstance(tables, list) or not tables:
        raise written.error(f"there is no rule: the file has no table [[{_RULE}]]")
    rules = tuple(_rule(Place(written, number), table) for number, table in enumerate(tables, 1))
    names = [rule.name for rule in rules]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Place(written, number + 1).error("two rules have this name", "name")
    if any(condition.quantity for rule in rules for condition in _conditions(rule)):
        require(LIBRARY)
    return Rules(str(file), rules)


def _conditions(rule: Rule) -> Iterator[Condition]:
    yield from (rule.own, *rule.components, *rule.members)


@dataclass(frozen=True)
class Place:
    """Where a rule stands: the file, and the number of the rule from 1 on."""

    written: Written
    number: int

    def error(self, message: str, *keys: str, hint: str | None = None) -> UsageError:
        """Return an error about a key of the rule."""
        return self.written.error(message, *(_RULE,) * self.number, *keys, hint=hint)

    def members(self, table: object, schema: Mapping[str, Key], *within: str) -> dict[str, Any]:
        """Read a table of the rule.

        Raises
        ------
        UsageError
            It is none, a key is not known or missing, or a value is wrong.
        """
        if not isinstance(table, dict):
            raise self.error("not a table", *within)
        for name in table:
            if name not in schema:
                raise self.error(
                    "not a key of this table", *within, name, hint=f"Keys are {', '.join(schema)}"
                )
        for name, key in schema.items():
            if key.required and name not in table:
                raise self.error(f"there is no {name}", *within, hint=key.hint)
        keys = ((_RULE,) * self.number) + within
        return {
            name: self.written.value(value, schema[name].read, *keys, name, hint=schema[name].hint)
            for name, value in table.items()
        }


def _rule(place: Place, table: object) -> Rule:
    """Read one rule."""
    made = place.members(table, KEYS)
    if not (made.keys() & {"code", "value"}):
        raise place.error("the rule has neither code nor value", hint="Say of what it is: " + _CODE_HINT)
    return Rule(
        **{name: made[name] for name in ("name", "mode", "category", "expires", "recipients")},
        requester=made.get("requester"),
        own=_condition(made),
        components=_parts(place, made, "component"),
        members=_parts(place, made, "member"),
        device=_device(place, made["device"]) if "device" in made else None,
        statuses=made.get("status", frozenset()),
    )


def _device(place: Place, table: object) -> DeviceIs:
    """Read what holds for the device."""
    made = place.members(table, _DEVICE, "device")
    if not made:
        raise place.error("neither name nor version", "device", hint=KEYS["device"].hint)
    return DeviceIs(made.get("name", frozenset()), made.get("version", frozenset()))


def _parts(place: Place, made: Mapping[str, Any], key: str) -> tuple[Condition, ...]:
    """Read what holds for components or members."""
    found = []
    for table in made.get(key, ()):
        part = place.members(table, _PART, key)
        if not (part.keys() & {"value", "quantity"}):
            raise place.error("neither value nor quantity", key, hint=_TABLE_HINT)
        found.append(_condition(part))
    return tuple(found)


def _condition(made: Mapping[str, Any]) -> Condition:
    return Condition(made.get("code", frozenset()), made.get("value", frozenset()), made.get("quantity"))
