"""What gateway.toml says of intakes: the template, and mistakes with their place."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway.authentication import LogInSettings, Secret
from sr2fhir.gateway.intake.archive import ArchiveSettings
from sr2fhir.gateway.intake.dimse import DimseSettings, Peer
from sr2fhir.gateway.intake.folder import FolderSettings
from sr2fhir.gateway.settings import read, template

DESTINATION = '[[destination]]\nname = "results"\nkind = "folder"\npath = "results"\n'
ARCHIVE = '[[intake.archive]]\nname = "pacs"\nurl = "https://pacs.example/dicom-web"\n'


def settings_of(tmp_path: Path, text: str) -> list[Any]:
    file = tmp_path / "gateway.toml"
    file.write_text(text + DESTINATION)
    return [each.values for each in read(file).parts if each.kind.keys[0] == "intake"]


def switched_on(name: str) -> str:
    """Return a table of the template with all that is switched off."""
    found = re.search(rf"^#?(\[+intake\.{name}\]+\n(?:#.*\n)*)", template(), re.MULTILINE)
    assert found
    return re.sub(r"^#(?! )", "", found[1], flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "kind", "examples"),
    [
        ("dimse", DimseSettings, {"allow", "sop_classes", "tls"}),
        ("archive", ArchiveSettings, {"name", "url", "page", "log_in", "tls"}),
        ("folder", FolderSettings, {"path"}),
    ],
)
def test_the_template_names_every_setting_with_its_default(
    tmp_path: Path, name: str, kind: Any, examples: set[str]
) -> None:
    text = switched_on(name)
    (found,) = settings_of(tmp_path, text)
    required = {"name": found.name, "url": found.url} if name == "archive" else {}
    default = kind(**(required or ({"path": found.path} if name == "folder" else {})))
    for field in fields(kind):
        assert re.search(rf"^{field.metadata.get('key', field.name)} = ", text, re.MULTILINE)
        if field.name not in examples:
            assert getattr(found, field.name) == getattr(default, field.name), field.name


def test_what_is_written_is_read(tmp_path: Path) -> None:
    dimse, archive, folder = settings_of(
        tmp_path,
        "[intake.dimse]\n"
        'ae_title = "AI"\nmax_object = "1 MiB"\nallow = [{ ae = "PACS" }, { address = "10.0.0.0/8" }]\n'
        + ARCHIVE
        + 'authentication = { kind = "basic", user = "me", secret_file = "password" }\n'
        '[[intake.folder]]\npath = "in"\nafter = "move"\n',
    )
    assert dimse.allow == (Peer(ae="PACS"), Peer(address="10.0.0.0/8"))
    assert dimse.max_object == 1 << 20
    assert archive.log_in == LogInSettings("basic", user="me", secret=Secret(file=tmp_path / "password"))
    assert folder.path == tmp_path / "in"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[intake.dimse]\nallow = [{ address = "pacs.example" }]\n', "line 2, intake.dimse.allow"),
        ('[intake.dimse]\nport = 104\naddress = "0.0.0.0"\n', "line 1, intake.dimse"),
        ('[intake.dimse]\nport = "104"\n', "line 2, intake.dimse.port"),
        (ARCHIVE.replace("https://", ""), "line 3, intake.archive.url"),
        (ARCHIVE + ARCHIVE, "two archives are called pacs"),
        ('[[intake.folder]]\npath = "in"\nafter = "remove"\n', "line 3, intake.folder.after"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of(tmp_path, text)
    assert place in str(caught.value)
    assert caught.value.hint
