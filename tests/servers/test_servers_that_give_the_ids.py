"""A server that accepts no ids of its clients (`--ids server`; specification, 1.2)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .client import Client, counts, entries, promised, references
from .conftest import PATIENTS

pytestmark = pytest.mark.slow
WITH_SYSTEM = ("--patient-id-system", PATIENTS)
NOT_ALLOWED = "HAPI-0959"


@pytest.fixture(scope="module")
def server(empty_server: Callable[..., Client]) -> Client:
    return empty_server(client_ids="NOT_ALLOWED")


def test_ids_of_ours_are_refused_and_nothing_is_stored(
    server: Client, sent_samples: Callable[..., list[bytes]]
) -> None:
    for bundle in sent_samples(*WITH_SYSTEM):
        response = server.send(bundle)
        assert response.status_code == 404
        assert NOT_ALLOWED in response.text
    assert server.held() == {}


def test_without_ids_of_ours_every_sample_is_stored_and_twice_changes_nothing(
    server: Client, sent_samples: Callable[..., list[bytes]]
) -> None:
    bundles = sent_samples(*WITH_SYSTEM, "--ids", "server")
    assert {entry["request"]["method"] for entry in entries(bundles)} == {"POST"}
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
    first = server.versions()
    assert counts(first) == counts(promised(bundles))
    assert set(first.values()) == {"1"}
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
    assert server.versions() == first


def test_the_server_has_given_the_ids_and_all_references_follow(
    server: Client, sent_samples: Callable[..., list[bytes]]
) -> None:
    """After the test above: the server keeps what it holds."""
    bundles = sent_samples(*WITH_SYSTEM, "--ids", "server")
    for bundle in bundles:
        server.send(bundle)
    held = server.held()
    ours = {json.loads(bundle)["entry"][0]["resource"].get("id") for bundle in bundles}
    assert not {name.partition("/")[2] for name in held} & ours
    assert {target for each in held.values() for target in references(each)} <= held.keys()
