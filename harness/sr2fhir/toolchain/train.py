"""Transform the samples while Java records: ``python -m sr2fhir.toolchain.train PROFILE CACHE``.

Java writes the cache when the process ends. For a batch the samples are transformed several times, so that it
also records which methods are worth optimising. Without samples, the reading of definitions and maps is all
that is recorded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from sr2fhir.engines import jvm
from sr2fhir.engines.base import ENTRY_MAP
from sr2fhir.engines.embedded import context_files
from sr2fhir.engines.embedded.runner import TRANSFORM, RequestFailedError, Runner
from sr2fhir.errors import Sr2FhirError
from sr2fhir.paths import layout

_ROUNDS: dict[jvm.Profile, int] = {"single": 1, "batch": 5}
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the training."""
    profile, cache = cast(jvm.Profile, arguments[0]), arguments[1]
    places = layout()
    runner = Runner(places, profile, context_files(places), [f"-XX:AOTCacheOutput={cache}"])
    for document in list(documents(places.sources / "samples")) * _ROUNDS[profile]:
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
