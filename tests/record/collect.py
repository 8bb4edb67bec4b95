"""Collect the inputs that tests hand to sr2fhir, for the frozen record: a plugin of pytest, used by hand.

::

    pytest -p tests.record.collect --collect FOLDER -n 0 tests/rows tests/rendering tests/reading …
    python -m tests.record.collect FOLDER      # packs them as tests/record/corpus.zip

Inputs are kept as the bytes of a file, with the options and limits that they were given. `--reach` names further
functions, by module, that take an input first: what the tests of that state import by other names than the public.
The corpus that is committed was collected once, before the first change that it guards; it need not be made anew.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
import sr2fhir
from pydicom.dataset import Dataset

from tests import builders as b

CORPUS = Path(__file__).parent / "corpus.zip"
INDEX = "index.json"
PER_TEST = 20
LARGEST = 100_000
SAMPLES = Path(__file__).parents[2] / "samples"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--collect", type=Path, required=True, metavar="FOLDER")
    parser.addoption("--reach", action="append", default=[], metavar="MODULE:FUNCTION")


def pytest_configure(config: pytest.Config) -> None:
    collected = Collected(config.getoption("--collect"))
    for reached in ["sr2fhir:read", "sr2fhir:render", *config.getoption("--reach")]:
        module, _, function = reached.partition(":")
        home = import_module(module)
        setattr(home, function, collected.watched(getattr(home, function)))
    transform = sr2fhir.Transformer.transform

    def watched(self: sr2fhir.Transformer, source: Any, **named: Any) -> sr2fhir.Result:
        collected.keep(source, self.options, self.limits)
        return transform(self, source, **named)

    sr2fhir.Transformer.transform = watched  # type: ignore[method-assign]


class Collected:
    """Keep each input once, named after the test that made it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that keeps its input before it does its work."""

        @functools.wraps(function)
        def watching(source: Any, *args: Any, **named: Any) -> Any:
            self.keep(source, named.get("options"), named.get("limits"))
            return function(source, *args, **named)

        return watching

    def keep(self, source: Any, options: Any, limits: Any) -> None:
        """Keep one input, unless the same was kept, or too many of its test, or it is large or a sample."""
        data = content(source)
        test = test_name()
        if data is None or test is None or len(data) > LARGEST or self._numbers[test] >= PER_TEST:
            return
        stated = {"options": changed(options), "environment": variables(limits)}
        stated = {name: value for name, value in stated.items() if value}
        digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode() + data).hexdigest()
        if digest in self._seen:
            return
        self._seen.add(digest)
        self._numbers[test] += 1
        path = self.folder / f"{test}.{self._numbers[test]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if stated:
            path.with_name(f"{path.name}.stated").write_text(json.dumps(stated, sort_keys=True))


def content(source: Any) -> bytes | None:
    """Return an input as the bytes of a file, if it can be had and is no sample."""
    source = getattr(source, "dataset", source)
    if isinstance(source, Dataset):
        return encoded_or_none(deepcopy(source))
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    if isinstance(source, str | Path) and "\0" not in str(source):
        path = Path(source)
        return path.read_bytes() if path.is_file() and not path.is_relative_to(SAMPLES) else None
    return None


def encoded_or_none(dataset: Dataset) -> bytes | None:
    try:
        return b.encoded(dataset)
    except Exception as error:  # some Datasets in memory could not stand in a file
        print(f"not collected: {test_name()}: {type(error).__name__}")
        return None


def changed(options: Any) -> dict[str, Any]:
    """Return the render options that differ from the defaults."""
    default = asdict(sr2fhir.RenderOptions())
    stated = asdict(options) if options else {}
    return {name: value for name, value in stated.items() if value != default[name]}


def variables(limits: Any) -> dict[str, str]:
    """Return limits that differ from the defaults as environment variables."""
    default = asdict(type(limits)()) if limits else {}
    stated = asdict(limits) if limits else {}
    return {f"SR2FHIR_{name.upper()}": str(value) for name, value in stated.items() if value != default[name]}


def test_name() -> str | None:
    """Name the test that is running: `rows/3_1.what_it_shows`."""
    running = os.environ.get("PYTEST_CURRENT_TEST", "")
    found = re.match(r"tests/(?:(\w+)/)?(?:test_)?(\w+)\.py::(?:\w+::)?test_(\w+)", running)
    if found is None:
        return None
    folder, module, test = found.groups()
    return f"{folder or 'top'}/{module.removeprefix('rows_')}.{test}"


def pack(folder: Path) -> int:
    """Pack what was collected, and return how many inputs there are; the same inputs make the same archive."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".stated")
    index = {}
    with ZipFile(CORPUS, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            stated = path.with_name(f"{path.name}.stated")
            index[name] = json.loads(stated.read_text()) if stated.is_file() else {}
            archive.writestr(entry(name), path.read_bytes(), compresslevel=9)
        archive.writestr(entry(INDEX), json.dumps(index, indent=0), compresslevel=9)
    return len(paths)


def entry(name: str) -> ZipInfo:
    made = ZipInfo(name)
    made.compress_type = ZIP_DEFLATED
    return made


if __name__ == "__main__":
    print(f"{pack(Path(sys.argv[1]))} inputs in {CORPUS.name}")
