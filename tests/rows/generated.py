"""Whole Measurement Reports at random, legal by TID 1500: each row of the specification in ever other company.

One number gives one report, always the same. What is drawn has a target by section 3 of the mapping specification,
but for the Image Library and a person's organisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from pydicom.dataset import Dataset

from tests import builders as b
from tests.rows import concepts as known
from tests.rows.shapes import RT_STRUCTURE_SET, SR_CLASSES

MODIFIES = {"relationship": "HAS CONCEPT MOD"}
DESCRIBES = {"relationship": "HAS PROPERTIES"}
CONTEXT = {"relationship": "HAS OBS CONTEXT"}
INFERRED = {"relationship": "INFERRED FROM"}

CT_SERIES, OBJECT_SERIES, OTHER_STUDY = "1.2.826.99.1", "1.2.826.99.2", "1.2.826.99.8"
IMAGES = [f"{CT_SERIES}.{n}" for n in range(1, 7)]
ELSEWHERE = f"{OTHER_STUDY}.1.1"
SEGMENTS, STRUCTURES, VALUES = (f"{OBJECT_SERIES}.{n}" for n in (1, 2, 3))
LISTED = [
    *(b.Instance(uid, b.CT, CT_SERIES) for uid in IMAGES),
    b.Instance(ELSEWHERE, b.CT, f"{OTHER_STUDY}.1", OTHER_STUDY),
    b.Instance(SEGMENTS, b.SEGMENTATION, OBJECT_SERIES),
    b.Instance(STRUCTURES, RT_STRUCTURE_SET, OBJECT_SERIES),
    b.Instance(VALUES, b.VALUE_MAP, OBJECT_SERIES),
]
SPACES = ["1.2.826.99.5", "1.2.826.99.6"]

QUANTITIES = [
    (b.VOLUME, b.CUBIC_MM),
    (known.DIAMETER, known.MILLIMETRES),
    (known.AREA, known.SQUARE_MM),
    (known.RATIO, known.ONE),
    (b.Code("410668003", "SCT", "Length"), known.MILLIMETRES),
    (b.Code("112031", "DCM", "Attenuation Coefficient"), b.Code("[hnsf'U]", "UCUM", "Hounsfield unit")),
]
JUDGEMENTS = [
    (known.SUBTLETY, known.OBVIOUS),
    (
        b.Code("RID36042", "RadLex", "Malignancy"),
        b.Code("905", "99LIDCQIICR", "5 out of 5 (Highly Suspicious)"),
    ),
    (b.Code("M-02530", "SRT", "Shape"), b.Code("129742005", "SCT", "Spiculated lesion")),
]
SITES = [b.LUNG, known.LIVER, b.Code("T-28000", "SRT", "Lung")]
QUALIFIERS = [
    b.Code(str(n), "DCM", meaning)
    for n, meaning in ((114000, "Not a number"), (114006, "Measurement failure"))
]
LANGUAGES = [("en", "RFC5646"), ("de-CH", "RFC5646"), ("eng", "ISO639_2"), ("fr", "RFC3066")]
GRAPHICS: list[tuple[str, list[float]]] = [
    ("POINT", [1, 2]),
    ("CIRCLE", [10, 10, 15.5, 10]),
    ("ELLIPSE", [0, 5, 10, 5, 5, 0, 5, 10]),
    ("POLYLINE", [0, 0, 0, 9, 9, 9, 0, 0]),
    ("MULTIPOINT", [1, 1, 2.25, 2]),
]
GRAPHICS_3D: list[tuple[str, list[float]]] = [
    ("POINT", [1, 2, 3]),
    ("POLYGON", [0, 0, 1, 0, 9, 1, 9, 9, 1, 0, 0, 1]),
    ("MULTIPOINT", [1, 1, 1, 2, 2, 2]),
    ("POLYLINE", [0, 0, 1, 0, 9, 1]),
    ("ELLIPSOID", [0, 0, 1, 2, 0, 1, 1, -1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 2]),
]
LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
PROCEDURE = b.Code("121058", "DCM", "Procedure reported")
INTELLIGENCE = b.Code("123110", "DCM", "Artificial Intelligence")
ORGANIZATION = b.Code("121009", "DCM", "Person Observer's Organization Name")
MODALITY = b.Code("121139", "DCM", "Modality")
COMPUTED_TOMOGRAPHY = b.Code("CT", "DCM", "Computed Tomography")


class Drawn:
    """Draw one report.

    Parameters
    ----------
    seed
        Which.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._root = f"1.2.826.99.9.{seed}"
        self._uids = 0
        self._references: list[tuple[Dataset, Dataset]] = []

    # ---- drawing ---------------------------------------------------------------------------------------------

    def likely(self, chance: float = 0.4) -> bool:
        """Tell whether something is there."""
        return self.random.random() < chance

    def some(self, *parts: Callable[[], list[Dataset]]) -> list[Dataset]:
        """Draw some of several parts, in their order."""
        return [item for part in parts if self.likely() for item in part()]

    def one(self, *parts: Callable[[], list[Dataset]]) -> list[Dataset]:
        """Draw one of several parts."""
        return self.random.choice(parts)()

    def uid(self) -> str:
        """Return a UID that no other item has."""
        self._uids += 1
        return f"{self._root}.{self._uids}"

    def identified(self) -> dict[str, Any]:
        """Draw Observation UID and Observation DateTime."""
        moment = self.random.choice(["20240104093000+0200", "20240104093000", "20240104"])
        found = {"ObservationUID": self.uid(), "ObservationDateTime": moment}
        return {keyword: value for keyword, value in found.items() if self.likely(0.3)}

    def reference(self, target: Dataset) -> Dataset:
        """Return an item that refers to another, whose position is not known yet."""
        made = b.by_reference("INFERRED FROM", 1)
        self._references.append((made, target))
        return made

    def _settle(self, children: Sequence[Dataset]) -> None:
        """Give all references the positions of their targets."""
        found = dict(_positions(children, (1,)))
        for made, target in self._references:
            made.ReferencedContentItemIdentifier = list(found[id(target)])

    # ---- report ----------------------------------------------------------------------------------------------

    def report(self) -> Dataset:
        """Draw a report."""
        groups = [self.group() for _ in range(self.random.randint(1, 2))]
        measured = b.imaging_measurements(*self.some(self.algorithm), *groups)
        children = [
            *self.some(self.language, self.procedure),
            *self.some(self.observers),
            *self.some(self.subject, self.order, self.library),
            measured,
        ]
        if self.likely():
            children.append(
                b.derived_measurements(*(self.derived(groups) for _ in range(self.random.randint(1, 2))))
            )
        if judged := self.evaluations():
            children.append(b.evaluations(*judged, *self.some(self.algorithm)))
        self._settle(children)
        return b.measurement_report(*children, listed=LISTED if self.likely(0.8) else (), **self.header())

    def header(self) -> dict[str, Any]:
        """Draw attributes of the header."""
        issuer = b.sequence_item(UniversalEntityID="hospital.example", UniversalEntityIDType="DNS")
        ordered = b.sequence_item(AccessionNumber="A-2", RequestedProcedureID="RP-1")
        person = b.sequence_item(PersonName="Part^Icipant", ObserverType="PSN", ParticipationType="SOURCE")
        device = b.sequence_item(Manufacturer="Other", ManufacturerModelName="CAD", ObserverType="DEV")
        drawn = {
            "AccessionNumber": "A-1",
            "ReferencedRequestSequence": [ordered],
            "IssuerOfPatientIDQualifiersSequence": [issuer],
            "PreliminaryFlag": self.random.choice(["FINAL", "PRELIMINARY"]),
            "VerificationFlag": "VERIFIED",
            "TimezoneOffsetFromUTC": None,
            "ContentDate": None,
            "StudyDate": None,
            "PatientID": None,
            "DeviceUID": "1.2.826.99.7",
            "DeviceSerialNumber": "SN-7",
            "ManufacturerModelName": None,
            "ParticipantSequence": [person, device],
            "AuthorObserverSequence": [person],
            "StudyID": "S-1",
        }
        chosen = {keyword: value for keyword, value in drawn.items() if self.likely(0.3)}
        return {"SOPClassUID": self.random.choice(list(SR_CLASSES)), "SOPInstanceUID": self._root, **chosen}

    # ---- context ---------------------------------------------------------------------------------------------

    def language(self) -> list[Dataset]:
        stated = self.random.choice(LANGUAGES)
        return [b.code(LANGUAGE, b.Code(*stated, "Language"), **MODIFIES)]

    def procedure(self) -> list[Dataset]:
        return [b.code(PROCEDURE, b.Code("24627-2", "LN", "CT Chest"), **MODIFIES)]

    def observers(self) -> list[Dataset]:
        person = [
            b.observer(b.PERSON),
            b.person_observer("Reader^Rita"),
            b.text(ORGANIZATION, "Clinic", **CONTEXT),
        ]
        device = [b.observer(b.DEVICE), b.uidref(b.DEVICE_OBSERVER_UID, "1.2.826.99.3", **CONTEXT)]
        return self.random.choice([person, device, [*person, *device], [b.person_observer("Only^One")]])

    def subject(self) -> list[Dataset]:
        kinds = {
            "121026": [b.text(b.Code("121030", "DCM", "Subject ID"), "F-1", **CONTEXT)],
            "121027": [b.uidref(b.Code("121039", "DCM", "Specimen UID"), "1.2.826.99.4", **CONTEXT)],
            "121192": [b.text(b.Code("121193", "DCM", "Device Subject Name"), "Phantom", **CONTEXT)],
        }
        kind, stated = self.random.choice(list(kinds.items()))
        return [
            b.code(b.Code("121024", "DCM", "Subject Class"), b.Code(kind, "DCM", "Class"), **CONTEXT),
            *stated,
        ]

    def order(self) -> list[Dataset]:
        study = b.uidref(b.Code("121018", "DCM", "Procedure Study Instance UID"), OTHER_STUDY, **CONTEXT)
        accession = b.text(b.Code("121022", "DCM", "Accession Number"), "A-9", **CONTEXT)
        return self.random.choice([[study], [accession], [study, accession]])

    def library(self) -> list[Dataset]:
        context = {"relationship": "HAS ACQ CONTEXT"}
        acquired = [
            b.date(b.ACQUISITION_DATE, "20231224", **context),
            b.time(b.ACQUISITION_TIME, "183000", **context),
        ]
        modality = b.code(MODALITY, COMPUTED_TOMOGRAPHY, **context)
        return [
            b.image_library(*(b.image(uid, *acquired, modality) for uid in self.random.sample(IMAGES, 4)))
        ]

    def algorithm(self) -> list[Dataset]:
        name = self.random.choice(["pylidc", "Nodule Finder"])
        parameters = [b.text(b.ALGORITHM_PARAMETERS, "-a", **MODIFIES)] if self.likely() else []
        family = [b.code(b.ALGORITHM_FAMILY, INTELLIGENCE, **MODIFIES)] if self.likely() else []
        return [
            b.text(b.ALGORITHM_NAME, name, **MODIFIES),
            b.text(b.ALGORITHM_VERSION, "0.2", **MODIFIES),
            *parameters,
            *family,
        ]

    def method(self) -> list[Dataset]:
        return [b.code(known.METHOD, self.random.choice([known.RECIST, known.WHO]), **MODIFIES)]

    def site(self) -> list[Dataset]:
        side = [b.code(b.LATERALITY, b.RIGHT, **MODIFIES)] if self.likely() else []
        modifier = [b.code(known.MODIFIER, known.APICAL, **MODIFIES)] if self.likely() else []
        return [b.code(b.FINDING_SITE, self.random.choice(SITES), *side, *modifier, **MODIFIES)]

    def tracking(self) -> list[Dataset]:
        return [
            b.text(b.TRACKING_IDENTIFIER, "Lesion", **CONTEXT),
            b.uidref(b.TRACKING_UID, self.uid(), **CONTEXT),
        ]

    # ---- groups ----------------------------------------------------------------------------------------------

    def group(self) -> Dataset:
        """Draw a Measurement Group of TID 1410, 1411 or 1501."""
        stated = self.some(
            self.tracking, self.category, self.finding, self.site, self.method, self.time_point
        )
        pictured = self.one(self.planar, self.volumetric, self.sources)
        further = self.some(self.illustrations, self.value_map, self.purpose, self.algorithm, self.language)
        measured: list[Dataset] = []
        for quantity in self.random.sample(QUANTITIES, self.random.randint(0, 3)):
            measured.append(self.measurement(quantity, pictured, measured))
        children = [*stated, *pictured, *further, *measured, *self.evaluations()]
        return b.group(*children, template=self.random.choice(["1410", "1411", "1501"]), **self.identified())

    def category(self) -> list[Dataset]:
        return [b.code(known.FINDING_CATEGORY, known.LUNG_SCREENING), b.text(known.ACTIVITY_SESSION, "1")]

    def finding(self) -> list[Dataset]:
        return [b.code(b.FINDING, self.random.choice([known.NODULE, known.CYST]))]

    def time_point(self) -> list[Dataset]:
        event = b.code(known.EVENT, known.BASELINE, **MODIFIES)
        return [
            b.text(known.TIME_POINT, "TP1", **CONTEXT),
            b.num(known.TIME_POINT_ORDER, "1", known.ONE, **CONTEXT),
            b.num(known.OFFSET, "30", known.DAYS, event, **CONTEXT),
        ]

    def purpose(self) -> list[Dataset]:
        return [b.code(known.GEOMETRIC_PURPOSE, known.OUTLINE), b.text(known.SHORT_LABEL, "L1", **DESCRIBES)]

    def illustrations(self) -> list[Dataset]:
        return [
            b.image(IMAGES[0], concept=known.ILLUSTRATION),
            b.image(IMAGES[1], concept=known.EXPLANATION, frames=[2]),
        ]

    def value_map(self) -> list[Dataset]:
        return [b.composite(VALUES, concept=known.VALUE_MAP_USED, sop_class=b.VALUE_MAP)]

    def sources(self) -> list[Dataset]:
        source = self.random.choice([known.SOURCE_OF_MEASUREMENT, known.SOURCE])
        return [b.image(uid, concept=source) for uid in self.random.sample([*IMAGES, ELSEWHERE], 2)]

    def planar(self) -> list[Dataset]:
        """Draw what a planar group (TID 1410) is drawn on."""
        return self.one(self.flat, self.spatial, self.frame, self.structures)

    def volumetric(self) -> list[Dataset]:
        """Draw what a volumetric group (TID 1411) is drawn on."""
        return self.one(lambda: [*self.flat(), *self.flat()], self.segment, self.surfaces, self.structures)

    def flat(self) -> list[Dataset]:
        kind, data = self.random.choice(GRAPHICS)
        frames = [self.random.randint(1, 9)] if self.likely() else []
        return [b.scoord(kind, data, b.image(self.random.choice(IMAGES), frames=frames), **self.fiducial())]

    def spatial(self) -> list[Dataset]:
        kind, data = self.random.choice(GRAPHICS_3D)
        return [b.scoord3d(kind, data, frame_of_reference=self.random.choice(SPACES), **self.fiducial())]

    def fiducial(self) -> dict[str, str]:
        return {"FiducialUID": self.uid()} if self.likely(0.2) else {}

    def frame(self) -> list[Dataset]:
        return [
            b.image(SEGMENTS, concept=known.SEGMENTATION_FRAME, sop_class=b.SEGMENTATION, frames=[4]),
            *self.segmented(),
        ]

    def segment(self) -> list[Dataset]:
        numbers = self.random.choice([[1], [1, 2]])
        return [
            b.image(SEGMENTS, concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=numbers),
            *self.segmented(),
        ]

    def segmented(self) -> list[Dataset]:
        images = [b.image(uid, concept=b.SOURCE_IMAGE) for uid in self.random.sample(IMAGES, 2)]
        return self.random.choice([images, [b.uidref(b.SOURCE_SERIES, CT_SERIES)]])

    def surfaces(self) -> list[Dataset]:
        surfaces = [
            b.scoord3d(
                kind, data, concept=known.VOLUME_SURFACE, frame_of_reference=self.random.choice(SPACES)
            )
            for kind, data in self.random.sample(GRAPHICS_3D, 2)
        ]
        return [*surfaces, *self.segmented()]

    def structures(self) -> list[Dataset]:
        identifier = b.text(known.ROI_IDENTIFIER, "3", **DESCRIBES)
        return [
            b.composite(STRUCTURES, identifier, concept=known.REGION_IN_SPACE, sop_class=RT_STRUCTURE_SET)
        ]

    # ---- measurements and evaluations ------------------------------------------------------------------------

    def measurement(
        self, quantity: tuple[b.Code, b.Code], pictured: Sequence[Dataset], before: Sequence[Dataset]
    ) -> Dataset:
        """Draw a measurement (TID 300, 1419), inferred from some of what stands in its group before it."""
        concept, unit = quantity
        children = self.some(
            *(
                self.derivation,
                self.method,
                self.site,
                self.normality,
                lambda: self.limits(unit),
                self.equation,
            ),
            *(
                self.parameter,
                self.tracking,
                self.algorithm,
                self.language,
                self.statistics,
                self.own_sources,
            ),
        )
        regions = [each for each in pictured if each.ValueType in ("IMAGE", "SCOORD", "SCOORD3D")]
        targets = [each for each in (*before[-1:], *regions[:1]) if self.likely(0.3)]
        inferred = [self.reference(each) for each in targets]
        return b.num(
            concept, *self.value(unit), *children, *inferred, **self.precision(), **self.identified()
        )

    def value(self, unit: b.Code) -> tuple[str | None, b.Code]:
        return self.random.choice(["0", "12.50", "-3.0", "+7", "1.25E+3", ".5", "NaN", None]), unit

    def precision(self) -> dict[str, Any]:
        drawn = {"floating": 1.5, "rational": (1, 3), "qualifier": self.random.choice(QUALIFIERS)}
        return {name: value for name, value in drawn.items() if self.likely(0.15)}

    def derivation(self) -> list[Dataset]:
        return [b.code(known.DERIVATION, known.MEAN, **MODIFIES)]

    def normality(self) -> list[Dataset]:
        return [b.code(known.NORMALITY, b.Code("371879000", "SCT", "Abnormally High"), **DESCRIBES)]

    def limits(self, unit: b.Code) -> list[Dataset]:
        limits = [
            b.num(concept, "3", unit, **DESCRIBES) for concept in (known.LOWER_LIMIT, known.UPPER_LIMIT)
        ]
        described = [b.text(known.RANGE_DESCRIPTION, "adults", **DESCRIBES)] if self.likely() else []
        authority = [b.text(known.RANGE_AUTHORITY, "Smith 2001", **DESCRIBES)] if self.likely() else []
        return [*self.random.sample(limits, self.random.randint(1, 2)), *described, *authority]

    def statistics(self) -> list[Dataset]:
        return [
            b.num(known.STANDARD_DEVIATION, "2", known.ONE, **DESCRIBES),
            b.text(known.POPULATION, "adults", **DESCRIBES),
            b.code(known.SELECTION_STATUS, known.USER_CHOSEN, **DESCRIBES),
        ]

    def equation(self) -> list[Dataset]:
        return [
            b.text(known.EQUATION, "a*b", **INFERRED),
            b.text(known.EQUATION_CITATION, "Jones 1999", **INFERRED),
        ]

    def parameter(self) -> list[Dataset]:
        return [b.num(known.KERNEL_SIZE, "3", known.MILLIMETRES, **INFERRED, **self.identified())]

    def own_sources(self) -> list[Dataset]:
        """Draw what only this measurement is inferred from (TID 320)."""
        source = b.image(
            self.random.choice([*IMAGES, ELSEWHERE]), concept=known.SOURCE_OF_MEASUREMENT, **INFERRED
        )
        region = b.scoord(*self.random.choice(GRAPHICS), b.image(self.random.choice(IMAGES)), **INFERRED)
        return self.random.choice([[source], [region], [source, region]])

    def evaluations(self) -> list[Dataset]:
        """Draw evaluations."""
        found = []
        for concept, value in self.random.sample(JUDGEMENTS, self.random.randint(0, 3)):
            modifier = [b.code(known.COLOR, known.APICAL, **MODIFIES)] if self.likely() else []
            below = [*modifier, *self.some(self.algorithm, self.language)]
            found.append(b.code(concept, value, *below, **self.identified()))
        comment = [b.text(known.NOTE, "Grüße, ≤ 3 mm", **self.identified())] if self.likely() else []
        return [*found, *comment]

    def derived(self, groups: Sequence[Dataset]) -> Dataset:
        """Draw a derived measurement (TID 1420), of groups, of measurements in them, or of neither."""
        numbers = [
            each for one in groups for each in one.get("ContentSequence", []) if each.ValueType == "NUM"
        ]
        contained = [each for each in numbers if each.RelationshipType == "CONTAINS"]
        targets = [each for each in (*groups, *contained) if self.likely()]
        below = self.some(self.derivation, self.algorithm, self.normality, lambda: self.limits(known.ONE))
        return b.num(
            known.MEAN, *self.value(known.ONE), *below, *map(self.reference, targets), **self.identified()
        )


def _positions(children: Sequence[Dataset], around: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Tell where each content item stands, by its identity."""
    for number, child in enumerate(children, 1):
        yield id(child), (*around, number)
        yield from _positions(child.get("ContentSequence", []), (*around, number))
