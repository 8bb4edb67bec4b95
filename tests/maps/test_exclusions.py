"""What is neither an evaluation nor a component, since it says something about the observation (decision D23).

FML has no way to write a condition once: a group can be shared, but what comes after the condition differs, and a variable
holds no condition. So the list stands in three rules; each is held to the specification here, and so they are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tools.publishing.fml import Expression, Function, Literal, Member, Rule, expressions, walk
from tools.publishing.mapping_pages.concepts import meanings

from tests.maps.lint import Library

# Sections 3.3 and 3.4: observation context (TID 1001 to 1010), language, equivalent meaning, algorithm (TID 4019).
CONTEXT = {
    *(f"DCM#{code}" for code in range(121005, 121047)),
    *(f"DCM#{code}" for code in range(121192, 121199)),
    *(f"DCM#{code}" for code in (121049, 121050, 113876, 110119, 128774, 128775, 111700)),
    *(f"DCM#{code}" for code in (111000, 111001, 111002, 111003, 122405)),
    "SCT#371439000",
}
# Section 3.9: in a group also the guide's own list, and what else rows of 3.6 and 3.7 take.
GROUP = {
    *(
        f"DCM#{code}"
        for code in (112039, 112040, 130400, 121232, 126070, 126071, 126072, 126073, 128740, 128741)
    ),
    *("SCT#276214006", "SCT#363698007", "SCT#370129005", "SCT#272741003", "SCT#106233006"),
    *("NCIt#C67447", "UMLS#C2348792"),
}
RULES = {
    ("ChildComponent", "component"): CONTEXT,
    ("UngroupedEvaluation", "evaluation"): CONTEXT,
    ("GroupEvaluation", "hasMember"): CONTEXT | GROUP,
}


def left_out(rule: Rule) -> set[str]:
    """Answer the keys that the condition of a rule leaves out, of all that a document may have."""
    universe = {f"DCM#{code}" for code in meanings("DCM")} | CONTEXT | GROUP
    found: set[str] = set()
    for expression in expressions(rule):
        for condition in _without_key(expression):
            literals = [part.text for part in walk(condition) if isinstance(part, Literal)]
            wanted = [text if text.startswith("^") else f"^{re.escape(text)}$" for text in literals]
            found |= {key for key in universe if any(re.search(each, key) for each in wanted)}
            found |= {text for text in literals if "^" not in text}
    return found


def _without_key(expression: Expression) -> Iterator[Expression]:
    """Answer what `key.where(…).empty()` asks for, wherever in a condition."""
    for part in walk(expression):
        match part:
            case Function(Function(Member(None, "key"), "where", (condition,)), "empty", ()):
                yield condition


def rule(library: Library, group: str, name: str) -> Rule:
    (found,) = (each for each in library.flow.groups[group].walk() if each.name == name)
    return found


@pytest.mark.parametrize(("group", "name"), RULES)
def test_the_list_is_that_of_the_specification(group: str, name: str, library: Library) -> None:
    assert left_out(rule(library, group, name)) == RULES[group, name]


def test_no_other_rule_repeats_the_list(library: Library) -> None:
    """Who adds one adds it to the table above."""
    found = {
        (group.name, each.name)
        for group in library.groups
        for each in group.walk()
        if len(left_out(each) & CONTEXT) > 1
    }
    assert found == set(RULES)


def test_a_code_that_one_copy_lacks_is_found(library: Library) -> None:
    texts = dict(library.texts)
    file = "ImagingQualitativeEvaluation.map"
    texts[file] = texts[file].replace("| 'DCM#111700'", "")
    changed = rule(Library(texts, library.definitions), "UngroupedEvaluation", "evaluation")
    assert left_out(changed) == CONTEXT - {"DCM#111700"}
