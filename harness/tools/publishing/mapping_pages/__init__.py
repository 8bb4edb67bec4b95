"""The mapping documentation: which SR content fills which FHIR element, by which rule of the maps.

The parts, in the order in which they work: `fsh` and `tools.publishing.fml` read the definitions and
the maps, `model` and `flow` say what a variable of a rule is, `trace` follows the rules into each
resource, `concepts` and `wording` put origins and conditions into the words of DICOM, `rows` makes
lines of them, `pages` and `index` write Markdown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tools.publishing import fml
from tools.publishing.mapping_pages import fsh
from tools.publishing.mapping_pages.index import Index
from tools.publishing.mapping_pages.pages import Guide, Writer

WORDS = Path(__file__).with_name("words.toml")


def guide(maps: Path, definitions: Path) -> Guide:
    """Read all that the pages are made of.

    Parameters
    ----------
    maps
        Folder of the maps.
    definitions
        Folder of the FSH definitions.
    """
    return Guide(fml.read(maps), fsh.read(definitions), tomllib.loads(WORDS.read_text(encoding="utf-8")))


def generate(maps: Path, definitions: Path) -> dict[str, str]:
    """Answer the text of each page by file name.

    Parameters
    ----------
    maps
        Folder of the maps.
    definitions
        Folder of the FSH definitions.
    """
    source = guide(maps, definitions)
    pages, writer = tuple(source.pages()), Writer(source)
    return {
        "README.md": Index(source, pages).write(),
        **{f"{page.id}.md": writer.write(page) for page in pages},
    }


def write(pages: Mapping[str, str], folder: Path) -> None:
    """Write the pages, and remove pages that are no more.

    Parameters
    ----------
    pages
        Text by file name.
    folder
        Where to; made where it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def differences(pages: Mapping[str, str], folder: Path) -> list[str]:
    """Answer the names of the files in a folder that are not as they should be: other, missing or too many.

    Parameters
    ----------
    pages
        Text by file name.
    folder
        The folder.
    """
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in {*pages, *there} if pages.get(name) != there.get(name))
