"""The file of rules: one schema, each mistake told with file, line, key and remedy."""

from __future__ import annotations

import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sr2fhir import alerts, outcome
from sr2fhir.alerts.quantities import Comparison
from sr2fhir.alerts.rules import CATEGORIES, KEYS, Condition, DeviceIs, read
from sr2fhir.errors import UsageError

from tests.alerts.bundles import DCM, PNEUMOTHORAX, SCT

WHOLE = """
[[rule]]
name = "pneumothorax"
mode = "live"
category = "RID49480"
expires = 2027-12-31
recipients = ["PractitionerRole/17", {type = "Organization", system = "urn:oid:2.999.7", value = "ED", display = "Emergency"}]
requester = "https://fhir.example/r5/Organization/radiology"
code = "DCM|125007"
value = ["SCT|36118008", "http://site.example/codes|PTX"]
quantity = ">= 2 cm"
component = {code = "DCM|111012", quantity = ">= 80 %"}
member = [{code = "DCM|111012", quantity = ">= 80 %"}, {code = "SCT|246112005", value = ["SCT|24484000"]}]
device = {name = "PTX-Net", version = ["2.0", "2.1"]}
status = ["final", "preliminary"]
"""
LEAST = """
[[rule]]
name = "second"
mode = "shadow"
category = "RID49482"
expires = 2026-01-31
recipients = "Practitioner/1"
code = "sct|1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alerts.toml"


def test_everything_that_a_rule_may_say(file: Path) -> None:
    file.write_text(WHOLE + LEAST)
    rules = read(file)
    first, second = rules.rules
    certain = Condition(frozenset({(DCM, "111012")}), quantity=Comparison(">=", Decimal(80), "%"))
    severe = Condition(frozenset({(SCT, "246112005")}), frozenset({(SCT, "24484000")}))
    assert (first.name, first.mode, first.category, first.expires) == (
        "pneumothorax",
        "live",
        "RID49480",
        date(2027, 12, 31),
    )
    assert first.recipients == (
        {"reference": "PractitionerRole/17", "type": "PractitionerRole"},
        {
            "type": "Organization",
            "identifier": {"system": "urn:oid:2.999.7", "value": "ED"},
            "display": "Emergency",
        },
    )
    assert first.requester == {
        "reference": "https://fhir.example/r5/Organization/radiology",
        "type": "Organization",
    }
    assert first.own == Condition(
        frozenset({(DCM, "125007")}),
        frozenset({PNEUMOTHORAX, ("http://site.example/codes", "PTX")}),
        Comparison(">=", Decimal(2), "cm"),
    )
    assert (first.components, first.members) == ((certain,), (certain, severe))
    assert first.device == DeviceIs(frozenset({"PTX-Net"}), frozenset({"2.0", "2.1"}))
    assert first.statuses == {"final", "preliminary"}
    assert (second.name, second.own, second.requester) == (
        "second",
        Condition(frozenset({(SCT, "1")})),
        None,
    )
    assert str(rules) == str(file)


def test_the_test_above_states_every_key() -> None:
    assert all(f"\n{key} = " in WHOLE for key in KEYS)


def test_the_categories_are_those_of_dicom() -> None:
    from pydicom.sr._concepts_dict import concepts

    stated = {
        code: meaning
        for each in concepts["RADLEX"].values()
        for code, (meaning, cids) in each.items()
        if 7035 in cids
    }
    assert stated == CATEGORIES


def test_the_example_of_the_package_is_valid() -> None:
    assert [rule.name for rule in read(Path(alerts.__file__).with_name("alerts.toml")).rules] == [
        "pneumothorax"
    ]


def test_what_is_commented_out_in_the_example_is_valid_too(file: Path) -> None:
    lines = Path(alerts.__file__).with_name("alerts.toml").read_text("utf-8").splitlines()
    second = lines.index("# [[rule]]")
    keys = ("component", "requester", "status")
    opened = [line.removeprefix("# ") if line[2:].startswith(keys) else line for line in lines[:second]]
    file.write_text("\n".join([*opened, *(line.removeprefix("# ") for line in lines[second:])]), "utf-8")
    first, other = read(file).rules
    assert all((first.components, first.requester, first.statuses))
    assert other.own.quantity


def test_rules_go_to_other_processes(file: Path) -> None:
    file.write_text(WHOLE)
    assert pickle.loads(pickle.dumps(read(file))) == read(file)


MISTAKES = {
    "no rule": ("", "", "there is no rule", None),
    "an unknown table": ("[[rule]]", "[[rules]]", "not a key of a file of rules", "line 2, rules"),
    "an unknown key": ("quantity", "amount", "not a key of this table", "line 11, rule.amount"),
    "no name": ('name = "pneumothorax"\n', "", "there is no name", "line 2, rule"),
    "a name with blanks": ('"pneumothorax"', '"a b"', "not a name", "line 3, rule.name"),
    "a mode": ('"live"', '"test"', "not one of shadow, live", "line 4, rule.mode"),
    "a category": ("RID49480", "RID1", "not one of RID49480", "line 5, rule.category"),
    "a date in quotation marks": ("2027-12-31", '"2027-12-31"', "not a date", "line 6, rule.expires"),
    "a date with a time": ("2027-12-31", "2027-12-31T00:00:00", "not a date", "line 6, rule.expires"),
    "nobody": ('["PractitionerRole/17"', '[], x = ["', "cannot be read", "line 7"),
    "a recipient of another type": ("PractitionerRole/17", "Location/17", "not a reference", "line 7, rule.recipients"),
    "a recipient without id": ("PractitionerRole/17", "ED", "not a reference", "line 7, rule.recipients"),
    "an identifier of no type": ('type = "Organization", ', "", "not one of CareTeam", "line 7, rule.recipients"),
    "an identifier without system": ('system = "urn:oid:2.999.7", ', "", "not an absolute URI", "line 7, rule.recipients"),
    "an identifier without value": ('value = "ED", ', "", "no text", "line 7, rule.recipients"),
    "a key of an identifier": ("display", "name", "neither a reference nor a table", "line 7, rule.recipients"),
    "a requester": ("/Organization/radiology", "/Group/1", "not a reference", "line 8, rule.requester"),
    "a code without system": ("DCM|125007", "125007", "not system and code", "line 9, rule.code"),
    "an unknown scheme": ("DCM|125007", "DMC|125007", "DMC is neither", "line 9, rule.code"),
    "no code in a list": ('["SCT|36118008", "http://site.example/codes|PTX"]', "[]", "an empty list", "line 10, rule.value"),
    "a quantity": (">= 2 cm", "2 cm", "not a comparison", "line 11, rule.quantity"),
    "a unit": (">= 2 cm", ">= 2 inches", "inches is no unit", "line 11, rule.quantity"),
    "a key of a component": ('{code = "DCM|111012", quantity = ">= 80 %"}\n', '{code = "DCM|1", status = "final"}\n', "not a key", "line 12, rule.component.status"),
    "a component without code": ('{code = "DCM|111012", quantity = ">= 80 %"}\n', '{quantity = ">= 80 %"}\n', "there is no code", "line 12, rule.component"),
    "a component without value": ('{code = "DCM|111012", quantity = ">= 80 %"}\n', '{code = "DCM|111012"}\n', "neither value nor quantity", "line 12, rule.component"),
    "a component that is no table": ('{code = "DCM|111012", quantity = ">= 80 %"}\n', '"certain"\n', "not a table", "line 12, rule.component"),
    "a member without value": (', value = ["SCT|24484000"]', "", "neither value nor quantity", "line 13, rule.member"),
    "a device": ('{name = "PTX-Net", version = ["2.0", "2.1"]}', '{model = "x"}', "not a key", "line 14, rule.device.model"),
    "an empty device": ('{name = "PTX-Net", version = ["2.0", "2.1"]}', "{}", "neither name nor version", "line 14, rule.device"),
    "a status": ("preliminary", "entered-in-error", "not one of registered", "line 15, rule.status"),
    "neither code nor value": ('code = "DCM|125007"\nvalue = ["SCT|36118008", "http://site.example/codes|PTX"]\n', "", "neither code nor value", "line 2, rule"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message", "where"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_is_told_with_file_line_and_key(
    file: Path, old: str, new: str, message: str, where: str | None
) -> None:
    assert old in WHOLE
    file.write_text(WHOLE.replace(old, new, 1) if old else "")
    with pytest.raises(UsageError, match=message) as caught:
        read(file)
    assert caught.value.source == str(file)
    assert caught.value.hint
    if where:
        assert (caught.value.where or "").startswith(where)


def test_a_mistake_in_a_later_rule_has_its_line(file: Path) -> None:
    file.write_text(WHOLE + LEAST.replace("RID49482", "RID5"))
    with pytest.raises(UsageError) as caught:
        read(file)
    assert caught.value.where == "line 20, rule.category"


def test_two_rules_of_one_name_are_refused(file: Path) -> None:
    file.write_text(WHOLE + LEAST.replace("second", "pneumothorax"))
    with pytest.raises(UsageError, match="two rules have this name") as caught:
        read(file)
    assert caught.value.where == "line 18, rule.name"


def test_rules_with_quantities_need_what_converts_units(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a finding in another unit would be passed over without a word."""
    monkeypatch.setattr(outcome, "find_spec", lambda name: None)
    file.write_text(LEAST)
    assert read(file).rules
    file.write_text(WHOLE)
    with pytest.raises(UsageError, match="ucumvert") as caught:
        read(file)
    assert "sr2fhir[ucum]" in (caught.value.hint or "")


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match="the rules cannot be read"):
        read(file)
