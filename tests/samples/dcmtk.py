"""What DCMTK's dsrdump, which shares no code with us, reads out of a Structured Report."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

DSRDUMP = "dsrdump"
# Take containers in a key object document (they came with TID 1600), and warn of a content item that lacks an attribute:
LENIENT = ("-Ec", "-Ee")
# Without the header; with the position of each item, whole values, and the UIDs of instances and SOP classes:
PLAIN = ("-q", "-Ph", "+Pn", "+Pl", "+Pu", "+Psu")
# 1.10  <contains IMAGE:(,,"Source")=("1.2.840.10008.5.1.4.1.1.12.1","2.25.1",3,4,9)>
REFERENCE = re.compile(
    r'^1\.\d+  <contains (?:IMAGE|COMPOSITE|WAVEFORM):(?:\(.*?\))?=\("([\d.]+)","([\d.]+)"((?:,\d+)*)\)'
)


class KeyObject(NamedTuple):
    """An instance that a key object document refers to from its root, with its frames or segments."""

    sop_class: str
    uid: str
    parts: tuple[str, ...]


def require_dcmtk() -> None:
    """Skip a test where DCMTK is not installed; where all have to run, fail."""
    if not shutil.which(DSRDUMP):
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(
            "DCMTK is not installed (apt-get install dcmtk)"
        )


def key_objects(document: Path) -> list[KeyObject]:
    """Return what dsrdump lists, in the order of the document."""
    done = subprocess.run([DSRDUMP, *LENIENT, *PLAIN, str(document)], check=True, capture_output=True)
    lines = done.stdout.decode(errors="replace").splitlines()
    return [
        KeyObject(found[1], found[2], tuple(found[3].split(",")[1:]))
        for line in lines
        if (found := REFERENCE.match(line))
    ]
