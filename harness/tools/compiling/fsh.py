"""Step: compile the FSH definitions with SUSHI, and report its findings with the file and line in fsh/."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sr2fhir.errors import SetupError
from sr2fhir.files import remove_folder, replace_folder
from sr2fhir.paths import Layout
from sr2fhir.toolchain.steps import Progress

from tools.compiling import process
from tools.compiling.sushi import find_node

# Resources that engine and validator load; everything else SUSHI makes is an example.
CONFORMANCE = frozenset(
    (
        "StructureDefinition",
        "ValueSet",
        "CodeSystem",
        "ConceptMap",
        "NamingSystem",
        "SearchParameter",
        "StructureMap",
    )
)
# Packages that SUSHI adds by itself in their newest version. They are not pinned and not needed, so their
# absence is no news.
_UNPINNED = re.compile(r"hl7\.terminology\.r5|hl7\.fhir\.uv\.extensions\.r5|hl7\.fhir\.uv\.tools\.r5")
# Here is no server: what is not in the package cache shall not be fetched, or a build would depend on the
# day.
_NO_REGISTRY = "http://127.0.0.1:9"
_FINDING = re.compile(r"^(error|warn)\s+(.*)$")
_FILE = re.compile(r"^\s+File: (.*)$", re.MULTILINE)
_LINE = re.compile(r"^\s+Line: (\d+)", re.MULTILINE)
_LEVEL = re.compile(r"^(error|warn|info|debug)\s")
_BOX = re.compile(r"^\s*(?:[|╔║╚=]|={3,})")


@dataclass(frozen=True)
class Finding:
    """State one error or warning of SUSHI.

    Parameters
    ----------
    level
        "error" or "warn".
    text
        What SUSHI says.
    file, line
        Where, below the project; empty and 0 where it does not say.
    """

    level: str
    text: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """Write it as compilers do."""
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{'error' if self.level == 'error' else 'warning'}: {self.text}"


def run(places: Layout, progress: Progress) -> None:
    """Compile fsh/ into the folders of definitions and examples.

    Raises
    ------
    SetupError
        SUSHI reports an error; the message lists all of them.
    """
    remove_folder(places.fsh_stage)
    _stage(places)
    for finding in compile_folder(places, places.fsh_stage):
        progress.note(str(finding))
    _deliver(places)


def compile_folder(places: Layout, folder: Path) -> list[Finding]:
    """Run SUSHI, with snapshots, on a folder laid out as it wants.

    Parameters
    ----------
    places
        Where SUSHI and the FHIR packages lie.
    folder
        Holds sushi-config.yaml and input/fsh; fsh-generated is made in it.

    Returns
    -------
    list of Finding
        The warnings.

    Raises
    ------
    SetupError
        SUSHI reports an error or makes nothing; the message lists all errors with file and line in fsh/.
    """
    output = _sushi(places, folder)
    findings = list(read_findings(output, folder))
    errors = [str(finding) for finding in findings if finding.level == "error"]
    if errors:
        raise SetupError(
            "the FSH definitions do not compile:\n" + "\n".join(errors) + "\n", hint="Mend them in fsh/"
        )
    if not any((folder / "fsh-generated" / "resources").glob("*.json")):
        raise SetupError(f"SUSHI made nothing:\n{process.tail(output)}\n")
    return findings


def _stage(places: Layout) -> None:
    """Lay the sources out as SUSHI insists: its configuration beside input/fsh."""
    places.fsh_stage.mkdir(parents=True)
    shutil.copyfile(places.sushi_config, places.fsh_stage / "sushi-config.yaml")
    shutil.copytree(places.fsh, places.fsh_stage / "input" / "fsh")


def _sushi(places: Layout, folder: Path) -> str:
    """Run SUSHI and return what it wrote."""
    node = find_node(places)
    app = places.sushi / "node_modules" / "fsh-sushi" / "dist" / "app.js"
    if node is None:
        raise SetupError(
            "there is no Node to run SUSHI", hint="Remove the build folder and run the set-up again"
        )
    environment = process.package_manager_environment(places) | {
        "FPL_REGISTRY": _NO_REGISTRY,
        "PATH": os.pathsep.join((str(_no_news(places)), os.environ.get("PATH", ""))),
    }
    command = [node.program, str(app), "build", "--snapshot", str(folder)]
    # Its exit code is the number of errors, which are read from the output.
    return process.run(command, "SUSHI", cwd=folder, environment=environment, check=False)


def _no_news(places: Layout) -> Path:
    """Make a folder with an ``npm`` that knows of no newer SUSHI: asking the registry takes up to 5 s."""
    package = json.loads(
        (places.sushi / "node_modules" / "fsh-sushi" / "package.json").read_text(encoding="utf-8")
    )
    folder = places.sushi / "no-news"
    folder.mkdir(exist_ok=True)
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\necho {package['version']}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def read_findings(output: str, folder: Path) -> Iterator[Finding]:
    """Read SUSHI's errors and warnings from its output.

    Parameters
    ----------
    output
        What it wrote.
    folder
        Where it ran.

    Yields
    ------
    Finding
        In SUSHI's order; without those about packages that it adds by itself.
    """
    for block in _blocks(output):
        level, text = block[0]
        place = "\n".join(line for _, line in block[1:])
        file, line = _FILE.search(place), _LINE.search(place)
        message = [
            text,
            *(part.strip() for part in place.splitlines() if not _FILE.match(part) and not _LINE.match(part)),
        ]
        finding = Finding(
            level,
            " ".join(part for part in message if part),
            _source_name(file[1], folder) if file else "",
            int(line[1]) if line else 0,
        )
        if level == "error" or not _UNPINNED.search(finding.text):
            yield finding


def _blocks(output: str) -> Iterator[list[tuple[str, str]]]:
    """Group SUSHI's output: each error or warning with the lines that belong to it."""
    block: list[tuple[str, str]] = []
    for line in output.splitlines():
        start = _FINDING.match(line)
        if block and (start or _LEVEL.match(line) or _BOX.match(line)):
            yield block
            block = []
        if start:
            block = [(start[1], start[2])]
        elif block:
            block.append(("", line))
    if block:
        yield block


def _source_name(path: str, folder: Path) -> str:
    """Name the source that a staged file comes from, below the project."""
    staged = folder / path
    inside = folder / "input" / "fsh"
    if staged.is_relative_to(inside):
        return f"fsh/{staged.relative_to(inside).as_posix()}"
    return staged.name if staged.parent == folder else f"fsh/{path}"


def _deliver(places: Layout) -> None:
    """Move what SUSHI made, and what was generated, to its place: definitions, and examples apart."""
    made = sorted((places.fsh_stage / "fsh-generated" / "resources").glob("*.json"))
    made += sorted(places.generated_terminology.glob("*.json"))
    with replace_folder(places.definitions) as definitions, replace_folder(places.examples) as examples:
        for path in made:
            kind = json.loads(path.read_bytes()).get("resourceType")
            shutil.copyfile(path, (definitions if kind in CONFORMANCE else examples) / path.name)
