"""Values that are one attribute: TEXT, CODE, DATETIME, DATE, TIME, UIDREF, PNAME."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import names, uids
from sr2fhir.model.attributes import tag
from sr2fhir.model.content import coded_json
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item

_TEXT = tag("TextValue")
_DATE_TIME = tag("DateTime")
_DATE = tag("Date")
_TIME = tag("Time")
_UID = tag("UID")
_PERSON_NAME = tag("PersonName")
_CONTROL_CHARACTERS = "control characters have no place in FHIR: a line end or a blank stands for each"


def text(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TEXT item."""
    if item.attributes.has_control_characters(_TEXT):
        env.log.add("information", "no-target", item.position, _CONTROL_CHARACTERS)
    return filled({"textValue": item.attributes.text(_TEXT)})


def code(item: Item, env: Environment) -> JsonObject:
    """Return the value of a CODE item."""
    return filled({"conceptCode": coded_json(item)})


def date_time(item: Item, env: Environment) -> JsonObject:
    """Return the value of a DATETIME item."""
    written = item.attributes.text(_DATE_TIME)
    return filled({"valueText": written, "dateTimeValue": env.clock.date_time(written, item.position)})


def date(item: Item, env: Environment) -> JsonObject:
    """Return the value of a DATE item."""
    written = item.attributes.text(_DATE)
    return filled({"valueText": written, "dateValue": env.clock.checked_date(written, item.position)})


def time(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TIME item."""
    written = item.attributes.text(_TIME)
    return filled({"valueText": written, "timeValue": env.clock.checked_time(written, item.position)})


def uid(item: Item, env: Environment) -> JsonObject:
    """Return the value of a UIDREF item."""
    written = item.attributes.text(_UID)
    if written is None:
        return {}
    if not uids.is_valid(written):
        env.log.add("warning", "invalid-value", item.position, uids.problem(written), uids.HINT, kept=True)
    return {"uidValue": uids.identifier(written, item.position)}


def person_name(item: Item, env: Environment) -> JsonObject:
    """Return the value of a PNAME item."""
    written = item.attributes.text(_PERSON_NAME)
    if written is None:
        return {}
    named = names.human_names(written, item.position)
    names.report_further(named, env.log)
    return filled({"valueText": written, "personNameValue": named})
