"""When the observed state held: acquisition of the images, else the study (decision D14)."""

from __future__ import annotations

from dataclasses import dataclass

from sr2fhir.model.content import first, text_of
from sr2fhir.model.environment import Environment
from sr2fhir.model.observation_context import Moment
from sr2fhir.model.tree import CITATIONS, IMAGES, REGIONS, SOURCE_IMAGE, Item, Place

_ACQUISITION_DATE = "DCM#126201"
_ACQUISITION_TIME = "DCM#126202"

_SEGMENTATIONS = ("DCM#121191", "DCM#121214", "DCM#121231")
_SOURCE_SERIES = "DCM#121232"
_NOT_ACQUIRED = frozenset({"DCM#121191", "DCM#121214", "DCM#126100", "DCM#130488"})
# no Observation refers to an image that stands there
_AROUND_GROUPS = frozenset({Place.ROOT, Place.MEASUREMENTS, Place.EVALUATIONS, Place.DERIVED})


@dataclass(frozen=True, slots=True)
class _Acquisition:
    """When an image was acquired, and the items that say so, the date first."""

    value: str
    items: tuple[Item, ...]


class EffectiveTimes:
    """Find the effective time of content items.

    Parameters
    ----------
    env
        The document.
    items
        All items in document order, with their scopes.
    started
        Study Date and Time as a dateTime.
    """

    def __init__(self, env: Environment, items: list[Item], started: str | None) -> None:
        self._env = env
        self._started = started
        self._acquired: dict[str, list[_Acquisition]] = {}
        self._images: dict[Item, tuple[str, ...]] = {}
        self._acquisitions: dict[Item, _Acquisition | None] = {}
        self._settled: dict[Item, Moment | None] = {}
        for item in items:
            if item.in_library:
                self._add_library_entry(item)
        for item in items:
            if not item.in_library:
                self._images[item] = self._seen(item)

    def settle(self, items: list[Item]) -> None:
        """Find the effective times of items; the acquisition dates and times that give them are consumed."""
        self._settled = {item: self._find(item) for item in items}

    def of(self, item: Item) -> Moment | None:
        """Return the effective time of an item that was settled."""
        return self._settled.get(item)

    def _find(self, item: Item) -> Moment | None:
        images = self._images.get(item, ())
        acquired = [one for uid in images for one in self._acquired.get(uid, ())]
        complete = bool(images) and all(uid in self._acquired for uid in images)
        if complete and len({one.value for one in acquired}) == 1:
            return self._consumed(acquired)
        elsewhere = item.scope is not None and item.scope.study is not None
        known = self._started and not elsewhere and all(map(self._is_of_study, images))
        return Moment(self._started, "StudyDate") if known and self._started else None

    def _consumed(self, acquired: list[_Acquisition]) -> Moment:
        for one in acquired:
            for stated in one.items:
                stated.resolved = "effective"
        return Moment(acquired[0].value, acquired[0].items[0].position)

    def _is_of_study(self, uid: str) -> bool:
        instance = self._env.evidence.instance(uid)
        return instance is None or instance.study in (None, self._env.study_uid)

    def _add_library_entry(self, item: Item) -> None:
        uid = referenced_uid(item) if item.value_type == "IMAGE" else None
        if uid is None:
            return
        when = self._acquisition(item) or (self._acquisition(item.parent) if item.parent else None)
        if when:
            self._acquired.setdefault(uid, []).append(when)

    def _acquisition(self, item: Item) -> _Acquisition | None:
        if item not in self._acquisitions:
            self._acquisitions[item] = self._stated(item)
        return self._acquisitions[item]

    def _stated(self, item: Item) -> _Acquisition | None:
        day, hour = first(item.children, _ACQUISITION_DATE), first(item.children, _ACQUISITION_TIME)
        date = day.value.get("dateValue") if day else None
        if day is None or date is None:
            return None
        time = hour.value.get("timeValue") if hour else None
        value = self._env.clock.completed(date, time, day.position) or date
        return _Acquisition(value, (day, hour) if hour and time else (day,))

    def _seen(self, item: Item) -> tuple[str, ...]:
        """Return an item's own images, else its group's; what stands around groups gives them none."""
        if item.place in _AROUND_GROUPS:
            return ()
        return self._own(item) or (self._images.get(item.parent, ()) if item.parent else ())

    def _own(self, item: Item) -> tuple[str, ...]:
        uids = [uid for child in item.children for uid in _images_of(child)]
        if any(child.has_key(key) for child in item.children for key in _SEGMENTATIONS):
            uids += self._source_series(item)
        return tuple(dict.fromkeys(uids))

    def _source_series(self, item: Item) -> list[str]:
        """Return the images of the series that was segmented, where none of its images is named."""
        if first(item.children, SOURCE_IMAGE):
            return []
        series = [text_of(child) for child in item.children if child.has_key(_SOURCE_SERIES)]
        return [instance.uid for uid in series if uid for instance in self._env.evidence.of_series(uid)]


def referenced_uid(item: Item) -> str | None:
    """Return the SOP Instance UID that an IMAGE, COMPOSITE or WAVEFORM refers to."""
    uid: str | None = item.value.get("reference", {}).get("uid")
    return uid


def _images_of(child: Item) -> list[str]:
    if child.value_type in IMAGES:
        uid = None if (_NOT_ACQUIRED | CITATIONS).intersection(child.keys) else referenced_uid(child)
        return [uid] if uid else []
    if child.value_type in REGIONS:
        below = (image for image in child.origin.children if image.value_type in IMAGES)
        return [uid for image in below if (uid := referenced_uid(image))]
    return []
