"""What a server says: when to ask again, and its words without values."""

from __future__ import annotations

import pytest
from sr2fhir.gateway.delivery.failures import LONGEST_S, Words, retry_after
from sr2fhir.validation import Mask

DATE = "Sat, 28 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "999999"}, LONGEST_S),
        # by the clock of the server, whatever ours says
        ({"retry-after": "Sat, 28 Nov 2026 12:00:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Sat, 28 Nov 2026 11:00:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Sat, 28 Nov 2099 12:00:30 GMT"}, LONGEST_S),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_when_a_server_wants_to_be_asked_again(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


# what HAPI FHIR JPA said (docs/sending.md and issues of its project), and others
SAID = {
    "HAPI-0541: Unable to satisfy placeholder ID urn:uuid:f9e08615 found in element named 'derivedFrom.extension.value'"
    " within resource of type: Observation": "HAPI-0541: Unable to satisfy placeholder ID … found in element named …"
    " within resource of type: Observation",
    "HAPI-0931: Invalid reference found at path 'Observation.derivedFrom'. Resource type 'Basic' is not valid for this"
    " path": "HAPI-0931: Invalid reference found at path 'Observation.derivedFrom'. Resource type 'Basic' is not valid"
    " for this path",
    'HAPI-0958: Failed to CREATE Patient with match URL "identifier=http%3A%2F%2Fsite.example%7C99000" because this'
    " search matched 2 resources": "HAPI-0958: Failed to CREATE Patient with match URL … because this search matched …"
    " resources",
    "Patient Jane Doe, born 1950-01-01, exists": "Patient …, born …, exists",
    'The name "O\'Brien" of Mr. McCoy': "The name … of …",
    "DOE^JOHN": "…",
    "patient smith with id 4711 and name jane doe exists": "patient … with id … and name … exists",
    "Resource Observation/own is not known": "Resource Observation/own is not known",
    "Resource Observation/other1 is not known": "Resource … is not known",
    "duplicate key value (id)=(4711)": "duplicate key value (…)",
}


@pytest.mark.parametrize(("said", "told"), SAID.items())
def test_only_words_without_values_are_told(said: str, told: str) -> None:
    assert Words(frozenset({"Observation/own"}), Mask(None))(said) == told


def test_a_long_text_is_cut() -> None:
    assert len(Words()("words " * 1000)) <= 301
