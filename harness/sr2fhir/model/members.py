"""Members of a JSON object: what is absent is left out, and a primitive carries its lineage beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sr2fhir.jsontext import JsonObject


def filled(members: JsonObject) -> JsonObject:
    """Return the members that have a value: never null, an empty text, list or object."""
    return {name: value for name, value in members.items() if value or value is False}


def traced(members: JsonObject, places: Mapping[str, str | Sequence[str]]) -> JsonObject:
    """Return the members that have a value, each named primitive followed by where it comes from.

    Parameters
    ----------
    members
        Values by name.
    places
        Position or keyword path of a primitive by its name; one for each value where it repeats.

    Examples
    --------
    >>> traced({"sex": "F", "birthDate": None}, {"sex": "PatientSex", "birthDate": "PatientBirthDate"})
    {'sex': 'F', '_sex': {'id': 'PatientSex'}}
    """
    found: JsonObject = {}
    for name, value in filled(members).items():
        found[name] = value
        if name in places:
            found[f"_{name}"] = _lineage(places[name], value)
    return found


def _lineage(places: str | Sequence[str], value: object) -> object:
    if not isinstance(value, list):
        return {"id": places}
    return [{"id": place} for place in ([places] * len(value) if isinstance(places, str) else places)]


def joined(*sources: str) -> str:
    """Return the lineage id of a value that was made of several sources.

    Examples
    --------
    >>> joined("StudyDate", "StudyTime"), joined("1.4", "1.4.1")
    ('StudyDate-StudyTime', '1.4-1.4.1')
    """
    return "-".join(sources)
