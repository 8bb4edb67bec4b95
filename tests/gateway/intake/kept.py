"""What a store has taken, as its folder shows it."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileDataset


def objects(folder: Path) -> list[Path]:
    """List the files of objects."""
    return sorted(folder.glob("objects/*/*.dcm"))


def incoming(folder: Path) -> list[Path]:
    """List what is being received."""
    return sorted((folder / "incoming").iterdir())


def only_object(folder: Path) -> FileDataset:
    """Read the only object."""
    (path,) = objects(folder)
    return dcmread(path)


def uids(folder: Path) -> list[str]:
    """List the SOP Instance UIDs."""
    return sorted(
        str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in objects(folder)
    )
