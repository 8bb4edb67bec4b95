"""Write the table of UCUM's prefixes and atoms from `ucum-essence.xml`, which the engine's jar holds.

::

    PYTHONPATH=harness .venv/bin/python -m tools.ucum
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

from sr2fhir import pins
from sr2fhir.paths import layout

TARGET = Path(__file__).resolve().parents[1] / "sr2fhir" / "model" / "ucum.json"
ESSENCE = "ucum-essence.xml"
NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"
WIDTH = 100


def table() -> str:
    """Return the table."""
    root = ElementTree.fromstring(essence())  # noqa: S314 - the jar is pinned by its hash
    units = [*root.iter(f"{NAMESPACE}base-unit"), *root.iter(f"{NAMESPACE}unit")]
    # base units take prefixes, though the file does not say so
    metric = [unit for unit in units if unit.get("isMetric", "yes") == "yes"]
    source = f"UCUM {root.get('version')} of {root.get('revision-date')}, under the licence at https://ucum.org/license"
    parts = {
        "prefixes": codes(root.iter(f"{NAMESPACE}prefix")),
        "metric": codes(metric),
        "others": codes(unit for unit in units if unit not in metric),
    }
    lists = ",\n".join(f'  "{name}": [\n{wrapped(each)}\n  ]' for name, each in parts.items())
    return f'{{\n  "source": {json.dumps(source)},\n{lists}\n}}\n'


def essence() -> bytes:
    """Return the definitions of UCUM."""
    pin = next(jar for jar in pins.load(layout().pins).jars if jar.filename.startswith("ucum-"))
    with ZipFile(layout().jars / pin.filename) as jar:
        return jar.read(ESSENCE)


def codes(elements: Iterable[ElementTree.Element]) -> list[str]:
    """Return the case-sensitive codes."""
    return sorted(element.attrib["Code"] for element in elements)


def wrapped(words: list[str]) -> str:
    """Return the items of a JSON list in lines of some words."""
    lines = [""]
    for word in map(json.dumps, words):
        if len(lines[-1]) > WIDTH:
            lines.append("")
        lines[-1] += f"{word}, "
    return "\n".join(f"    {line.rstrip()}" for line in lines).removesuffix(",")


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
