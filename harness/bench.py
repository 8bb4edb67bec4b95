"""Measure what a user waits for: ``make bench``.

Two things are compared in one run, alternately, so that other load on the machine hits both: a cold ``sr2fhir
transform`` of one file, and the same engine as it comes, that is with the whole of FHIR R5, Java's default
options, and maps read from source. Then groups of measurements of two sizes in a warm engine: time has to
grow with the number, not with its square.
"""

from __future__ import annotations

import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom
import sr2fhir
from sr2fhir.engines import EngineOptions, create
from sr2fhir.paths import layout

SAMPLE = "real_highdicom_sr_document.dcm"
RUNS = 5
COLD_LIMIT = 0.35
GROUP_LIMIT_S = 2.0
GROWTH_LIMIT = 0.4

STOCK = """
import sys
from pathlib import Path
import jpype
from sr2fhir import pins
from sr2fhir.engines import jvm
from sr2fhir.paths import layout
places = layout()
jars = [str(places.jars / jar.filename) for jar in pins.load(places.pins).jars]
homes = [f"-Duser.home={places.java_home}", f"-Djava.io.tmpdir={places.scratch}"]
jpype.startJVM(str(jvm.library()), *homes, classpath=jars, convertStrings=True, interrupt=False)
java = jpype.JClass
java("org.hl7.fhir.utilities.settings.FhirSettings").setExplicitFilePath(str(places.fhir_settings))
builder = java("org.hl7.fhir.validation.ValidationEngine$ValidationEngineBuilder")()
engine = builder.withVersion("5.0.0").withNoTerminologyServer().fromSource("hl7.fhir.r5.core#5.0.0")
for folder in (places.definitions, places.maps):
    engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(folder), True)
json = java("org.hl7.fhir.r5.elementmodel.Manager$FhirFormat").JSON
url = "http://hl7.org/fhir/uv/dicom-sr/StructureMap/MeasurementReport"
assert bytes(engine.transform(Path(sys.argv[1]).read_bytes(), json, url, json))
"""


def main() -> int:
    """Print all figures; answer 1 where one misses its limit."""
    results = (*cold(), *groups())
    for line, good in results:
        print(f"{'ok  ' if good else 'MISS'} {line}", flush=True)
    return 0 if all(good for _, good in results) else 1


def cold() -> list[tuple[str, bool]]:
    """Compare the first transform of a process with that of the engine as it comes."""
    sample = layout().sources / "samples" / SAMPLE
    with tempfile.TemporaryDirectory() as name:
        document = Path(name) / "document.json"
        document.write_bytes(sr2fhir.render(sample).to_json())
        ours = [sys.executable, "-m", "sr2fhir", "transform", str(sample), "--out", name]
        stock = [sys.executable, "-c", STOCK, str(document)]
        pairs = [(_seconds(ours), _seconds(stock)) for _ in range(RUNS)]
    own, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = own / theirs
    figures = f"sr2fhir {own:.2f} s, the engine as it comes {theirs:.2f} s, ratio {ratio:.2f}"
    text = f"cold start: {figures} (limit {COLD_LIMIT})"
    return [(text, ratio <= COLD_LIMIT)]


def groups() -> list[tuple[str, bool]]:
    """Time groups of 1,000 and 2,000 measurements in a warm engine."""
    with_engine = create("embedded", EngineOptions(batch=True))
    times = {}
    for number in (1000, 2000):
        document = sr2fhir.render(group_of(number)).to_json()
        times[number] = _best(lambda text=document: with_engine.transform(text))  # type: ignore[misc]
        entries = len(json.loads(with_engine.transform(document))["entry"])
        print(
            f"     {number} measurements: {len(document) / 1e6:.1f} MB in, {entries} resources out",
            flush=True,
        )
    with_engine.close()
    growth = times[1000] / times[2000]
    return [
        (
            f"2,000 measurements in one group: {times[2000]:.2f} s (limit {GROUP_LIMIT_S} s)",
            times[2000] <= GROUP_LIMIT_S,
        ),
        (f"1,000 take {growth:.2f} of that (at least {GROWTH_LIMIT})", growth >= GROWTH_LIMIT),
    ]


def group_of(number: int) -> pydicom.Dataset:
    """Make a report with one group of so many measurements, each with its own value and children."""
    report = pydicom.dcmread(layout().sources / "samples" / SAMPLE)
    section = next(item for item in report.ContentSequence if _concept(item) == "126010")
    group = next(item for item in section.ContentSequence if _concept(item) == "125007")
    (measurement,) = (item for item in group.ContentSequence if item.ValueType == "NUM")
    others = [item for item in group.ContentSequence if item.ValueType != "NUM"]
    group.ContentSequence = [*others, *(_numbered(measurement, value) for value in range(number))]
    return report


def _concept(item: pydicom.Dataset) -> str:
    """Answer the code of an item's concept name."""
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _numbered(measurement: pydicom.Dataset, value: int) -> pydicom.Dataset:
    """Copy a measurement with another value."""
    made = copy.deepcopy(measurement)
    made.MeasuredValueSequence[0].NumericValue = str(value)
    return made


def _seconds(command: Sequence[str]) -> float:
    """Time a process."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _best(work: Callable[[], object]) -> float:
    """Answer the shortest of several times, after two runs that warm up."""
    times = []
    for _ in range(2 + RUNS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times[2:])


if __name__ == "__main__":
    sys.exit(main())
