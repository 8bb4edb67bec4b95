"""Language tags (mapping section 3.3, row 121049)."""

from __future__ import annotations

import pytest
from sr2fhir.model.context import shortest_tag

from tests import builders as b
from tests.model.documents import codes, item, rendered

LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
COUNTRY = b.Code("121046", "DCM", "Country of Language")


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("eng", "en"),
        ("en", "en"),
        ("en-us", "en-US"),
        ("ger", "de"),
        ("deu", "de"),
        ("fre", "fr"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("haw", "haw"),
        ("en_US", "en-US"),
        ("xx", None),
        ("xyz", None),
        ("English", None),
        ("", None),
    ],
)
def test_shortest_tags(written, tag):
    assert shortest_tag(written) == tag


def stated(tag, country=None):
    below = (
        [b.code(COUNTRY, b.Code(country, "ISO3166_1", "country"), relationship="HAS CONCEPT MOD")]
        if country
        else []
    )
    language = b.code(LANGUAGE, b.Code(tag, "RFC5646", "language"), *below, relationship="HAS CONCEPT MOD")
    return rendered(language, b.imaging_measurements(b.group()))


@pytest.mark.parametrize(
    ("tag", "country", "expected", "used"),
    [
        ("eng", "US", "en-US", True),
        ("de-AT", "DE", "de-AT", False),
        ("de-AT", "AT", "de-AT", True),
        ("de", "Germany", "de", False),
    ],
)
def test_the_country_adds_a_region_where_there_is_none(tag, country, expected, used):
    document = stated(tag, country).document
    assert item(document, "1.2.1")["context"]["language"] == expected
    assert item(document, "1.2.1")["context"]["_language"] == {"id": "1.1-1.1.1" if used else "1.1"}
    assert item(document, "1.1")["resolved"] == "language"
    assert ("resolved" in item(document, "1.1.1")) == used


def test_an_unknown_language_is_reported_and_not_used():
    rendering = stated("xyz")
    assert "language" not in item(rendering.document, "1.2.1")["context"]
    assert "resolved" not in item(rendering.document, "1.1")
    assert ("invalid-value", "1.1") in codes(rendering)
