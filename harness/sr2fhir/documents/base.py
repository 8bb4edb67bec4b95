"""What distinguishes one kind of SR document from another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
    folder
        Where its tables stand.
    """

    name: str
    template: str
    titles: frozenset[str]
    entry_map: str
    folder: Path

    @property
    def tid(self) -> str:
        """The template as PS3.16 names it."""
        return f"TID {self.template}"

    def admits(self, template: str | None, title_keys: frozenset[str]) -> bool:
        """Tell whether a document is of this type, by the template or the title of its root."""
        return template == self.template or not self.titles.isdisjoint(title_keys)
