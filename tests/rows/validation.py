"""The reports and Bundles of all row tests, kept for the tests that look at all of them together.

Reading the definitions takes much longer than validating a Bundle, and most Bundles share most of their
resources: so the Bundles of all are validated as one.
"""

from __future__ import annotations

import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.conversion import convert
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.pipeline import Settings
from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from sr2fhir import RenderOptions
    from sr2fhir.engines import Engine

Json = dict[str, Any]

URN = "urn:uuid:"
# seconds for the row tests of other processes
PATIENCE_S = 1200


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


class Corpus:
    """Keep the reports and Bundles of row tests, and which files have ended.

    Parameters
    ----------
    folder
        Shared by all processes of a run.
    """

    def __init__(self, folder: Path) -> None:
        self._reports, self._made, self._ended = folder / "reports", folder / "made", folder / "ended"
        for each in (self._reports, self._made, self._ended):
            each.mkdir(parents=True, exist_ok=True)

    def keep(self, report: Dataset | bytes, options: RenderOptions, bundle: bytes) -> None:
        """Keep a report and its Bundle, with the test that made it."""
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0].rpartition("/")[2]
        name = f"{os.getpid()}-{len(list(self._made.iterdir())):05}"
        (self._made / name).write_text(f"{test}\n{bundle.decode()}", encoding="utf-8")
        (self._reports / name).write_bytes(pickle.dumps((test, report, options)))

    def end(self, module: str) -> None:
        """Note that the tests of a file have ended."""
        (self._ended / module).touch()

    def wait(self, modules: set[str]) -> None:
        """Wait until the tests of these files have ended, in whichever process they run."""
        until = time.monotonic() + PATIENCE_S
        while not modules <= {path.name for path in self._ended.iterdir()}:
            assert time.monotonic() < until, "the row tests did not come to an end"
            time.sleep(0.2)

    def reports(self) -> Iterator[tuple[str, Dataset | bytes, RenderOptions]]:
        """Yield test, report and options of all that were transformed."""
        for path in sorted(self._reports.iterdir()):
            yield pickle.loads(path.read_bytes())

    def faults(self, definitions: str, engine: Engine, target: Target = R5) -> list[str]:
        """Validate all Bundles by an engine; return the errors with their tests and the definitions' name.

        Where another version than R5 is asked for, they are converted to it before.
        """
        pool, others = self._pooled(lambda data: _in_version(data, engine, target))
        return _validated(definitions, engine, pool, others, target)

    def _pooled(self, change: Callable[[bytes], bytes]) -> tuple[Pool, list[tuple[str, Json]]]:
        """Return the resources of all collections, and the transactions, each with its test."""
        pool, others = Pool(), []
        for path in sorted(self._made.iterdir()):
            test, text = path.read_text(encoding="utf-8").split("\n", 1)
            bundle = loads_strict(change(text.encode()))
            if bundle["type"] == "collection":
                pool.add(test, bundle)
            else:
                others.append((test, bundle))
        return pool, others


def _in_version(bundle: bytes, engine: Engine, target: Target) -> bytes:
    """Return a Bundle in a version of FHIR, having lost no resource."""
    if target is R5:
        return bundle
    result = convert(bundle, engine, Settings(target=target))
    assert result.ok, result.findings
    return result.json


def _validated(
    definitions: str, engine: Engine, pool: Pool, others: list[tuple[str, Json]], target: Target
) -> list[str]:
    """Validate the pool and the other Bundles by one engine."""
    of_pool = [
        (pool.tests[_url(resource)], line) for resource, line in _errors(engine, pool.bundle(), target)
    ]
    of_others = [(test, line) for test, bundle in others for _, line in _errors(engine, bundle, target)]
    return [f"{test}: {definitions} definitions: {line}" for test, line in (*of_pool, *of_others)]


def _errors(engine: Engine, bundle: Json, target: Target) -> Iterator[tuple[str, str]]:
    """Return the errors in a Bundle: resource, and what the validator says of it."""
    from sr2fhir.validation import validate

    for issue in validate(engine, bundle, dumps(bundle), target=target):
        if issue.severity == "error":
            yield issue.resource, f"{issue.resource}: {issue.path}: {issue.text}"


def _url(resource: str) -> str:
    """Turn `Observation/<id>` into the fullUrl."""
    return URN + resource.partition("/")[2]
