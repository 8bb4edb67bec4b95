"""Parse maps with the engine: ``python -m sr2fhir.toolchain.compiler OUT MAP...``, a process of its own.

Each map becomes a StructureMap as JSON in the folder OUT; what does not parse is listed on standard output.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sr2fhir.engines import jvm
from sr2fhir.engines.embedded.context import small_context
from sr2fhir.engines.jvm import java
from sr2fhir.paths import layout

Problem = dict[str, Any]

_POSITION = re.compile(r"^(?:Error )?(?:in .*? )?@(\d+),\s*(\d+):\s*")
_R5 = "org.hl7.fhir.r5"


def main(arguments: Sequence[str]) -> int:
    """Compile the maps named on the command line."""
    out, *maps = map(Path, arguments)
    jvm.start("single")
    problems = jvm.deep(lambda: compile_all(small_context([layout().core]), maps, out))
    print(json.dumps(problems))
    return 0


def compile_all(context: Any, maps: Sequence[Path], out: Path) -> list[Problem]:
    """Compile maps into a folder.

    Parameters
    ----------
    context
        A context of the engine with the definitions that the maps use.
    maps
        The FML files.
    out
        Where the StructureMaps go.

    Returns
    -------
    list of dict
        file, line (0 where unknown) and text of each problem.
    """
    problems: list[Problem] = []
    for path in maps:
        try:
            structure_map = _parse(context, path)
        except _java_error() as error:
            problems.append(
                _syntax_problem(path, str(error.getMessage() or error.getClass().getSimpleName()))
            )
            continue
        (out / f"{path.stem}.json").write_text(_json(structure_map), encoding="utf-8")
    return problems


def _parse(context: Any, path: Path) -> Any:
    """Parse one map."""
    utilities = java(f"{_R5}.utils.structuremap.StructureMapUtilities")(context)
    return utilities.parse(path.read_text(encoding="utf-8"), path.name)


def _json(structure_map: Any) -> str:
    """Write a StructureMap as JSON."""
    return str(java(f"{_R5}.formats.JsonParser")().composeString(structure_map))


def _java_error() -> Any:
    """Answer the class of everything that Java throws."""
    import jpype

    return jpype.JException


def _syntax_problem(path: Path, message: str) -> Problem:
    """Take line and column out of the engine's message."""
    match = _POSITION.match(message)
    line = int(match[1]) if match else 0
    text = message[match.end() :] if match else message
    column = f" (column {match[2]})" if match else ""
    return {"file": str(path), "line": line, "text": text + column}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
