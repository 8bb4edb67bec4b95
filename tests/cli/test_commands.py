"""The commands as a user runs them: processes, real files, the real engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest

from tests.processes import interruptible

GOOD = "real_dcmjs_ohif_bidirectional.dcm"
EXAMPLE = "real_hl7_dicom_sr_ig_example.json"
SECRET = "SECRETNAME"
TRACE = "Traceback (most recent call last)"


def run(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "sr2fhir", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        timeout=300,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


def lines(data: bytes) -> list[str]:
    return data.decode().splitlines()


# ---- good and bad inputs ----


def damaged(good: pydicom.Dataset) -> dict[str, bytes | pydicom.Dataset]:
    """Make inputs that cannot become Bundles, from one that can."""
    no_study, no_instance, other_template, no_report = (pydicom.dcmread(good.filename) for _ in range(4))
    del no_study.StudyInstanceUID
    del no_instance.SOPInstanceUID
    other_template.ContentTemplateSequence[0].TemplateIdentifier = "2000"
    other_template.ConceptNameCodeSequence[0].CodeValue = "18782-3"
    no_report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    whole = Path(good.filename).read_bytes()
    return {
        "cut.dcm": whole[: len(whole) // 2],
        "empty.dcm": b"",
        "text.dcm": b"hello\n",
        "other.json": b'{"resourceType": "Patient"}',
        "no_study.dcm": no_study,
        "no_instance.dcm": no_instance,
        "other_template.dcm": other_template,
        "no_report.dcm": no_report,
    }


# where each fails, and the issue type that says how
FAILURES = {
    "cut.dcm": "incomplete",
    "empty.dcm": "structure",
    "text.dcm": "structure",
    "other.json": "structure",
    "no_study.dcm": "required",
    "no_instance.dcm": "required",
    "other_template.dcm": "not-supported",
    "no_report.dcm": "not-supported",
    "more.zip/cut.dcm": "incomplete",
}
CONVERTED = ["deep/er/good.dcm", "good.dcm", "more.zip/good.dcm"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, samples_dir: Path) -> Path:
    """Make a folder of good and bad inputs, each with a patient's name in it that must not get out."""
    folder = tmp_path_factory.mktemp("mixed")
    good = pydicom.dcmread(samples_dir / GOOD)
    good.PatientName = f"{SECRET}^X"
    good.PatientID = SECRET
    good.save_as(folder / "good.dcm")
    for name, content in damaged(pydicom.dcmread(folder / "good.dcm")).items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content.save_as(folder / name)
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(folder / "good.dcm", folder / "deep" / "er")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(folder / "good.dcm", "good.dcm")
        archive.write(folder / "cut.dcm", "cut.dcm")
    (folder / "README.md").write_text("not an input")
    return folder


@pytest.fixture(scope="module")
def outcome_of_mixed(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Transform the folder; return where the results are and what was printed."""
    out = tmp_path_factory.mktemp("out")
    done = run("transform", mixed, "--out", out, "--log-level", "debug")
    assert done.returncode == 1
    printed = lines(done.stdout)
    assert TRACE not in done.stderr.decode()
    assert SECRET not in done.stdout.decode() + done.stderr.decode()
    return out, printed


def test_good_ones_are_converted_and_bad_ones_say_why(outcome_of_mixed: tuple[Path, list[str]]) -> None:
    out, printed = outcome_of_mixed
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file())
    endings = (".bundle.json", ".outcome.json", ".report.json")
    wanted = [name + ending for name in CONVERTED for ending in endings]
    assert found == sorted([*wanted, *(name + ".outcome.json" for name in FAILURES)])
    by_name = {line.split()[1]: line for line in printed if line[0] in "✔✘"}
    assert set(by_name) == {*CONVERTED, *FAILURES}
    assert all(by_name[name].startswith("✔") for name in CONVERTED)
    assert all(by_name[name].startswith("✘") for name in FAILURES)


@pytest.mark.parametrize(("name", "code"), FAILURES.items())
def test_each_failure_has_its_outcome(name: str, code: str, outcome_of_mixed: tuple[Path, list[str]]) -> None:
    out, printed = outcome_of_mixed
    outcome = json.loads((out / f"{name}.outcome.json").read_bytes())
    (issue,) = outcome["issue"]
    assert (outcome["resourceType"], issue["severity"], issue["code"]) == ("OperationOutcome", "fatal", code)
    assert name in issue["diagnostics"]
    line = next(line for line in printed if line.startswith(f"✘ {name} "))
    assert issue["details"]["text"] in line


def test_the_results_are_as_of_a_single_run(
    outcome_of_mixed: tuple[Path, list[str]], mixed: Path, tmp_path: Path
) -> None:
    out, _ = outcome_of_mixed
    assert run("transform", mixed / "good.dcm", "--out", tmp_path / "x.json").returncode == 0
    bundle = (tmp_path / "x.json").read_bytes()
    assert all((out / f"{name}.bundle.json").read_bytes() == bundle for name in CONVERTED)
    assert {path.name for path in tmp_path.iterdir()} == {"x.json", "x.report.json", "x.outcome.json"}


def test_several_workers_print_and_write_the_same(
    outcome_of_mixed: tuple[Path, list[str]], mixed: Path, tmp_path: Path
) -> None:
    out, printed = outcome_of_mixed
    done = run("transform", mixed, "--out", tmp_path, "--jobs", "3")
    assert done.returncode == 1
    assert done.stdout.decode().replace(str(tmp_path), str(out)) == "".join(f"{line}\n" for line in printed)
    for path in out.rglob("*.json"):
        assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes()


def test_the_summary_counts_and_says_what_to_do_next(outcome_of_mixed: tuple[Path, list[str]]) -> None:
    out, printed = outcome_of_mixed
    summary = [line for line in printed if line[0] not in "✔✘"]
    assert summary[0].startswith("12 inputs: 3 transformed, 9 failed; ")
    assert any(line.startswith("1 file passed over") for line in summary)
    assert any(f"sr2fhir validate {out}" in line for line in summary)


def test_a_bundle_of_an_earlier_run_does_not_outlive_its_input(mixed: Path, tmp_path: Path) -> None:
    shutil.copy(mixed / "cut.dcm", tmp_path / "x.dcm")
    out = tmp_path / "out"
    out.mkdir()
    for ending in ("bundle", "report"):
        (out / f"x.dcm.{ending}.json").write_text("{}")
    done = run("transform", tmp_path / "x.dcm", "--out", out, "--quiet")
    assert done.returncode == 1
    assert [path.name for path in out.iterdir()] == ["x.dcm.outcome.json"]
    assert done.stdout == b""
    assert lines(done.stderr)[0].startswith("✘ x.dcm ")


# ---- streams ----


def test_standard_input_to_standard_output(samples_dir: Path) -> None:
    done = run("transform", "-", stdin=(samples_dir / GOOD).read_bytes())
    assert done.returncode == 0
    assert json.loads(done.stdout)["resourceType"] == "Bundle"
    assert lines(done.stderr)[0].startswith("✔ standard input")


def test_a_failure_on_standard_output_is_an_outcome() -> None:
    done = run("transform", "-", "--quiet", stdin=b"no")
    assert done.returncode == 1
    assert json.loads(done.stdout)["issue"][0]["severity"] == "fatal"
    assert len(lines(done.stderr)) == 1


def test_a_reader_that_leaves_is_no_fault(mixed: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sr2fhir", "transform", str(mixed), "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(60) == 141
    assert error == ""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
def test_an_interruption_leaves_whole_files_only(mixed: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(200):
        shutil.copy(mixed / "good.dcm", many / f"{number}.dcm")
    command = [sys.executable, "-m", "sr2fhir", "transform", str(many)]
    process = subprocess.Popen(
        interruptible([*command, "--out", str(tmp_path / "out"), "--jobs", "2"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert TRACE not in error.decode()
    assert "interrupted" in error.decode()
    written = [path for path in (tmp_path / "out").iterdir() if path.name != ".sr2fhir"]
    assert 0 < len(written) < 600
    assert all(json.loads(path.read_bytes()) for path in written)
    assert not [path for path in written if path.suffix != ".json"]


# ---- options ----


def test_options_reach_the_bundle(samples_dir: Path, tmp_path: Path) -> None:
    """Section 1.2: conditional create with the configured system; 3.1: the configured offset."""
    data = pydicom.dcmread(samples_dir / GOOD)
    data.PatientID, data.AccessionNumber = "P1", "A1"
    data.ContentDate, data.ContentTime = "20200101", "101112"
    data.save_as(tmp_path / "x.dcm")
    done = run(
        *("transform", tmp_path / "x.dcm", "--out", "-", "--bundle", "transaction", "--timezone", "-05:00"),
        *("--patient-id-system", "http://a.example/p", "--accession-system", "http://a.example/a"),
        *("--orders", "create", "--wado-rs", "https://pacs.example/dicom-web"),
    )
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)["entry"]
    requests = {entry["resource"]["resourceType"]: entry["request"] for entry in entries}
    assert requests["Patient"]["ifNoneExist"] == "identifier=http%3A%2F%2Fa.example%2Fp%7CP1"
    assert requests["ServiceRequest"]["ifNoneExist"] == "identifier=http%3A%2F%2Fa.example%2Fa%7CA1"
    addresses = [entry["resource"].get("address") for entry in entries]
    assert addresses.count("https://pacs.example/dicom-web") == 1
    issued = {entry["resource"].get("issued") for entry in entries}
    assert "2020-01-01T10:11:12-05:00" in issued


@pytest.mark.parametrize("form", ["corrected", "ig-literal"])
def test_the_form_reaches_the_maps(form: str, samples_dir: Path) -> None:
    """Decision D3: the maps read it in the logical model."""
    done = run("render", samples_dir / GOOD, "--form", form)
    assert json.loads(done.stdout)["form"] == form


# ---- no engine, wrong use ----


def test_a_transaction_in_the_form_of_the_guide_is_refused(samples_dir: Path, tmp_path: Path) -> None:
    """Decision D3: the misprinted SOP class is for comparing, not for a server to keep."""
    out = ("--out", tmp_path / "out", "--form", "ig-literal", "--bundle", "transaction")
    done = run("transform", samples_dir / GOOD, *out)
    assert done.returncode == 2
    (line,) = lines(done.stderr)
    assert "ig-literal" in line
    assert "collection" in line
    assert not done.stdout
    assert not (tmp_path / "out").exists()


def test_without_set_up_the_exit_code_is_3(samples_dir: Path, tmp_path: Path) -> None:
    done = run(
        "transform", samples_dir / GOOD, "--out", tmp_path / "out", SR2FHIR_HOME=str(tmp_path / "none")
    )
    assert done.returncode == 3
    (line,) = lines(done.stderr)
    assert "sr2fhir setup" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["transform", "{good}", "--engine", "steam"], "steam"),
        (["transform", "{good}", "{good}", "--out", "x.json"], "folder"),
        (["transform", "{good}", "--coding-schemes", "missing.json"], "missing.json"),
        (["validate", "missing"], "missing"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    arguments: list[str], words: str, samples_dir: Path, tmp_path: Path
) -> None:
    good = str(samples_dir / GOOD)
    done = run(*(argument.format(good=good) for argument in arguments), cwd=tmp_path)
    assert done.returncode == 2
    (line,) = lines(done.stderr)
    assert words in line
    assert list(tmp_path.iterdir()) == []


# ---- the other commands ----


def test_render_prints_the_logical_model(samples_dir: Path) -> None:
    done = run("render", samples_dir / EXAMPLE)
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert (document["resourceType"], document["content"]["position"]) == ("DicomSR", "1")
    assert any("1.4.1.7" in line for line in lines(done.stderr))


def test_render_of_what_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"no")
    done = run("render", tmp_path / "x.dcm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(lines(done.stderr)) == 1


def test_validate_prints_and_writes_what_is_wrong(samples_dir: Path, tmp_path: Path) -> None:
    assert run("transform", samples_dir / EXAMPLE, "--out", tmp_path).returncode == 0
    good = tmp_path / f"{EXAMPLE}.bundle.json"
    bundle = json.loads(good.read_text())
    observation = next(e["resource"] for e in bundle["entry"] if "valueQuantity" in e["resource"])
    del observation["status"]
    patient = bundle["entry"][0]["resource"]
    patient["birthDate"] = f"19{SECRET}"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(bundle))
    (tmp_path / "half.json").write_text(good.read_text()[:500])

    done = run("validate", good, bad, tmp_path / "half.json", "--out", tmp_path / "outcome.json")
    printed = lines(done.stdout)
    assert done.returncode == 1
    assert [line[0] for line in printed if line[0] in "✔✘"] == ["✔", "✘", "✘"]
    place = f"Observation/{observation['id']}  Observation  "
    assert any(line.startswith(f"    error  {place}") and "status" in line for line in printed)
    assert SECRET not in done.stdout.decode() + done.stderr.decode()
    issues = json.loads((tmp_path / "outcome.json").read_text())["issue"]
    errors = [issue for issue in issues if issue["severity"] in ("error", "fatal")]
    assert {Path(issue["diagnostics"].split(";")[0]).name for issue in errors} == {"bad.json", "half.json"}


def test_info_tells_versions_and_places() -> None:
    done = run("info", "--json")
    information = json.loads(done.stdout)
    assert done.returncode == 0
    assert {"sr2fhir", "Python", "pydicom", "Java", "HL7 engine", "hl7.fhir.r5.core"} <= set(
        information["versions"]
    )
    assert "MeasurementReport" in information["maps"]
    assert run("info").stdout.decode().startswith("versions\n  Python ")


def test_info_says_what_is_missing(tmp_path: Path) -> None:
    done = run("info", SR2FHIR_HOME=str(tmp_path))
    assert done.returncode == 0
    assert "sr2fhir setup" in done.stdout.decode()


@pytest.mark.parametrize("command", ["transform", "render", "validate", "setup", "info"])
def test_every_command_has_help_with_examples(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"sr2fhir {command}" in done.stdout.decode().partition("examples:")[2]


def test_version() -> None:
    assert re.fullmatch(r"sr2fhir \d+\.\d+\.\d+\S*", run("--version").stdout.decode().strip())


def test_help_and_info_load_neither_engine_nor_dicom() -> None:
    """What takes time to load stays out of commands that need none of it."""
    for arguments in (["--help"], ["info"]):
        program = (
            "import sys, contextlib; from sr2fhir.cli.main import main\n"
            f"with contextlib.suppress(SystemExit): main({arguments!r})\n"
            "heavy = {'pydicom', 'numpy', 'requests', 'lxml', 'docker'} & set(sys.modules)\n"
            "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [("sqlalchemy", "cli", [".", "--out", "out"]), ("lxml", "xml", [EXAMPLE, "--format", "xml"])],
)
def test_a_part_that_is_not_installed_names_the_extra_that_brings_it(
    module: str, extra: str, arguments: list[str], samples_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(samples_dir / EXAMPLE, tmp_path)
    without = f"import sys; sys.modules[{module!r}] = None; from sr2fhir.cli.main import main; sys.exit(main({['transform', *arguments]}))"
    done = subprocess.run(
        [sys.executable, "-c", without], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode
    assert (
        f"the package {module} is not installed. Install it with `pip install 'sr2fhir[{extra}]'`"
        in done.stdout + done.stderr
    )
    assert "report it" not in done.stdout + done.stderr


def test_a_version_of_fhir_that_is_not_made_is_named_with_those_that_are(tmp_path: Path) -> None:
    for command in ("transform", "validate"):
        done = run(command, "report.dcm", "--fhir", "R3")
        assert done.returncode == 2
        last = done.stderr.decode().splitlines()[-1]
        assert last.endswith("argument --fhir: FHIR R3 is not made: there are R5 and R4. Choose R5 or R4")
    settings = tmp_path / "sr2fhir.toml"
    settings.write_text('fhir = "R3"\n')
    done = run("info", "--settings", settings)
    assert done.returncode == 2
    assert b"FHIR R3 is not made" in done.stderr
    settings.write_text('fhir = "R4"\n')
    shown = json.loads(run("info", "--settings", settings, "--json").stdout)
    assert shown["settings"]["fhir"] == "R4"
    assert shown["versions"]["hl7.fhir.r4.core"] == "4.0.1"
    assert "R4Bundle" in shown["maps"]
