"""By-reference content items (mapping section 3.11, decision D31)."""

from __future__ import annotations

import pytest

from tests import builders as b
from tests.model.documents import codes, item, items, rendered

INFERRED = "INFERRED FROM"


def measured(*children, **attributes):
    return b.num(b.VOLUME, "12.50", b.CUBIC_MM, *children, **attributes)


def test_a_reference_stands_in_the_list_of_its_target_with_a_copy_of_the_value():
    source = measured(ObservationUID="1.2.50")
    document = rendered(
        b.imaging_measurements(b.group(source)),
        b.derived_measurements(measured(b.by_reference(INFERRED, 1, 1, 1, 1))),
    ).document
    (copy,) = item(document, "1.2.1")["num"]
    target = item(document, "1.1.1.1")
    assert copy["position"] == "1.2.1.1"
    assert copy["relationship"] == INFERRED
    assert copy["measuredValue"] == target["measuredValue"] | {"id": "1.2.1.1"}
    assert copy["concept"]["id"] == "1.2.1.1"
    assert copy["key"] == target["key"]
    assert copy["targetItem"] == {
        "id": target["id"],
        "position": "1.1.1.1",
        "groupId": item(document, "1.1.1")["id"],
        "firstOfGroup": True,
        "observationIdentifier": {
            "id": "1.1.1.1.ObservationUID",
            "system": "urn:dicom:uid",
            "value": "urn:oid:1.2.50",
        },
        "relationship": "CONTAINS",
        "role": "measurement",
    }
    assert not {"context", "sourceId", "observationIdentifier"} & set(copy)


def test_a_region_brings_its_images():
    region = b.scoord("CIRCLE", [10, 10, 15, 10], b.image("1.2.1"))
    document = rendered(
        b.imaging_measurements(b.group(region, measured(b.by_reference(INFERRED, 1, 1, 1, 1))))
    ).document
    (copy,) = item(document, "1.1.1.2")["spatialCoordinates"]
    assert copy["graphic"] == {"id": "1.1.1.2.1", "type": "CIRCLE", "data": "10\\10\\15\\10"}
    assert [one["reference"]["uid"] for one in copy["image"]] == ["1.2.1"]


def test_a_group_is_its_own_group():
    document = rendered(
        b.imaging_measurements(b.group(measured())),
        b.derived_measurements(measured(b.by_reference(INFERRED, 1, 1, 1))),
    ).document
    (copy,) = item(document, "1.2.1")["container"]
    assert copy["targetItem"]["groupId"] == copy["targetItem"]["id"] == item(document, "1.1.1")["id"]


def test_only_the_first_reference_into_a_group_is_marked():
    references = [b.by_reference(INFERRED, 1, 1, *place) for place in ((1, 1), (1, 2), (2, 1))]
    document = rendered(
        b.imaging_measurements(b.group(measured(), measured()), b.group(measured())),
        b.derived_measurements(measured(*references)),
    ).document
    assert [one["targetItem"]["firstOfGroup"] for one in item(document, "1.2.1")["num"]] == [
        True,
        False,
        True,
    ]


def test_a_chain_of_references_ends_at_the_value():
    document = rendered(
        b.imaging_measurements(b.group(measured())),
        b.derived_measurements(
            measured(b.by_reference(INFERRED, 1, 1, 1, 1)), measured(b.by_reference(INFERRED, 1, 2, 1, 1))
        ),
    ).document
    assert item(document, "1.2.2.1")["targetItem"]["position"] == "1.1.1.1"


@pytest.mark.parametrize(
    ("position", "why"),
    [
        ((1, 9, 9), "nowhere"),
        ((1, 1), "an ancestor"),
        ((1,), "the root"),
        ((1, 1, 1, 1), "itself"),
        ((2, 1), "another root"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error(position, why):
    rendering = rendered(b.imaging_measurements(b.group(b.by_reference(INFERRED, *position))))
    (unknown,) = item(rendering.document, "1.1.1")["unknown"]
    assert unknown["valueType"] == "UNKNOWN"
    assert unknown["targetItem"]["position"] == ".".join(map(str, position))
    (finding,) = rendering.findings
    assert (finding.severity, finding.code, finding.where) == ("error", "unresolved-reference", "1.1.1.1")


def test_two_references_to_each_other_are_errors():
    rendering = rendered(
        b.imaging_measurements(
            b.group(b.by_reference(INFERRED, 1, 1, 1, 2), b.by_reference(INFERRED, 1, 1, 1, 1))
        )
    )
    assert codes(rendering) == [("unresolved-reference", "1.1.1.1"), ("unresolved-reference", "1.1.1.2")]


def test_an_empty_reference():
    empty = b.sequence_item(RelationshipType=INFERRED, ReferencedContentItemIdentifier=[])
    assert codes(rendered(b.imaging_measurements(b.group(empty)))) == [("unresolved-reference", "1.1.1.1")]


def test_a_relationship_is_written_without_its_prefix():
    document = rendered(
        b.imaging_measurements(b.group(measured(), measured(b.by_reference("R-INFERRED FROM", 1, 1, 1, 1))))
    ).document
    assert item(document, "1.1.1.2.1")["relationship"] == INFERRED


def test_items_below_a_reference_are_not_lost():
    odd = b.by_reference(INFERRED, 1, 1, 1, 1)
    odd.ContentSequence = [b.text(b.FINDING, "odd")]
    document = rendered(b.imaging_measurements(b.group(measured(), odd))).document
    assert "1.1.1.2.1" in {one["position"] for one in items(document)}


def test_context_may_be_stated_by_reference():
    algorithm = b.text(
        b.FINDING._replace(value="111001", meaning="Algorithm Name"), "pylidc", relationship="HAS CONCEPT MOD"
    )
    document = rendered(
        b.imaging_measurements(
            b.group(measured(algorithm), measured(b.by_reference("HAS CONCEPT MOD", 1, 1, 1, 1, 1)))
        )
    ).document
    (made,) = document["algorithm"]
    assert item(document, "1.1.1.2")["context"]["algorithm"] == [made["id"]]
    assert item(document, "1.1.1.2.1")["resolved"] == "algorithm"
