"""Run the set-up: ``python -m sr2fhir.toolchain``."""

from __future__ import annotations

import sys

from sr2fhir.cli.setup import main

if __name__ == "__main__":
    sys.exit(main())
