"""What the property tests look at: reports of every kind, what becomes of them, and how resources hang together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from sr2fhir import Result, Sr2FhirError, read
from tools import record

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

SEEDS = range(60)


def inputs() -> Iterator[record.Input]:
    """Yield the samples, the reports of the row tests and generated reports, each as a collection or transaction."""
    yield from record.samples()
    yield from (given for given in record.corpus() if given.name.startswith("corpus/rows/"))
    yield from record.generated(SEEDS)


class Made:
    """A report and the Bundle that it became."""

    def __init__(self, given: record.Input, result: Result) -> None:
        self.name = given.name
        self.given = given
        self.result = result

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources by type and id."""
        made = (entry["resource"] for entry in self.result.bundle["entry"])
        return {f"{one['resourceType']}/{one['id']}": one for one in made}

    @cached_property
    def by_url(self) -> dict[str, str]:
        """Full URL to type and id."""
        entries = self.result.bundle["entry"]
        return {entry["fullUrl"]: name for entry, name in zip(entries, self.resources, strict=True)}

    @cached_property
    def targets(self) -> dict[str, set[str]]:
        """Each resource and what it refers to: type and id, or the reference as it stands if it leads nowhere."""
        return {
            name: {self.by_url.get(each, each) for each in references(one)}
            for name, one in self.resources.items()
        }

    @cached_property
    def orphans(self) -> list[str]:
        """The resources that no other refers to."""
        return [
            name
            for name in self.resources
            if not any(name in targets for other, targets in self.targets.items() if other != name)
        ]

    def profile(self, name: str) -> str:
        """Return the last part of a resource's profile."""
        stated: list[str] = self.resources[name].get("meta", {}).get("profile", [""])
        return stated[0].rpartition("/")[2]

    @property
    def listed(self) -> set[str]:
        """Positions and keyword paths that the report lists as unmapped or lost."""
        report = self.result.report
        return {line.source for line in report.unmapped} | {loss.source for loss in report.losses}


def made(given: record.Input, engine: Engine) -> Made | None:
    """Transform an input; None if it is refused."""
    transformer = record.transformer_for(given, engine)
    with record.environment(given.environment):
        try:
            return Made(given, transformer.transform(given.source, name=given.name))
        except Sr2FhirError:
            return None


def report_of(given: record.Input) -> Dataset:
    """Return the report of an input as a Dataset."""
    dataset: Dataset = read(given.source).dataset
    return dataset


def items(item: Dataset, own: str = "1") -> Iterator[tuple[str, Dataset]]:
    """Yield a content item and all below it, by position."""
    yield own, item
    for number, child in enumerate(item.get("ContentSequence") or [], 1):
        yield from items(child, f"{own}.{number}")


def references(node: Any) -> Iterator[str]:
    """Yield every literal reference within a resource."""
    if isinstance(node, dict):
        for member, value in node.items():
            if member == "reference" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)
