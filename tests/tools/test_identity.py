"""Under whose name the guide is published."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.paths import layout
from tools.guide import identity, resources

PLACES = layout()
TABLE = PLACES.fsh / "guide" / "hl7.toml"
HL7 = "HL7 International / Imaging Integration"


def definitions() -> list[dict[str, Any]]:
    return [each.content for each in resources.definitions(PLACES)]


def test_what_we_publish_is_not_taken_for_hl7s() -> None:
    """Version, publisher and label say whose it is; of DICOM's code systems the version is DICOM's."""
    config = PLACES.sushi_config.read_text(encoding="utf-8")
    (version,) = re.findall(r"^version: (.*)$", config, re.MULTILINE)
    assert re.fullmatch(r"1\.0\.0-sr2fhir\.[0-9]+", version)
    assert re.search(r"^releaseLabel: .*sr2fhir", config, re.MULTILINE)
    assert "International" not in config
    assert len(definitions()) > 40
    for one in definitions():
        assert (one["publisher"], one["experimental"]) == ("sr2fhir", True), one["url"]
        assert one["version"] == version or "dicom.nema.org" in one["url"]
        assert not one.get("contact")


def laid_out(folder: Path) -> Path:
    """Copy what an identity is written into."""
    for source, place in (
        (PLACES.sushi_config, "sushi-config.yaml"),
        (PLACES.fsh / "rulesets.fsh", "input/fsh/rulesets.fsh"),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / place)
    shutil.copytree(PLACES.generated_terminology, folder / "input" / "vocabulary")
    return folder


def test_the_editors_of_the_guide_publish_under_hl7s_name(tmp_path: Path) -> None:
    identity.apply(identity.read(TABLE), laid_out(tmp_path))
    config, rulesets = (
        (tmp_path / name).read_text(encoding="utf-8")
        for name in ("sushi-config.yaml", "input/fsh/rulesets.fsh")
    )
    assert "sr2fhir" not in rulesets
    assert not re.search(r"^[^#]*sr2fhir", config, re.MULTILINE)
    for line in ("version: 1.0.0", "releaseLabel: STU1 Ballot", "experimental: false", f"  name: {HL7}"):
        assert re.search(rf"^{re.escape(line)}$", config, re.MULTILINE), line
    assert rulesets.count(f'publisher = "{HL7}"') == 2
    assert "  auto-oid-root: 2.16.840.1.113883.4.642.40.39\n" in config
    for path in (tmp_path / "input" / "vocabulary").glob("*.json"):
        before, after = (
            json.loads((folder / path.name).read_bytes())
            for folder in (PLACES.generated_terminology, path.parent)
        )
        assert (after["publisher"], after["experimental"]) == (HL7, False)
        assert after["version"] == before["version"]


@pytest.mark.parametrize(
    ("change", "where", "text"),
    [
        (("maturity = 2", 'maturity = "2"'), "maturity", "no int"),
        (("publisher", "publischer"), "publischer", "no such key"),
        (("oid-root =", "# oid-root ="), "oid-root", "no str"),
        (("version = ", "version "), None, "cannot be read"),
    ],
)
def test_a_table_with_an_error_is_refused(
    tmp_path: Path, change: tuple[str, str], where: str | None, text: str
) -> None:
    table = tmp_path / "identity.toml"
    table.write_text(TABLE.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=text) as raised:
        identity.read(table)
    assert (raised.value.where, raised.value.source) == (where, str(table))


@pytest.mark.parametrize("file", ["sushi-config.yaml", "input/fsh/rulesets.fsh"])
def test_a_source_that_says_it_otherwise_is_an_error(tmp_path: Path, file: str) -> None:
    """Half of an identity is worse than none."""
    laid_out(tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    (tmp_path / file).write_text(text.replace("experimental", "tentative"), encoding="utf-8")
    with pytest.raises(UsageError, match="once"):
        identity.apply(identity.read(TABLE), tmp_path)
