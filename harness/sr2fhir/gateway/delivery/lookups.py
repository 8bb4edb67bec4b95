"""Resources that have to exist on the destination (policy `existing`), looked up by their identifiers.

A transaction may leave that to the server, by conditional references; but not every server looks them up, and
none says afterwards which of them it did not find. What was found is remembered for some minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError, of_response
from sr2fhir.gateway.store import Failure
from sr2fhir.http import JSON, Client
from sr2fhir.jsontext import JsonObject
from sr2fhir.references import targets

# seconds that something is remembered, and how much is
KEPT_S, _MOST = 300.0, 10_000
# a server may return what it found for somebody else a minute ago (HAPI does)
_HEADERS = {"Accept": JSON, "Cache-Control": "no-cache"}


class Lookups:
    """Find resources of a server by identifier; safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[str, tuple[str, float]] = {}

    def places(self, resources: Iterable[JsonObject]) -> dict[str, str]:
        """Return for each conditional reference in resources the type and id of what it leads to.

        Raises
        ------
        PostponedError, RefusedError
            The server has none yet, or several.
        """
        searches = sorted({each for resource in resources for each in targets(resource) if "?" in each})
        return {search: self.find(search) for search in searches}

    def find(self, search: str) -> str:
        """Return type and id of the one resource that a search finds: `Patient?identifier=…`."""
        known, until = self._found.get(search, ("", 0.0))
        if known and monotonic() < until:
            return known
        found = self._searched(search)
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[search] = (found, monotonic() + KEPT_S)
        return found

    def forget(self) -> bool:
        """Forget everything; tell whether there was something."""
        there = bool(self._found)
        self._found.clear()
        return there

    def _searched(self, search: str) -> str:
        kind = search.partition("?")[0]
        response = self._client.send(
            "GET", f"/{search}&_count=2&_elements=identifier", headers=_HEADERS, repeatable=True
        )
        content = response.json() if response.ok else None
        if not isinstance(content, dict) or content.get("type") != "searchset":
            raise of_response(response)
        entries = [each.get("resource", {}) for each in content.get("entry", ()) if isinstance(each, dict)]
        ids = [str(each["id"]) for each in entries if each.get("resourceType") == kind and each.get("id")]
        if not ids:
            reason = f"the destination has no {kind} with the identifier of the document"
            hint = f"Let the {kind} be created there by the system that owns it, or choose another policy"
            raise PostponedError(Failure(response.status, reason, hint))
        if len(ids) > 1:
            reason = f"the destination has several {kind} resources with the identifier of the document"
            raise RefusedError(Failure(response.status, reason, "Have them merged there, then replay it"))
        return f"{kind}/{ids[0]}"
