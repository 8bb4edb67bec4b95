"""When the observed state held: acquisition of the images, else the study (decision D14)."""

from __future__ import annotations

from sr2fhir.rendering.content import first, text_of
from sr2fhir.rendering.environment import Environment
from sr2fhir.rendering.tree import IMAGES, REGIONS, Item

_ACQUISITION_DATE = "DCM#126201"
_ACQUISITION_TIME = "DCM#126202"

_SEGMENTATIONS = ("DCM#121191", "DCM#121214", "DCM#121231")
_SOURCE_IMAGE = "DCM#121233"
_SOURCE_SERIES = "DCM#121232"
_NOT_ACQUIRED = frozenset({"DCM#121191", "DCM#121214", "DCM#126100", "DCM#130488"})


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
        self._acquired: dict[str, set[str]] = {}
        self._images: dict[Item, tuple[str, ...]] = {}
        self._acquisitions: dict[Item, str | None] = {}
        for item in items:
            if item.in_library:
                self._add_library_entry(item)
        for item in items:
            if not item.in_library:
                self._images[item] = self._own(item) or self._inherited(item)

    def of(self, item: Item) -> str | None:
        """Return the effective time of an item."""
        images = self._images.get(item, ())
        times = [self._acquired.get(uid, set()) for uid in images]
        agreed = set().union(*times) if times and all(times) else set()
        if len(agreed) == 1:
            return next(iter(agreed))
        elsewhere = item.scope is not None and item.scope.study is not None
        return None if elsewhere or not all(map(self._is_of_study, images)) else self._started

    def _is_of_study(self, uid: str) -> bool:
        instance = self._env.evidence.instance(uid)
        return instance is None or instance.study in (None, self._env.study_uid)

    def _add_library_entry(self, item: Item) -> None:
        uid = referenced_uid(item) if item.value_type == "IMAGE" else None
        if uid is None:
            return
        when = self._acquisition(item) or (self._acquisition(item.parent) if item.parent else None)
        if when:
            self._acquired.setdefault(uid, set()).add(when)

    def _acquisition(self, item: Item) -> str | None:
        if item not in self._acquisitions:
            self._acquisitions[item] = self._stated(item)
        return self._acquisitions[item]

    def _stated(self, item: Item) -> str | None:
        day, hour = first(item.children, _ACQUISITION_DATE), first(item.children, _ACQUISITION_TIME)
        if day is None:
            return None
        moment = hour.value.get("timeValue") if hour else None
        return self._env.clock.completed(day.value.get("dateValue"), moment, day.position)

    def _inherited(self, item: Item) -> tuple[str, ...]:
        return self._images.get(item.parent, ()) if item.parent else ()

    def _own(self, item: Item) -> tuple[str, ...]:
        uids = [uid for child in item.children for uid in _images_of(child)]
        if any(child.has_key(key) for child in item.children for key in _SEGMENTATIONS):
            uids += self._source_series(item)
        return tuple(dict.fromkeys(uids))

    def _source_series(self, item: Item) -> list[str]:
        """Return the images of the series that was segmented, where none of its images is named."""
        if first(item.children, _SOURCE_IMAGE):
            return []
        series = [text_of(child) for child in item.children if child.has_key(_SOURCE_SERIES)]
        return [instance.uid for uid in series if uid for instance in self._env.evidence.of_series(uid)]


def referenced_uid(item: Item) -> str | None:
    """Return the SOP Instance UID that an IMAGE, COMPOSITE or WAVEFORM refers to."""
    uid: str | None = item.value.get("reference", {}).get("uid")
    return uid


def _images_of(child: Item) -> list[str]:
    if child.value_type in IMAGES:
        uid = None if _NOT_ACQUIRED.intersection(child.keys) else referenced_uid(child)
        return [uid] if uid else []
    if child.value_type in REGIONS:
        below = (image for image in child.origin.children if image.value_type in IMAGES)
        return [uid for image in below if (uid := referenced_uid(image))]
    return []
