"""gateway.toml: what may stand there, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway import settings
from sr2fhir.gateway.settings import PARTS, STOW, load, read
from sr2fhir.gateway.store import Route

BEGINNING = """\
[gateway]
folder = "kept"

[intake.dimse]
port = 11112

[[destination]]
name = "first"
kind = "folder"
path = "results"

[[destination]]
name = "second"
kind = "folder"
path = "others"
fhir = "R4"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, BEGINNING))
    assert found.gateway.folder == tmp_path / "kept"
    assert found.parts[0].values.path == tmp_path / "results"


def test_without_a_folder_it_is_beside_the_file(tmp_path: Path) -> None:
    for text in (
        BEGINNING.replace('folder = "kept"', ""),
        BEGINNING.replace('[gateway]\nfolder = "kept"', ""),
    ):
        assert read(written(tmp_path, text)).gateway.folder == tmp_path / "gateway"


def test_destinations_are_the_routes_of_the_store(tmp_path: Path) -> None:
    found = read(written(tmp_path, BEGINNING))
    assert found.routes == (Route("first", "bundle", "R5"), Route("second", "bundle", "R4"))
    assert found.versions == ("R5", "R4")


def test_sizes_have_units(tmp_path: Path) -> None:
    text = BEGINNING.replace('folder = "kept"', 'low_disk = "2 GiB"')
    assert read(written(tmp_path, text)).gateway.low_disk == 2 << 30


def test_the_template_can_be_read(tmp_path: Path) -> None:
    found = read(written(tmp_path, settings.template()))
    assert [route.destination for route in found.routes] == ["results"]


def test_every_setting_of_the_template_is_known_when_it_is_switched_on(tmp_path: Path) -> None:
    lines = [
        line[1:] if line[:1] == "#" and line[1:2] not in (" ", "") else line
        for line in settings.template().splitlines()
    ]
    text = "\n".join(lines).replace('settings = "sr2fhir.toml"', "").replace('alerts = "alerts.toml"', "")
    (tmp_path / "pager.key").write_text("secret")
    found = read(written(tmp_path, text))
    assert found.gateway.database is not None
    assert found.retention.delivered_days == 30


@pytest.mark.parametrize(
    ("replaced", "by", "line", "said"),
    [
        ("[gateway]", "[gatway]", 1, "not a table"),
        ('folder = "kept"', 'foldr = "kept"', 2, "Is folder meant?"),
        ('folder = "kept"', "folder = 3", 2, "not a path"),
        ('folder = "kept"', "workers = 0", 2, "less than one"),
        ('folder = "kept"', 'workers = "2"', 2, "not a whole number"),
        ('folder = "kept"', 'log = "xml"', 2, 'Choose "text", "json"'),
        ('folder = "kept"', 'low_disk = "much"', 2, "not a size"),
        ('folder = "kept"', "stop_s = -1", 2, "below zero"),
        ("[intake.dimse]", "[intake.dimsy]", 4, "not an intake"),
        ("port = 11112", 'port = "11112"', 5, "not a whole number"),
        ('kind = "folder"\npath = "others"', 'kind = "floppy"\npath = "others"', 14, "Choose"),
        ('name = "second"\n', "", 12, "name is missing"),
        ('name = "second"', 'name = "first"', None, "two destinations are called first"),
        ('fhir = "R4"', 'fhir = "R3"', 16, "Choose"),
        ('[gateway]\nfolder = "kept"', "destination = 3", 1, "not a list of tables"),
        ('folder = "kept"', "[transform]\nsettings = 'none.toml'", None, "cannot be read"),
    ],
)
def test_mistakes_are_told_with_their_place(
    tmp_path: Path, replaced: str, by: str, line: int | None, said: str
) -> None:
    text = BEGINNING.replace(replaced, by)
    if by == "destination = 3":
        text = text[: text.index("[[")]
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, text))
    assert said in str(caught.value)
    if line is not None:
        assert f"line {line}" in str(caught.value)


def test_a_gateway_has_a_beginning_and_an_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no destination"):
        read(written(tmp_path, "[intake.dimse]\n"))
    with pytest.raises(UsageError, match="no intake"):
        read(written(tmp_path, "[[destination]]\nname = 'x'\nkind = 'folder'\npath = 'y'\n"))


def test_stow_needs_the_web_server(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\[web\]"):
        read(written(tmp_path, BEGINNING + "[intake.stow]\n"))


@pytest.mark.parametrize("kind", [*PARTS, STOW], ids=lambda kind: kind.name)
def test_all_parts_are_there(kind: settings.PartKind) -> None:
    assert isinstance(load(kind.settings, kind), type)
    assert isinstance(load(kind.part, kind), type)
