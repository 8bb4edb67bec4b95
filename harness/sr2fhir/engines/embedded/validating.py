"""The HL7 validator, in this very process.

It reads the whole of FHIR R5 with its terminology and extensions and our definitions: some seconds, for which
only who validates pays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

from sr2fhir import pins
from sr2fhir.engines import jvm
from sr2fhir.engines.base import Severity, ValidationMessage
from sr2fhir.engines.jvm import java
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError
from sr2fhir.paths import Layout

FHIR_VERSION = "5.0.0"
_R5 = "org.hl7.fhir.r5"
# What is worth having in a validation of ours: terminology packages, without which known code systems count
# as unknown.
_VALIDATION_PACKAGES = ("hl7.terminology", "hl7.fhir.uv.extensions.r5")
_COMMENT = re.compile(r"/\*.*?\*/")


class Validator:
    """Validate resources; the definitions are read when the first one comes.

    Parameters
    ----------
    places
        Where set-up has put the engine's parts.
    """

    def __init__(self, places: Layout) -> None:
        self._places = places

    def validate(self, resource: bytes, profiles: Sequence[str]) -> list[ValidationMessage]:
        """Validate a resource; see `Engine.validate`."""
        return jvm.deep(lambda: _validate(self._engine, resource, profiles))

    @cached_property
    def _engine(self) -> Any:
        """Read all that there is."""
        jvm.start("batch")
        return full_engine(self._places)


def full_engine(places: Layout) -> Any:
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
        engine.validate(bundle, java(f"{_R5}.elementmodel.Manager$FhirFormat").JSON, names, found)
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
        text=_text(item),
        message_id=str(item.getMessageId() or ""),
    )


def _text(item: Any) -> str:
    """Answer what a message says; one that quotes half a character cannot be had as text."""
    try:
        return str(item.getMessage() or "")
    except UnicodeDecodeError:
        return f"{item.getMessageId()}: the message quotes a character in part and cannot be shown"
