"""Transactions of R4 on a real server of R4: stored, sent again, by eight senders at once, and read back.

A server drops what it does not know without a word; so what it holds is compared with what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sr2fhir.paths import layout

from .client import Client, counts, entries, promised, references
from .conftest import PATIENTS
from .test_sending import PAGE, plain

pytestmark = pytest.mark.slow
Make = Callable[..., Client]
Sent = Callable[..., list[bytes]]
Scenarios = Callable[..., dict[str, bytes]]
R4 = ("--fhir", "R4", "--diagnostic-report")
ISSUERS = str(layout().sources / "samples" / "issuers.toml")
OPTIONS = (*R4, "--patient-id-system", PATIENTS, "--issuers", ISSUERS)
# what HAPI says of an extension for an element of R5 whose definition is not installed
UNKNOWN = re.compile(r"Extension url 'http://hl7\.org/fhir/5\.0/[^']*' is not valid")
COLUMNS = "Patient ServiceRequest ImagingStudy Device Practitioner BodyStructure Basic Observation"


@pytest.fixture(scope="module")
def bundles(sent_samples: Sent, scenarios: Scenarios) -> list[bytes]:
    """Return the transactions of all samples and scenarios."""
    return [*sent_samples(*OPTIONS), *scenarios(*R4).values()]


@pytest.fixture(scope="module")
def server(empty_server: Make, bundles: list[bytes]) -> Client:
    """Return a server to which eight senders have sent all of them twice."""
    made = empty_server(version="R4")
    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(made.send_patiently, [*bundles, *reversed(bundles)]))
    assert {statuses[-1] for statuses in attempts} == {200}
    return made


def test_everything_is_stored_once_and_never_updated(server: Client, bundles: list[bytes]) -> None:
    versions = server.versions()
    assert counts(versions) == counts(promised(bundles))
    assert counts(versions)["Observation"] > counts(versions)["Basic"] > 0
    assert set(versions.values()) == {"1"}


def test_sent_again_one_after_the_other_nothing_changes(server: Client, bundles: list[bytes]) -> None:
    before = server.held()
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
    assert server.held() == before


def test_what_is_stored_is_what_was_sent(server: Client, bundles: list[bytes]) -> None:
    held = server.held()
    under_own_id = {name: each for name, each in promised(bundles).items() if name in held}
    for kind in ("Observation", "Basic", "DiagnosticReport"):
        assert counts(under_own_id)[kind] == counts(held)[kind] > 0
    for name, resource in under_own_id.items():
        assert plain(held[name]) == plain(resource)


def test_what_was_created_once_is_what_one_of_them_sent(server: Client, bundles: list[bytes]) -> None:
    """Eight senders: which one came first is nobody's to say."""
    sent: dict[str, list[object]] = {}
    for entry in entries(bundles):
        if entry["request"]["method"] == "POST":
            sent.setdefault(known(entry["resource"]), []).append(content(entry["resource"]))
    held = {known(each): each for each in server.held().values()}
    assert {name.partition("|")[0] for name in sent} >= {"Patient", "ImagingStudy", "Device", "BodyStructure"}
    for name, contents in sent.items():
        assert content(held[name]) in contents


def known(resource: dict[str, object]) -> str:
    """Name a resource by its first identifier with a system."""
    identifiers = resource.get("identifier", ())
    first = next((each for each in identifiers if each.get("system")), {})
    return f"{resource['resourceType']}|{first.get('system')}|{first.get('value')}"


def content(resource: dict[str, object]) -> object:
    return {name: value for name, value in plain(resource).items() if name != "id"}


def test_all_references_are_resolved_and_lead_to_what_is_there(server: Client) -> None:
    held = server.held()
    assert {target for each in held.values() for target in references(each)} <= held.keys()


def test_the_page_says_how_many_the_samples_become(sent_samples: Sent) -> None:
    """A server holds what is promised, as the tests above see."""
    made = counts(promised(sent_samples("--fhir", "R4", "--patient-id-system", PATIENTS)))
    row = "".join(f" {made[kind]} |" for kind in COLUMNS.split())
    assert f"| `--patient-id-system`, R4 |{row}" in PAGE.read_text("utf-8"), row


@pytest.mark.parametrize("patients", ["existing", "logical"])
def test_policies_lead_to_what_is_there(server: Client, sent_samples: Sent, patients: str) -> None:
    """What the results refer to by a search is the same Patient and study: nothing is changed by that."""
    before = server.versions()
    for bundle in sent_samples(*OPTIONS, "--patients", patients, "--studies", "existing"):
        sent = {entry["resource"]["resourceType"] for entry in entries([bundle])}
        assert sent.isdisjoint({"Patient", "ImagingStudy"})
        response = server.send(bundle)
        assert response.ok, response.text
    after = server.versions()
    assert after.keys() == before.keys()
    if patients == "existing":
        assert after == before


def test_a_server_that_gives_the_ids_stores_them_and_twice_changes_nothing(
    empty_server: Make, sent_samples: Sent
) -> None:
    server = empty_server(version="R4", client_ids="NOT_ALLOWED")
    bundles = sent_samples(*OPTIONS, "--ids", "server")
    assert {entry["request"]["method"] for entry in entries(bundles)} == {"POST"}
    for _ in range(2):
        assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
        versions = server.versions()
        assert counts(versions) == counts(promised(bundles))
        assert set(versions.values()) == {"1"}


@pytest.fixture(scope="module")
def validating(empty_server: Make) -> Client:
    """Return a server that validates each request, and refuses it for an error."""
    return empty_server(version="R4", validate=True)


def errors(server: Client, bundle: bytes) -> list[str]:
    """Return for what errors a server refuses a transaction."""
    response = server.send(bundle)
    issues = [] if response.ok else response.json()["issue"]
    return [each["diagnostics"] for each in issues if each["severity"] in ("error", "fatal")]


def test_a_validating_server_refuses_nothing_but_extensions_that_it_does_not_know(
    validating: Client, bundles: list[bytes]
) -> None:
    """HL7 publishes their definitions (hl7.fhir.uv.xver-r5.r4); ours are held against them by our own validator."""
    refused = {each for bundle in bundles for each in errors(validating, bundle)}
    assert {each for each in refused if not UNKNOWN.search(each)} == set()


def test_a_validating_server_refuses_what_is_wrong(validating: Client, bundles: list[bytes]) -> None:
    wrong = bundles[-1].replace(b'"partOf":', b'"partOfNothing":')
    assert wrong != bundles[-1]
    assert any("partOf" in text for text in errors(validating, wrong))


def test_a_server_of_r4_takes_no_selections_of_r5(server: Client, scenarios: Scenarios) -> None:
    """Why `--fhir R4` is needed."""
    before = server.held()
    assert {server.send(bundle).status_code for bundle in scenarios("--diagnostic-report").values()} == {400}
    assert server.held() == before
