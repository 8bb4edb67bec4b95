"""What the Image Library of a manifest says of the study, its series and its instances (TID 1600 to 1602).

A manifest has one library, each of whose groups describes a series (IHE RAD MADO, 6.X.2.9). PS3.16
also allows other groupings: a group without a Series Instance UID is of the series that lists its entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import tag
from sr2fhir.model.context import Uses
from sr2fhir.model.datatypes import filled, joined
from sr2fhir.model.environment import Environment
from sr2fhir.model.tree import Item, coded_json, text_of

LIBRARY = "section.image-library"
GROUP = "group"
ENTRIES = frozenset({"IMAGE", "COMPOSITE", "WAVEFORM"})
KIND = "library"
"""Of the use of an item that only tells which series is described."""

_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_SOP_INSTANCE = tag("ReferencedSOPInstanceUID")
# `50`; IHE's own samples write the whole content item into the text: `(50, UCUM, "instances")`
_WHOLE = re.compile(r"0*(\d{1,9})")
_WHOLE_IN_TEXT = re.compile(r"\(0*(\d{1,9}),.*\)", re.DOTALL)

_NOT_WHOLE = "the value is no whole number"
_TEXT_FOR_NUMBER = "a text stands where a number is meant"
_OTHERWISE = "the library said otherwise before: the first was taken"
_NO_SERIES = "the group is of no one series: what it says of a series is left out"
_NOT_LISTED = "the library describes what is not listed in the evidence"
_BEFORE_ENTRY = "the descriptors of an instance stand before it instead of below it"
_COUNT = "the library counts other than the evidence lists: its number is taken"
_OTHER_STUDY = (
    "the header states another study than the evidence lists: what the library says is of the evidence's"
)
_OF_WHICH = "several entries follow and the group says it once: of which it is said is not known"

Read = Callable[[Item, Environment], object]


def _concept(item: Item, env: Environment) -> object:
    """Return the value of CODE as a CodeableConcept; of TEXT, one of text only."""
    text = text_of(item)
    return coded_json(item) or ({"id": item.position, "text": text} if text else None)


def _text(item: Item, env: Environment) -> object:
    return text_of(item)


def _whole(item: Item, env: Environment) -> object:
    """Return a whole number, whether it is a NUM or a TEXT."""
    text = text_of(item) or ""
    found = _WHOLE.fullmatch(text) or _WHOLE.fullmatch(text.removesuffix(".0"))
    if found is None and (found := _WHOLE_IN_TEXT.fullmatch(text)):
        env.log.once("warning", "non-conformant-value", item.position, _TEXT_FOR_NUMBER, kept=True)
    if found is None and text:
        env.log.add("warning", "invalid-value", item.position, _NOT_WHOLE)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the logical model: its name, how it is read, and whether it has several values."""

    name: str
    read: Read
    repeats: bool = False


# by the first part of the term of a descriptor
_OF_STUDY = {
    "modality": _Member("modality", _concept, repeats=True),
    "target-region": _Member("targetRegion", _concept, repeats=True),
    "number-of-series": _Member("numberOfSeries", _whole),
}
_OF_SERIES = {
    "modality": _Member("modalityConcept", _concept),
    "target-region": _Member("bodySite", _concept),
    "image-laterality": _Member("laterality", _concept),
    "series-number": _Member("number", _whole),
    "series-description": _Member("description", _text),
    "number-of-instances": _Member("numberOfInstances", _whole),
}
_OF_INSTANCE = {
    "instance-number": _Member("number", _whole),
    "number-of-frames": _Member("numberOfFrames", _whole),
    "document-title": _Member("documentTitle", _concept),
    "key-object-description": _Member("title", _text),
}
_OF_HEADER = {"study-date": "StudyDate", "study-time": "StudyTime"}
_SERIES_UID = "series-uid"
_STARTED = ("series-date", "series-time")


@dataclass(frozen=True)
class ImageLibrary:
    """Descriptions that the logical model adds to the evidence.

    Parameters
    ----------
    study
        Of the study of the document.
    series, instances
        By Series Instance UID, by SOP Instance UID.
    places
        Positions of the items that refer to an instance, by SOP Instance UID.
    """

    study: JsonObject = field(default_factory=dict)
    series: dict[str, JsonObject] = field(default_factory=dict)
    instances: dict[str, JsonObject] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)

    def report_counts(self, evidence: list[JsonObject], study_uid: str, log: FindingLog) -> None:
        """Report numbers of series and instances that are not those of the evidence."""
        described_study = _described(evidence, study_uid)
        if described_study != study_uid and self.study:
            log.add("warning", "conflict", "StudyInstanceUID", _OTHER_STUDY)
        for study in evidence:
            if study["kind"] == "current" and study.get("studyUid") == described_study:
                _compare(self.study, "numberOfSeries", study.get("series", []), log)
                for series in study.get("series", []):
                    described = self.series.get(series.get("seriesUid", ""), {})
                    _compare(described, "numberOfInstances", series.get("instance", []), log)

    def added_to(self, evidence: list[JsonObject], study_uid: str) -> list[JsonObject]:
        """Return the evidence with the descriptions of what it lists as current."""
        described = _described(evidence, study_uid)
        return [self._study(one, described) if one["kind"] == "current" else one for one in evidence]

    def _study(self, study: JsonObject, study_uid: str) -> JsonObject:
        own = self.study if study.get("studyUid") == study_uid else {}
        return filled(study | own | {"series": [self._one_series(one) for one in study.get("series", [])]})

    def _one_series(self, series: JsonObject) -> JsonObject:
        described = self.series.get(series.get("seriesUid", ""), {})
        instances = [self._instance(one) for one in series.get("instance", [])]
        return filled(series | described | {"instance": instances})

    def _instance(self, instance: JsonObject) -> JsonObject:
        uid = instance["uid"]
        lineage = {"_uid": {"id": joined(*self.places[uid])}} if uid in self.places else {}
        return instance | lineage | self.instances.get(uid, {})


NOTHING_SAID = ImageLibrary()
"""Of a document that is no manifest."""


def image_library(root: Item, env: Environment, uses: Uses) -> ImageLibrary:
    """Return what the library of a document describes; nothing where it has none."""
    reader = _Reader(env, uses)
    for library in (child for child in _containers(root) if child.means(LIBRARY)):
        reader.state(reader.found.study, _OF_STUDY, library.children)
        for group in (child for child in _containers(library) if _aspect(child) == GROUP):
            reader.group(group)
    for item in root.children:
        if item.value_type in ENTRIES and (uid := _uid(item)):
            reader.found.places.setdefault(uid, []).append(item.position)
    reader.found.report_counts(env.evidence.as_json(), env.study_uid, env.log)
    return reader.found


class _Reader:
    """Read groups one after the other."""

    def __init__(self, env: Environment, uses: Uses) -> None:
        self.found = ImageLibrary()
        self._env = env
        self._uses = uses
        self._said: dict[int, dict[str, Item]] = {}

    def group(self, group: Item) -> None:
        """Read a group: what it says of its series, and its entries."""
        entries = [child for child in group.children if child.value_type in ENTRIES]
        own = [child for child in group.children if child.value_type not in ENTRIES]
        series = self._series_of(own, entries)
        if series is not None:
            self._describe_series(series, group, own)
        elif any(_aspect(child) in (*_OF_SERIES, *_STARTED) for child in own):
            self._env.log.add("warning", "no-target", group.position, _NO_SERIES)
        stated = self._of_entries(group, entries)
        for entry in entries:
            self._entry(entry, series, stated[entry])

    def _series_of(self, stated: list[Item], entries: list[Item]) -> str | None:
        """Return the UID of the series: as stated, else that of all entries in the evidence."""
        named = [item for item in stated if _aspect(item) == _SERIES_UID]
        self._uses.add(KIND, named[:1], carried=False)
        listed = [self._env.evidence.instance(_uid(entry) or "") for entry in entries]
        found = {one.series if one else None for one in listed}
        return next((text_of(item) for item in named), None) or (found.pop() if len(found) == 1 else None)

    def _describe_series(self, uid: str, group: Item, stated: list[Item]) -> None:
        if not self._env.evidence.of_series(uid):
            self._env.log.add("warning", "missing-evidence", group.position, _NOT_LISTED)
        described = self.found.series.setdefault(uid, {})
        self.state(described, _OF_SERIES, stated)
        self._started(described, stated)
        for item in stated:
            keyword = _OF_HEADER.get(_aspect(item), "")
            if keyword and text_of(item) == self._env.header.text(tag(keyword)):
                self._uses.same[item.position] = keyword

    def _started(self, described: JsonObject, stated: list[Item]) -> None:
        """State when the series began: FHIR has one element for date and time."""
        day, hour = (next((one for one in stated if _aspect(one) == part), None) for part in _STARTED)
        if day is None or "started" in described:
            return
        clock = self._env.clock
        date = clock.date(text_of(day), day.position)
        time = clock.time(text_of(hour), hour.position) if hour else None
        moment = clock.joined(date, time, (hour or day).position)
        if moment:
            places = [day, hour] if hour and "T" in moment else [day]
            described["started"] = moment
            described["_started"] = {"id": joined(*(one.position for one in places))}

    def _of_entries(self, group: Item, entries: list[Item]) -> dict[Item, list[Item]]:
        """Return what a group states of its entries: of all of them, or of the one that follows.

        IHE's own samples have the Instance Number before each entry. So where a descriptor stands as often as
        there are entries, each is of the entry after it. What stands once holds for all (TID 1600, row 3),
        but for the number of an instance.
        """
        found: dict[Item, list[Item]] = {entry: [] for entry in entries}
        for aspect in _OF_INSTANCE:
            stated = [child for child in group.children if _aspect(child) == aspect]
            following = _following(group, aspect)
            if len(entries) > 1 and len(following) == len(stated) == len(entries):
                self._env.log.once(
                    "warning", "non-conformant-value", stated[0].position, _BEFORE_ENTRY, kept=True
                )
                for entry, item in following.items():
                    found[entry].append(item)
            elif aspect == "instance-number" and stated and len(entries) != 1:
                self._env.log.add("warning", "no-target", stated[0].position, _OF_WHICH)
            else:
                for entry in entries:
                    found[entry].extend(stated)
        return found

    def _entry(self, entry: Item, series: str | None, of_group: list[Item]) -> None:
        """Read an entry; what it states overrides what its group states (TID 1601)."""
        uid = _uid(entry)
        known = self._env.evidence.instance(uid or "")
        if uid is None or known is None:
            self._env.log.add("warning", "missing-evidence", entry.position, _NOT_LISTED)
            return
        self.found.places.setdefault(uid, []).append(entry.position)
        own_aspects = {_aspect(child) for child in entry.children}
        inherited = [item for item in of_group if _aspect(item) not in own_aspects]
        described = self.found.instances.setdefault(uid, {})
        self.state(described, _OF_INSTANCE, [*entry.children, *inherited])
        own = self._series_of(entry.children, [entry]) or series
        if own is not None:
            self.state(self.found.series.setdefault(own, {}), _OF_SERIES, entry.children)

    def state(self, described: JsonObject, members: Mapping[str, _Member], stated: Iterable[Item]) -> None:
        """Add to a description what items state; of what has one value, the first."""
        for item in stated:
            member = members.get(_aspect(item))
            value = member.read(item, self._env) if member else None
            if member is None or value is None:
                continue
            if member.repeats:
                described.setdefault(member.name, []).append(value)
                continue
            said = self._said.setdefault(id(described), {})
            before = said.setdefault(member.name, item)
            if before is not item:
                self._again(item, before, same=_plain(value) == _plain(described[member.name]))
                continue
            described[member.name] = value
            if not isinstance(value, dict):
                described[f"_{member.name}"] = {"id": item.position}

    def _again(self, item: Item, before: Item, *, same: bool) -> None:
        if same:
            self._uses.same[item.position] = before.position
        else:
            self._env.log.add("warning", "multiplicity", item.position, _OTHERWISE)


def _described(evidence: list[JsonObject], study_uid: str) -> str:
    """Return which study the library describes: the only one of the evidence, else that of the document."""
    listed = {one.get("studyUid", study_uid) for one in evidence if one["kind"] == "current"}
    return listed.pop() if len(listed) == 1 else study_uid


def _compare(described: JsonObject, member: str, listed: list[JsonObject], log: FindingLog) -> None:
    if described.get(member, len(listed)) != len(listed):
        log.add("warning", "conflict", described[f"_{member}"]["id"], _COUNT)


def _containers(item: Item) -> list[Item]:
    return [child for child in item.children if child.value_type == "CONTAINER"]


def _following(group: Item, aspect: str) -> dict[Item, Item]:
    """Return the entries that a descriptor stands before, with the last one before it."""
    found: dict[Item, Item] = {}
    last: Item | None = None
    for child in group.children:
        if _aspect(child) == aspect:
            last = child
        elif child.value_type in ENTRIES and last is not None:
            found[child], last = last, None
    return found


def _aspect(item: Item) -> str:
    """Return the first part of the term of a descriptor: it has the code of DICOM, or of IHE's trial."""
    return next((term.partition(".")[0] for term in item.terms), "")


def _uid(entry: Item) -> str | None:
    referenced = entry.attributes.first(_SOP_SEQUENCE)
    return referenced.text(_SOP_INSTANCE) if referenced else None


def _plain(value: object) -> object:
    """Return a value without the place that it comes from."""
    return {name: one for name, one in value.items() if name != "id"} if isinstance(value, dict) else value
