"""The index: from a DICOM concept or attribute to the elements that it fills and the rules that fill them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pydicom.datadict import dictionary_description

from tools.publishing.fml import Group, Literal, Rule, expressions, walk
from tools.publishing.mapping_pages.concepts import is_key, keys_in, tags_in
from tools.publishing.mapping_pages.pages import ENTRY, GENERATED, Guide, Page, table
from tools.publishing.mapping_pages.rows import Row

_INSIDE = "for what stands in it"
_SCHEMES = ("DCM", "SCT", "NCIt", "UMLS")
_INTRODUCTION = """# Where the content of a Measurement Report goes

For readers who know DICOM SR: find the concept or the attribute in the tables below, and with it the FHIR
element, the page that tells all about it, and the rule of the maps (file and line). No knowledge of the FHIR
Mapping Language is needed.

How the pages speak:

- **From** is the way from the content item that the page is about:
  `CODE (121402, DCM, Normality) > Concept Code Sequence (0040,A168)` is the value of a child of value type
  CODE with that concept name. *fixed:* is a value that stands in the map.
- Lines of parts (`component.code`) belong to the lines of the whole (`component`) above them; their *From*
  begins where the whole's ends.
- **When** lists what must hold, all of it; nothing there: whenever *From* is there.
- **Rules** link to the maps, the rule that writes the element first, then those that lead to it.
- *references of one kind*: the IMAGE, COMPOSITE, WAVEFORM, UIDREF, SCOORD and SCOORD3D items beside each
  other that have one concept name.
- Elements `id` inside of resources, which hold the position of the content item while the maps run, are left
  out.
"""


@dataclass(frozen=True)
class Entry:
    """One thing that a concept or attribute becomes: an element, or a whole resource, on one page."""

    target: str
    page: str
    rules: tuple[Rule, ...]


class Index:
    """Gather what the pages say by concept and by attribute.

    Parameters
    ----------
    guide
        What the pages are made of.
    pages
        The pages.
    """

    def __init__(self, guide: Guide, pages: Iterable[Page]) -> None:
        self._guide = guide
        self._pages = tuple(pages)
        told = [page for page in self._pages if not _is_twin(page, self._pages)]
        self._by_concept: dict[str, list[Entry]] = {}
        self._by_attribute: dict[str, list[Entry]] = {}
        for page in told:
            self._gather(page)
        for page in told:
            self._gather_general(page)
            self._gather_stated(page)

    # ---- gathering -------------------------------------------------------------------------------

    def _gather(self, page: Page) -> None:
        """Take in the lines of a page."""
        for row in page.uses:
            source = replace(row, when=tuple(text for text in row.when if not text.startswith("with ")))
            for key in source.keys:
                self._enter([key], [], Entry(page.resource, page.id, _about(key, row.rules) or row.rules))
            for key in keys_in(row.element):
                self._enter([key], [], Entry(f"{page.resource} {_INSIDE}", page.id, row.rules))
            self._enter([], source.tags, Entry(page.resource, page.id, row.rules))
        for row in page.rows:
            target = f"{page.resource}.{row.element}"
            for key in (*row.keys, *_of_lists(page, row)):
                rules = dict.fromkeys((row.rules[0], *_about(key, row.rules)))
                self._enter([key], [], Entry(target, page.id, tuple(rules)))
            self._enter([], row.tags, Entry(target, page.id, row.rules[:1]))

    def _enter(self, keys: Iterable[str], tags: Iterable[str], entry: Entry) -> None:
        """Take in an entry."""
        for key in keys:
            self._by_concept.setdefault(key, []).append(entry)
        for tag in tags:
            self._by_attribute.setdefault(tag, []).append(entry)

    def _gather_general(self, page: Page) -> None:
        """Take in the concepts that become components by the general rule.

        Raises
        ------
        ValueError
            The general rule leaves one of them out.
        """
        general = self._guide.tables["general"]
        rows = [row for row in page.rows if self._guide.groups[id(row.rules[0])].name == general["group"]]
        entry = Entry(f"{page.resource}.{general['element']}", page.id, _first(rows))
        for key in (key for keys in general["concepts"].get(page.id, {}).values() for key in keys):
            if not rows or any(key in left_out for row in rows for left_out in _left_out(page, row)):
                raise ValueError(
                    f"words.toml, [general.concepts.{page.id}]: the general rule leaves out {key}"
                )
            self._enter([key], [], entry)

    def _gather_stated(self, page: Page) -> None:
        """Take in what only the profile's Mappings say, with the rules that fill the element."""
        for stated in page.stated:
            element = re.sub(r"\[\w+\]", "", stated.element)
            entry = Entry(f"{page.resource}.{element}".strip("."), page.id, _first(_lines(page, element)))
            own = stated.wording.rsplit(" > ", 1)[-1]
            keys = [key for key in keys_in(own) if not _known(self._by_concept.get(key), entry)]
            tags = [tag for tag in tags_in(own) if not _known(self._by_attribute.get(tag), entry)]
            if entry.rules:
                self._enter(keys, tags, entry)

    def of_concept(self, key: str) -> tuple[Entry, ...]:
        """Answer what a concept becomes."""
        return tuple(self._by_concept.get(key, ()))

    # ---- writing ---------------------------------------------------------------------------------

    def write(self) -> str:
        """Answer the text of the index."""
        parts = (self._contents(), self._concepts(), self._attributes(), self._without())
        return "\n".join([_INTRODUCTION, *(line for part in parts for line in part), GENERATED, ""])

    def _contents(self) -> Iterator[str]:
        """Write the list of pages."""
        yield from ("## Pages", "")
        lines = (
            (
                _link(page.id),
                page.resource,
                "; ".join(dict.fromkeys(row.source for row in page.uses)) or self._children(page),
            )
            for page in sorted(
                self._pages, key=lambda page: list(self._guide.tables["order"]).index(page.resource)
            )
        )
        yield from table(("Page", "Resource", "Made from"), lines)
        yield from self._bundle()

    def _bundle(self) -> Iterator[str]:
        """Write what the Bundle itself holds."""
        entry = self._guide.flow.groups[ENTRY[0]]
        types = [rule for rule in entry.walk() if any(target.path == ("type",) for target in rule.targets)]
        links = ", ".join(map(self._guide.link, types))
        yield f"`Bundle.type` is `collection` ({links}); a transaction is made of it afterwards."
        yield "Its entries are the resources of these pages, with `fullUrl`."
        yield ""

    def _children(self, page: Page) -> str:
        """Answer what an abstract profile is the parent of."""
        name = page.profile.name if page.profile else ""
        ids = [
            each.id for each in self._pages if each.profile and each.profile.keywords.get("Parent") == name
        ]
        return f"abstract: what {', '.join(map(_link, ids))} share"

    def _concepts(self) -> Iterator[str]:
        """Write the table of concepts."""
        label = self._guide.wording.concepts.label
        yield from ("## By DICOM concept", "")
        lines = (
            (label(key) if first else "", *cells)
            for key in sorted(self._by_concept, key=_rank)
            for first, cells in self._cells(self._by_concept[key])
        )
        yield from table(("Concept", "Becomes", "Page", "Rules"), lines)

    def _attributes(self) -> Iterator[str]:
        """Write the table of attributes."""
        yield from ("## By DICOM attribute", "")
        lines = (
            (f"{dictionary_description(int(tag.replace(',', ''), 16))} ({tag})" if first else "", *cells)
            for tag in sorted(self._by_attribute)
            for first, cells in self._cells(self._by_attribute[tag])
        )
        yield from table(("Attribute", "Becomes", "Page", "Rules"), lines)

    def _cells(self, entries: Iterable[Entry]) -> Iterator[tuple[bool, tuple[str, str, str]]]:
        """Answer, for each target of a concept or attribute, whether it is the first, and its cells."""
        found: dict[str, list[Entry]] = {}
        for entry in entries:
            found.setdefault(entry.target, []).append(entry)
        for number, (target, same) in enumerate(found.items()):
            rules = {id(rule): rule for entry in same for rule in entry.rules}
            pages = self._without_children(dict.fromkeys(entry.page for entry in same))
            element, _, rest = target.partition(" ")
            yield (
                number == 0,
                (
                    f"`{element}` {rest}".strip(),
                    ", ".join(map(_link, pages)),
                    ", ".join(map(self._rule, rules.values())),
                ),
            )

    def _rule(self, rule: Rule) -> str:
        """Write a rule with its name."""
        return f"{self._guide.link(rule)} `{self._guide.groups[id(rule)].name}`: {rule.name}"

    def _without_children(self, ids: Iterable[str]) -> list[str]:
        """Answer pages without those whose parent, an abstract profile, is among them."""
        ids = list(ids)
        names = {page.profile.name for page in self._pages if page.profile and page.id in ids}
        parents = {page.id: page.profile.keywords.get("Parent", "") for page in self._pages if page.profile}
        return [name for name in ids if parents.get(name) not in names]

    def _without(self) -> Iterator[str]:
        """Write the concepts that rules name only to leave them out."""
        named: dict[str, list[Group]] = {}
        for group in self._guide.flow.groups.values():
            for key in (key for rule in group.walk() for key in _named(rule)):
                named.setdefault(key, []).append(group)
        lines = [
            (
                self._guide.wording.concepts.label(key),
                ", ".join(_group(group) for group in dict.fromkeys(named[key])),
            )
            for key in sorted(named, key=_rank)
            if key not in self._by_concept
        ]
        yield from ("## Concepts that rules leave out", "")
        yield from (
            "No element of their own; where they have an effect, it is in the observation context.",
            "",
        )
        yield from table(("Concept", "Left out by"), lines)


def _is_twin(page: Page, pages: Iterable[Page]) -> bool:
    """Say whether another page tells the same: that of the published profile beside which this one stands."""
    groups = [maker.group for maker in page.makers]
    return any(
        len(other.id) < len(page.id) and [maker.group for maker in other.makers] == groups for other in pages
    )


def _about(key: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Answer the rules that name a concept."""
    return tuple(rule for rule in rules if key in _named(rule))


def _named(rule: Rule) -> Iterator[str]:
    """Answer the concepts that a rule names."""
    for expression in expressions(rule):
        yield from (part.text for part in walk(expression) if isinstance(part, Literal) and is_key(part.text))


def _known(entries: Iterable[Entry] | None, entry: Entry) -> bool:
    """Say whether an entry of the same page is there for the element, a part of it or what stands in it."""
    return any(
        each.page == entry.page and re.match(re.escape(entry.target) + r"\b", each.target)
        for each in entries or ()
    )


def _lines(page: Page, element: str) -> tuple[Row, ...]:
    """Answer the lines of an element, else of its parts; if possible those about no concept in particular."""
    if not element:
        return page.uses
    rows = [row for row in page.rows if (row.element + ".").startswith(element + ".")]
    whole = [row for row in rows if row.element == element] or rows
    return tuple([row for row in whole if not row.keys] or whole)


def _first(rows: Iterable[Row]) -> tuple[Rule, ...]:
    """Answer the rules that write lines, each once."""
    return tuple({id(row.rules[0]): row.rules[0] for row in rows}.values())


def _of_lists(page: Page, row: Row) -> Iterator[str]:
    """Answer the concepts of the lists of which a line takes one."""
    for text in row.when:
        if match := re.match(r"concept of \[list (\d+)\]", text):
            yield from page.wording.lists[int(match[1]) - 1]


def _left_out(page: Page, row: Row) -> Iterator[tuple[str, ...]]:
    """Answer the concepts that a line leaves out."""
    for text in row.when:
        if match := re.match(r"concept outside \[list (\d+)\]", text):
            yield page.wording.lists[int(match[1]) - 1]
        elif text.startswith("concept other than"):
            yield tuple(keys_in(text))


def _rank(key: str) -> tuple[int, int, str]:
    """Answer the place of a concept in the index: by scheme, then by code."""
    scheme, code = key.split("#")
    return _SCHEMES.index(scheme), len(code), code


def _link(page: str) -> str:
    """Write a link to a page."""
    return f"[{page}]({page}.md)"


def _group(group: Group) -> str:
    """Write a link to a group."""
    return f"[{group.name}](../../maps/{group.file}#L{group.line})"
