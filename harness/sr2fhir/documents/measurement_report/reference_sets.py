"""References of one kind among an item's children, taken together (section 3.7; D9, D11, D31, D46 to D48).

A set becomes one ImagingSelection. What is of one kind: the same value type and concept; in three dimensions
also the same frame of reference. An unnamed region counts as an Image Region, any other unnamed reference as
a Source of Measurement. The kinds that the guide has profiles for are one set each; any other kind is one set
for each study and series.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydicom.uid import RealWorldValueMappingStorage, RTStructureSetStorage, SegmentationStorage

from sr2fhir.documents.measurement_report.regions import Regions, ReportInstances
from sr2fhir.documents.measurement_report.structure import GROUP, Part, is_group, roles
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import filled
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import is_valid_uid, short_uid
from sr2fhir.model.instances import Placed
from sr2fhir.model.tree import IMAGES, REGIONS, Item, first, text_of
from sr2fhir.model.values import FRAME_OF_REFERENCE, Values

_SERIES = "source-series.uid"
_SEGMENT = "segmentation.segment"
_FRAME = "segmentation.frame"
_DEFAULT_TERMS = {
    "SCOORD": "reference.region",
    "SCOORD3D": "reference.region",
    "IMAGE": "reference.source",
    "COMPOSITE": "reference.source",
    "WAVEFORM": "reference.source",
}
_MISPRINT = "the SOP class is written as the guide misprints it, as asked for: DICOM has no such class"
_WHOLE_SEGMENT = "the segmentation frame states no frame number: it is taken as the whole segment"
# kinds of the guide: regions by value type; objects, whichever of the two value types a member has
_REGIONS = {
    "SCOORD": frozenset({"reference.region"}),
    "SCOORD3D": frozenset({"reference.region", "segmentation.surface"}),
}
_OBJECTS = {
    _SEGMENT: "IMAGE",
    _FRAME: "IMAGE",
    "source-image.image": "IMAGE",
    "reference.illustration": "IMAGE",
    "reference.explanation": "IMAGE",
    "reference.region-in-space": "COMPOSITE",
    "reference.value-map": "COMPOSITE",
}
# SOP class that the profile of a kind fixes. The map of the profile asks for the same class, since it decides
# whether the profile is claimed; the renderer says beforehand what the document lacks for it.
_CLASSES: dict[str, str] = {
    _SEGMENT: SegmentationStorage,
    _FRAME: SegmentationStorage,
    "reference.region-in-space": RTStructureSetStorage,
    "reference.value-map": RealWorldValueMappingStorage,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """The members of one kind below one item; the term is that of a kind of the guide."""

    name: str
    term: str | None
    value_type: str
    frame_of_reference: str | None
    ordinal: int
    members: list[Item] = field(default_factory=list)

    @property
    def is_of_guide(self) -> bool:
        """Tell whether the guide has a profile for it: an Observation has one such selection (D9, D11)."""
        return self.term is not None and self.ordinal == 1


class ReferenceSets:
    """Make the reference sets of a document.

    Parameters
    ----------
    env
        The document.
    values
        Values of its items.
    parts
        Which parts of the template containers and numbers are.
    study_json
        Returns ``referenceSet.study`` for a Study Instance UID.
    """

    def __init__(
        self,
        env: Environment,
        values: Values,
        parts: Mapping[Item, Part],
        study_json: Callable[[str], JsonObject],
    ) -> None:
        self._env = env
        self._parts = parts
        self._study_json = study_json
        self._values = values.of
        self._instances = ReportInstances(env, values)
        self._regions = Regions(env.log)
        self._kinds: dict[Item, list[_Kind]] = {}
        self._kind_of: dict[Item, _Kind] = {}
        self._sets: dict[_Kind, list[JsonObject]] = {}
        self._sources: dict[Item, list[Placed]] = {}
        self._placers = {
            "IMAGE": self._objects,
            "COMPOSITE": self._objects,
            "WAVEFORM": self._objects,
            "SCOORD": self._regions_in_images,
            "SCOORD3D": self._regions_in_space,
        }

    def of(self, item: Item) -> list[JsonObject]:
        """Return the reference sets of an item."""
        if not item.children or item.in_library or item.by_reference or item.value_type in REGIONS:
            return []
        made = (self._existing(kind) or self._made(kind, item) for kind in self._kinds_of(item))
        return [one for sets in made for one in sets]

    def are_of(self, item: Item) -> bool:
        """Tell whether an item has a reference set."""
        return bool(self.of(item))

    # ---- kinds ---------------------------------------------------------------------------------------------

    def _kinds_of(self, item: Item) -> list[_Kind]:
        if item not in self._kinds:
            self._kinds[item] = list(self._distinct_kinds(item.children))
            self._kind_of |= {member: kind for kind in self._kinds[item] for member in kind.members}
        return self._kinds[item]

    def _distinct_kinds(self, children: Iterable[Item]) -> Iterable[_Kind]:
        found: dict[tuple[str, str | None], _Kind] = {}
        frames: dict[str, int] = {}
        for child in children:
            named = self._kind(child)
            if named is None:
                continue
            name, term = named
            in_space = child.value_type == "SCOORD3D"
            frame = child.origin.attributes.text(FRAME_OF_REFERENCE) if in_space else None
            if (name, frame) not in found:
                frames[name] = frames.get(name, 0) + 1
                found[name, frame] = _Kind(name, term, child.value_type, frame, frames[name])
            found[name, frame].members.append(child)
        return found.values()

    def _kind(self, item: Item) -> tuple[str, str | None] | None:
        """Return the name of the kind that a reference is of, and its term; None for what is no reference."""
        if item.value_type == "UIDREF":
            return (f"UIDREF {roles().key(_SERIES)}", _SERIES) if item.means(_SERIES) else None
        if item.value_type not in _DEFAULT_TERMS or any(term.startswith("citation.") for term in item.terms):
            return None
        if item.concept is None:
            key = roles().key(_DEFAULT_TERMS[item.value_type])
        else:
            key = item.keys[0] if item.keys else item.concept.label
        term = next((term for term in roles().terms((key,)) if _is_of_guide(term, item.value_type)), None)
        if term == _FRAME and self._is_whole_segment(item):
            term, key = _SEGMENT, roles().key(_SEGMENT)
        return f"{_OBJECTS.get(term or '', item.value_type)} {key}", term

    def _is_whole_segment(self, item: Item) -> bool:
        """Tell whether a segmentation frame names no frame but a segment, and say so (decision D47)."""
        reference = self._values[item].get("reference", {})
        if "frame" in reference or "segment" not in reference:
            return False
        self._env.log.add("warning", "degraded", item.position, _WHOLE_SEGMENT)
        return True

    def _existing(self, kind: _Kind) -> list[JsonObject]:
        """Return the sets elsewhere whose only member all members of a kind refer to (decision D31)."""
        targets = {member.target for member in kind.members}
        target = targets.pop() if len(targets) == 1 else None
        holder = target.parent if target else None
        if target is None or holder is None or not self._is_observed_group(holder):
            return []
        self._kinds_of(holder)
        there = self._kind_of.get(target)
        if there is None or there.members != [target]:
            return []
        referring = kind.members[0]
        return [
            filled(
                {
                    "id": made["id"],
                    "kind": there.name,
                    "existing": True,
                    "position": referring.position,
                    **_head(kind, there.ordinal, referring),
                }
            )
            for made in self._made(there, holder)
        ]

    def _is_observed_group(self, item: Item) -> bool:
        part = self._parts.get(item)
        return part is not None and part.role == GROUP

    # ---- sets ----------------------------------------------------------------------------------------------

    def _made(self, kind: _Kind, holder: Item) -> list[JsonObject]:
        if kind not in self._sets:
            self._sets[kind] = self._make(kind, holder)
        return self._sets[kind]

    def _make(self, kind: _Kind, holder: Item) -> list[JsonObject]:
        members = _distinct(kind.members)
        if kind.term == _SERIES:
            return self._series(kind, members)
        placed = self._placers[kind.value_type](members, holder)
        leading: dict[Item, int] = {}
        made = []
        for together in self._together(kind, placed):
            head = _leading(members, together)
            number = leading[head] = leading.get(head, 0) + 1
            made.append(self._set(kind, together, head, _shared(one.series for one in together), number))
        return made

    def _together(self, kind: _Kind, placed: list[Placed]) -> list[list[Placed]]:
        """Return the instances of each set: all in one, or those of each study and series (decision D48)."""
        if kind.is_of_guide:
            return [placed] if placed else []
        found: dict[tuple[str | None, str | None], list[Placed]] = {}
        for one in placed:
            found.setdefault((one.study, one.series), []).append(one)
        return list(found.values())

    def _set(
        self, kind: _Kind, placed: list[Placed], head: Item, series: str | None, number: int = 1
    ) -> JsonObject:
        """Return a set; the number counts those with one head, which lies in several series."""
        self._instances.report_evidence(placed, head.position)
        self._report_profile(kind, placed, head)
        self._report_unshared("series", series, [one.series for one in placed], head)
        studies = {one.study: self._study_json(one.study) for one in placed if one.study}
        study = _shared(one.study for one in placed)
        self._report_unshared("study", study, studies, head)
        return filled(
            {
                "id": self._id(head, number),
                "kind": kind.name,
                **_head(kind, kind.ordinal, head),
                "seriesUid": short_uid(series),
                "endpoint": self._env.evidence.endpoints.of_series(
                    [one.series for one in placed] or [series]
                ),
                "study": studies[study] if study else None,
                "instance": [one.body for one in placed],
            }
        )

    def _id(self, head: Item, number: int) -> str:
        if number == 1:
            return self._env.ids.item(head.identifier)
        return self._env.ids.at(f"{head.identifier} {number}", "selection")

    def _series(self, kind: _Kind, members: list[Item]) -> list[JsonObject]:
        """Return the instances of a series that is named by its UID; nothing where the UID is none."""
        named = {uid: member for member in reversed(members) if is_valid_uid(uid := text_of(member) or "")}
        if not named:
            return []
        uid, head = list(named.items())[-1]
        if len(named) > 1:
            message = "several source series are named; the first was taken"
            self._env.log.add("warning", "multiplicity", head.position, message)
        listed = self._listed(head)
        if self._env.evidence.is_stated and not listed:
            message = "the source series is not listed in the evidence: it is named without its images"
            self._env.log.add("warning", "missing-evidence", head.position, message)
        made = self._set(kind, listed, head, uid)
        if not self._env.evidence.is_stated:
            made["study"] = self._study_json(self._env.study_uid)
        return [made]

    def _listed(self, member: Item) -> list[Placed]:
        """Return the instances that the evidence lists of the series that a UIDREF names."""
        listed = self._env.evidence.of_series(text_of(member) or "")
        placed = (self._instances.listed(one, member) for one in listed)
        return [one for one in placed if one]

    def _report_unshared(
        self, name: str, shared: str | None, stated: Collection[str | None], head: Item
    ) -> None:
        """Report a series or study that is known, but not of all instances of a selection (decision D9)."""
        if shared is None and any(stated):
            message = f"the instances are not known to be of one {name}: their selection states none"
            self._env.log.add("warning", "multiplicity", head.position, message)

    def _report_profile(self, kind: _Kind, placed: list[Placed], head: Item) -> None:
        """Report what keeps a selection from the profile of its kind (section 3.7, 5.2)."""
        wanted = _CLASSES.get(kind.term or "")
        classes = {one.body.get("sopClass", {}).get("code") for one in placed}
        if wanted and classes != {wanted}:
            message = "a referenced instance is not of the class of its kind: the profile is not claimed"
            self._env.log.add("warning", "conflict", head.position, message)
        if (
            kind.term == "reference.region-in-space"
            and wanted in classes
            and self._env.options.form == "ig-literal"
        ):
            self._env.log.add("warning", "conflict", head.position, _MISPRINT)
        if kind.value_type == "SCOORD3D" and short_uid(kind.frame_of_reference) is None:
            reason = "invalid-value" if kind.frame_of_reference else "missing-identifier"
            message = (
                "the region states no valid frame of reference: the profile, which needs one, is not claimed"
            )
            self._env.log.add("warning", reason, head.position, message)

    # ---- instances -----------------------------------------------------------------------------------------

    def _objects(self, members: list[Item], _: Item) -> list[Placed]:
        """Return an instance for each referenced object."""
        return [placed for member in members if (placed := self._instances.referenced(member))]

    def _regions_in_images(self, members: list[Item], _: Item) -> list[Placed]:
        """Return an instance for each region and image on which it lies."""
        found: list[Placed] = []
        for member in members:
            region = self._regions.of(member)
            images = self._objects(_images(member), member)
            if region and not images:
                message = "the region lies on no image"
                self._env.log.add("warning", "unresolved-reference", member.position, message)
            for placed in images if region else ():
                placed.body["region"] = [region]
                found.append(placed)
        return found

    def _regions_in_space(self, members: list[Item], holder: Item) -> list[Placed]:
        """Return an instance for each carrier, with the regions that it carries."""
        found: dict[tuple[object, ...], Placed] = {}
        for member in members:
            region = self._regions.of(member)
            if region:
                placed = self._carrier(member, holder)
                placed = found.setdefault(placed.carrier(), placed)
                placed.body.setdefault("region", []).append(region)
        return list(found.values())

    def _carrier(self, member: Item, holder: Item) -> Placed:
        """Return the instance that carries a region in space (decisions D11, D46)."""
        own = self._objects(_images(member), holder)
        found = next(iter(own or self._segmented(holder)), None)
        # a copy: other sets may have the same carrier, each with regions of its own
        return replace(found, body=dict(found.body)) if found else self._instances.document(member)

    def _segmented(self, holder: Item) -> list[Placed]:
        """Return what was segmented beside a region, else in the group around: images, else their series."""
        own = self._source(holder)
        if own or is_group(holder) or holder.parent is None:
            return own
        return self._source(holder.parent)

    def _source(self, holder: Item) -> list[Placed]:
        if holder not in self._sources:
            image, series = first(holder.children, "source-image.image"), first(holder.children, _SERIES)
            images = self._objects([image] if image else [], holder)
            self._sources[holder] = images or (self._listed(series) if series else [])
        return self._sources[holder]


def _is_of_guide(term: str, value_type: str) -> bool:
    if value_type in _REGIONS:
        return term in _REGIONS[value_type]
    return value_type in _OBJECTS.values() and term in _OBJECTS


def _head(kind: _Kind, ordinal: int, leading: Item) -> JsonObject:
    named = next((member for member in (leading, *kind.members) if member.concept), None)
    is_segment = kind.term == _SEGMENT and named is not None and not named.means(_SEGMENT)
    keys = (roles().key(_SEGMENT),) if is_segment else named.keys if named else ()
    return {
        "key": list(keys),
        "role": roles().role(named.terms) if named else None,
        "concept": named.concept.as_json(named.position) if named and named.concept else None,
        "valueType": kind.value_type,
        "frameOfReferenceUid": short_uid(kind.frame_of_reference),
        "ordinal": ordinal,
    }


def _distinct(members: list[Item]) -> list[Item]:
    """Return the members; of several references to one item the first."""
    found: dict[Item, Item] = {}
    for member in members:
        found.setdefault(member.origin, member)
    return list(found.values())


def _leading(members: list[Item], placed: list[Placed]) -> Item:
    """Return the member that names a set: the one of its first instance."""
    region = next(iter(placed[0].body.get("region", ())), placed[0].body)
    return next(one for one in members if one.position == region["id"])


def _images(member: Item) -> list[Item]:
    return [child for child in member.origin.children if child.value_type in IMAGES]


def _shared(values: Iterable[str | None]) -> str | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
