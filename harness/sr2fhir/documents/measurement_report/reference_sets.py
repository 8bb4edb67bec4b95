"""References of one kind among an item's children, taken together (section 3.7; D9, D11, D29, D31).

A set becomes one ImagingSelection. What is of one kind: the same value type and concept; in three dimensions
also the same frame of reference. An unnamed region counts as an Image Region, any other unnamed reference as
a Source of Measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pydicom.uid import RealWorldValueMappingStorage, RTStructureSetStorage, SegmentationStorage

from sr2fhir.documents.measurement_report.instances import Instances, Placed, Regions
from sr2fhir.documents.measurement_report.structure import GROUP, Part, is_group, roles
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import filled
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import is_valid_uid, short_uid
from sr2fhir.model.tree import IMAGES, REGIONS, Item, first, text_of
from sr2fhir.model.values import FRAME_OF_REFERENCE, Values

_SERIES = "source-series.uid"
_DEFAULT_TERMS = {
    "SCOORD": "reference.region",
    "SCOORD3D": "reference.region",
    "IMAGE": "reference.source",
    "COMPOSITE": "reference.source",
    "WAVEFORM": "reference.source",
}
_EVIDENCE = "CurrentRequestedProcedureEvidenceSequence"
_NO_EVIDENCE = "the document lists no evidence: the series of referenced instances is not known"
_MISPRINT = "the SOP class is written as the guide misprints it, as asked for: DICOM has no such class"
# kinds of the guide, whichever of the two value types a member has
_OBJECTS = {
    "segmentation.segment": "IMAGE",
    "segmentation.frame": "IMAGE",
    "source-image.image": "IMAGE",
    "reference.illustration": "IMAGE",
    "reference.explanation": "IMAGE",
    "reference.region-in-space": "COMPOSITE",
    "reference.value-map": "COMPOSITE",
}
# SOP class that the profile of a kind fixes. The map of the profile asks for the same class, since it decides
# whether the profile is claimed; the renderer says beforehand what the document lacks for it.
_CLASSES: dict[str, str] = {
    "segmentation.segment": SegmentationStorage,
    "segmentation.frame": SegmentationStorage,
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
        self._instances = Instances(env, values)
        self._regions = Regions(env.log)
        self._kinds: dict[Item, list[_Kind]] = {}
        self._kind_of: dict[Item, _Kind] = {}
        self._sets: dict[_Kind, JsonObject | None] = {}
        self._source_image: dict[Item, Item | None] = {}
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
        return [one for one in made if one]

    def are_of(self, item: Item) -> bool:
        """Tell whether an item has a reference set."""
        return bool(self.of(item))

    # ---- kinds ---------------------------------------------------------------------------------------------

    def _kinds_of(self, item: Item) -> list[_Kind]:
        if item not in self._kinds:
            self._kinds[item] = list(_kinds(item.children))
            self._kind_of |= {member: kind for kind in self._kinds[item] for member in kind.members}
        return self._kinds[item]

    def _existing(self, kind: _Kind) -> JsonObject | None:
        """Return the set elsewhere whose only member all members of a kind refer to (decision D31)."""
        targets = {member.target for member in kind.members}
        target = targets.pop() if len(targets) == 1 else None
        holder = target.parent if target else None
        if target is None or holder is None or not self._is_observed_group(holder):
            return None
        self._kinds_of(holder)
        there = self._kind_of.get(target)
        if there is None or there.members != [target] or not self._made(there, holder):
            return None
        return filled(
            {
                "id": self._env.ids.item(target.identifier),
                "kind": there.name,
                "existing": True,
                "position": kind.members[0].position,
                **_head(kind, there.ordinal, kind.members[0]),
            }
        )

    def _is_observed_group(self, item: Item) -> bool:
        part = self._parts.get(item)
        return part is not None and part.role == GROUP

    # ---- sets ----------------------------------------------------------------------------------------------

    def _made(self, kind: _Kind, holder: Item) -> JsonObject | None:
        if kind not in self._sets:
            self._sets[kind] = self._make(kind, holder)
        return self._sets[kind]

    def _make(self, kind: _Kind, holder: Item) -> JsonObject | None:
        members = _distinct(kind.members)
        if kind.term == _SERIES:
            return self._series(kind, members)
        placed = self._placers[kind.value_type](members, holder)
        if not placed:
            return None
        return self._set(kind, placed, _leading(members, placed), _shared(one.series for one in placed))

    def _set(self, kind: _Kind, placed: list[Placed], head: Item, series: str | None) -> JsonObject:
        self._report_evidence(placed, head)
        self._report_profile(kind, placed, head)
        self._report_unshared("series", series, [one.series for one in placed], head)
        studies = {one.study: self._study_json(one.study) for one in placed if one.study}
        study = _shared(one.study for one in placed)
        self._report_unshared("study", study, studies, head)
        return filled(
            {
                "id": self._env.ids.item(head.identifier),
                "kind": kind.name,
                **_head(kind, kind.ordinal, head),
                "seriesUid": short_uid(series),
                "study": studies[study] if study else None,
                "instance": [one.body for one in placed],
            }
        )

    def _series(self, kind: _Kind, members: list[Item]) -> JsonObject | None:
        """Return the instances of a series that is named by its UID; None where the UID is none."""
        named = {uid: member for member in reversed(members) if is_valid_uid(uid := text_of(member) or "")}
        if not named:
            return None
        uid, head = list(named.items())[-1]
        if len(named) > 1:
            message = "several source series are named; the first was taken"
            self._env.log.add("warning", "multiplicity", head.position, message)
        known = self._env.evidence.of_series(uid)
        if self._env.evidence.is_stated and not known:
            message = "the source series is not listed in the evidence: it is named without its images"
            self._env.log.add("warning", "missing-evidence", head.position, message)
        listed = [self._instances.listed(one, head) for one in known]
        made = self._set(kind, [one for one in listed if one], head, uid)
        if not self._env.evidence.is_stated:
            made["study"] = self._study_json(self._env.study_uid)
        return made

    def _report_evidence(self, placed: list[Placed], head: Item) -> None:
        log = self._env.log
        if not self._env.evidence.is_stated:
            log.once("warning", "missing-evidence", _EVIDENCE, _NO_EVIDENCE)
        elif any(one.study is None for one in placed):
            message = (
                "a referenced instance is not listed in the evidence: its study and series are not known"
            )
            log.add("warning", "missing-evidence", head.position, message)

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
        """Return the instance that carries a region in space (decision D11)."""
        images = [*_images(member), *self._source_images(holder)]
        return next(iter(self._objects(images, holder)), None) or self._instances.document(member)

    def _source_images(self, holder: Item) -> list[Item]:
        """Return the first source image beside a region, else that of the group around."""
        own = self._first_source(holder)
        if own is None and not is_group(holder) and holder.parent is not None:
            own = self._first_source(holder.parent)
        return [own] if own else []

    def _first_source(self, holder: Item) -> Item | None:
        if holder not in self._source_image:
            self._source_image[holder] = first(holder.children, "source-image.image")
        return self._source_image[holder]


def _kinds(children: Iterable[Item]) -> Iterable[_Kind]:
    found: dict[tuple[str, str | None], _Kind] = {}
    frames: dict[str, int] = {}
    for child in children:
        named = _kind(child)
        if named is None:
            continue
        name, term = named
        frame = child.origin.attributes.text(FRAME_OF_REFERENCE) if child.value_type == "SCOORD3D" else None
        if (name, frame) not in found:
            frames[name] = frames.get(name, 0) + 1
            found[name, frame] = _Kind(name, term, child.value_type, frame, frames[name])
        found[name, frame].members.append(child)
    return found.values()


def _kind(item: Item) -> tuple[str, str | None] | None:
    """Return the name of the kind that a reference is of, and its term; None for what is no reference."""
    if item.value_type == "UIDREF":
        return (f"UIDREF {roles().key(_SERIES)}", _SERIES) if item.means(_SERIES) else None
    if item.value_type not in _DEFAULT_TERMS or any(term.startswith("citation.") for term in item.terms):
        return None
    if item.concept is None:
        return f"{item.value_type} {roles().key(_DEFAULT_TERMS[item.value_type])}", None
    key = item.keys[0] if item.keys else item.concept.label
    term = next(iter(roles().terms((key,))), None) if item.value_type in _OBJECTS.values() else None
    return f"{_OBJECTS.get(term or '', item.value_type)} {key}", term


def _head(kind: _Kind, ordinal: int, leading: Item) -> JsonObject:
    named = next((member for member in (leading, *kind.members) if member.concept), None)
    return {
        "key": list(named.keys) if named else None,
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
    """Return the member that names the set: the first, but for regions that are none or lie nowhere."""
    regions = placed[0].body.get("region")
    return next(one for one in members if not regions or one.position == regions[0]["id"])


def _images(member: Item) -> list[Item]:
    return [child for child in member.origin.children if child.value_type in IMAGES]


def _shared(values: Iterable[str | None]) -> str | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
