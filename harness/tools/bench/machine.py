"""Describe the machine, as far as it decides about figures; its name is not asked for."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from sr2fhir.engines.java.options import engine_version
from sr2fhir.paths import layout


def describe() -> dict[str, str]:
    """Return processor, number of cores, memory, load, and versions."""
    return {
        "processor": _line(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _line(Path("/proc/meminfo"), "MemTotal"),
        "load before": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "",
        "system": platform.system(),
        "python": platform.python_version(),
        "engine": engine_version(layout()),
    }


def _line(path: Path, name: str) -> str:
    """Return what a table of the system says under a name; nothing where there is no such table."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
