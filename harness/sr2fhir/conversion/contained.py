"""Contained resources: step maps take entries, so each becomes one, and is put back afterwards."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sr2fhir.accounting.report import Line
from sr2fhir.conversion.selections import rewritten_in
from sr2fhir.jsontext import JsonObject
from sr2fhir.references import rewritten

_URL = "urn:x-contained:"
# members of a resource that come before those that it contains
_BEFORE = ("resourceType", "id", "meta", "implicitRules", "language", "text")
# how names of elements end that hold a canonical: `instantiatesCanonical`, `valueCanonical`
_CANONICAL = "Canonical"
_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\](?:\.resource)?")


@dataclass(frozen=True)
class Lifted:
    """A Bundle whose contained resources are entries of their own, after the others.

    Parameters
    ----------
    bundle
        The Bundle. The new entries have URLs of their own, to which references lead.
    places
        By the number of such an entry, the FHIRPath of the resource where it was contained.
    owners
        By its URL, the number of the entry that contained it, and the reference to it there: `#a`.
    """

    bundle: JsonObject
    places: Mapping[int, str]
    owners: Mapping[str, tuple[int, str]]

    def place(self, path: str) -> str:
        """Return the FHIRPath that something had before."""
        found = _ENTRY.match(path)
        if not found or (place := self.places.get(int(found[1]))) is None:
            return path
        return place + path[found.end() :]

    def lines(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Return lines of a report with the FHIRPaths that the elements had before."""
        return (replace(line, source=self.place(line.source)) for line in lines)

    def drop_canonicals(self, entries: Mapping[int, JsonObject]) -> None:
        """Drop canonicals of contained resources that are left out: they would lead nowhere.

        Parameters
        ----------
        entries
            What the maps made, by the numbers of the entries.
        """
        kept = {self.bundle["entry"][number]["fullUrl"] for number in entries if number in self.places}
        for url in self.owners.keys() - kept:
            owner, address = self.owners[url]
            if owner in entries:
                _drop_canonical(entries[owner]["resource"], address)

    def put_back(self, made: JsonObject, entries: Mapping[int, JsonObject]) -> JsonObject:
        """Return a Bundle with the resources contained again.

        Parameters
        ----------
        made
            What the maps made of `bundle`.
        entries
            Its entries, each by the number that it had before.
        """
        contained: dict[int, list[JsonObject]] = {}
        for number in (each for each in entries if each in self.places):
            owner, _ = self.owners[self.bundle["entry"][number]["fullUrl"]]
            contained.setdefault(owner, []).append(entries[number]["resource"])
        own = [
            {**entry, "resource": _containing(entry["resource"], contained.get(number, []))}
            for number, entry in entries.items()
            if number not in self.places
        ]
        return rewritten_in({**made, "entry": own}, self._as_it_was)

    def _as_it_was(self, reference: JsonObject) -> JsonObject:
        found = self.owners.get(reference["reference"])
        return {**reference, "reference": found[1]} if found else reference


def _drop_canonical(value: Any, address: str) -> None:
    """Drop a canonical wherever it stands."""
    if isinstance(value, list):
        for each in value:
            _drop_canonical(each, address)
    if not isinstance(value, dict):
        return
    for key in list(value):
        _drop_canonical(value[key], address)
        if key.startswith("_") or not key.endswith(_CANONICAL):
            continue
        stated = value[key] if isinstance(value[key], list) else [value[key]]
        kept = [index for index, each in enumerate(stated) if each != address]
        if len(kept) == len(stated):
            continue
        for name in {key, f"_{key}"} & value.keys():
            if kept:
                value[name] = [value[name][index] for index in kept]
            else:
                del value[name]


def number_of(path: str) -> int:
    """Return the number of an entry: of `Bundle.entry[7]` it is 7."""
    return int(path.rpartition("[")[2].rstrip("]"))


def lifted(bundle: JsonObject, taken: Collection[str]) -> Lifted:
    """Return a Bundle whose contained resources are entries of their own.

    Parameters
    ----------
    taken
        Types of resources that maps take: what the others contain is left out with them.
    """
    entries: list[JsonObject] = []
    more: list[JsonObject] = []
    places: dict[int, str] = {}
    owners: dict[str, tuple[int, str]] = {}
    for index, entry in enumerate(bundle["entry"]):
        contained = entry["resource"].get("contained")
        if not contained or entry["resource"]["resourceType"] not in taken:
            entries.append(entry)
            continue
        urls = {f"#{each.get('id')}": f"{_URL}{index}:{number}" for number, each in enumerate(contained)}
        owners |= {url: (index, address) for address, url in urls.items()}

        def change(reference: JsonObject, urls: Mapping[str, str] = urls) -> JsonObject:
            address = reference["reference"]
            return {**reference, "reference": urls[address]} if address in urls else reference

        own = {name: each for name, each in entry["resource"].items() if name != "contained"}
        entries.append({**entry, "resource": rewritten(own, change)})
        for number, each in enumerate(contained):
            places[len(bundle["entry"]) + len(more)] = f"Bundle.entry[{index}].resource.contained[{number}]"
            more.append({"fullUrl": f"{_URL}{index}:{number}", "resource": rewritten(each, change)})
    return Lifted({**bundle, "entry": entries + more}, places, owners)


def _containing(resource: JsonObject, contained: list[JsonObject]) -> JsonObject:
    """Return a resource that contains others."""
    if not contained:
        return resource
    before = {name: resource[name] for name in _BEFORE if name in resource}
    return {
        **before,
        "contained": contained,
        **{name: each for name, each in resource.items() if name not in before},
    }
