"""Algorithms, methods, finding sites and tracked lesions (mapping sections 3.4, 3.6, 3.8; decisions D5, D6)."""

from __future__ import annotations

import pytest

from tests import builders as b
from tests.model.documents import codes, item, rendered

MOD = "HAS CONCEPT MOD"
METHOD = b.Code("370129005", "SCT", "Measurement Method")
LIVER = b.Code("10200004", "SCT", "Liver")
UPPER = b.Code("45653009", "SCT", "Upper lobe of lung")
MODIFIER = b.Code("106233006", "SCT", "Topographical modifier")


def algorithm(name, version="1", *parameters, family=None):
    return [
        *([b.code(b.ALGORITHM_FAMILY, b.Code(family, "DCM", "family"), relationship=MOD)] if family else []),
        *([b.text(b.ALGORITHM_NAME, name, relationship=MOD)] if name else []),
        b.text(b.ALGORITHM_VERSION, version, relationship=MOD),
        *(b.text(b.ALGORITHM_PARAMETERS, parameter, relationship=MOD) for parameter in parameters),
    ]


def measured(*children):
    return b.num(b.VOLUME, "1", b.CUBIC_MM, *children)


def names_of(document, position):
    by_id = {one["id"]: one["name"] for one in document.get("algorithm", [])}
    return [by_id[one] for one in item(document, position)["context"].get("algorithm", [])]


def test_the_nearest_algorithm_holds():
    document = rendered(
        b.imaging_measurements(
            *algorithm("outer"),
            b.group(*algorithm("group"), measured(*algorithm("own")), measured()),
            b.group(measured()),
        )
    ).document
    assert names_of(document, "1.1.3.3") == ["own"]
    assert names_of(document, "1.1.3.4") == ["group"]
    assert names_of(document, "1.1.4.1") == ["outer"]


def test_equal_algorithms_are_one():
    document = rendered(
        b.imaging_measurements(
            b.group(measured(*algorithm("a")), measured(*algorithm("a")), measured(*algorithm("a", "2")))
        )
    ).document
    assert [(one["name"], one["version"]) for one in document["algorithm"]] == [("a", "1"), ("a", "2")]


def test_all_of_an_algorithm():
    document = rendered(
        b.imaging_measurements(b.group(*algorithm("a", "1", "x=1", "y=2", family="113951"), measured()))
    ).document
    (made,) = document["algorithm"]
    assert made["family"]["coding"][0]["code"] == "113951"
    assert made["parameter"] == ["x=1", "y=2"]
    assert made["_parameter"] == [{"id": "1.1.1.4"}, {"id": "1.1.1.5"}]
    assert made["_name"] == {"id": "1.1.1.2"}
    assert {item(document, f"1.1.1.{n}")["resolved"] for n in range(1, 6)} == {"algorithm"}


@pytest.mark.parametrize("family_first", [True, False])
def test_several_algorithms_of_one_level(family_first):
    one, two = algorithm("a", "1"), algorithm("b", "2")
    families = [
        b.code(b.ALGORITHM_FAMILY, b.Code(value, "DCM", "family"), relationship=MOD)
        for value in ("113951", "113961")
    ]
    stated = (
        [families[0], *one, families[1], *two] if family_first else [*one, families[0], *two, families[1]]
    )
    document = rendered(b.imaging_measurements(b.group(*stated, measured()))).document
    found = [
        (each["name"], each["version"], each["family"]["coding"][0]["code"]) for each in document["algorithm"]
    ]
    assert found == [("a", "1", "113951"), ("b", "2", "113961")]
    assert names_of(document, "1.1.1") == ["a", "b"]


def test_without_a_name_there_is_no_algorithm():
    document = rendered(
        b.imaging_measurements(*algorithm("outer"), b.group(*algorithm(None), measured()))
    ).document
    assert names_of(document, "1.1.3") == ["outer"]
    assert "resolved" not in item(document, "1.1.3.1")


def test_the_method_of_the_group_holds_for_its_measurements():
    stated = b.code(METHOD, b.Code("1", "99M", "manual"), relationship=MOD)
    other = b.code(METHOD, b.Code("2", "99M", "automatic"), relationship=MOD)
    document = rendered(b.imaging_measurements(b.group(stated, measured(), measured(other)))).document
    assert item(document, "1.1.1.2")["context"]["method"]["coding"][0]["code"] == "1"
    assert item(document, "1.1.1.2")["context"]["method"]["id"] == "1.1.1.1"
    assert item(document, "1.1.1.3")["context"]["method"]["coding"][0]["code"] == "2"
    assert "method" not in item(document, "1.1.1")["context"]


def site(value, *children):
    return b.code(b.FINDING_SITE, value, *children, relationship=MOD)


def tracking(identifier="Lesion 1", uid="1.2.44"):
    return [
        b.text(b.TRACKING_IDENTIFIER, identifier, relationship="HAS OBS CONTEXT"),
        b.uidref(b.TRACKING_UID, uid, relationship="HAS OBS CONTEXT"),
    ]


def test_a_tracked_lesion_at_a_qualified_site():
    qualified = site(
        b.LUNG, b.code(b.LATERALITY, b.RIGHT, relationship=MOD), b.code(MODIFIER, UPPER, relationship=MOD)
    )
    document = rendered(b.imaging_measurements(b.group(*tracking(), qualified, measured()))).document
    (found,) = document["findingSite"]
    assert (found["tracked"], found["qualified"]) == (True, True)
    assert found["trackingIdentifier"] == [{"id": "1.1.1.1", "value": "Lesion 1"}]
    assert found["trackingUid"] == [{"id": "1.1.1.2", "system": "urn:dicom:uid", "value": "urn:oid:1.2.44"}]
    (structure,) = found["structure"]
    assert [
        structure[name]["coding"][0]["code"] if name == "site" else structure[name][0]["coding"][0]["code"]
        for name in ("site", "laterality", "modifier")
    ] == [
        "39607008",
        "24028007",
        "45653009",
    ]
    context = item(document, "1.1.1.4")["context"]["findingSite"]
    assert (context["id"], context["tracked"], context["qualified"]) == (found["id"], True, True)
    resolved = {
        place: item(document, place)["resolved"]
        for place in ("1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.3.1", "1.1.1.3.2")
    }
    assert list(resolved.values()) == ["tracking", "tracking", "findingSite", "findingSite", "findingSite"]


def test_an_own_site_overrides_and_never_carries_the_tracking_of_the_group():
    document = rendered(
        b.imaging_measurements(b.group(*tracking(), site(b.LUNG), measured(site(LIVER)), measured()))
    ).document
    own = item(document, "1.1.1.4")["context"]["findingSite"]
    assert (own["tracked"], own["qualified"], own["site"][0]["coding"][0]["code"]) == (
        False,
        False,
        "10200004",
    )
    of_group = item(document, "1.1.1.5")["context"]["findingSite"]
    assert (of_group["tracked"], "site" in of_group) == (True, False)  # written once, in the list of sites
    (lung,) = [each for each in document["findingSite"] if each["id"] == of_group["id"]]
    assert lung["structure"][0]["site"]["coding"][0]["code"] == "39607008"
    assert len({one["id"] for one in document["findingSite"]}) == 2


def test_tracking_of_a_measurement_is_left_to_the_measurement():
    document = rendered(b.imaging_measurements(b.group(site(b.LUNG), measured(*tracking())))).document
    assert "resolved" not in item(document, "1.1.1.2.1")
    assert item(document, "1.1.1.2")["context"]["findingSite"]["tracked"] is False


def test_tracking_alone():
    document = rendered(b.imaging_measurements(b.group(*tracking(), measured()))).document
    (found,) = document["findingSite"]
    assert "structure" not in found
    assert "site" not in item(document, "1.1.1.3")["context"]["findingSite"]


def test_a_second_tracking_identifier_is_reported():
    rendering = rendered(b.imaging_measurements(b.group(*tracking(), *tracking("Lesion 2", "1.2.45"))))
    assert codes(rendering) == [("multiplicity", "1.1.1.3"), ("multiplicity", "1.1.1.4")]
    assert "resolved" not in item(rendering.document, "1.1.1.3")
    assert len(rendering.document["findingSite"][0]["trackingIdentifier"]) == 1


def test_several_sites():
    document = rendered(b.imaging_measurements(b.group(site(b.LUNG), site(LIVER), measured()))).document
    assert len(item(document, "1.1.1.3")["context"]["findingSite"]["site"]) == 2


def test_sites_in_the_image_library_are_no_finding_sites():
    library = b.container(b.Code("111028", "DCM", "Image Library"), site(b.LUNG))
    document = rendered(library).document
    assert "findingSite" not in document
    assert "resolved" not in item(document, "1.1.1")
