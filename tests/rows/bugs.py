"""The inputs made after public bug reports, where they are at hand."""

from __future__ import annotations

import pytest
from tools import record


def bug(name: str) -> bytes:
    """Return an input, or skip where it is not at hand."""
    if reason := record.absent("bugs"):
        pytest.skip(reason)
    return (record.BUGS / f"bug_{name}.dcm").read_bytes()
