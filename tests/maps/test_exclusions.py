"""What is neither an evaluation nor a component, since it says something about the observation (decision D23).

FML has no way to write a condition once: a group can be shared, but what comes after the condition differs, and a variable
holds no condition. So the list stands in three rules; each is held to the specification here, and so they are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from tools.guide.mapping import LEFT_OUT
from tools.guide.structure_maps import Library, Rule

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
    ("GroupEvaluation", "evaluation"): CONTEXT | GROUP,
}


def left_out(expressions: Iterable[str], codes: Iterable[str]) -> set[str]:
    """Return the keys that conditions leave out, of all that a document may have."""
    universe = {f"DCM#{code}" for code in codes} | CONTEXT | GROUP
    parts = [
        match[0] for each in expressions for match in LEFT_OUT.finditer(each) if match[0].startswith("key.")
    ]
    literals = [text for part in parts for text in re.findall(r"'([^']*)'", part)]
    patterns = [text for text in literals if text.startswith("^")]
    found = {key for key in universe if any(re.search(each, key) for each in patterns)}
    return found | (set(literals) - set(patterns))


def rule(library: Library, group: str, name: str) -> Rule:
    (found,) = (each for each in library.rules if each.reference == f"{group}.{name}")
    return found


@pytest.mark.parametrize(("group", "name"), RULES)
def test_the_list_is_that_of_the_specification(
    group: str, name: str, library: Library, codes: dict[str, str]
) -> None:
    assert left_out(rule(library, group, name).expressions, codes) == RULES[group, name]


def test_no_other_rule_repeats_the_list(library: Library, codes: dict[str, str]) -> None:
    """Who adds one adds it to the table above."""
    found = {
        (each.group.name, each.name)
        for each in library.rules
        if len(left_out(each.expressions, codes) & CONTEXT) > 1
    }
    assert found == set(RULES)


def test_a_code_that_one_copy_lacks_is_found(library: Library, codes: dict[str, str]) -> None:
    (expression,) = rule(library, "UngroupedEvaluation", "evaluation").expressions
    assert "'DCM#111700'" in expression
    assert left_out([expression.replace("'DCM#111700'", "'x'")], codes) == (CONTEXT - {"DCM#111700"}) | {"x"}
