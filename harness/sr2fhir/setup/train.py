"""Transform the samples once, while Java records what it loads: ``python -m sr2fhir.setup.train CACHE``.

Java writes the cache when the process ends. Without samples, reading definitions and maps alone is recorded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sr2fhir.engines.base import ENTRY_MAP
from sr2fhir.engines.embedded import context_files
from sr2fhir.engines.embedded.runner import TRANSFORM, RequestFailedError, Runner
from sr2fhir.errors import Sr2FhirError
from sr2fhir.paths import layout

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the training."""
    places = layout()
    record = [f"-XX:AOTCacheOutput={arguments[0]}"]
    runner = Runner(places, "single", context_files(places), record)
    for document in documents(places.sources / "samples"):
        try:
            runner.request(TRANSFORM, ENTRY_MAP, document, None)
        except RequestFailedError as failure:
            _log.warning("a sample does not transform: %s", failure.kind)
    runner.close(None)  # Java writes the cache before it ends
    return 0


def documents(folder: Path) -> Iterator[bytes]:
    """Render the samples of a folder; what is no Structured Report is passed over."""
    from sr2fhir import render

    for path in sorted(folder.rglob("*.dcm")):
        try:
            yield render(path).to_json()
        except Sr2FhirError as error:
            _log.warning("a sample does not render: %s", error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
