"""Unique Device Identifiers (mapping section 3.2; examples as the FDA and the issuing agencies print them)."""

from __future__ import annotations

import pytest
from sr2fhir.model.identifiers import parsed_udi as parse


@pytest.mark.parametrize(
    ("carrier", "agency", "identifier"),
    [
        ("(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234", "GS1", "51022222233336"),
        ("{01}51022222233336{11}141231", "GS1", "51022222233336"),
        ("+H123PARTNO1234567890120/$$420020216LOT123456789012345", "HIBCC", "H123PARTNO1234567890120"),
        ("=/A9999XYZ100T0944=,000025=A99971312345600", "ICCBBA", "A9999XYZ100T0944"),
        ("=)1TE123456A&)RZ12345678", "ICCBBA-blood", "1TE123456A"),
        ("&)RZ12345678=)1TE123456A", "ICCBBA-blood", "1TE123456A"),
    ],
)
def test_agencies(carrier, agency, identifier):
    assert parse(carrier) == {"carrier": carrier, "deviceIdentifier": identifier, "agency": agency}


@pytest.mark.parametrize("carrier", ["(01)5102222223333", "51022222233336", "", "(21)1234"])
def test_other_forms_are_not_guessed(carrier):
    assert parse(carrier) is None
