"""Make the virtual environment from the lock files; ``make`` calls this before anything else.

Runs on the machine's own Python (3.11 or later, with venv) and uses nothing but its standard library::

    python3 harness/bootstrap.py runtime | dev

What is installed is noted in the environment under a hash of the lock files and pyproject.toml, so that a
second call does nothing and a changed lock file is noticed. pip takes the package registry from its ordinary
configuration.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
LOCKS = {"runtime": ROOT / "locks" / "runtime.txt", "dev": ROOT / "locks" / "dev.txt"}
OLDEST = (3, 11)


def main(kind: str) -> int:
    """Install a set of packages, unless it is there; `dev` includes `runtime`."""
    wanted = [kind, "dev"] if kind == "runtime" else [kind]
    if (
        any(_stamp(one).is_file() and _stamp(one).read_text() == _key(one) for one in wanted)
        and _python().exists()
    ):
        return 0
    problem = _make_environment() or _install(kind)
    if problem:
        print(f"make: {problem}", file=sys.stderr)
        return 1
    _stamp(kind).write_text(_key(kind))
    return 0


def _key(kind: str) -> str:
    """Hash what decides about the content of the environment."""
    files = (LOCKS[kind], ROOT / "pyproject.toml", Path(__file__))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _stamp(kind: str) -> Path:
    """Return the file that notes what is installed."""
    return ENVIRONMENT / f".{kind}-installed"


def _python() -> Path:
    """Return the environment's Python."""
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make_environment() -> str:
    """Make the environment where there is none that works; return what is wrong, or nothing."""
    if sys.version_info < OLDEST:
        found, needed = sys.version.split()[0], ".".join(map(str, OLDEST))
        return f"Python {needed} or later is needed, this is {found}: name one with `make PYTHON=…`"
    if _works():
        return ""
    print("set-up: making the Python environment ...", file=sys.stderr, flush=True)
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"Python cannot make a virtual environment: {error}. Debian and Ubuntu: install python3-venv"
    return ""


def _works() -> bool:
    """Tell whether the environment's Python and pip run."""
    command = [str(_python()), "-m", "pip", "--version"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _install(kind: str) -> str:
    """Install the locked packages and the project itself; return what is wrong, or nothing."""
    print(f"set-up: installing Python packages ({kind}) ...", file=sys.stderr, flush=True)
    pip = [str(_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for arguments in (
        ["--require-hashes", "-r", str(LOCKS[kind])],
        ["--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ):
        if subprocess.run([*pip, *arguments], env=_environment(), check=False).returncode:
            return (
                "pip could not install the packages; see above. Check that the Python package registry can "
                "be reached (index, proxy, certificates of pip), then run make again: it goes on from here"
            )
    return ""


def _environment() -> dict[str, str]:
    """Keep pip's cache inside the project."""
    return {**os.environ, "PIP_CACHE_DIR": str(ROOT / "build" / "cache" / "pip"), "PYTHONWARNINGS": "ignore"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "runtime"))
