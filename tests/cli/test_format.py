"""`sr2fhir transform --format xml`: names of the files, what is in them, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree
from sr2fhir.cli import main as cli
from sr2fhir.cli.transform import choose
from sr2fhir.errors import UsageError

pytestmark = pytest.mark.usefixtures("session_engine")

SAMPLE = "real_highdicom_sr_document.dcm"
BUNDLE = "{http://hl7.org/fhir}Bundle"


@pytest.fixture
def sample(samples_dir: Path) -> str:
    return str(samples_dir / SAMPLE)


def test_a_folder_gets_xml_beside_report_and_outcome(sample: str, tmp_path: Path) -> None:
    assert cli.main(["transform", sample, "--format", "xml", "--out", str(tmp_path), "--quiet"]) == 0
    endings = (".bundle.xml", ".outcome.json", ".report.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [SAMPLE + ending for ending in endings]
    assert etree.parse(tmp_path / f"{SAMPLE}.bundle.xml").getroot().tag == BUNDLE


def test_a_file_says_its_format_by_its_ending(sample: str, tmp_path: Path) -> None:
    assert cli.main(["transform", sample, "--out", str(tmp_path / "one.xml"), "--quiet"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.outcome.json",
        "one.report.json",
        "one.xml",
    ]
    assert etree.parse(tmp_path / "one.xml").getroot().tag == BUNDLE


def test_standard_output_gets_xml(
    sample: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["transform", sample, "--out", "-", "--format", "xml", "--quiet"]) == 0
    assert etree.fromstring(capfdbinary.readouterr().out).tag == BUNDLE


def test_what_cannot_be_validated_later_is_not_advised_to_be(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form, advised in (("json", True), ("xml", False)):
        cli.main(["transform", sample, "--format", form, "--out", str(tmp_path)])
        assert ("sr2fhir validate" in capsys.readouterr().out) is advised


def test_validate_says_that_it_takes_json(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.xml"
    cli.main(["transform", sample, "--out", str(file), "--quiet"])
    assert cli.main(["validate", str(file)]) == 1
    assert "this is XML, and only JSON can be validated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("out", "wanted", "format"),
    [
        (None, None, "json"),
        (None, "xml", "xml"),
        ("folder", "xml", "xml"),
        ("-", "xml", "xml"),
        ("a.json", None, "json"),
        ("a.XML", None, "xml"),
        ("a.xml", "xml", "xml"),
    ],
)
def test_the_format_is_what_is_asked_for_or_what_the_name_says(
    out: str | None, wanted: str | None, format: str
) -> None:
    assert choose(["a.dcm"], out, wanted).format == format  # type: ignore[arg-type]


@pytest.mark.parametrize(("out", "wanted"), [("a.json", "xml"), ("a.xml", "json")])
def test_a_name_that_says_another_format_is_wrong_use(out: str, wanted: str) -> None:
    with pytest.raises(UsageError, match="is no name for"):
        choose(["a.dcm"], out, wanted)  # type: ignore[arg-type]
