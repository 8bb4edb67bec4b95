"""The settings file of a site: one schema, each mistake told with file, line and key, in Python as on the command line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sr2fhir import Packaging, RenderOptions, Settings, Transformer, alerts
from sr2fhir.configuration import KEYS, shown
from sr2fhir.dicom import Limits
from sr2fhir.errors import UsageError
from sr2fhir.settings import R4

WHOLE = """
# Comments may name keys: orders = "none"
fhir = "R4"
patients = "existing"
orders = "create"
studies = "fixed=ImagingStudy/1"
ids = "server"
timezone = "+0100"
wado-rs-url = "https://PACS.example/dicom-web/"
diagnostic-report = true
provenance = true

[systems]
patient-id = "urn:oid:1.2.3"
accession = "http://ris.example/accession"

[issuers]
HOSP_B = "urn:oid:1.2.5"
"test-hospital.org" = "http://test-hospital.org"

[wado-rs]
PACS1 = "https://pacs1.example/dicom-web"

[coding-schemes]
99SITE = "http://site.example/codes"

[limits]
max-file-size = "64M"
max-items = 1000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sr2fhir.toml"


def test_everything_that_a_file_may_hold(file: Path) -> None:
    file.write_text(WHOLE)
    settings = Settings.read(file)
    assert settings.target is R4
    assert settings.packaging == Packaging(
        patients="existing", orders="create", studies="fixed=ImagingStudy/1", ids="server"
    )
    assert settings.options == RenderOptions(
        default_timezone="+01:00",
        patient_id_system="urn:oid:1.2.3",
        accession_system="http://ris.example/accession",
        issuers={"HOSP_B": "urn:oid:1.2.5", "test-hospital.org": "http://test-hospital.org"},
        coding_schemes={"99SITE": "http://site.example/codes"},
        wado_rs="https://pacs.example/dicom-web",
        wado_rs_of_ae={"PACS1": "https://pacs1.example/dicom-web"},
        diagnostic_report=True,
        provenance=True,
    )
    assert settings.limits == Limits(max_file_size=64 << 20, max_items=1000)


def test_an_empty_file_changes_nothing(file: Path) -> None:
    file.write_text("")
    assert Settings.read(file) == Settings()


def test_the_schema_holds_all_limits() -> None:
    assert [key.member for key in KEYS.values() if key.part == "limits"] == [
        each.name for each in fields(Limits)
    ]


MISTAKES = {
    'patient = "existing"': ("line 3, patient", "not a setting", "Is patients meant?"),
    'time-zone = "+01:00"': ("line 3, time-zone", "not a setting", "Is timezone meant?"),
    '[systems]\npatientid = "urn:oid:1.2"': (
        "line 4, systems.patientid",
        "not a setting",
        "Is systems.patient-id meant?",
    ),
    '[limits]\nmax-file-sise = "1M"': (
        "line 4, limits.max-file-sise",
        "not a setting",
        "Is limits.max-file-size meant?",
    ),
    "[zzz]\nq = 1": ("line 3, zzz", "not a setting", "The keys are"),
    'patients = "update"': (
        "line 3, patients",
        "not a policy for Patient",
        "existing, logical, fixed=Patient/ID",
    ),
    'studies = "logical"': ("line 3, studies", "not a policy for ImagingStudy", "create, existing"),
    'ids = "both"': ("line 3, ids", "not one of client, server", "Choose client, server"),
    'timezone = "Mars"': ("line 3, timezone", "neither an offset from UTC nor a time zone", "Europe/Berlin"),
    'provenance = "yes"': ("line 3, provenance", "neither true nor false", "true or false, without"),
    "timezone = 1": ("line 3, timezone", "no text, so neither an offset from UTC", "Europe/Berlin"),
    '[issuers]\nA = "urn:oid:1.2"\nB = "b"': ("line 5, issuers.B", "not an absolute URI", "urn:oid:"),
    '[issuers]\nA = "urn:oid:1.2.x"': ("line 4, issuers.A", "urn:oid: is not followed by an OID", ""),
    '[issuers]\n"" = "urn:oid:1.2"': ("line 3, issuers", "a name is empty", ""),
    '[issuers]\nA = "urn:oid:1.2"\n"A " = "urn:oid:1.2"': (
        "line 5, issuers.A ",
        "the name stands there twice",
        "",
    ),
    'issuers = "issuers.json"': ("line 3, issuers", "not a table", "The keys are"),
    'systems = "urn:oid:1.2"': ("line 3, systems", "not a setting", "The keys are"),
    '[limits]\nmax-items = "many"': ("line 4, limits.max-items", "not a size", "64M"),
    '[systems]\naccession = "ris"': ("line 4, systems.accession", "not an absolute URI", "urn:oid:"),
    'wado-rs-url = "pacs"': ("line 3, wado-rs-url", "not an absolute URL of http or https", "dicom-web"),
    "wado-rs-url = 8042": ("line 3, wado-rs-url", "not the base URL of a service", "dicom-web"),
    '[wado-rs]\nPACS1 = "https://a.example/studies/1.2"': (
        "line 4, wado-rs.PACS1",
        "more than the base URL of a service",
        "dicom-web",
    ),
    '[wado-rs]\nPACS1 = "https://a.example/rs?key=1"': (
        "line 4, wado-rs.PACS1",
        "more than the base URL of a service",
        "dicom-web",
    ),
    'wado-rs = "https://a.example/rs"': ("line 3, wado-rs", "not a table", "The keys are"),
    "orders = logical": ("line 3", "Invalid value", "The keys are"),
    'orders = "create"\norders = "create"': ("line 4", "Cannot overwrite a value", "The keys are"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(text: str, file: Path) -> None:
    where, what, hint = MISTAKES[text]
    file.write_text(f"# a comment\n# patients = x, orders = x\n{text}\n")
    with pytest.raises(UsageError, match=what) as raised:
        Settings.read(file)
    assert raised.value.source == str(file)
    assert raised.value.where == where
    assert hint in (raised.value.hint or "")


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match="FileNotFoundError") as raised:
        Settings.read(file)
    assert raised.value.source == str(file)


def test_a_variable_comes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[limits]\nmax-items = 10\nmax-members = 20")
    monkeypatch.setenv("SR2FHIR_MAX_ITEMS", "5")
    assert Settings.read(file).limits == Limits(max_items=5, max_members=20)


def test_what_holds_is_shown_by_the_keys_of_the_file(file: Path) -> None:
    file.write_text('patients = "logical"')
    found = shown(Settings.read(file))
    assert list(found) == list(KEYS)
    assert (found["patients"], found["orders"], found["timezone"]) == ("logical", "logical", None)
    assert found["limits.max-nesting"] == Limits().max_nesting


TWICE = {"A": "urn:oid:1.2", " A": "urn:oid:1.2"}
OPTIONS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no URI": ({"issuers": {"A": "urn:oid:1.2", "HOSP_B": "x"}}, "issuers: not an absolute URI", "HOSP_B"),
    "no text": ({"issuers": {"HOSP_B": 3}}, "issuers: not an absolute URI", "HOSP_B"),
    "no scheme": ({"coding_schemes": {"99A": "x"}}, "coding_schemes: not an absolute URI", "99A"),
    "a list": ({"issuers": ["A"]}, "issuers: not a table of names and their systems", None),
    "nothing": ({"coding_schemes": None}, "coding_schemes: not a table", None),
    "a number as name": ({"issuers": {1: "urn:oid:1.2"}}, "issuers: not a table", None),
    "a name twice": ({"issuers": TWICE}, "issuers: the name stands there twice", " A"),
    "an empty name": ({"issuers": {"": "urn:oid:1.2"}}, "issuers: a name is empty", None),
    "a blank as scheme": ({"coding_schemes": {" ": "urn:oid:1.2"}}, "coding_schemes: a name is empty", " "),
    "a scheme twice": ({"coding_schemes": TWICE}, "coding_schemes: the name stands there twice", " A"),
    "patient": ({"patient_id_system": "foo"}, "patient_id_system: not an absolute URI", None),
    "patient, a number": ({"patient_id_system": 3}, "patient_id_system: not an absolute URI", None),
    "address": ({"wado_rs": "pacs.example"}, "wado_rs: not an absolute URL", None),
    "address of an AE": ({"wado_rs_of_ae": {"PACS1": "x"}}, "wado_rs_of_ae: not an absolute URL", "PACS1"),
    "addresses": (
        {"wado_rs_of_ae": ["PACS1"]},
        "wado_rs_of_ae: not a table of names and their addresses",
        None,
    ),
    "accession": ({"accession_system": ""}, "accession_system: not an absolute URI", None),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_in_python_a_mistake_is_told_at_once(case: str) -> None:
    options, what, where = OPTIONS[case]
    with pytest.raises(UsageError, match=what) as raised:
        RenderOptions(**options)
    assert raised.value.where == where


def test_arguments_in_python_come_before_the_file(file: Path) -> None:
    file.write_text(WHOLE)
    settings = Settings.read(file)
    assert Transformer(settings=settings).settings == settings
    chosen = Transformer(settings=settings, packaging=Packaging("transaction"), validate=True).settings
    assert chosen.packaging == Packaging("transaction")
    assert chosen.options == settings.options
    assert chosen.validate
    assert Transformer().settings == Settings()


RULES = Path(alerts.__file__).with_name("alerts.toml").read_text("utf-8")


def test_rules_are_looked_for_beside_the_settings_file(file: Path) -> None:
    file.write_text('alerts = "rules/alerts.toml"')
    (file.parent / "rules").mkdir()
    (file.parent / "rules" / "alerts.toml").write_text(RULES, "utf-8")
    settings = Settings.read(file)
    assert settings.alerts
    assert [rule.name for rule in settings.alerts.rules] == ["pneumothorax"]
    assert shown(settings)["alerts"] == str(file.parent / "rules" / "alerts.toml")


def test_a_mistake_in_the_rules_names_their_file_and_line(file: Path) -> None:
    file.write_text('alerts = "alerts.toml"')
    (file.parent / "alerts.toml").write_text(RULES.replace('RID49480"\n', 'RID1"\n'), "utf-8")
    with pytest.raises(UsageError, match="not one of RID49480") as caught:
        Settings.read(file)
    assert caught.value.source == str(file.parent / "alerts.toml")


def test_rules_that_are_no_name_of_a_file(file: Path) -> None:
    file.write_text("alerts = 1")
    with pytest.raises(UsageError, match="not the name of a file") as caught:
        Settings.read(file)
    assert caught.value.where == "line 1, alerts"
