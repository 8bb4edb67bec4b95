"""What is asked for of a document as a whole: a DiagnosticReport, a Provenance (decisions D37, D38).

The maps make them where the logical model has their elements; here is what those need of the header.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sr2fhir
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.context import Moment
from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.environment import Environment
from sr2fhir.model.times import is_instant

_SOFTWARE = "sr2fhir"
_PREDECESSORS = "PredecessorDocumentsSequence"
_SUCCEEDS = "the document follows earlier ones: results that were made of those may stand beside these"
_SUCCEEDS_HINT = "With a Provenance (--provenance) the resources name the earlier documents"
_VERIFIERS = "VerifyingObserverSequence"
_NAME = "VerifyingObserverName"
_IDENTIFICATION = "VerifyingObserverIdentificationCodeSequence"
_ORGANIZATION = "VerifyingOrganization"
_VERIFIED = "VerificationDateTime"


def requested(
    env: Environment,
    issued: Moment | None,
    performers: Collection[str],
    verifiers: Mapping[int, str],
    *,
    has_observations: bool,
) -> JsonObject:
    """Return the elements of the logical model for what is asked for.

    Parameters
    ----------
    env
        The document.
    issued
        When it was made, as an instant.
    performers
        Ids of the persons who observed anything.
    verifiers
        Position of a verifying observer → id of the person.
    has_observations
        Whether there is anything that a Provenance without a DiagnosticReport could be about.
    """
    options = env.options
    has_provenance = options.provenance and (options.diagnostic_report or has_observations)
    if not has_provenance and env.header.items(tag(_PREDECESSORS)):
        env.log.add("warning", "predecessor", _PREDECESSORS, _SUCCEEDS, _SUCCEEDS_HINT)
    wanted = options.diagnostic_report or has_provenance
    return filled(
        {
            "diagnosticReport": _report(env, issued, performers) if options.diagnostic_report else None,
            "provenance": _provenance(env, issued, performers) if has_provenance else None,
            "verifier": _verifiers(env.header, verifiers) if wanted else None,
        }
    )


def _report(env: Environment, issued: Moment | None, performers: Collection[str]) -> JsonObject:
    made = env.ids.at("1", "diagnostic-report")
    return {"id": made, **_moment("issued", issued), "performer": list(performers)}


def _provenance(env: Environment, issued: Moment | None, performers: Collection[str]) -> JsonObject:
    version = sr2fhir.__version__
    software = env.ids.of([{"system": _SOFTWARE, "value": version}], "1", "software")
    return {
        "id": env.ids.at("1", "provenance"),
        **_moment("recorded", issued),
        **_occurred(env),
        "performer": list(performers),
        "software": {"id": software, "name": _SOFTWARE, "version": version},
    }


def _occurred(env: Environment) -> JsonObject:
    """Return when the document was verified: one time, or the first and the last of several."""
    items = enumerate(env.header.items(tag(_VERIFIERS)), 1)
    dated = ((item, f"{_VERIFIERS}.{n}.{_VERIFIED}") for n, item in items)
    stated = [
        Moment(value, where)
        for item, where in dated
        if (value := env.clock.date_time(item.text(tag(_VERIFIED)), where))
    ]
    if not stated:
        return {}
    ordered = sorted(stated, key=_time) if all(is_instant(each.value) for each in stated) else stated
    first, last = ordered[0], ordered[-1]
    if first.value == last.value:
        return _moment("occurred", first)
    return {**_moment("occurredFirst", first), **_moment("occurredLast", last)}


def _time(moment: Moment) -> datetime:
    return datetime.fromisoformat(moment.value)


def _moment(name: str, moment: Moment | None) -> JsonObject:
    return traced({name: moment.value}, {name: moment.lineage}) if moment else {}


def _verifiers(header: Attributes, verifiers: Mapping[int, str]) -> list[JsonObject]:
    items = dict(enumerate(header.items(tag(_VERIFIERS)), 1))
    return [_verifier(items[n], f"{_VERIFIERS}.{n}", person) for n, person in verifiers.items()]


def _verifier(item: Attributes, path: str, person: str) -> JsonObject:
    """Return a verifying observer, traced to all that names the person."""
    named = [name for name in (_NAME, _IDENTIFICATION) if not item.is_empty(tag(name))]
    organization = {"organization": item.text(tag(_ORGANIZATION))}
    return {
        "id": "-".join(f"{path}.{name}" for name in named),
        "person": person,
        **traced(organization, {"organization": f"{path}.{_ORGANIZATION}"}),
    }
