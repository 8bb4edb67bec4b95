"""The logical model `CriticalFinding`: the facts of which a map makes a Flag and a CommunicationRequest.

They are those of the Observations and of the rule. Values keep the ids by which the account tells where they
came from, so that what reached the Flag stands in the report, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from sr2fhir.alerts.matching import Match
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import filled
from sr2fhir.model.identifiers import id_of

_GROUP = "125007"  # Measurement Group (DCM): its finding is its value
_WITH_ID = ("issued", "language")


def flag_id(match: Match) -> str:
    """Return the id of the Flag: the same for the same document, another one for another rule."""
    return id_of(match.observation["id"], match.rule.name, "flag")


def request_id(match: Match) -> str:
    """Return the id of the CommunicationRequest."""
    return id_of(match.observation["id"], match.rule.name, "communication-request")


def critical_finding(match: Match) -> JsonObject:
    """Return the instance of the logical model for one match."""
    observation, rule = match.observation, match.rule
    source = {name: observation["meta"].get(name) for name in ("source", "_source")}
    return filled(
        {
            "resourceType": "CriticalFinding",
            "flagId": flag_id(match),
            "requestId": request_id(match),
            **source,
            "rule": rule.name,
            "category": rule.category_coding,
            "finding": finding(observation),
            "observation": [
                {"reference": f"urn:uuid:{each['id']}", "type": "Observation"} for each in match.observations
            ],
            "subject": observation.get("subject"),
            "device": observation.get("device"),
            "requester": rule.requester,
            "recipient": list(rule.recipients),
            **dict(_primitives(observation)),
        }
    )


def _primitives(observation: JsonObject) -> Iterator[tuple[str, object]]:
    """Yield primitive values with their lineage; what only says that a value is unknown is left out."""
    for name in _WITH_ID:
        if name in observation:
            yield name, observation[name]
            yield f"_{name}", filled({"id": observation.get(f"_{name}", {}).get("id")})


def finding(observation: JsonObject) -> JsonObject:
    """Return what was found as a concept whose text says it: `Length – PTX 1: 18.4 mm`.

    Of a group it is the value, else the code, since the value says how large or how it is.
    """
    value = observation.get("valueCodeableConcept")
    if is_group(observation) and value:
        return {**value, "text": name_of(value)}
    said = name_of(value) if value else _amount(observation.get("valueQuantity"))
    text = ": ".join(part for part in (name_of(observation["code"]), said) if part)
    return filled({**observation["code"], "text": text or None})


def is_group(observation: JsonObject) -> bool:
    """Tell whether an Observation is a Measurement Group."""
    codings = [coding for each in observation.get("category", ()) for coding in each.get("coding", ())]
    return any(coding.get("code") == _GROUP for coding in codings)


def name_of(concept: JsonObject) -> str:
    """Return the text of a concept, else the display of a coding, else a code."""
    codings = concept.get("coding", ())
    shown = [each[name] for name in ("display", "code") for each in codings if name in each]
    return str(concept.get("text") or next(iter(shown), ""))


def _amount(quantity: JsonObject | None) -> str:
    """Return a quantity for people."""
    parts = [quantity.get(name) for name in ("comparator", "value")] if quantity else []
    unit = quantity.get("code") or quantity.get("unit") if quantity and quantity.get("code") != "1" else None
    number = "".join(str(part) for part in parts if part is not None)
    return f"{number} {unit}" if number and unit else number
