"""What the rendering of every type of document has in common: beginning, end and general members."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir.findings import Finding, FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, template_identifier
from sr2fhir.model.codes import Roles
from sr2fhir.model.context import Moment, Scope, Uses
from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.environment import Environment, RenderOptions, prepare
from sr2fhir.model.header import Header, HeaderTable
from sr2fhir.model.identifiers import sop_class_coding
from sr2fhir.model.rendering import Rendering, header_records, item_records, not_held
from sr2fhir.model.times import is_instant
from sr2fhir.model.tree import Item, walk
from sr2fhir.model.values import Values, read_values

if TYPE_CHECKING:
    from sr2fhir.model.rendering import DocumentType

_RESOURCE_TYPE = "DicomSR"


@dataclass(frozen=True)
class Passed:
    """What the passes of a document type made.

    Parameters
    ----------
    members
        Of the logical model.
    uses
        What items were used for.
    observed
        Items of which the Observation DateTime becomes that of a resource.
    foreign
        Items that are left out, because they are about another patient.
    """

    members: JsonObject
    uses: Uses
    observed: Collection[Item]
    foreign: Collection[Item]


Passes = Callable[[Environment, list[Item], Values], Passed]
"""From a document, its items and what they state to what a document type makes of them."""


@dataclass(frozen=True)
class Renderer:
    """Render the documents of a type.

    Parameters
    ----------
    roles
        What its concepts are for.
    header
        What becomes of the attributes of its header.
    passes
        What is its own.
    """

    roles: Roles
    header: HeaderTable
    passes: Passes

    def __call__(
        self,
        attributes: Attributes,
        document_type: DocumentType,
        options: RenderOptions,
        known: tuple[Finding, ...],
    ) -> Rendering:
        """Render a document.

        Parameters
        ----------
        attributes
            Those of the document.
        document_type
            Which kind it is.
        options
            What the document leaves open.
        known
            Findings of the reader, to stand before those of the renderer.
        """
        log = FindingLog()
        env = prepare(attributes, options, log, self.roles)
        items = walk(attributes, env.codes, log)
        values = read_values(items, env)
        made = self.passes(env, items, values)
        findings = (*known, *log.frozen(), *attributes.noticed())
        return Rendering(
            document_type,
            filled({"resourceType": _RESOURCE_TYPE, **made.members}),
            findings,
            item_records(items, made.uses, dict.fromkeys(made.foreign, "different-subject")),
            header_records(
                attributes,
                findings,
                self.header,
                made.uses.same,
                inside=env.evidence.endpoints.paths,
                unread=env.evidence.unread,
            ),
            not_held(items, values, made.uses, made.observed),
        )


def general(env: Environment, head: Header) -> JsonObject:
    """Return what the document says of itself."""
    flags = head.document
    if flags.get("completionFlag") == "PARTIAL" and flags.get("verificationFlag") == "VERIFIED":
        message = "the document is verified although its completion flag says that it is partial"
        env.log.add("warning", "conflict", "VerificationFlag", message)
    members = {
        "form": env.options.form,
        "sopClass": {"id": "SOPClassUID", **sop_class_coding(env.sop_class_uid)},
        "sopInstanceUid": env.sop_instance_uid,
        "template": template_identifier(env.header),
    }
    return traced(members, {"sopInstanceUid": "SOPInstanceUID"}) | flags


def issued(head: Header) -> Moment | None:
    """Return Content Date/Time, else Instance Creation Date/Time, where it has a time (decision D15)."""
    stated = (head.moments.get(name) for name in ("contentDateTime", "instanceCreationDateTime"))
    return next((moment for moment in stated if moment and is_instant(moment.value)), None)


def of_another_patient(items: Iterable[Item], scoped: Mapping[Item, Scope]) -> frozenset[Item]:
    """Return the items that are about another patient than the header, or refer to one that is."""
    return frozenset(
        item for item in items if scoped[item].foreign or (item.target and scoped[item.target].foreign)
    )
