"""Build a wheel with everything that set-up would have to compile: ``python -m tools.wheel``.

Who installs it needs no Node, no SUSHI and no checkout. What is left to fetch are the engine's jars, at first
use or by `sr2fhir setup`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sr2fhir.errors import SetupError, Sr2FhirError
from sr2fhir.paths import COMPILED, DATA, Layout, layout
from sr2fhir.settings import TARGETS

from tools.compiling import process

_PACKAGE = Path("harness") / "sr2fhir"
_PROJECT = ("pyproject.toml", "README.md", "LICENSE", "harness/build_hook.py")
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", ".*_cache", DATA)


def build(places: Layout, out: Path) -> Path:
    """Build the wheel; the same sources always give the same bytes.

    Parameters
    ----------
    places
        A checkout and what set-up has made of it.
    out
        Folder of the wheel.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    SetupError
        Set-up has not been run, or the wheel cannot be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        stage(places, Path(folder))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out.resolve())]
        said = process.run(command, "building the wheel", cwd=Path(folder), environment={})
    return Path(said.split()[-1])


def stage(places: Layout, folder: Path) -> None:
    """Lay out a project whose package carries its data.

    Parameters
    ----------
    places
        A checkout and what set-up has made of it.
    folder
        An empty folder.

    Raises
    ------
    SetupError
        Set-up has not made everything.
    """
    for name in _PROJECT:
        if (places.sources / name).is_file():
            _copy(places.sources / name, folder / name)
    package = folder / _PACKAGE
    shutil.copytree(places.sources / _PACKAGE, package, ignore=_NOT_SHIPPED)
    for source, name in data(places):
        if not source.exists():
            raise SetupError(f"{source.name} has not been compiled", hint="Run `make setup`")
        _copy(source, package / DATA / name)


def data(places: Layout) -> Iterator[tuple[Path, str]]:
    """Return what the package carries, and under which name below its folder of data."""
    yield places.pins, places.pins.name
    steps = [target.folder for target in TARGETS.values() if target.folder]
    for source in (
        places.definitions,
        places.compiled_maps,
        places.core,
        *(file for folder in steps for file in places.step_products(folder)),
        places.map_index,
        places.map_runner,
    ):
        yield source, f"{COMPILED}/{source.relative_to(places.compiled).as_posix()}"


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def main() -> int:
    """Build the wheel into build/dist.

    Returns
    -------
    int
        0 done, 3 failed.
    """
    places = layout()
    try:
        print(build(places, places.home / "dist"))
    except Sr2FhirError as error:
        print(f"sr2fhir: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
