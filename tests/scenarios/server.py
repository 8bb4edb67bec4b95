"""A model of a FHIR server: transactions with PUT and conditional create, and the searches of the scenarios."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from tests.scenarios.words import Json


class Server:
    """What a server holds after transactions (FHIR R5, http.html#trules).

    Attributes
    ----------
    stored
        `Type/id` to resource; references lead to `Type/id`.
    overwritten
        What a PUT changed that was there already.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Json] = {}
        self.overwritten: list[str] = []

    def post(self, bundle: Json) -> None:
        """Do what a transaction asks for: first settle who is whom, then store."""
        places = {entry["fullUrl"]: self._place(entry) for entry in bundle["entry"]}
        for entry in bundle["entry"]:
            place = places[entry["fullUrl"]]
            resource = rewritten(entry["resource"], places)
            if entry["request"]["method"] == "POST" and place in self.stored:
                continue
            if self.stored.get(place, resource) != resource:
                self.overwritten.append(place)
            self.stored[place] = resource

    def _place(self, entry: Json) -> str:
        request = entry["request"]
        if request["method"] == "PUT":
            return str(request["url"])
        _, _, token = unquote(request["ifNoneExist"]).partition("=")
        system, _, value = token.partition("|")
        found = self._known(request["url"], system, value)
        assert len(found) < 2, "412: several match"
        return found[0] if found else f"{request['url']}/made-{len(self.stored)}-{entry['resource']['id']}"

    def _known(self, kind: str, system: str, value: str) -> list[str]:
        return [
            place
            for place, one in self.stored.items()
            if one["resourceType"] == kind
            and any(
                (each.get("system"), each.get("value")) == (system, value)
                for each in one.get("identifier", ())
            )
        ]

    def count(self, kind: str) -> int:
        """Return how many resources of a type there are."""
        return len(self.all(kind))

    def all(self, kind: str) -> list[Json]:
        """Return the resources of a type."""
        return [one for one in self.stored.values() if one["resourceType"] == kind]

    def get(self, place: str) -> Json:
        """Return the resource that a reference names."""
        return self.stored[place]

    def only(self, kind: str, system: str, value: str) -> str:
        """Return the id of the one resource with an identifier."""
        (place,) = self._known(kind, system, value)
        return place.partition("/")[2]

    def observations(self, patient: str, system: str, code: str) -> list[Json]:
        """Return what a search by patient and code finds, sorted by date."""
        found = [
            one
            for one in self.all("Observation")
            if one["subject"].get("reference") == f"Patient/{patient}"
            and any((each["system"], each["code"]) == (system, code) for each in one["code"]["coding"])
        ]
        return sorted(found, key=lambda one: str(one["effectiveDateTime"]))


def rewritten(node: Any, places: dict[str, str]) -> Any:
    """Return a resource whose references lead to where the server keeps their targets."""
    if isinstance(node, dict):
        return {name: rewritten(value, places) for name, value in node.items()}
    if isinstance(node, list):
        return [rewritten(each, places) for each in node]
    return places.get(node, node) if isinstance(node, str) else node
