"""The object that turns Structured Reports into Bundles, and converts Bundles, one engine for all."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, Self

from sr2fhir import toolchain
from sr2fhir.alerts import Rules
from sr2fhir.configuration import named_document, named_target
from sr2fhir.conversion import convert
from sr2fhir.dicom import Limits
from sr2fhir.dicom.source import Source as BundleSource
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.errors import UsageError
from sr2fhir.model import RenderOptions
from sr2fhir.packaging import Format, Packaging
from sr2fhir.pipeline import Result, Settings, Source, transform
from sr2fhir.settings import DOCUMENTS, Selections, Target


class Transformer:
    """Transform Structured Reports into Bundles, one engine for all; safe to use from several threads.

    Parameters
    ----------
    engine
        An engine or its name; by default what SR2FHIR_ENGINE says, else `embedded`.
    engine_options
        What an engine that is made here is asked for; by default throughput, since it is for many inputs.
    options
        Form, default time zone, coding schemes and issuers.
    packaging
        How Bundles are to travel; as collections by default. With a policy `fixed` one document is taken.
    limits
        How large and how deep an input may be.
    target
        Version of FHIR, or its name: a key of `sr2fhir.settings.TARGETS`.
    selections
        `none` to leave out ImagingSelections in FHIR R4, which has no such type; else each is a Basic.
    keep_lineage
        Leave the ids in the Bundle by which each element names the content item it came from.
    validate
        Have the HL7 validator check each Bundle against the profiles that it claims.
    format
        `xml` to have each Bundle as XML besides, in `Result.xml`.
    alerts
        Rules that flag critical findings: `sr2fhir.alerts.read("alerts.toml")`.
    settings
        Those of a site, `Settings.read("sr2fhir.toml")`; what is given besides comes before them.

    Raises
    ------
    UsageError
        A transaction is asked for in the form `ig-literal`, options for an engine that is made already, a
        version of FHIR that is not known, or no selections in one that has them.

    Examples
    --------
    >>> with Transformer() as transformer:  # doctest: +SKIP
    ...     result = transformer.transform("report.dcm")
    """

    def __init__(
        self,
        engine: str | Engine | None = None,
        *,
        engine_options: EngineOptions | None = None,
        options: RenderOptions | None = None,
        packaging: Packaging | None = None,
        limits: Limits | None = None,
        target: str | Target | None = None,
        selections: Selections | None = None,
        keep_lineage: bool | None = None,
        validate: bool | None = None,
        format: Format | None = None,
        alerts: Rules | None = None,
        settings: Settings | None = None,
    ) -> None:
        stated = {
            "options": options,
            "packaging": packaging,
            "limits": limits,
            "target": _named(target) if isinstance(target, str) else target,
            "selections": selections,
            "keep_lineage": keep_lineage,
            "validate": validate,
            "format": format,
            "alerts": alerts,
        }
        given: dict[str, Any] = {name: value for name, value in stated.items() if value is not None}
        self.settings = replace(settings or Settings(), **given)
        if engine_options and not (engine is None or isinstance(engine, str)):
            raise UsageError("an engine that is made already takes no options", hint="Make it with them")
        self._name = engine if isinstance(engine, str) else None
        self._engine = None if isinstance(engine, str) else engine
        self._engine_options = engine_options or EngineOptions(batch=True)
        self._owns = self._engine is None
        self._lock = threading.Lock()
        self._documents = 0

    def __enter__(self) -> Self:
        """Start the engine in the background."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the engine."""
        self.close()

    def start(self) -> Engine:
        """Start the engine in the background, if it has not been started, and return it."""
        with self._lock:
            if self._engine is None:
                self._engine = toolchain.make_engine(self._name, self._engine_options)
            return self._engine

    def close(self) -> None:
        """Close the engine, unless it was handed in."""
        with self._lock:
            engine, self._engine = self._engine, None if self._owns else self._engine
        if engine is not None and self._owns:
            engine.close()

    def transform(self, source: Source, *, name: str | None = None) -> Result:
        """Transform one Structured Report.

        Where a policy of the packaging is `fixed`, the first call is the only one, even if it fails: the
        resource that the policy names is that of the first document.

        Parameters
        ----------
        source
            Path of a file, its bytes or a binary stream (DICOM, PS3.10, or DICOM JSON, PS3.18 Annex F), a
            Dataset in memory, or what `read` returned.
        name
            What to call the input in messages; by default its path.

        Raises
        ------
        InputError
            The input is no document that is taken, or damaged.
        TransformError
            A map failed on it.
        OutputError
            The engine returned something else than the Bundle of this document, or XML cannot hold it.
        EngineUnavailableError
            The engine cannot be had.
        UsageError
            A policy is `fixed`, and this is the second call.
        """
        with self._lock:
            self._documents += 1
            self.settings.packaging.check_count(self._documents)
        return transform(source, self.start(), self.settings, name)

    def convert(self, source: BundleSource, *, name: str | None = None) -> Result:
        """Convert an R5 Bundle that others made to `target`.

        Parameters
        ----------
        source
            Path of a file with FHIR JSON, its bytes or a binary stream.
        name
            What to call the input in messages; by default its path.

        Returns
        -------
        Result
            Its report has a line for each element that the other version has no place for. What has no map at
            all is left out, with a finding of severity error.

        Raises
        ------
        InputError
            It is no Bundle of R5 resources.
        TransformError
            A map failed on it.
        OutputError
            The engine returned something else than this Bundle, or XML cannot hold it.
        EngineUnavailableError
            The engine cannot be had.
        UsageError
            The target is R5.
        """
        return convert(source, self.start(), self.settings, name)

    __call__ = transform


def _named(name: str) -> Target:
    """Return the version of FHIR, or the kind of document, that has a name."""
    return named_document(name) if name in DOCUMENTS else named_target(name)
