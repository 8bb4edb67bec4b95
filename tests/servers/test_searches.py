"""Each search that docs/clients.md lists finds on a real server what the Bundles that were sent hold, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.paths import layout
from tools.guide import ig

from tests import builders as b

from .client import Client, Resource, entries, transactions
from .conftest import PATIENTS
from .questions import IN_R4, QUESTIONS, Question, questions

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
# within a cell of a table
PIPE = "\\|"
OPTIONS = ("--patient-id-system", PATIENTS, "--diagnostic-report")
VERSIONS = ("R5", "R4")
ASKED = [(version, question) for version in VERSIONS for question in questions(version)]


@dataclass(frozen=True)
class Sent:
    """What was sent, by name, its references followed; and the server that it was sent to."""

    server: Client
    resources: Mapping[str, Resource]


@pytest.fixture(scope="module")
def sent(
    empty_server: Callable[..., Client], samples: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Sent]:
    """Return a function that fills a server of a version of FHIR, once."""
    site = b.code(b.FINDING_SITE, b.LUNG, relationship="HAS CONCEPT MOD")
    report = b.measurement_report(b.imaging_measurements(b.group(site, b.num(b.VOLUME, "12.5", b.CUBIC_MM))))
    plain = tmp_path_factory.mktemp("searches") / "plain_site.dcm"
    plain.write_bytes(b.encoded(report))

    @cache
    def fill(version: str) -> Sent:
        folder = tmp_path_factory.mktemp(version)
        bundles = transactions(folder / "out", [*samples, plain], *OPTIONS, "--fhir", version)
        server = ready(empty_server, version, folder)
        for bundle in bundles:
            response = server.send(bundle)
            assert response.ok, response.text
        return Sent(server, dict(followed(list(entries(bundles)))))

    return fill


def ready(empty_server: Callable[..., Client], version: str, folder: Path) -> Client:
    """Return a server that knows our search parameters: from our package, or in R4 sent as any resource is."""
    if version == "R5":
        return empty_server(package=ig.publish(layout(), folder).package)
    server = empty_server(version=version)
    response = server.send(PAGE.with_name("search-parameters-r4.json").read_bytes())
    assert response.ok, response.text
    return server


def followed(sent: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Return each resource by its name, with the resources that its references lead to."""
    by_url = {entry["fullUrl"]: entry["resource"] for entry in sent}
    members = {
        each["reference"]
        for entry in sent
        for each in entry["resource"].get("hasMember", ())
        if "reference" in each
    }
    for url, resource in by_url.items():
        yield name(resource), with_targets(resource, by_url) | {"is_member": url in members}


def with_targets(node: Any, by_url: Mapping[str, Resource]) -> Any:
    """Put beside each reference what it leads to, one step far."""
    if isinstance(node, list):
        return [with_targets(each, by_url) for each in node]
    if not isinstance(node, dict):
        return node
    copied = {key: with_targets(value, by_url) for key, value in node.items()}
    # a CodeableReference has a reference within
    reference = node.get("reference")
    return copied | (
        {"target": by_url[reference]} if isinstance(reference, str) and reference in by_url else {}
    )


def name(resource: Resource) -> str:
    """Name a resource by an identifier with a system, if it has one: its id may be the server's."""
    identifier = next((each for each in resource.get("identifier", ()) if each.get("system")), None)
    known = f"{identifier['system']}|{identifier['value']}" if identifier else resource["id"]
    return f"{resource['resourceType']}/{known}"


@pytest.mark.parametrize(
    ("version", "question"), ASKED, ids=[f"{version}: {each.asks}" for version, each in ASKED]
)
def test_a_search_finds_what_was_sent_and_nothing_else(
    sent: Callable[[str], Sent], version: str, question: Question
) -> None:
    filled = sent(version)
    wanted = {
        key
        for key, each in filled.resources.items()
        if (question.matches if each["resourceType"] == question.kind else question.includes)(each)
    }
    assert wanted
    assert {name(each) for each in filled.server.find(f"{question.search}&_count=200")} == wanted


@pytest.mark.parametrize(("version", "listed"), [("R5", QUESTIONS), ("R4", IN_R4.values())], ids=VERSIONS)
def test_the_page_lists_each_search_with_the_number_found(
    sent: Callable[[str], Sent], version: str, listed: Iterable[Question]
) -> None:
    rows = [
        f"| {question.asks} | `{question.search.replace('|', PIPE)}` | {found(sent(version), question)} |\n"
        for question in listed
    ]
    table = "".join(rows)
    assert table in PAGE.read_text("utf-8"), f"the table of docs/clients.md should be\n{table}"


def test_all_other_searches_find_as_many_in_r4(sent: Callable[[str], Sent]) -> None:
    for question in QUESTIONS:
        if question.asks not in IN_R4:
            assert found(sent("R4"), question) == found(sent("R5"), question), question.asks


def found(sent: Sent, question: Question) -> str:
    """Say how many resources of which type a search finds."""
    kinds = [each["resourceType"] for each in sent.server.find(f"{question.search}&_count=200")]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_found_twice_by_two_names(sent: Callable[[str], Sent], version: str) -> None:
    """No two resources of one type and one identifier: conditional creates found what was there."""
    held = [name(each) for each in sent(version).server.held().values()]
    assert len(held) == len(set(held)) > 0
