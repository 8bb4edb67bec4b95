"""Settings of a destination that cannot work are refused before anything starts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway.authentication import KINDS as LOG_INS, LogInSettings, Secret
from sr2fhir.gateway.delivery.capability import lacks
from sr2fhir.gateway.delivery.settings import CHANGED, KINDS, WITHDRAWN, Destination
from sr2fhir.packaging import Packaging

URL = "https://fhir.example/r5"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no url": ({}, "kind"),
    "no address": ({"url": "fhir.example"}, ""),
    "no path": ({"kind": "folder", "url": URL}, "kind"),
    "no thread": ({"url": URL, "parallel": 0}, "parallel"),
    "no entry": ({"url": URL, "max_entries": 0}, "max_entries"),
    "no such policy": ({"url": URL, "patients": "guess"}, ""),
    "fixed": ({"url": URL, "patients": "fixed=Patient/1"}, "patients"),
    "log-in in clear": (
        {"url": "http://fhir.example", "log_in": LogInSettings("bearer", secret=Secret(env="X"))},
        "url",
    ),
}


@pytest.mark.parametrize(("settings", "where"), WRONG.values(), ids=WRONG)
def test_what_cannot_work_is_refused(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        Destination("ehr", **settings)
    assert caught.value.hint
    assert (caught.value.where or "") == where


def test_what_can_work() -> None:
    Destination("ehr", url=URL)
    Destination("share", "folder", path=Path("out"))
    assert Destination("ehr", url=URL, ids="server", orders="create").policies == {
        "ids": "server",
        "orders": "create",
    }


def statement(
    version: str = "5.0.0", *, codes: tuple[str, ...] = ("transaction",), **types: dict[str, Any]
) -> dict:
    known = (
        "Patient",
        "ImagingStudy",
        "Practitioner",
        "Device",
        "BodyStructure",
        "ImagingSelection",
        "Observation",
    )
    resources = [{"type": name, **types.get(name, {})} for name in known]
    rest = {"mode": "server", "interaction": [{"code": code} for code in codes], "resource": resources}
    return {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": [rest]}


def said(content: Any, fhir: str = "R5", **packaging: Any) -> list[tuple[bool, str]]:
    return [
        (each.is_fatal, each.message) for each in lacks(content, fhir, Packaging("transaction", **packaging))
    ]


def test_a_server_that_denies_nothing_lacks_nothing() -> None:
    assert said(statement()) == []


@pytest.mark.parametrize(("version", "fhir"), [("4.0.1", "R5"), ("5.0.0", "R4"), ("4.3.0", "R4"), ("", "R5")])
def test_a_server_of_another_version_is_sent_nothing(version: str, fhir: str) -> None:
    ((is_fatal, message),) = said(statement(version), fhir)
    assert is_fatal
    assert f"{fhir} is to be sent" in message


def test_what_is_lacking_is_told_by_type() -> None:
    denied = statement(codes=(), Observation={"updateCreate": False}, Patient={"conditionalCreate": False})
    assert said(denied) == [
        (False, "the server does not state the interaction transaction"),
        (False, "the server denies an update that creates for Observation"),
        (False, "the server denies conditional create for Patient"),
    ]
    # nothing is stored under our ids, and no patient is created
    assert said(denied, ids="server", patients="logical") == [
        (False, "the server does not state the interaction transaction")
    ]


def test_types_that_the_server_does_not_know_are_told() -> None:
    few = statement()
    few["rest"][0]["resource"] = few["rest"][0]["resource"][:-2]
    assert said(few) == [(False, "the server does not state the types ImagingSelection, Observation")]


def test_versions_and_searches_that_are_needed() -> None:
    content = statement(Observation={"versioning": "no-version"}, Patient={"searchParam": [{"name": "name"}]})
    assert said(content, patients="existing") == [
        (False, "the server keeps no versions of Observation: what others changed is overwritten"),
        (False, "the server does not state a search by identifier for Patient"),
    ]


@pytest.mark.parametrize("content", [None, [], {"resourceType": "Patient"}, "text"])
def test_what_is_no_statement(content: Any) -> None:
    assert said(content) == [(True, "this is no FHIR server: /metadata is no CapabilityStatement")]


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "delivery.md").read_text("utf-8")
    stated = [one.metadata.get("key", one.name) for one in fields(Destination)]
    log_in = [one.name for one in fields(LogInSettings) if one.name not in ("kind", "secret")]
    assert [name for name in (*stated, *log_in) if f"`{name}`" not in page] == []
    for chosen in (*KINDS, *CHANGED, *WITHDRAWN, *LOG_INS):
        assert chosen == "none" or f"`{chosen}`" in page
