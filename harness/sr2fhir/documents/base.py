"""What distinguishes one kind of SR document from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sr2fhir.findings import Finding
from sr2fhir.model import Rendering, RenderOptions
from sr2fhir.model.attributes import Attributes


@dataclass(frozen=True)
class DocumentType:
    """A kind of Structured Report that maps exist for.

    Parameters
    ----------
    name
        For people, in the plural: `Measurement Reports`.
    template
        Template Identifier of its root: `1500` (PS3.16).
    titles
        Concepts of its root, where that states no template.
    entry_map
        Canonical URL of the StructureMap that makes its Bundle.
    render
        Makes the logical model of a document; takes what the reader noticed besides.
    classes
        Table for the account of what reached the Bundle.
    """

    name: str
    template: str
    titles: frozenset[str]
    entry_map: str
    render: Callable[[Attributes, DocumentType, RenderOptions, tuple[Finding, ...]], Rendering]
    classes: Mapping[str, Any] = field(repr=False)

    @property
    def tid(self) -> str:
        """The template as PS3.16 names it."""
        return f"TID {self.template}"

    def admits(self, template: str | None, title_keys: frozenset[str]) -> bool:
        """Tell whether a document is of this type, by the template or the title of its root."""
        return template == self.template or not self.titles.isdisjoint(title_keys)
