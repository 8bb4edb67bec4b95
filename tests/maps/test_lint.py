"""The maps keep the rules of the house, and a map that does not is found."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from tools.publishing.mapping_pages.fsh import Definition

from tests.maps.lint import CANONICAL, CHECKS, Library


@pytest.mark.parametrize("name", CHECKS)
def test_maps_keep_the_rules(name: str, library: Library) -> None:
    defects = [str(defect) for defect in CHECKS[name](library)]
    assert not defects, "\n".join(defects)


# ---- planted defects -----------------------------------------------------------------------------

Texts = dict[str, str]


@dataclass(frozen=True)
class Planted:
    """A defect: the check that must find it, how it is planted, and what is said of it."""

    check: str
    file: str
    old: str
    new: str
    message: str

    def plant(self, texts: Texts) -> Texts:
        """Answer the maps with the defect; `old` is a regular expression, its first match is replaced."""
        changed, count = re.subn(self.old, self.new, texts[self.file], count=1, flags=re.DOTALL)
        assert count == 1, f"{self.file} has nothing like {self.old}"
        return {**texts, self.file: changed}


NOTHING = r"\Z"
PATIENT = "Patient.map"
ENTRY = "MeasurementReport.map"


def group(rules: str, name: str = "Planted", parameters: str = "source sr, target bundle") -> str:
    return f"\ngroup {name}({parameters}) {{\n  {rules}\n}}\n"


def in_entry(rule: str) -> tuple[str, str]:
    """Answer how to put a rule at the beginning of the entry group."""
    return r"(group MeasurementReport\(.*?\{\n)", rf"\g<1>  {rule}\n"


def rule(check: str, text: str, message: str) -> Planted:
    """Answer a defect in a rule of the entry group, where `sr` is the document and `bundle` the target."""
    return Planted(check, ENTRY, *in_entry(text), message)


PLANTED = [
    Planted("headers", PATIENT, r"/// url = '\S+'\n", "", "url is None"),
    Planted("headers", PATIENT, r"StructureMap/Patient'", "StructureMap/Person'", "url is"),
    Planted(
        "headers", PATIENT, r"/// name = 'Patient'", "/// name = 'Person'", "name is 'Person', not 'Patient'"
    ),
    Planted("headers", PATIENT, r"/// title = '[^']*'", "/// title = ''", "there is no title"),
    Planted("headers", PATIENT, r"/// status = 'active'", "/// status = 'done'", "status is 'done'"),
    rule("rule_names", "sr.patient as planted then PatientStub(sr, planted, bundle);", "has no name"),
    rule(
        "rule_names",
        "sr -> bundle.id = 'x' \"x\"; sr -> bundle.id = 'x' \"x\";",
        "MeasurementReport has 2 rules 'x'",
    ),
    Planted(
        "group_names",
        PATIENT,
        NOTHING,
        group("sr -> bundle.id = 'x' \"x\";", name="Sections"),
        "2 groups Sections",
    ),
    Planted(
        "group_sizes",
        PATIENT,
        NOTHING,
        group("\n  ".join(f"sr -> bundle.id = 'x' \"x{number}\";" for number in range(40))),
        "Planted has 42 lines",
    ),
    Planted("line_lengths", PATIENT, NOTHING, "// " + 40 * "too " + "long\n", "columns, more than 120"),
    rule("calls", 'sr then Nowhere(sr, bundle) "x";', "there is no group Nowhere"),
    rule("calls", 'sr then Entities(sr) "x";', "Entities takes 2 variables, not 1"),
    rule("calls", 'sr then Entities(bundle, sr) "x";', "sr is no target, but Entities writes to it"),
    Planted("reachable", PATIENT, NOTHING, group("sr -> bundle.id = 'x' \"x\";"), "nothing calls Planted"),
    rule(
        "variables", 'nobody.patient as x then PatientStub(sr, x, bundle) "x";', "there is no variable nobody"
    ),
    rule(
        "variables", 'sr.patient as x then PatientStub(nobody, x, bundle) "x";', "there is no variable nobody"
    ),
    rule(
        "variables", "sr.patient as x where (%nobody.empty()) -> bundle.id = 'x' \"x\";", "no variable nobody"
    ),
    rule("variables", "sr.patient as x -> nothing.id = 'x' \"x\";", "there is no variable nothing"),
    rule("variables", 'sr.patient as x -> bundle.id = nothing "x";', "there is no variable nothing"),
    rule(
        "variable_names",
        "sr.patient as sex where (sex = 'M') -> bundle.id = 'x' \"x\";",
        "the variable sex hides the element sex",
    ),
    rule(
        "variable_names",
        "sr.content as key then { sr.content as x where ($this.code.where('DCM#121071' in key).exists())"
        ' -> bundle.id = \'x\' "inner"; } "x";',
        "the variable key hides the element key",
    ),
    rule(
        "reserved_names", "sr.patient as context -> bundle.id = 'x' \"x\";", "%context means something else"
    ),
    rule("functions", 'sr -> bundle.id = uuid() "x";', "uuid() is random or not to be had"),
    rule("functions", 'sr -> bundle.id = reference(sr) "x";', "reference() is random"),
    rule("functions", "sr -> bundle.id = qty('1 mm') \"x\";", "qty() is random"),
    rule("functions", "sr -> bundle.id = dateOp('x') \"x\";", "dateOp() is random"),
    rule("functions", "sr -> bundle.id = cc('a', 'b', 'c') \"x\";", "cc() drops the display"),
    rule(
        "urls",
        f"sr -> bundle.id = '{CANONICAL}/StructureDefinition/nowhere' \"x\";",
        "no StructureDefinition/nowhere",
    ),
    rule(
        "urls", f"sr -> bundle.id = '{CANONICAL}/ConceptMap/nowhere' \"x\";", "there is no ConceptMap/nowhere"
    ),
    rule(
        "keys",
        "sr.content as x where ('DCM#999999' in key) -> bundle.id = 'x' \"x\";",
        "DCM has no code 999999",
    ),
    rule(
        "codings",
        "sr -> bundle.tag as tag, tag.system = 'http://dicom.nema.org/resources/ontology/DCM', tag.code = '125007',"
        " tag.display = 'Measuring Group' \"x\";",
        "DCM#125007 is 'Measurement Group', not 'Measuring Group'",
    ),
    rule("elements", "sr.patent as x -> bundle.id = 'x' \"x\";", "DicomSR has no element patent"),
    rule(
        "elements",
        'sr.content as x -> bundle.id = (%x.positionn) "x";',
        "DicomContentItem has no element positionn",
    ),
    rule(
        "elements",
        "sr.content as x where (relation = 'CONTAINS') -> bundle.id = 'x' \"x\";",
        "no element relation",
    ),
    rule(
        "elements",
        "sr.content as x where (code.where(value = 'x').exists()) -> bundle.id = 'x' \"x\";",
        "DicomContentItem has no element value",
    ),
    rule(
        "elements",
        'sr.otherStudy as x -> bundle.id = (%x.identifier.number) "x";',
        "Identifier has no element number",
    ),
    rule(
        "elements",
        "sr.content as x where (text.lower() = 'x') -> bundle.id = 'x' \"x\";",
        "lower() is not a function",
    ),
    rule("booleans", "sr.patient as x where (sex) -> bundle.id = 'x' \"x\";", "neither true nor false"),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.check}: {planted.message}")
def test_planted_defects_are_found(
    planted: Planted, texts: Texts, library: Library, definitions: tuple[Definition, ...]
) -> None:
    before = {str(defect) for defect in CHECKS[planted.check](library)}
    changed = Library(planted.plant(texts), definitions)
    found = {str(defect) for defect in CHECKS[planted.check](changed)} - before
    assert any(planted.message in defect and defect.startswith(planted.file) for defect in found), found


def test_types_follow_calls(texts: Texts, definitions: tuple[Definition, ...]) -> None:
    """An element is looked for in what a group is called with, several groups away."""
    changed = Planted(
        "elements",
        ENTRY,
        *in_entry('sr.patient as planted then Planted(planted, bundle) "planted";'),
        "",
    ).plant(texts)
    inner = group(
        "x.given as y -> bundle.id = 'x' \"x\";", name="Inner", parameters="source x, target bundle"
    )
    outer = group('x.name as y then Inner(y, bundle) "x";', parameters="source x, target bundle")
    changed[PATIENT] += outer + inner.replace("x.given", "x.sex")
    defects = [defect.message for defect in CHECKS["elements"](Library(changed, definitions))]
    assert "HumanName has no element sex" in defects
    changed[PATIENT] = texts[PATIENT] + outer + inner
    assert not any(
        "HumanName" in defect.message for defect in CHECKS["elements"](Library(changed, definitions))
    )


def test_unknown_types_are_not_guessed(texts: Texts, definitions: tuple[Definition, ...]) -> None:
    """What a target holds follows from FHIR, not from the logical model: nothing is said of it."""
    made = 'sr -> create(\'Observation\') as made then { made.whatever as x -> bundle.id = x "inner"; } "planted";'
    changed = Planted("elements", ENTRY, *in_entry(made), "").plant(texts)
    assert not any(
        "whatever" in defect.message for defect in CHECKS["elements"](Library(changed, definitions))
    )
