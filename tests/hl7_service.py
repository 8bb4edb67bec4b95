"""HL7's own validator HTTP service, on the loopback address: ``python -m tests.hl7_service``.

It prints its port when it is ready, and ends when its standard input ends. The handlers are HL7's. The server
before them is made here, since theirs listens on every address and answers on a thread whose stack is too small
for a deep content tree.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from sr2fhir import pins
from sr2fhir.engines.java.options import STACK_BYTES
from sr2fhir.paths import layout

from tests.hl7 import deep, hl7_engine, java

HTTP = "org.hl7.fhir.validation.http"
HANDLERS = {
    "/transform": "TransformHTTPHandler",
    "/validateResource": "ValidateResourceHTTPHandler",
    "/convert": "ConvertHTTPHandler",
}
PACKAGES = ("hl7.terminology#", "hl7.fhir.uv.extensions.r5#")


def loaded() -> Any:
    """Return an HL7 engine with FHIR R5, its terminology and extensions, our definitions and our maps."""
    places = layout()
    packages = (package.name for package in pins.load(places.pins).packages)
    engine = hl7_engine(places.definitions, *(name for name in packages if name.startswith(PACKAGES)))
    # without this it asks the server that it has not, and takes the failure for a wrong code
    engine.getContext().setNoTerminologyServer(True)
    engine.setDisplayWarnings(True)
    engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(places.compiled_maps), True)
    return engine


def handler(name: str, service: Any) -> Any:
    """Make one of the service's handlers, whose classes are not public."""
    loader = java(f"{HTTP}.FhirValidatorHttpService").class_.getClassLoader()
    maker = java("java.lang.Class").forName(f"{HTTP}.{name}", True, loader).getDeclaredConstructors()[0]
    maker.setAccessible(True)
    return maker.newInstance(service)


def main() -> None:
    """Load, listen, print the port, and wait for the end of the input."""
    service = java(f"{HTTP}.FhirValidatorHttpService")(deep(loaded), True, 0)
    address = java("java.net.InetSocketAddress")(java("java.net.InetAddress").getLoopbackAddress(), 0)
    server = java("com.sun.net.httpserver.HttpServer").create(address, 0)
    for path, name in HANDLERS.items():
        server.createContext(path, handler(name, service))
    threads = java("java.lang.Thread").ofPlatform().daemon(True).stackSize(STACK_BYTES).factory()
    server.setExecutor(java("java.util.concurrent.Executors").newFixedThreadPool(4, threads))
    server.start()
    print(server.getAddress().getPort(), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
