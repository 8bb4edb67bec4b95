"""The last stage: believe nothing that an engine returned unchecked, and account for every content item.

A success status is no proof: an engine that sets an element twice writes its key twice, and a proxy can cut
a response short. So the Bundle is parsed strictly, compared with the document it was made from, and freed of
resources that nothing refers to (`checks`); its lineage ids become a table and are taken out (`lineage`); and
each content item and header attribute is put into one class (`classify`, by the tables of `classes`; the
result is a `report`; mapping specification, section 8). Where another version of FHIR is wanted, the same is
done with what the step maps make of the Bundle (`versions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir.accounting.checks import (
    Case,
    Sources,
    check,
    check_further,
    is_complete,
    parse,
    remove_orphans,
)
from sr2fhir.accounting.classify import account
from sr2fhir.accounting.lineage import collect
from sr2fhir.accounting.report import Report
from sr2fhir.accounting.versions import LOOKED_AT, check_step, findings_of, in_version
from sr2fhir.jsontext import JsonObject, dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sr2fhir.findings import Finding
    from sr2fhir.model import Rendering
    from sr2fhir.settings import Target

__all__ = ["Finished", "Further", "Report", "Steps", "finish"]


@dataclass(frozen=True)
class Finished:
    """A collection that passed the checks, its numbers as text; the account of it; all findings."""

    bundle: JsonObject
    report: Report
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Steps:
    """Lead to another version of FHIR than R5.

    Parameters
    ----------
    target
        The version.
    run
        Executes its step maps on a Bundle.
    made
        What they made already of the Bundle as it was before resources were removed and entries put in
        order; None if nothing.
    """

    target: Target
    run: Callable[[bytes], bytes]
    made: bytes | None = None

    def lead(
        self, content: JsonObject, removed: Sequence[JsonObject], added: Sequence[JsonObject]
    ) -> JsonObject:
        """Return a Bundle in the other version, with its entries in the same order.

        Parameters
        ----------
        content
            The Bundle.
        removed, added
            Entries that have been removed from it, and added, since the engine made it.
        """
        is_same = not added and not any(entry["resource"]["resourceType"] in LOOKED_AT for entry in removed)
        if self.made is None or not is_same:
            return parse(self.run(dumps(content)))
        made = parse(self.made)
        entries = made.get("entry")
        if isinstance(entries, list) and all(map(is_complete, entries)):  # else it is going to be refused
            urls = {entry["fullUrl"] for entry in removed}
            made["entry"] = sorted((each for each in entries if each["fullUrl"] not in urls), key=_place)
        return made


Further = Callable[[JsonObject], list[JsonObject]]
"""From a collection, with its lineage ids, to further entries that are made of its resources."""


def finish(
    bundle: bytes,
    rendering: Rendering,
    *,
    keep_lineage: bool = False,
    steps: Steps | None = None,
    further: Further | None = None,
) -> Finished:
    """Check what the engine returned, tabulate and remove its lineage ids, and account for all content.

    Parameters
    ----------
    bundle
        What the engine returned: a Bundle as UTF-8 JSON.
    rendering
        The logical model from which it was made.
    keep_lineage
        Leave the ids of elements in the Bundle.
    steps
        Where another version of FHIR is wanted, what leads there.
    further
        Makes entries that are not of the document alone.

    Raises
    ------
    OutputError
        It is not the Bundle of this document, or the steps made another one of it.
    """
    content = parse(bundle)
    sources = Sources.of(rendering)
    check(Case(content, rendering.document, sources))
    independent = rendering.document_type.classes.get("independent", ())
    removed = remove_orphans(content, rendering.document["equipment"]["id"], independent)
    added = further(content) if further else []
    if added:
        content["entry"] += added
        check_further(content)
    content["entry"].sort(key=_place)
    made = steps.lead(content, removed, added) if steps else None  # while it has its lineage ids
    lineage = collect(content, sources, keep=keep_lineage)
    findings = rendering.all_findings(lineage.seen)
    finished = Finished(content, account(rendering, findings, lineage, content, sources), findings)
    if steps is None or made is None:
        return finished
    check_step(content, made, steps.target)
    lineage = collect(made, sources, keep=keep_lineage)
    other = account(rendering, findings, lineage, made, sources)
    report = in_version(finished.report, other, made, steps.target)
    return Finished(made, report, (*findings, *findings_of(content, made, report, steps.target)))


LAST = ("Observation", "DiagnosticReport", "Provenance", "Flag", "CommunicationRequest")
"""Types that come after all others, in this order: maps make Observations where they meet them."""


def _place(entry: JsonObject) -> int:
    kind = entry["resource"]["resourceType"]
    return LAST.index(kind) if kind in LAST else -1
