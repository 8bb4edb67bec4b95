"""A FHIR server as a client sees it, and what Bundles promise that it will hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import unquote

import requests
from sr2fhir.cli.main import main

Resource = dict[str, Any]
JSON = "application/fhir+json"
# what a transaction of ours may make
TYPES = (
    "Patient ServiceRequest ImagingStudy Endpoint Organization Practitioner Device Specimen BodyStructure "
    "ImagingSelection Basic Observation DiagnosticReport Provenance Flag CommunicationRequest"
).split()
# a race between senders, by status (docs/sending.md): conflict, several or none match, and what H2 makes of it
TRANSIENT = frozenset({409, 412, 500})
_ATTEMPTS, _PAUSE_S, _TIMEOUT_S = 40, 0.25, 300


@dataclass(frozen=True)
class Client:
    """Speak to a FHIR server.

    Parameters
    ----------
    base
        Its base URL.
    """

    base: str

    @cached_property
    def _types(self) -> list[str]:
        """Return which types that a transaction may make the server knows: R4 has no ImagingSelection."""
        url = f"{self.base}/metadata"
        stated = requests.get(url, headers={"Accept": JSON}, timeout=_TIMEOUT_S).json()
        known = {each["type"] for each in stated["rest"][0]["resource"]}
        return [kind for kind in TYPES if kind in known]

    def send(self, bundle: bytes) -> requests.Response:
        """Post a transaction."""
        headers = {"Content-Type": JSON, "Accept": JSON}
        return requests.post(self.base, bundle, headers=headers, timeout=_TIMEOUT_S)

    def send_patiently(self, bundle: bytes) -> list[int]:
        """Post a transaction until it was no race; return the status of each attempt."""
        statuses: list[int] = []
        while len(statuses) < _ATTEMPTS:
            statuses.append(self.send(bundle).status_code)
            if statuses[-1] not in TRANSIENT:
                break
            sleep(_PAUSE_S)
        return statuses

    def put(self, resource: Resource) -> None:
        """Store a resource under its id, as a person does who changed it."""
        url = f"{self.base}/{resource['resourceType']}/{resource['id']}"
        headers = {"Content-Type": JSON}
        requests.put(url, json.dumps(resource), headers=headers, timeout=_TIMEOUT_S).raise_for_status()

    def changed_by_a_person(self, names: Iterable[str]) -> None:
        """Add something to resources, each named by type and id, as a person does who works with them."""
        held = self.held()
        for name in names:
            seen = {"url": "http://ehr.example/seen", "valueBoolean": True}
            self.put({**held[name], "extension": [*held[name].get("extension", ()), seen]})

    def find(self, query: str) -> list[Resource]:
        """Return the resources that a search matches, and those that it includes, of all pages."""
        found: list[Resource] = []
        url: str | None = f"{self.base}/{query}"
        while url:
            response = requests.get(
                url, headers={"Accept": JSON, "Cache-Control": "no-cache"}, timeout=_TIMEOUT_S
            )
            assert response.ok, response.text
            page = response.json()
            found += [entry["resource"] for entry in page.get("entry", ())]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        return found

    def held(self) -> dict[str, Resource]:
        """Return all that the server holds of what a transaction may make, by type and id."""
        found = (each for kind in self._types for each in self.find(f"{kind}?_count=200"))
        return {f"{each['resourceType']}/{each['id']}": each for each in found}

    def versions(self) -> dict[str, str]:
        """Return the version of each resource, by type and id."""
        return {name: each["meta"]["versionId"] for name, each in self.held().items()}


def counts(names: Iterable[str]) -> Counter[str]:
    """Count resources by type; each is named by type and something else."""
    return Counter(name.partition("/")[0] for name in names)


def transactions(out: Path, inputs: Iterable[Path], *options: str) -> list[bytes]:
    """Have the command make a transaction of each input, into a folder."""
    command = ["transform", *map(str, inputs), "--bundle", "transaction", "--out", str(out), *options]
    assert main(command) == 0
    return [path.read_bytes() for path in sorted(out.rglob("*.bundle.json"))]


def entries(bundles: Iterable[bytes]) -> Iterator[Resource]:
    """Return the entries of transactions."""
    for bundle in bundles:
        yield from json.loads(bundle)["entry"]


def promised(bundles: Iterable[bytes]) -> dict[str, Resource]:
    """Return what a server that was empty holds after transactions, by type and key.

    The key is the id for what is stored under its own id, else the search of the conditional create: the first that
    is sent is created, and the others find it.
    """
    made: dict[str, Resource] = {}
    for entry in entries(bundles):
        request = entry["request"]
        if request["method"] == "PUT":
            made[request["url"]] = entry["resource"]
        else:
            made.setdefault(f"{request['url']}/{unquote(request['ifNoneExist'])}", entry["resource"])
    return made


def is_known(resource: Resource) -> bool:
    """Tell whether others know a resource by an identifier with a system."""
    return any(each.get("system") for each in resource.get("identifier", ()))


def references(node: Any) -> Iterator[str]:
    """Return all literal references below a resource."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)
