"""Make the package and the folder for the IG Publisher: ``python -m tools.guide`` (`make ig`)."""

from __future__ import annotations

import sys

from sr2fhir.errors import Sr2FhirError
from sr2fhir.paths import layout

from tools.guide.ig import publish


def main() -> int:
    """Publish, and say where things lie.

    Returns
    -------
    int
        0 done, 3 failed.
    """
    try:
        published = publish(layout())
    except Sr2FhirError as error:
        print(f"sr2fhir: {error}", file=sys.stderr)
        return 3
    print(f"{published.package}  {published.count} resources, {published.examples} of them examples")
    print(f"{published.folder}  for the IG Publisher: java -jar publisher.jar -ig {published.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
