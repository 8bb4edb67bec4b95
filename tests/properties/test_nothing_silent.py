"""Whatever a report says leaves a trace: change it, and the Bundle or the report changes, or the report lists it.

From each report some places are drawn, always the same; at each one attribute is changed or left out, or one
sequence item left out or repeated. A change that is refused is seen, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pydicom import config
from sr2fhir import Result, Sr2FhirError
from tools import record

from tests import builders as b
from tests.properties.bundles import Made, items, made, report_of
from tests.properties.mutations import Mutation, mutated, mutations

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from sr2fhir.engines import Engine

PER_REPORT = 8
ROWS_BETWEEN = 5
GENERATED = range(25)


class Mute(NamedTuple):
    """What legitimately carries nothing into a Bundle, by keywords and, if it matters, concept; and why."""

    keywords: str
    reason: str
    concepts: frozenset[str] = frozenset()


CHOSE = (
    "the concept name has chosen the element, which FHIR names by itself; the code decides, not its wording"
)
MUTE = (
    Mute(r"ContinuityOfContent", "how the text of a container is to be set in type"),
    Mute(
        r"ContentTemplateSequence.*",
        "which template: it admits the document, and groups go by their concept name",
    ),
    Mute(r"Modality", "SR in every Structured Report"),
    Mute(r"InstanceCreation(Date|Time)", "of the file; the document has its own date and time"),
    Mute(
        r".*EvidenceSequence.*",
        "evidence that no content item refers to, or class and study said by the item, too",
    ),
    Mute(r"ParticipantSequence\.(ObserverType|ParticipationType)", "told by what the resource is"),
    Mute(r"CodingSchemeIdentificationSequence.*", "names a scheme whose system is known without"),
    Mute(r"ConceptNameCodeSequence\.(CodeMeaning|CodingSchemeVersion|ContextGroup.*|Mapping.*)", CHOSE),
    Mute(r"ConceptNameCodeSequence\.EquivalentCodeSequence.*", CHOSE),
    Mute(
        r"ConceptCodeSequence\.(CodeMeaning|CodingSchemeVersion)",
        "the wording of a language, country, observer type or subject class: the code alone says it",
        frozenset({"121049", "121046", "121005", "121024"}),
    ),
    Mute(
        r"ConceptCodeSequence(\.CodeValue)?",
        "an observer type or subject class, where what follows says the same",
        frozenset({"121005", "121024"}),
    ),
)


def reports() -> Iterator[record.Input]:
    """Yield the reports that are changed."""
    yield from (each for each in record.samples() if "collection" in each.name and each.name.endswith(".dcm"))
    rows = [each for each in record.corpus() if each.name.startswith("corpus/rows/")]
    yield from rows[::ROWS_BETWEEN]
    yield from record.generated(GENERATED)


@pytest.fixture
def _as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pydicom read and write values as they are."""
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


@pytest.mark.slow
@pytest.mark.usefixtures("_as_written")
def test_every_change_shows(engine: Engine) -> None:
    tried = 0
    silent = []
    for number, given in enumerate(reports()):
        one = made(given, engine)
        if one is None or not_dicom(given):
            continue
        report = report_of(given)
        possible = mutations(report)
        for mutation in Random(number).sample(possible, min(PER_REPORT, len(possible))):
            tried += 1
            if not shows(one, report, mutation, engine):
                silent.append(f"{given.name}: {mutation}")
    assert tried > 800
    assert not silent, "\n".join(silent)


def not_dicom(given: record.Input) -> bool:
    data = given.source if isinstance(given.source, bytes) else given.source.read_bytes()
    return data.lstrip()[:1] in (b"{", b"[")


def shows(one: Made, report: Dataset, mutation: Mutation, engine: Engine) -> bool:
    """Tell whether a change leaves a trace, is of what the report lists, or of what carries nothing."""
    if is_listed(one, mutation) or is_mute(report, mutation):
        return True
    again = transformed(b.encoded(mutated(report, mutation)), one.given, engine)
    return again is None or differ(again, one.result) or is_said_twice(report, mutation)


def transformed(data: bytes, given: record.Input, engine: Engine) -> Result | None:
    """Transform a report as another is; None if it is refused."""
    try:
        return record.transformer_for(given, engine).transform(data, name=given.name)
    except Sr2FhirError:
        return None


def differ(one: Result, other: Result) -> bool:
    return one.json != other.json or one.report_json != other.report_json


def is_listed(one: Made, mutation: Mutation) -> bool:
    """Tell whether the report lists the content item, or the attribute of the header, that is changed."""
    position = mutation.spot.position
    if position != "1":
        return position in one.listed
    keyword = mutation.spot.keywords.partition(".")[0]
    return any(re.match(rf"{keyword}(?!\w)", source) for source in one.listed)


def is_mute(report: Dataset, mutation: Mutation) -> bool:
    concept = concepts(report).get(mutation.spot.position)
    return any(
        re.fullmatch(mute.keywords, mutation.spot.keywords)
        and (not mute.concepts or concept in mute.concepts)
        for mute in MUTE
    )


def concepts(report: Dataset) -> dict[str, str | None]:
    """Return the code of each content item's concept name, by position."""
    named = {position: item.get("ConceptNameCodeSequence") for position, item in items(report)}
    return {position: names[0].get("CodeValue") if names else None for position, names in named.items()}


def is_said_twice(report: Dataset, mutation: Mutation) -> bool:
    """Tell whether what was left out stands there once more.

    A Numeric Value whose number is the Floating Point Value, too (row 3.8.02), or the meaning "no units" of the UCUM
    code 1 (row 3.1.06).
    """
    if mutation.how != "remove":
        return False
    measured = dict(items(report))[mutation.spot.position].get("MeasuredValueSequence") or [{}]
    if mutation.spot.keywords == "MeasuredValueSequence.NumericValue":
        return "FloatingPointValue" in measured[0]
    if mutation.spot.keywords == "MeasuredValueSequence.MeasurementUnitsCodeSequence.CodeMeaning":
        units = measured[0].MeasurementUnitsCodeSequence[0]
        return (units.CodeValue, units.CodeMeaning) == ("1", "no units")
    return False
