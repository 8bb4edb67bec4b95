"""The last stage: believe nothing that an engine returned unchecked, and account for every content item.

A success status is no proof: an engine that sets an element twice writes its key twice, and a proxy can cut
a response short. So the Bundle is parsed strictly, compared with the document it was made from, and freed of
resources that nothing refers to (`checks`); its lineage ids become a table and are taken out (`lineage`); and
each content item and header attribute is put into one class (`classify`, by the tables of `classes`; the
result is a `report`; mapping specification, section 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir.accounting.checks import Sources, check, parse, remove_orphans
from sr2fhir.accounting.classify import account
from sr2fhir.accounting.lineage import collect
from sr2fhir.accounting.report import Report
from sr2fhir.jsontext import JsonObject

if TYPE_CHECKING:
    from sr2fhir.findings import Finding
    from sr2fhir.model import Rendering

__all__ = ["Finished", "Report", "finish"]


@dataclass(frozen=True)
class Finished:
    """A collection that passed the checks, its numbers as text; the account of it; all findings."""

    bundle: JsonObject
    report: Report
    findings: tuple[Finding, ...]


def finish(bundle: bytes, rendering: Rendering, *, keep_lineage: bool = False) -> Finished:
    """Check what the engine returned, tabulate and remove its lineage ids, and account for all content.

    Parameters
    ----------
    bundle
        What the engine returned: a Bundle as UTF-8 JSON.
    rendering
        The logical model from which it was made.
    keep_lineage
        Leave the ids of elements in the Bundle.

    Raises
    ------
    OutputError
        It is not the Bundle of this document.
    """
    content = parse(bundle)
    sources = Sources.of(rendering)
    check(content, rendering.document, sources)
    remove_orphans(content, rendering.document["equipment"]["id"])
    content["entry"].sort(key=_place)
    lineage = collect(content, sources, keep=keep_lineage)
    findings = rendering.all_findings(lineage.seen)
    return Finished(content, account(rendering, findings, lineage, content, sources), findings)


LAST = ("Observation", "DiagnosticReport", "Provenance")
"""Types that come after all others, in this order: maps make Observations where they meet them."""


def _place(entry: JsonObject) -> int:
    kind = entry["resource"]["resourceType"]
    return LAST.index(kind) if kind in LAST else -1
