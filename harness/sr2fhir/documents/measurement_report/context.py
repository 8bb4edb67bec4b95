"""Context that only a Measurement Report has: finding sites and tracked lesions, and effective times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sr2fhir.documents.measurement_report.structure import Part, is_group
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.context import Changes, Handler, Moment, Scope, Uses
from sr2fhir.model.datatypes import filled, joined, traced
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import Ids, bare, uid_identifier
from sr2fhir.model.tree import IMAGES, REGIONS, Item, coded_json, first, text_of
from sr2fhir.model.values import Values

# ---- finding sites and tracked lesions (TID 300, 1410, 1411, 1419, 1501; mapping sections 3.6 and 3.8) ----


# what is said of them is said of no group: they only hold groups
_AROUND_GROUPS = frozenset(
    {"report", "imaging-measurements", "qualitative-evaluations", "derived-measurements"}
)


def not_around_groups(parts: Mapping[Item, Part], handler: Handler) -> Handler:
    """Return a handler that takes nothing from the containers around groups.

    A Finding Site or Method there qualifies the container (HAS CONCEPT MOD, PS3.3 C.17.3.2.4): unlike
    observation context it is not inherited, and whether it holds for every group is not said.
    """

    def state(item: Item, children: list[Item], scope: Scope) -> Changes:
        part = parts.get(item)
        return {} if part and part.name in _AROUND_GROUPS else handler(item, children, scope)

    return state


class Sites:
    """Collect the finding sites of a document, one entry for each content item that states any.

    Groups with one tracking UID share an entry, unless they state different sites (decision D34).

    Parameters
    ----------
    ids
        Makes their ids.
    patient
        Id of the patient, within whom a tracking UID names a lesion.
    values
        Measurement Group → the Finding that is its value, whose sites are those of the group.
    uses
        Notes what the items are used for.
    log
        Receives tracking identifiers beyond the first, lesions that are said to have several sites, and
        lateralities of which the site is not known.
    """

    def __init__(
        self, ids: Ids, patient: str, values: Mapping[Item, Item], uses: Uses, log: FindingLog
    ) -> None:
        self._ids = ids
        self._patient = patient
        self._values = values
        self._uses = uses
        self._log = log
        self._found: list[tuple[JsonObject, Item]] = []
        self._lesions: dict[str, list[JsonObject]] = {}

    def as_json(self, scopes: Mapping[Item, Scope]) -> list[JsonObject]:
        """Return the entries in document order, each in the language that holds for what was stated."""
        return [entry | _language(scopes[of]) for entry, of in self._found]

    def state(self, item: Item, children: list[Item], scope: Scope) -> Changes:
        """Return the finding site that an item's children state.

        Tracking items count on a Measurement Group only: on a measurement they describe the measurement. A
        group that states no site has the one of the Finding that is its value.
        """
        if item.parent and self._values.get(item.parent) is item:
            return {}
        sites, beside = _coded(children, _SITE), _coded(children, _LATERALITY)
        value = self._values.get(item)
        if value and not sites:
            sites, beside = _coded(value.children, _SITE), [*beside, *_coded(value.children, _LATERALITY)]
        identifier = self._tracking(item, children, "tracking.identifier")
        uid = self._tracking(item, children, "tracking.uid")
        tracking = [child for child in (identifier, uid) if child]
        if not (sites or tracking):
            return {}
        further = self._of_the_site(sites, beside)
        stated = _stated(sites, further, identifier, uid)
        entry = self._entry(stated, [*sites, *tracking][0], text_of(uid) if uid else None)
        named = (child for child in tracking if not self._is_another_name(child, entry))
        self._uses.add("tracking", named, entry["id"])
        self._uses.add(
            "findingSite", [one for site in sites for one in (site, *_qualifiers(site, further))], entry["id"]
        )
        flags = {name: stated[name] for name in ("tracked", "qualified")}
        # a tracked or qualified site is written once, above: repeating it on each item costs the engine time
        plain = [] if any(flags.values()) else [one["site"] for one in stated.get("structure", ())]
        label = _label(_tracked_name(item), [(*_qualifiers(site, further), site) for site in sites], scope)
        return {"finding_site": filled({"id": entry["id"], **flags, "label": label, "site": plain})}

    def _of_the_site(self, sites: list[Item], beside: list[Item]) -> list[Item]:
        """Return the laterality that stands beside the only site, which states none; report any other."""
        if not sites:
            return []
        alone = len(sites) == 1 and not _coded(sites[0].children, _LATERALITY)
        taken = beside[:1] if alone else []
        message = _BESIDE_SEVERAL if len(sites) > 1 else _BESIDE_ANOTHER
        for other in beside[len(taken) :]:
            self._log.add("warning", "multiplicity", other.position, message, kept=True)
        return taken

    def _entry(self, stated: JsonObject, of: Item, uid: str | None) -> JsonObject:
        """Return the entry of what is stated: that of the lesion, if it is known, else a new one."""
        known = self._lesions.setdefault(uid, []) if uid else []
        shared = next((entry for entry in known if _is_same_site(entry, stated)), None)
        if shared is not None:
            self._share(stated, shared, known[0])
            return shared
        if known:
            self._log.add("warning", "conflict", of.position, _ANOTHER_SITE)
            # two resources with one identifier would have a server refuse each later report of the lesion
            self._uses.same.update(_equal_parts(stated.pop("trackingUid"), known[0]["trackingUid"]))
        made = self._ids.lesion(self._patient, uid) if uid and not known else None
        entry = {"id": made or self._ids.at(of.identifier, "finding-site"), **stated}
        known.append(entry)
        self._found.append((entry, of))
        return entry

    def _share(self, stated: JsonObject, entry: JsonObject, first: JsonObject) -> None:
        """Add to an entry of a lesion what it does not hold yet; what it holds was said before.

        Parameters
        ----------
        first
            Entry of the lesion that has the tracking UID; the others are without.
        """
        for name, holder in (("trackingIdentifier", entry), ("trackingUid", first), ("structure", entry)):
            held = holder.setdefault(name, stated[name]) if name in stated else None
            if held is not None and held is not stated[name]:
                self._note_same(stated[name], held)
        entry["qualified"] = entry["qualified"] or stated["qualified"]

    def _note_same(self, stated: list[JsonObject], held: list[JsonObject]) -> None:
        for one in stated:
            other = next((each for each in held if bare(each) == bare(one)), None)
            if other:
                self._uses.same.update(_equal_parts(one, other))

    def _is_another_name(self, child: Item, entry: JsonObject) -> bool:
        """Tell whether a Tracking Identifier is another one than that of the lesion, and report it."""
        if not child.means("tracking.identifier"):
            return False
        if entry["trackingIdentifier"][0]["value"] == text_of(child):
            return False
        self._log.add("warning", "multiplicity", child.position, _ANOTHER_NAME)
        return True

    def _tracking(self, item: Item, children: list[Item], term: str) -> Item | None:
        if not is_group(item):
            return None
        stated = [child for child in children if child.means(term) and text_of(child)]
        for further in stated[1:]:
            message = "the group has another tracking identifier; the first was taken"
            self._log.add("warning", "multiplicity", further.position, message)
        return stated[0] if stated else None


_ANOTHER_SITE = (
    "another site was stated for the same tracking UID: this one has a body structure of its own, without it"
)
_ANOTHER_NAME = "another tracking identifier was stated for the same tracking UID; the first was taken"
_BESIDE_SEVERAL = "a laterality beside several sites: which of them it is of is not known"
_BESIDE_ANOTHER = "a laterality beside a site that has another one"
_SITE = "finding-site.site"
_LATERALITY = "finding-site.laterality"
_MODIFIER = "finding-site.modifier"


def _coded(items: list[Item], term: str) -> list[Item]:
    """Return the items with a concept that have a coded value."""
    return [item for item in items if item.means(term) and item.value_type == "CODE" and coded_json(item)]


def _stated(sites: list[Item], further: list[Item], identifier: Item | None, uid: Item | None) -> JsonObject:
    """Return what is stated, as the logical model writes it."""
    structures = [_structure(site, further) for site in sites]
    names = [{"id": identifier.position, "value": text_of(identifier)}] if identifier else None
    return filled(
        {
            "tracked": bool(identifier or uid),
            "qualified": any("laterality" in one or "modifier" in one for one in structures),
            "trackingIdentifier": names,
            "trackingUid": [uid_identifier(text_of(uid) or "", uid.position)] if uid else None,
            "structure": structures,
        }
    )


def _structure(site: Item, further: list[Item]) -> JsonObject:
    qualifiers = _qualifiers(site, further)
    return filled(
        {
            "id": site.position,
            "site": coded_json(site),
            "laterality": [coded_json(one) for one in qualifiers if one.means(_LATERALITY)],
            "modifier": [coded_json(one) for one in qualifiers if one.means(_MODIFIER)],
        }
    )


def _qualifiers(site: Item, further: list[Item]) -> list[Item]:
    """Return the first laterality and all modifiers of a site, where they have a code.

    Parameters
    ----------
    further
        Lateralities that stand beside the site and are of it.
    """
    laterality = [*_coded(site.children, _LATERALITY), *further][:1]
    return [*laterality, *_coded(site.children, _MODIFIER)]


def _tracked_name(item: Item) -> str:
    """Return the Tracking Identifier of the nearest group around that has one; empty where none has."""
    around: Item | None = item
    while around is not None:
        named = first(around.children, "tracking.identifier") if is_group(around) else None
        if named and text_of(named):
            return text_of(named) or ""
        around = around.parent
    return ""


def _label(name: str, sites: list[tuple[Item, ...]], scope: Scope) -> str | None:
    """Return lesion and sites as people read them, `Nodule 1 (right lung)`; None where no lesion is tracked.

    Parameters
    ----------
    sites
        Each with its qualifiers before it, of which modifiers are left out.
    scope
        States the language: English writes the names of sites small.
    """
    is_english = scope.language is None or scope.language.value.startswith("en")
    named = [
        [text_of(each) or "" for each in (*said, site) if not each.means(_MODIFIER)] for *said, site in sites
    ]
    texts = [" ".join(map(_in_sentence, words) if is_english else words).strip() for words in named]
    within = ", ".join(text for text in texts if text)
    return f"{name} ({within})" if name and within else name or None


def _in_sentence(words: str) -> str:
    """Return English words as they stand within a sentence: an abbreviation keeps its capitals.

    Examples
    --------
    >>> _in_sentence("Circle of Willis"), _in_sentence("RUL")
    ('circle of Willis', 'RUL')
    """
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def _is_same_site(entry: JsonObject, stated: JsonObject) -> bool:
    """Tell whether what is stated of a lesion agrees with an entry; one of them may have no site.

    Codes decide, not their wording, nor the order of sites.
    """
    ours, theirs = entry.get("structure"), stated.get("structure")
    return not (ours and theirs) or {*map(_site_key, ours)} == {*map(_site_key, theirs)}


def _site_key(structure: JsonObject) -> tuple[object, ...]:
    qualifiers = (structure.get(name, ()) for name in ("laterality", "modifier"))
    return (_code_key(structure["site"]), *(frozenset(map(_code_key, each)) for each in qualifiers))


def _code_key(concept: JsonObject) -> tuple[object, ...]:
    coding = concept.get("coding", [{}])[0]
    return (coding.get("system"), coding.get("code")) if "code" in coding else (concept.get("text"),)


def _equal_parts(value: Any, earlier: Any) -> Iterator[tuple[str, str]]:
    """Yield where each part of a value comes from, with where an equal value does."""
    if isinstance(value, dict) and isinstance(earlier, dict):
        if "id" in value and "id" in earlier:
            yield value["id"], earlier["id"]
        for name in value:
            yield from _equal_parts(value[name], earlier.get(name))
    elif isinstance(value, list) and isinstance(earlier, list):
        for one, other in zip(value, earlier, strict=False):
            yield from _equal_parts(one, other)


def _language(scope: Scope) -> JsonObject:
    stated = scope.language
    return traced({"language": stated.value}, {"language": stated.lineage}) if stated else {}


# ---- effective times: acquisition of the images, else the study (decision D14) ----------------------------


_SEGMENTATION = frozenset({"segmentation.segment", "segmentation.frame", "segmentation.surface"})
_NOT_ACQUIRED = frozenset(
    {"segmentation.segment", "segmentation.frame", "reference.value-map", "reference.region-in-space"}
)
_CITATION = "citation."


@dataclass(frozen=True, slots=True)
class _Acquisition:
    """When an image was acquired, the items that say so, the date first, and a time of no known offset."""

    value: str
    items: tuple[Item, ...]
    left_out: Item | None = None


class EffectiveTimes:
    """Find the effective time of content items.

    Parameters
    ----------
    env
        The document.
    items
        All items in document order.
    values
        What they state.
    parts
        Which parts of the template containers and numbers are.
    started
        Study Date and Time as a dateTime.
    """

    def __init__(
        self,
        env: Environment,
        items: list[Item],
        values: Values,
        parts: Mapping[Item, Part],
        started: Moment | None,
    ) -> None:
        self._env = env
        self._started = started
        self._values = values.of
        self._parts = parts
        self._acquired: dict[str, list[_Acquisition]] = {}
        self._images: dict[Item, tuple[str, ...]] = {}
        self._acquisitions: dict[Item, _Acquisition | None] = {}
        for item in items:
            if item.in_library:
                self._add_library_entry(item)
        for item in items:
            if not item.in_library:
                self._images[item] = self._seen(item)

    def of(self, item: Item, scope: Scope, uses: Uses) -> Moment | None:
        """Return the effective time of an item; the acquisition dates and times that give it are used."""
        images = self._images.get(item, ())
        acquired = [one for uid in images for one in self._acquired.get(uid, ())]
        complete = bool(images) and all(uid in self._acquired for uid in images)
        if complete and len({one.value for one in acquired}) == 1:
            for one in acquired:
                uses.add("effective", one.items, carried=False)
                if one.left_out:
                    self._env.clock.leave_out(one.left_out.position)
            return Moment(acquired[0].value, joined(*(stated.position for stated in acquired[0].items)))
        known = scope.study is None and all(map(self._is_of_study, images))
        return self._started if known else None

    def _is_of_study(self, uid: str) -> bool:
        instance = self._env.evidence.instance(uid)
        return instance is None or instance.study in (None, self._env.study_uid)

    def _add_library_entry(self, item: Item) -> None:
        uid = self._referenced(item) if item.value_type == "IMAGE" else None
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
        day, hour = first(item.children, "acquisition.date"), first(item.children, "acquisition.time")
        date = self._values[day].get("dateValue") if day else None
        if day is None or date is None:
            return None
        time = self._values[hour].get("timeValue") if hour else None
        if hour is None or time is None:
            return _Acquisition(date, (day,))
        if not self._env.clock.is_known():
            return _Acquisition(date, (day,), hour)
        return _Acquisition(self._env.clock.joined(date, time, hour.position) or date, (day, hour))

    def _seen(self, item: Item) -> tuple[str, ...]:
        """Return an item's own images, else its group's; what stands around groups gives them none."""
        part = self._parts.get(item)
        if part and part.name in _AROUND_GROUPS:
            return ()
        return self._own(item) or (self._images.get(item.parent, ()) if item.parent else ())

    def _own(self, item: Item) -> tuple[str, ...]:
        uids = [uid for child in item.children for uid in self._images_of(child)]
        if any(_SEGMENTATION.intersection(child.terms) for child in item.children):
            uids += self._source_series(item)
        return tuple(dict.fromkeys(uids))

    def _source_series(self, item: Item) -> list[str]:
        """Return the images of the series that was segmented, where none of its images is named."""
        if first(item.children, "source-image.image"):
            return []
        series = [text_of(child) for child in item.children if child.means("source-series.uid")]
        return [instance.uid for uid in series if uid for instance in self._env.evidence.of_series(uid)]

    def _referenced(self, item: Item) -> str | None:
        """Return the SOP Instance UID that an IMAGE, COMPOSITE or WAVEFORM refers to."""
        uid: str | None = self._values[item].get("reference", {}).get("uid")
        return uid

    def _images_of(self, child: Item) -> list[str]:
        if child.value_type in IMAGES:
            uid = self._referenced(child) if _is_acquired(child) else None
            return [uid] if uid else []
        if child.value_type in REGIONS:
            below = (image for image in child.origin.children if image.value_type in IMAGES)
            return [uid for image in below if (uid := self._referenced(image))]
        return []


def _is_acquired(child: Item) -> bool:
    return not any(term in _NOT_ACQUIRED or term.startswith(_CITATION) for term in child.terms)
