"""HL7's own classes, inside the process of the tests (JPype), to check what we publish against them.

The product does not do this: it speaks to Java over pipes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jpype
from sr2fhir import pins
from sr2fhir.engines.java.options import STACK_BYTES, flags, launcher
from sr2fhir.paths import layout

T = TypeVar("T")
FHIR_VERSION = "5.0.0"


@cache
def java(name: str) -> Any:
    """Return a Java class by its full name; Java is started with the first."""
    if not jpype.isJVMStarted():
        places = layout()
        jars = [str(places.jars / jar.filename) for jar in pins.load(places.pins).jars]
        library = next(launcher().parents[1].rglob("libjvm.*"))
        options = [*flags(places, "batch"), "-Xrs"]
        jpype.startJVM(str(library), *options, classpath=jars, convertStrings=True, interrupt=False)
        nowhere = java("java.io.PrintStream")(java("java.io.OutputStream").nullOutputStream())
        java("java.lang.System").setOut(nowhere)
        java("java.lang.System").setErr(nowhere)
        settings = java("org.hl7.fhir.utilities.settings.FhirSettings")
        settings.setExplicitFilePath(str(places.fhir_settings))
    return jpype.JClass(name)


def deep(work: Callable[[], T]) -> T:
    """Run work in a thread whose stack is deep enough, and wait for it."""
    future: Future[T] = Future()
    previous = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=lambda: future.set_result(work()), daemon=True)
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join()
    return future.result(0)


def hl7_engine(archive: Path, *packages: str) -> Any:
    """Make an HL7 engine that knows FHIR R5, the given packages and the archive, and nothing else."""
    builder = java("org.hl7.fhir.validation.ValidationEngine$ValidationEngineBuilder")()
    builder = builder.withVersion(FHIR_VERSION).withNoTerminologyServer()
    engine = builder.fromSource(f"hl7.fhir.r5.core#{FHIR_VERSION}")
    for package in packages:
        engine.loadPackage(*package.split("#"))
    engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(archive), True)
    return engine


def core_context() -> Any:
    """Read the definitions that the maps touch into a context."""
    source, provider = java("java.util.LinkedHashMap")(), java("org.hl7.fhir.utilities.ByteProvider")
    source.put("version.info", provider.forBytes(f"version={FHIR_VERSION}\n".encode()))
    source.put("core", provider.forBytes(layout().core.read_bytes()))
    information = java("org.hl7.fhir.r5.model.PackageInformation")
    origin = information("hl7.fhir.r5.core", FHIR_VERSION, java("java.util.Date")(0))
    builder = java("org.hl7.fhir.r5.context.SimpleWorkerContext$SimpleWorkerContextBuilder")()
    return builder.withAllowLoadingDuplicates(True).fromDefinitions(source, None, origin)
