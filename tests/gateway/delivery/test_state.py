"""Whether what a server holds is what was sent: then a version that is not ours came of an earlier attempt."""

from __future__ import annotations

from typing import Any

import pytest
from sr2fhir.gateway.delivery.state import is_same

NUMBER = {"system": "http://hospital.example/patients", "value": "1"}
OTHER = {"system": "http://hospital.example/patients", "value": "2"}


def result(subject: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o", "status": "final", "subject": subject, **more}


@pytest.mark.parametrize(
    ("held", "sent", "is_equal"),
    [
        ({"reference": "Patient/1"}, {"reference": "Patient/1"}, True),
        ({"reference": "http://ehr.example/fhir/Patient/1"}, {"reference": "Patient/1"}, True),
        ({"reference": "Patient/1/_history/3"}, {"reference": "Patient/1"}, True),
        ({"reference": "Patient/1"}, {"reference": "Patient/2"}, False),
        ({"reference": "Group/1"}, {"reference": "Patient/1"}, False),
        # what the server finds or makes by itself
        ({"reference": "Patient/7", "identifier": NUMBER}, {"reference": "urn:uuid:p", "identifier": NUMBER}, True),
        ({"reference": "Patient/7", "identifier": NUMBER}, {"reference": "urn:uuid:p", "identifier": OTHER}, False),
        ({"reference": "Patient/7"}, {"reference": "urn:uuid:p"}, False),
        ({"reference": "Patient/p"}, {"reference": "urn:uuid:p"}, True),
        ({"reference": "Patient/7"}, {"reference": "Patient?identifier=x%7C1"}, False),
        ({"reference": "Patient/7", "identifier": NUMBER}, {"reference": "Patient?identifier=x%7C1", "identifier": NUMBER}, True),
        ({"identifier": NUMBER}, {"identifier": NUMBER}, True),
        ({"reference": "Patient/7", "identifier": NUMBER}, {"identifier": NUMBER}, False),
    ],
)  # fmt: skip
def test_a_result_of_another_patient_is_not_the_same(
    held: dict[str, Any], sent: dict[str, Any], is_equal: bool
) -> None:
    assert is_same(result(held, meta={"versionId": "4"}), result(sent)) is is_equal


def test_any_other_difference_counts() -> None:
    one = {"reference": "Patient/1"}
    assert not is_same(result(one, note=[{"text": "seen"}]), result(one))
    assert not is_same(result(one), result(one, hasMember=[{"reference": "Observation/m"}]))
    assert is_same({**result(one), "id": "given"}, result(one))
