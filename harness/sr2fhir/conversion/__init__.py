"""An R5 Bundle that others made, in another version of FHIR.

The step maps of the target lead there, as they lead the Bundles of our own. There is no document behind this
Bundle by which it could be accounted for, so that its own elements are: each has a place in what comes out,
or is a line of the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sr2fhir.accounting.checks import HINT, parse, resource_path
from sr2fhir.accounting.report import Line, Report
from sr2fhir.accounting.tracing import Traces
from sr2fhir.accounting.versions import no_element
from sr2fhir.configuration import check_steps
from sr2fhir.conversion.bundles import bundle_of
from sr2fhir.conversion.contained import Lifted, lifted, number_of
from sr2fhir.conversion.fitting import take_out
from sr2fhir.conversion.selections import check_search, check_searches, to_basic, to_none, with_types
from sr2fhir.conversion.taken import types_taken
from sr2fhir.dicom.source import Source, bytes_of, in_force, name_of_source
from sr2fhir.errors import InputError, OutputError, Sr2FhirError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject, dumps
from sr2fhir.outcome import plural
from sr2fhir.packaging.transaction import without
from sr2fhir.pipeline import Result, Settings, as_xml, in_version, stage, validated
from sr2fhir.settings import Target

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

NO_MAP = "no-map"
_MOST_KINDS = 6
_SELECTION = "ImagingSelection"
_NONE = "The page on R4 lists the types that there are maps for"
_BY_OTHER_MEANS = (
    "Convert them by other means; the report says where they stand, and references to them name them"
)


@dataclass(frozen=True)
class ConversionReport(Report):
    """What became of the elements of a Bundle.

    `items` has a line for each that has no place in the other version.
    """

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON objects: for each kind of element how many there are, and where."""
        unmapped, context = (
            _by_kind(line for line in self.items if line.is_unmapped == lost) for lost in (True, False)
        )
        return {"resources": self.resources, "unmapped": unmapped, "context": context}


def convert(source: Source, engine: Engine, settings: Settings, name: str | None = None) -> Result:
    """Lead an R5 Bundle to another version, `settings.target`; `Transformer.convert` says more."""
    name = name or name_of_source(source)
    target = settings.steps()
    check_steps(target)
    try:
        with stage("read", name):
            bundle = bundle_of(bytes_of(source, in_force(settings.limits)), target)
            given = _prepared(bundle, target)
            traces = Traces()
            numbered = traces.numbered(given.bundle)
        with stage("engine", name):
            made = parse(in_version(dumps(_of_types(numbered, types_taken(target))), engine, target))
        with stage("finish", name):
            left_out = _left_out(given, made, traces, target)
            made = to_none(made) if _SELECTION in target.leaves_out else to_basic(made)
            take_out(made, target)
            became = {number_of(path): entry for path, entry in traces.entries(made).items()}
            given.drop_canonicals(became)
            arrived = traces.restored(made)
            traced = given.lines(traces.lines(arrived, no_element(target)))
            lines = tuple(_with_reason(line, target) for line in traced)
            rest = without(made["entry"], left_out.values())
            converted = given.put_back(made, dict(zip(became, rest, strict=True)))
            content = dumps(converted, indent=True) + b"\n"
            entries = tuple(resource_path(entry["resource"]) for entry in converted["entry"])
        report = ConversionReport(lines, (), dict(Counter(each.partition("/")[0] for each in entries)))
        told = _told_of({given.place(path): entry for path, entry in left_out.items()}, target)
        findings = (*told, *_without_place(report, target))
        with stage("xml", name):
            xml = as_xml(content, engine, target) if settings.format == "xml" else None
        result = Result(name, content, report, findings, xml=xml, entries=entries)
        with stage("validate", name):
            if not settings.validate:
                return result
            return replace(result, validation=validated(result, engine, target))
    except Sr2FhirError as error:
        error.source = error.source or name
        raise


def _prepared(bundle: JsonObject, target: Target) -> Lifted:
    """Return a Bundle as step maps can take it."""
    if _SELECTION not in target.leaves_out:
        check_searches(bundle)
    given = lifted(bundle, types_taken(target))
    return replace(given, bundle=with_types(given.bundle))


def _of_types(bundle: JsonObject, types: Collection[str]) -> JsonObject:
    """Return a Bundle without the resources of other types.

    Raises
    ------
    InputError
        Nothing is left.
    """
    entries = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] in types]
    if not entries:
        raise InputError("there is no map for any resource of it", where="Bundle.entry", hint=_NONE)
    return {**bundle, "entry": entries}


def _left_out(given: Lifted, made: JsonObject, traces: Traces, target: Target) -> dict[str, JsonObject]:
    """Check what the maps made, and return the entries that are not in it any more, by FHIRPath.

    Raises
    ------
    OutputError
        It is no Bundle, has entries or ids of its own, or has lost a resource.
    InputError
        Nothing is left, or a conditional create asks for what the new type cannot be searched by.
    """
    if made.get("resourceType") != "Bundle":
        raise OutputError("the maps made no Bundle", hint=HINT)
    became = traces.entries(made)
    taken = types_taken(target) - target.leaves_out
    left_out: dict[str, JsonObject] = {}
    for index, entry in enumerate(given.bundle["entry"]):
        path = f"Bundle.entry[{index}]"
        before, after = entry["resource"], became.get(path, {}).get("resource") or {}
        if path not in became and before["resourceType"] not in taken:
            left_out[path] = entry
        elif "resourceType" not in after or after.get("id") != before.get("id"):
            raise OutputError(
                "the maps lost a resource, or changed which it is", where=given.place(path), hint=HINT
            )
        else:
            check_search(entry.get("request"), before["resourceType"], after["resourceType"], path)
    if not became:
        raise InputError("nothing of it is left", where="Bundle.entry", hint=_NONE)
    return left_out


def _with_reason(line: Line, target: Target) -> Line:
    """Return a line of a resource that no map takes with that reason: the version may have the type."""
    kind = dict(line.description)["element"].partition(".")[0]
    is_taken = kind == "Bundle" or kind in types_taken(target)
    return line if is_taken or not line.is_unmapped else replace(line, reason=NO_MAP)


# ---- what is told ------------------------------------------------------------------------------------------


def _told_of(left_out: dict[str, JsonObject], target: Target) -> tuple[Finding, ...]:
    """Tell of each type of resource once that is not in the Bundle any more."""
    paths: dict[str, list[str]] = {}
    for path, entry in left_out.items():
        paths.setdefault(entry["resource"]["resourceType"], []).append(path)
    found = []
    for kind, places in paths.items():
        left = f"{plural(len(places), kind)} left out"
        if kind in target.leaves_out:
            found.append(Finding("information", no_element(target), places[0], left))
        else:
            message = f"{left}: there is no map of this type to {target.name}"
            found.append(Finding("error", NO_MAP, places[0], message, _BY_OTHER_MEANS))
    return tuple(found)


def _without_place(report: Report, target: Target) -> tuple[Finding, ...]:
    """Sum up in one finding which elements have no place in the other version; not whole resources."""
    lost = [each for each in _by_kind(report.unmapped) if "." in each["element"]]
    if not lost:
        return ()
    kinds = [f"{each['element']} ({each['count']})" for each in lost]
    more = f" and {plural(len(kinds) - _MOST_KINDS, 'other kind')}" if len(kinds) > _MOST_KINDS else ""
    message = f"{target.name} has no element for {', '.join(kinds[:_MOST_KINDS])}{more}"
    where = lost[0]["places"][0]
    return (
        Finding("information", no_element(target), where, message, "The report lists them under `unmapped`"),
    )


def _by_kind(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Give lines as JSON objects, those of one kind of element as one."""
    kinds: dict[tuple[str, str | None], list[str]] = {}
    for line in lines:
        kinds.setdefault((dict(line.description)["element"], line.reason), []).append(line.source)
    return [
        {"element": kind, "reason": reason, "count": len(places), "places": places}
        for (kind, reason), places in kinds.items()
    ]
