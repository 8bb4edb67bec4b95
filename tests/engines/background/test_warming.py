"""The warming of the service: it helps, and nothing depends on it."""

from __future__ import annotations

import logging

import pytest
from sr2fhir.engines.background import serve
from sr2fhir.http import Client
from sr2fhir.paths import layout

from tests.engines.fake_server import answer, reset, serving


def test_every_sample_is_transformed_several_times() -> None:
    with serving(answer()) as server:
        serve._warm(Client("validator", server.url), layout())
        assert len(server.requests) % 3 == 0
        assert len(server.requests) >= 3 * 10


def test_a_service_that_cannot_be_warmed_serves_nevertheless(caplog: pytest.LogCaptureFixture) -> None:
    with serving(reset()) as server, caplog.at_level(logging.WARNING, "sr2fhir.service"):
        serve._warm(Client("validator", server.url), layout())
    assert "the samples do not transform" in caplog.text
