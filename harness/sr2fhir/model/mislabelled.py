"""Codes of DICOM's own scheme that are labelled SNOMED CT, and the reverse (mapping section 4).

Some writers give every code of a report one Coding Scheme Designator, so that Finding is (121071, SCT).
"""

from __future__ import annotations

import importlib
import re
from functools import cache

_DCM = "DCM"
_SCT = "SCT"
# DICOM's numbers (PS3.16 Annex D) have six digits; SNOMED CT has some of six, and most are longer
_DCM_NUMBER = re.compile(r"1[0-3][0-9]{4}")
_LONGER = re.compile(r"[1-9][0-9]{6,17}")


def right_designator(stated: str, code: str, meaning: str | None) -> str | None:
    """Return DCM for a code of DICOM labelled SCT, SCT for one of SNOMED CT labelled DCM; else None.

    A number that could be of either counts as DICOM's only if it has the meaning that DICOM gives it.

    Examples
    --------
    >>> right_designator("SCT", "121071", "Finding"), right_designator("DCM", "363698007", "Finding Site")
    ('DCM', 'SCT')
    >>> right_designator("SCT", "111002", "Parathyroid gland")
    """
    if stated == _SCT and _DCM_NUMBER.fullmatch(code):
        return _DCM if not is_snomed_ct(code) or _meanings().get(code) == (meaning or "").lower() else None
    return _SCT if stated == _DCM and _LONGER.fullmatch(code) and is_snomed_ct(code) else None


def is_snomed_ct(number: str) -> bool:
    """Tell whether the last digit of a number is its check digit as SNOMED CT has it (Verhoeff's scheme).

    Examples
    --------
    >>> is_snomed_ct("39607008"), is_snomed_ct("39607009")
    (True, False)
    """
    check = 0
    for place, digit in enumerate(reversed(number)):
        moved = int(digit)
        for _ in range(place % 8):
            moved = _PERMUTED[moved]
        check = _product(check, moved)
    return check == 0


_PERMUTED = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _product(left: int, right: int) -> int:
    """Multiply in the dihedral group of order ten: 0 to 4 are rotations, 5 to 9 are reflections."""
    turned = left + right if left < 5 else left - right
    return turned % 5 + (5 if (left < 5) != (right < 5) else 0)


@cache
def _meanings() -> dict[str, str]:
    """Return DICOM's codes with their meanings in lower case; read on need, because that takes long."""
    concepts = importlib.import_module("pydicom.sr.codedict").codes.DCM.concepts.values()
    return {concept.value: concept.meaning.lower() for concept in concepts}
