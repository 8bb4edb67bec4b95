"""Write what is generated for readers into build/docs: ``python -m tools.guide.docs`` (`make docs`).

The pages of the mapping (``mapping/``) come from the compiled maps and definitions, the table of rows
(``rows.md``) from tests/rows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from sr2fhir.errors import Sr2FhirError
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import TARGETS

from tools.guide import resources, rows
from tools.guide.mapping import Form, Pages
from tools.guide.structure_maps import Library, Types

_KEY = re.compile(r'"(\w+#\w+)"')


def library(places: Layout, *, with_steps: bool = True) -> Library:
    """Read the compiled maps, and the definitions of what they read and write.

    Parameters
    ----------
    places
        Where they are.
    with_steps
        Also those that lead from R5 to another version of FHIR.

    Raises
    ------
    SetupError
        Set-up has not compiled them.
    """
    folders = [each.folder for each in TARGETS.values() if each.folder]
    # R5 last: of what two versions call the same, its definition is taken
    made, read = ([of(each) for each in folders] for of in (places.step_definitions, places.step_sources))
    files = [*made, *read, places.core]
    core = [entry["resource"] for file in files for entry in resources.read(file).content["entry"]]
    types = Types([*core, *(each.content for each in resources.definitions(places))])
    maps = [*resources.structure_maps(places), *(resources.step_maps(places) if with_steps else ())]
    return Library((each.content for each in maps), types)


def write(places: Layout, folder: Path) -> None:
    """Write all pages into a folder; one that is there is replaced.

    Raises
    ------
    SetupError
        Set-up has not been run.
    RowError
        Rows, rules and tests do not fit together.
    """
    maps, mapping = library(places), folder / "mapping"
    texts = {name: os.path.relpath(path, mapping) for name, path in resources.map_sources(places).items()}
    pages = Pages(maps, roles(places), Form(maps=texts))
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in maps.maps.items():
        replace_file(mapping / f"{name}.md", f"# {content['title']}\n\n{pages.of_map(name)}".encode())
    replace_file(mapping / "README.md", f"# The mapping, rule by rule\n\n{pages.index()}".encode())
    replace_file(folder / "rows.md", rows.page(places.sources, maps).encode())


def roles(places: Layout) -> dict[str, list[str]]:
    """Read which concepts have which role, in any document type: keys (``DCM#121071``) by role."""
    paths = sorted(places.sources.glob("harness/sr2fhir/documents/*/roles.toml"))
    tables = [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {role: _KEY.findall(json.dumps(table)) for each in tables for role, table in each.items()}


def main() -> int:
    """Write the pages; return 0 if done, 3 if not."""
    folder = layout().home / "docs"
    try:
        write(layout(), folder)
    except (Sr2FhirError, rows.RowError) as error:
        print(f"sr2fhir: {error}", file=sys.stderr)
        return 3
    print(folder / "mapping" / "README.md", folder / "rows.md", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
