"""Record what every known input becomes, to compare two states of the code byte by byte.

::

    PYTHONPATH=harness .venv/bin/python -m tools.record --out FOLDER   # full results; compare with diff -r
    PYTHONPATH=harness .venv/bin/python -m tools.record --freeze       # digests: tests/record/frozen.json

Only public names of sr2fhir are used, so that the same file runs on a state before and on one after a change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any
from zipfile import ZipFile

from sr2fhir import Packaging, RenderOptions, Sr2FhirError, Transformer

from tests import builders as b
from tests.rows.generated import Drawn

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "record"
FROZEN = FOLDER / "frozen.json"
CORPUS = FOLDER / "corpus.zip"
INDEX = "index.json"
BUGS = ROOT.parent / "shared" / "bugs"
SEEDS = range(500)

Engine = Any
Parts = dict[str, bytes]
Digests = dict[str, str]


@dataclass(frozen=True)
class Input:
    """State one input: its name in the record, its path or bytes, render options, environment variables."""

    name: str
    source: Path | bytes
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


# ---- inputs ------------------------------------------------------------------------------------------------


def samples() -> Iterator[Input]:
    """Yield the samples, in both forms of the Bundle, and two paths that are no file."""
    folder = ROOT / "samples"
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".dcm", ".json")):
        for form in ("collection", "transaction"):
            yield Input(f"samples/{form}/{path.name}", path, {"bundle": form})
    yield Input("samples/a-folder", folder)
    yield Input("samples/missing", folder / "missing.dcm")


def corpus() -> Iterator[Input]:
    """Yield the inputs that tests made when the corpus was collected (tests/record/collect.py)."""
    with ZipFile(CORPUS) as archive:
        for name, stated in json.loads(archive.read(INDEX)).items():
            yield Input(
                f"corpus/{name}", archive.read(name), stated.get("options", {}), stated.get("environment", {})
            )


def generated(seeds: Iterable[int] = SEEDS) -> Iterator[Input]:
    """Yield reports drawn at random, every fourth as a transaction."""
    for seed in seeds:
        form = "collection" if seed % 4 else "transaction"
        yield Input(f"generated/{seed:03}", b.encoded(Drawn(seed).report()), {"bundle": form})


def bugs() -> Iterator[Input]:
    """Yield the inputs made after bug reports and attacks, which lie beside the repository."""
    for path in sorted(path for path in BUGS.rglob("*") if path.is_file() and path.suffix != ".md"):
        yield Input(f"bugs/{path.relative_to(BUGS).as_posix()}", path)


FAMILIES: dict[str, Callable[[], Iterator[Input]]] = {
    "samples": samples,
    "corpus": corpus,
    "generated": generated,
    "bugs": bugs,
}


def absent(family: str) -> str | None:
    """Say why the inputs of a family cannot be had, if so."""
    missing = family == "bugs" and not BUGS.is_dir()
    return "the inputs of ../shared/bugs are not beside this repository" if missing else None


# ---- results -----------------------------------------------------------------------------------------------


def results(given: Input, engine: Engine) -> Parts:
    """Return what an input becomes: Bundle, report and outcome, or the refusal."""
    transformer = transformer_for(given, engine)
    with environment(given.environment), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of malformed values, which are meant
        try:
            result = transformer.transform(given.source, name=given.name.rsplit("/", 1)[-1])
        except Sr2FhirError as error:
            return {"refusal": refusal(error)}
        # what is no error of ours is recorded, too: the record is of what happens, not of what should
        except Exception as error:
            return {"refusal": f"{type(error).__name__} (unforeseen)".encode()}
    return {"bundle": result.json, "report": result.report_json, "outcome": result.outcome_json}


def transformer_for(given: Input, engine: Engine) -> Transformer:
    """Return what transforms an input with its options; `bundle` is the type of the Bundle."""
    options = dict(given.options)
    packaging = Packaging(options.pop("bundle", "collection"))
    return Transformer(engine, options=RenderOptions(**options), packaging=packaging)


def refusal(error: Sr2FhirError) -> bytes:
    """Write class, place, message and remedy of an error."""
    parts = (type(error).__name__, error.where or "-", error.message, error.hint or "-")
    return " | ".join(parts).encode()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def digests(parts: Parts) -> Digests:
    """Return the SHA-256 of each part; a refusal stands as it is."""
    return {
        what: data.decode() if what == "refusal" else hashlib.sha256(data).hexdigest()
        for what, data in parts.items()
    }


def record(inputs: Iterable[Input], engine: Engine, keep: Callable[[str, Parts], None]) -> dict[str, Digests]:
    """Transform inputs and return their digests by name; every result is handed to `keep` besides."""
    table = {}
    for given in inputs:
        parts = results(given, engine)
        keep(given.name, parts)
        table[given.name] = digests(parts)
    return table


def written_to(folder: Path) -> Callable[[str, Parts], None]:
    """Return a function that writes results into a folder, one file for each part."""

    def keep(name: str, parts: Parts) -> None:
        for what, data in parts.items():
            path = folder / f"{name}.{what}{'.txt' if what == 'refusal' else '.json'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    return keep


def freeze(table: Mapping[str, Digests]) -> None:
    """Write the table of digests, one line for each input."""
    lines = (f"{json.dumps(name)}: {json.dumps(parts, ensure_ascii=False)}" for name, parts in table.items())
    FROZEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# ---- command -----------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Record all inputs."""
    parser = argparse.ArgumentParser(prog="python -m tools.record", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--out", type=Path, help="write all Bundles, reports, outcomes and refusals into this folder"
    )
    parser.add_argument("--freeze", action="store_true", help=f"write digests to {FROZEN.relative_to(ROOT)}")
    parser.add_argument("--only", choices=FAMILIES, action="append", help="these families of inputs only")
    chosen = parser.parse_args(arguments)
    families = chosen.only or list(FAMILIES)
    missing = [reason for family in families if (reason := absent(family))]
    for reason in missing:
        print(f"left out: {reason}")
    if chosen.freeze and (missing or chosen.only):
        print("not frozen: the table is of all inputs")
        return 1
    return run(families, chosen.out, frozen=chosen.freeze)


def run(families: Iterable[str], out: Path | None, *, frozen: bool) -> int:
    """Record the inputs of families on one engine, and say how many."""
    keep = written_to(out) if out else lambda _name, _parts: None
    table: dict[str, Digests] = {}
    started = perf_counter()
    with Transformer() as transformer:
        engine = transformer.start()
        for family in families:
            if absent(family) is None:
                table |= record(FAMILIES[family](), engine, keep)
    if frozen:
        freeze(table)
    refused = sum("refusal" in parts for parts in table.values())
    seconds = perf_counter() - started
    print(f"{len(table)} inputs: {len(table) - refused} transformed, {refused} refused, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
