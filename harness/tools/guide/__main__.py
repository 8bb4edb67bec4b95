"""Make the package and the folder for the IG Publisher: ``python -m tools.guide`` (`make ig`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sr2fhir.errors import Sr2FhirError
from sr2fhir.paths import layout

from tools.guide import identity
from tools.guide.ig import publish


def main(arguments: list[str] | None = None) -> int:
    """Publish, and say where things lie.

    Returns
    -------
    int
        0 done, 3 failed.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.guide", description=__doc__.partition(":")[0])
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="FILE",
        help="publish under another name: TOML, such as fsh/guide/hl7.toml for HL7's editors",
    )
    chosen = parser.parse_args(arguments).identity
    try:
        published = publish(layout(), identity=identity.read(chosen) if chosen else None)
    except Sr2FhirError as error:
        print(f"sr2fhir: {error}", file=sys.stderr)
        return 3
    print(f"{published.package}  {published.count} resources, {published.examples} of them examples")
    print(f"{published.maps_r4}  the maps from R5 to R4")
    print(f"{published.folder}  for the IG Publisher: java -jar publisher.jar -ig {published.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
