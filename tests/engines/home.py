"""A home of its own for what runs in the background."""

from __future__ import annotations

from pathlib import Path

from sr2fhir.paths import Layout, layout

PARTS = ("jars", "java-home", "maps", "definitions", "engine")


def home(folder: Path) -> Layout:
    """Make a home with what set-up has made and nothing running."""
    folder.mkdir()
    for name in PARTS:
        (folder / name).symlink_to(layout().home / name)
    return Layout(layout().sources, folder)
