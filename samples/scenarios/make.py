"""Write the scenarios as DICOM files beside this module: ``python -m samples.scenarios.make``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset

from samples.scenarios import liver, lvef, nodule, pneumothorax, radiomics
from tests.builders import encoded

FOLDER = Path(__file__).parent

DOCUMENTS: dict[str, Callable[[], Dataset]] = {
    "pneumothorax_present": pneumothorax.present,
    "pneumothorax_absent": pneumothorax.absent,
    "nodule_baseline": nodule.baseline,
    "nodule_follow_up": nodule.follow_up,
    "lvef_mean_of_three": lvef.ejection_fraction,
    "liver_recist": liver.recist,
    "radiomics_100_features": radiomics.features,
}

if __name__ == "__main__":
    for name, document in DOCUMENTS.items():
        (FOLDER / f"{name}.dcm").write_bytes(encoded(document()))
