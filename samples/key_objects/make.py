"""Write the key object documents of our own beside this module: ``python -m samples.key_objects.make``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset

from samples.key_objects import conference, manifest
from tests.builders import encoded

FOLDER = Path(__file__).parent

DOCUMENTS: dict[str, Callable[[], Dataset]] = {
    "own_conference_ct_study": conference.of_ct_study,
    "own_conference_angiography_study": conference.of_angiography_study,
    "own_mado_final_codes": manifest.manifest,
}

if __name__ == "__main__":
    for name, document in DOCUMENTS.items():
        (FOLDER / f"{name}.dcm").write_bytes(encoded(document()))
