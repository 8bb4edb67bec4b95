"""Each key of a rule, and each thing that is never critical (docs/alerts.md)."""

from __future__ import annotations

import pytest
from sr2fhir.alerts import decide
from sr2fhir.alerts.matching import Resources, is_excluded, matches
from sr2fhir.alerts.quantities import comparison
from sr2fhir.alerts.rules import Condition, DeviceIs, Rules

from tests.alerts.bundles import (
    ABSENT,
    CERTAINTY,
    LENGTH,
    NO,
    PNEUMOTHORAX,
    PRESENCE,
    PRESENT,
    SCT,
    V3,
    Json,
    collection,
    concept,
    device,
    group,
    ids,
    observation,
    quantity,
    rule,
    tokens,
)

FOUND = group("g", value=concept(PNEUMOTHORAX))
LONG = observation("l", LENGTH, value=quantity("18.4"))
SURE = observation("c", CERTAINTY, value=quantity("97", "%"))


# ---- keys --------------------------------------------------------------------------------------------------


def test_value() -> None:
    other = group("o", value=concept((SCT, "1"), (SCT, "2")))
    bundle = collection(FOUND, other, LONG)
    assert ids(matches([rule()], bundle)) == [("ptx", "g")]
    # one of several codings, one of several values
    wide = rule(own=Condition(values=tokens((SCT, "2"), (SCT, "3"))))
    assert ids(matches([wide], bundle)) == [("ptx", "o")]
    # the same code of another system is another one
    assert not ids(matches([rule(own=Condition(values=tokens(("http://x.example", "36118008"))))], bundle))


def test_code() -> None:
    asked = observation("e", PNEUMOTHORAX, value=concept(PRESENT))
    wanted = rule(own=Condition(codes=tokens(PNEUMOTHORAX)))
    assert ids(matches([wanted], collection(FOUND, asked))) == [("ptx", "e")]
    both = rule(own=Condition(tokens(PNEUMOTHORAX), tokens((SCT, "373066001"))))
    assert not ids(matches([both], collection(asked)))


def test_quantity() -> None:
    short = observation("s", LENGTH, value=quantity("1.7", "cm"))
    wanted = rule(own=Condition(tokens(LENGTH), quantity=comparison(">= 1.8 cm")))
    assert ids(matches([wanted], collection(LONG, short, SURE))) == [("ptx", "l")]


def test_quantity_does_not_hold_for_a_coded_value() -> None:
    coded = observation("l", LENGTH, value=concept(PRESENT))
    wanted = rule(own=Condition(tokens(LENGTH), quantity=comparison(">= 0 mm")))
    assert not ids(matches([wanted], collection(coded)))


def test_component() -> None:
    said = {"code": concept(CERTAINTY), "valueQuantity": quantity("97", "%")}
    sure = group("g", value=concept(PNEUMOTHORAX), component=[said])
    unsure = group(
        "u", value=concept(PNEUMOTHORAX), component=[{**said, "valueQuantity": quantity("79", "%")}]
    )
    wanted = rule(components=(Condition(tokens(CERTAINTY), quantity=comparison(">= 80 %")),))
    assert ids(matches([wanted], collection(sure, unsure, {**FOUND, "id": "f"}))) == [("ptx", "g")]


def test_two_components_each_need_one_that_holds() -> None:
    said = [{"code": concept(CERTAINTY), "valueQuantity": quantity("97", "%")}]
    sure = group("g", value=concept(PNEUMOTHORAX), component=said)
    high = Condition(tokens(CERTAINTY), quantity=comparison(">= 80 %"))
    severe = Condition(tokens((SCT, "246112005")), tokens((SCT, "24484000")))
    assert ids(matches([rule(components=(high,))], collection(sure)))
    assert not ids(matches([rule(components=(high, severe))], collection(sure)))
    # code and value of one component, not of two
    mixed = [
        {"code": concept((SCT, "246112005")), "valueCodeableConcept": concept((SCT, "255604002"))},
        {"code": concept((SCT, "1")), "valueCodeableConcept": concept((SCT, "24484000"))},
    ]
    assert not ids(matches([rule(components=(severe,))], collection({**FOUND, "component": mixed})))


def test_member() -> None:
    sure = group("g", LONG, SURE, value=concept(PNEUMOTHORAX))
    wanted = rule(members=(Condition(tokens(CERTAINTY), quantity=comparison(">= 80 %")),))
    # a certainty elsewhere in the report is not one of this group
    (match,) = matches([wanted], collection(sure, group("o", value=concept(PNEUMOTHORAX)), LONG, SURE))
    assert [each["id"] for each in match.observations] == ["g", "c"]


@pytest.mark.parametrize(
    "said", [{"status": "entered-in-error"}, {"interpretation": [concept((V3, "NEG"))]}], ids=str
)
def test_a_member_in_error_or_negative_does_not_count(said: Json) -> None:
    wrong = {**SURE, **said}
    wanted = rule(members=(Condition(tokens(CERTAINTY), quantity=comparison(">= 80 %")),))
    assert not ids(matches([wanted], collection(group("g", wrong, value=concept(PNEUMOTHORAX)), wrong)))
    # another one beside it does
    right = {**SURE, "id": "r"}
    both = collection(group("g", wrong, right, value=concept(PNEUMOTHORAX)), wrong, right)
    assert ids(matches([wanted], both)) == [("ptx", "g")]


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (DeviceIs(frozenset({"PTX-Net"})), True),
        (DeviceIs(frozenset({"PTX-Net"}), frozenset({"2.1.0", "2.0"})), True),
        (DeviceIs(versions=frozenset({"2.1.0"})), True),
        (DeviceIs(frozenset({"Other"})), False),
        (DeviceIs(frozenset({"PTX-Net"}), frozenset({"2.0"})), False),
    ],
)
def test_device(wanted: DeviceIs, holds: bool) -> None:
    bundle = collection(device("PTX-Net", "2.1.0"), FOUND)
    assert bool(ids(matches([rule(device=wanted)], bundle))) is holds


def test_a_device_that_is_not_there_is_not_the_one() -> None:
    assert not ids(matches([rule(device=DeviceIs(frozenset({"PTX-Net"})))], collection(FOUND)))


def test_status() -> None:
    early = {**FOUND, "id": "e", "status": "preliminary"}
    bundle = collection(FOUND, early)
    assert ids(matches([rule(statuses=frozenset({"preliminary"}))], bundle)) == [("ptx", "e")]
    assert len(ids(matches([rule()], bundle))) == 2


def test_several_rules_in_their_order_each_by_itself() -> None:
    bundle = collection(FOUND, LONG)
    long = rule("long", own=Condition(tokens(LENGTH), quantity=comparison("> 1 cm")))
    assert ids(matches([long, rule()], bundle)) == [("long", "l"), ("ptx", "g")]


# ---- never -------------------------------------------------------------------------------------------------

NEGATIVE = {"interpretation": [concept(ABSENT, (V3, "NEG"))]}
NEVER: dict[str, list[Json]] = {
    "interpretation NEG": [group("g", value=concept(PNEUMOTHORAX), **NEGATIVE)],
    "interpretation NEG beside POS": [
        group("g", value=concept(PNEUMOTHORAX), interpretation=[concept((V3, "POS")), concept((V3, "NEG"))])
    ],
    "value Absent": [observation("e", PNEUMOTHORAX, value=concept(ABSENT))],
    "value No": [observation("e", PNEUMOTHORAX, value=concept(NO))],
    "value Absent beside another coding": [observation("e", PNEUMOTHORAX, value=concept(PRESENT, ABSENT))],
    "negated Finding (D41)": [
        group("g", observation("e", PNEUMOTHORAX), **NEGATIVE),
        observation("e", PNEUMOTHORAX, value=concept(ABSENT)),
    ],
    "member of a group whose finding is absent": [
        group("g", observation("e", PNEUMOTHORAX), **NEGATIVE),
        observation("e", PNEUMOTHORAX, value=concept((SCT, "25876001"))),
    ],
    "member of a member of such a group": [
        group("g", group("m"), **NEGATIVE),
        group("m", observation("e", PNEUMOTHORAX)),
        observation("e", PNEUMOTHORAX, value=concept((SCT, "25876001"))),
    ],
    "component Presence Absent": [
        group(
            "g",
            value=concept(PNEUMOTHORAX),
            component=[{"code": concept(PRESENCE), "valueCodeableConcept": concept(ABSENT)}],
        )
    ],
    "component of the finding itself": [
        group(
            "g",
            value=concept(PNEUMOTHORAX),
            component=[{"code": concept(PNEUMOTHORAX), "valueCodeableConcept": concept(NO)}],
        )
    ],
    "status entered-in-error": [group("g", value=concept(PNEUMOTHORAX), status="entered-in-error")],
}


@pytest.mark.parametrize("resources", NEVER.values(), ids=NEVER)
def test_never(resources: list[Json]) -> None:
    anything = [rule(), rule("code", own=Condition(codes=tokens(PNEUMOTHORAX)))]
    assert not ids(matches(anything, collection(*resources)))


def test_a_property_that_is_absent_is_no_negation() -> None:
    """D41: a nodule with Calcification = Absent is a nodule."""
    calcification = {"code": concept((SCT, "54115006")), "valueCodeableConcept": concept(ABSENT)}
    assert ids(matches([rule()], collection({**FOUND, "component": [calcification]})))


@pytest.mark.parametrize(
    "code", ["272519000", "410516002", "410594000", "260385009", "260413007", "260415000"]
)
def test_all_that_negates_a_finding_in_a_report_does_so_here(code: str) -> None:
    said = observation("e", PNEUMOTHORAX, value=concept((SCT, code)))
    assert is_excluded(said, Resources.of(collection(said)))


# ---- decisions ---------------------------------------------------------------------------------------------


def test_shadow_decides_and_makes_nothing() -> None:
    decided = decide(Rules("r.toml", (rule(mode="shadow"),)), collection(FOUND))
    (alert,) = decided.alerts
    assert (alert.rule, alert.mode, alert.flag, alert.observations) == (
        "ptx",
        "shadow",
        None,
        ("Observation/g",),
    )
    assert decided.documents == ()


def test_a_rule_holds_through_its_last_day() -> None:
    on_the_day = {**FOUND, "issued": "2027-12-31T23:59:59+01:00"}
    assert decide(Rules("r.toml", (rule(),)), collection(on_the_day)).alerts


def test_a_rule_that_has_expired_decides_nothing_and_a_finding_says_so() -> None:
    late = {**FOUND, "issued": "2028-01-01T00:00:00+01:00"}
    decided = decide(Rules("r.toml", (rule(),)), collection(late))
    assert (decided.alerts, decided.documents) == ((), ())
    (finding,) = decided.findings
    assert (finding.severity, finding.code) == ("warning", "expired-rule")
    assert "ptx" in finding.message


def test_of_a_report_without_a_date_it_is_not_known_that_the_rule_has_expired() -> None:
    undated = {name: value for name, value in FOUND.items() if name != "issued"}
    assert decide(Rules("r.toml", (rule(),)), collection(undated)).alerts


def test_ids_are_those_of_observation_and_rule() -> None:
    def flags(*rules: object, of: Json = FOUND) -> list[str | None]:
        return [alert.flag for alert in decide(Rules("r", tuple(rules)), collection(of)).alerts]  # type: ignore[arg-type]

    assert flags(rule()) == flags(rule())
    assert len({*flags(rule(), rule("other")), *flags(rule(), of={**FOUND, "id": "h"})}) == 3
