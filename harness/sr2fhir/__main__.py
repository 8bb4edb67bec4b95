"""Run the command line as `python -m sr2fhir`."""

import sys

from sr2fhir.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
