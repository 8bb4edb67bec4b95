"""Validate the Bundles of all row tests together, against our definitions and the published ones.

The last file of row tests to end, in whichever process, validates what all of them made: reading the
definitions takes much longer than validating a Bundle, and most Bundles share most of their resources.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.jsontext import dumps, loads_strict

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Json = dict[str, Any]

URN = "urn:uuid:"


@dataclass
class Pool:
    """The resources of many Bundles in one, each different one once.

    Two resources are one if they are equal, and what they refer to is: the id says so.

    Parameters
    ----------
    entries
        By fullUrl.
    tests
        By fullUrl, the test that made the resource first.
    """

    entries: dict[str, Json] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)

    def add(self, test: str, bundle: Json) -> None:
        """Add the resources of a Bundle."""
        resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
        names: dict[str, str] = {}
        for url in resources:
            self._name(url, resources, names, test)

    def bundle(self) -> Json:
        """Return the Bundle of all."""
        return {"resourceType": "Bundle", "type": "collection", "entry": list(self.entries.values())}

    def _name(self, url: str, resources: dict[str, Json], names: dict[str, str], test: str) -> str:
        """Add a resource, after those it refers to, and return its new fullUrl."""
        if url not in names and url in resources:
            names[url] = url  # where references go in a circle

            def renamed(node: Any) -> Any:
                if isinstance(node, list):
                    return [renamed(each) for each in node]
                if isinstance(node, dict):
                    return {
                        key: renamed(value) for key, value in node.items() if key != "reference"
                    } | reference(node)
                return node

            def reference(node: Json) -> Json:
                there = node.get("reference")
                if isinstance(there, str):
                    return {"reference": self._name(there, resources, names, test)}
                return {"reference": renamed(there)} if there is not None else {}

            body = renamed({key: value for key, value in resources[url].items() if key != "id"})
            made = str(uuid.uuid5(uuid.NAMESPACE_OID, dumps(body).decode()))
            names[url] = URN + made
            self.tests.setdefault(names[url], test)
            self.entries[names[url]] = {"fullUrl": names[url], "resource": {"id": made, **body}}
        return names.get(url, url)


class Bundles:
    """Keep the Bundles of row tests, and which files have ended.

    Parameters
    ----------
    folder
        Shared by all processes of a run.
    """

    def __init__(self, folder: Path) -> None:
        self._made, self._ended = folder / "made", folder / "ended"
        self._claim = folder / "claimed"
        for each in (self._made, self._ended):
            each.mkdir(parents=True, exist_ok=True)

    def keep(self, bundle: bytes) -> None:
        """Keep a Bundle, with the test that made it."""
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0].rpartition("/")[2]
        name = f"{os.getpid()}-{len(list(self._made.iterdir())):05}.json"
        (self._made / name).write_text(f"{test}\n{bundle.decode()}", encoding="utf-8")

    def ended(self, module: str, expected: set[str]) -> bool:
        """Note that the tests of a file have ended; tell whether it is the last of those expected."""
        (self._ended / module).touch()
        if not expected <= {path.name for path in self._ended.iterdir()}:
            return False
        try:
            self._claim.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def faults(self, engines: Mapping[str, Engine]) -> list[str]:
        """Validate all Bundles by each engine, named after its definitions; answer the errors with their tests."""
        pool, others = self._pooled()
        with ThreadPoolExecutor(len(engines)) as threads:
            found = [threads.submit(_validated, name, each, pool, others) for name, each in engines.items()]
            return [fault for future in found for fault in future.result()]

    def _pooled(self) -> tuple[Pool, list[tuple[str, Json]]]:
        """Answer the resources of all collections, and the transactions, each with its test."""
        pool, others = Pool(), []
        for path in sorted(self._made.iterdir()):
            test, text = path.read_text(encoding="utf-8").split("\n", 1)
            bundle = loads_strict(text.encode())
            if bundle["type"] == "collection":
                pool.add(test, bundle)
            else:
                others.append((test, bundle))
        return pool, others


def _validated(definitions: str, engine: Engine, pool: Pool, others: list[tuple[str, Json]]) -> list[str]:
    """Validate the pool and the other Bundles by one engine."""
    of_pool = [(pool.tests[_url(resource)], line) for resource, line in _errors(engine, pool.bundle())]
    of_others = [(test, line) for test, bundle in others for _, line in _errors(engine, bundle)]
    return [f"{test}: {definitions} definitions: {line}" for test, line in (*of_pool, *of_others)]


def _errors(engine: Engine, bundle: Json) -> Iterator[tuple[str, str]]:
    """Answer the errors in a Bundle: resource, and what the validator says of it."""
    from sr2fhir.validation import validate

    for issue in validate(engine, bundle, dumps(bundle)):
        if issue.severity == "error":
            yield issue.resource, f"{issue.resource}: {issue.path}: {issue.text}"


def _url(resource: str) -> str:
    """Turn `Observation/<id>` into the fullUrl."""
    return URN + resource.partition("/")[2]
