"""`sr2fhir transform --bundle transaction`: policies, settings and versions from the command line to the requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.cli import main as cli
from sr2fhir.jsontext import JsonObject

pytestmark = pytest.mark.usefixtures("session_engine")

SAMPLE = "real_hl7_dicom_sr_ig_example.json"
TRANSACTION = ("--bundle", "transaction", "--quiet")
PATIENT = "identifier=http%3A%2F%2Ftest-hospital.org%7CPID-11235"


@pytest.fixture
def sample(samples_dir: Path) -> str:
    return str(samples_dir / SAMPLE)


@pytest.fixture
def issuers(samples_dir: Path) -> tuple[str, str]:
    return "--issuers", str(samples_dir / "issuers.toml")


def sent(tmp_path: Path, *arguments: str) -> list[JsonObject]:
    """Run the command and return the entries of the Bundle."""
    assert cli.main(["transform", *arguments, *TRANSACTION, "--out", str(tmp_path / "made.json")]) == 0
    bundle: JsonObject = json.loads((tmp_path / "made.json").read_bytes())
    assert bundle["type"] == "transaction"
    entries: list[JsonObject] = bundle["entry"]
    return entries


def requests(entries: list[JsonObject]) -> dict[str, Any]:
    return {entry["resource"]["resourceType"]: entry["request"] for entry in entries}


def observation(entries: list[JsonObject]) -> JsonObject:
    found: JsonObject = next(
        entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "Observation"
    )
    return found


def test_the_defaults(sample: str, issuers: tuple[str, str], tmp_path: Path) -> None:
    entries = sent(tmp_path, sample, *issuers)
    found = requests(entries)
    assert found["Patient"] == {"method": "POST", "url": "Patient", "ifNoneExist": PATIENT}
    assert "ServiceRequest" not in found
    assert found["ImagingStudy"]["method"] == "POST"


def test_each_policy(sample: str, issuers: tuple[str, str], tmp_path: Path) -> None:
    entries = sent(
        tmp_path,
        *(sample, *issuers),
        *("--patients", "existing", "--orders", "fixed=ServiceRequest/7", "--studies", "existing"),
    )
    assert not {"Patient", "ServiceRequest", "ImagingStudy"} & requests(entries).keys()
    result = observation(entries)
    assert result["subject"]["reference"] == f"Patient?{PATIENT}"
    assert result["basedOn"][0]["reference"] == "ServiceRequest/7"
    assert result["partOf"][0]["reference"].startswith(
        "ImagingStudy?identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A"
    )


def test_ids_of_the_server(sample: str, tmp_path: Path) -> None:
    entries = sent(tmp_path, sample, "--ids", "server")
    assert {entry["request"]["method"] for entry in entries} == {"POST"}


def test_known_versions(sample: str, tmp_path: Path) -> None:
    name = f"Observation/{observation(sent(tmp_path, sample))['id']}"
    (tmp_path / "versions.json").write_text(json.dumps({name: 4, "Observation/elsewhere": 1}))
    entries = sent(tmp_path, sample, "--if-match", str(tmp_path / "versions.json"))
    matched = [entry["request"] for entry in entries if "ifMatch" in entry["request"]]
    assert matched == [{"method": "PUT", "url": name, "ifMatch": 'W/"4"'}]


def test_options_come_before_the_settings_file(sample: str, tmp_path: Path) -> None:
    file = tmp_path / "sr2fhir.toml"
    file.write_text('patients = "logical"\norders = "create"\n[systems]\naccession = "http://ris.example"')
    entries = sent(tmp_path, sample, "--settings", str(file))
    assert "Patient" not in requests(entries)
    assert requests(entries)["ServiceRequest"]["method"] == "POST"
    entries = sent(tmp_path, sample, "--settings", str(file), "--orders", "logical")
    assert "ServiceRequest" not in requests(entries)
    assert "Patient" not in requests(entries)


def test_limits_of_the_settings_file_hold(sample: str, tmp_path: Path) -> None:
    file = tmp_path / "sr2fhir.toml"
    file.write_text("[limits]\nmax-items = 3")
    assert (
        cli.main(["transform", sample, "--settings", str(file), "--out", str(tmp_path / "out"), "--quiet"])
        == 1
    )
    assert cli.main(["render", sample, "--settings", str(file), "--quiet"]) == 1


# ---- what is refused: one line, an OperationOutcome where there is an input, and no Bundle -----------------


def test_a_patient_that_has_to_exist_and_cannot_be_found(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["transform", sample, *TRANSACTION, "--patients", "existing", "--out", str(out)]) == 1
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each]
    assert "[PatientID]" in line
    assert "--patients" in line
    assert "PID-11235" not in line
    assert sorted(path.name for path in out.iterdir()) == [f"{SAMPLE}.outcome.json"]
    (issue,) = json.loads((out / f"{SAMPLE}.outcome.json").read_bytes())["issue"]
    assert (issue["severity"], issue["code"]) == ("fatal", "business-rule")
    assert "PatientID" in issue["diagnostics"]
    assert "PID-11235" not in json.dumps(issue)


REFUSED = {
    "unknown policy": (["--bundle", "transaction", "--patients", "update"], "not a policy for Patient"),
    "another type": (
        ["--bundle", "transaction", "--orders", "fixed=Patient/1"],
        "not a policy for ServiceRequest",
    ),
    "policy of a collection": (["--orders", "create"], "--orders is about transactions"),
    "versions of a collection": (["--if-match", "v.json"], "--if-match is about transactions"),
    "missing versions": (["--bundle", "transaction", "--if-match", "no.json"], "the versions cannot be read"),
    "missing settings": (["--settings", "no.toml"], "the settings cannot be read"),
    "missing issuers": (["--issuers", "no.json"], "the issuers cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_at_once(
    case: str, sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, said = REFUSED[case]
    assert cli.main(["transform", sample, *arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_one_patient_of_the_server_is_not_for_several_documents(
    samples_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--bundle", "transaction", "--out", str(tmp_path / "out")]
    assert cli.main(["transform", str(samples_dir), *arguments, "--patients", "fixed=Patient/1"]) == 2
    assert "one document" in capsys.readouterr().err
    file = tmp_path / "sr2fhir.toml"
    file.write_text('patients = "fixed=Patient/1"')
    assert cli.main(["transform", str(samples_dir), *arguments, "--settings", str(file)]) == 2
    assert "one document" in capsys.readouterr().err
    several = tmp_path / "several.json"
    document = (samples_dir / SAMPLE).read_text()
    several.write_text(f"[{document}, {document}]")
    assert cli.main(["transform", str(several), *arguments, "--patients", "fixed=Patient/1"]) == 2
    assert "one document" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.json"))


def test_info_shows_what_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sr2fhir.toml"
    file.write_text('patients = "existing"\n[issuers]\nHOSP_B = "urn:oid:1.2.5"')
    assert cli.main(["info", "--settings", str(file)]) == 0
    printed = capsys.readouterr().out
    for name, value in (
        ("patients", "existing"),
        ("orders", "logical"),
        ("issuers", "HOSP_B = urn:oid:1.2.5"),
    ):
        assert any(line.split(maxsplit=1) == [name, value] for line in printed.splitlines()), name
    assert cli.main(["info", "--json", "--settings", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["issuers"] == {"HOSP_B": "urn:oid:1.2.5"}
    file.write_text('patient = "existing"')
    assert cli.main(["info", "--settings", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "line 1, patient" in line
    assert "Is patients meant?" in line
