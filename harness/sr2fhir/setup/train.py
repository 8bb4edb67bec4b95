"""Transform the samples once, while Java records what it loads: ``python -m sr2fhir.setup.train CACHE``.

Java writes the cache when the process ends. Without samples, reading definitions and maps alone is recorded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sr2fhir.engines import jvm
from sr2fhir.engines.embedded import EmbeddedEngine
from sr2fhir.errors import Sr2FhirError
from sr2fhir.paths import layout

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the training."""
    jvm.start("single", extra=[f"-XX:AOTCacheOutput={arguments[0]}"])
    engine = EmbeddedEngine()
    for document in documents(layout().sources / "samples"):
        try:
            engine.transform(document)
        except Sr2FhirError as error:
            _log.warning("a sample does not transform: %s", error)
    engine.close()
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
