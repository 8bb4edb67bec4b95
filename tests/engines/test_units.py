"""The HL7 validator checks units with UCUM's own definitions, and so judges the grammar of the renderer."""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING

from sr2fhir.model import units

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

UCUM = "http://unitsofmeasure.org"
COMPONENT = re.compile(r"Observation\.component\[(\d+)\]\.value\.ofType\(Quantity\)")
RIGHT = [
    "mm",
    "mm2",
    "[hnsf'U]",
    "{pixels}",
    "g/ml{SUVbw}",
    "mm[Hg]",
    "1",
    "%",
    "10*-3.mm2/s",
    "/min",
    "1/(m.s)",
]
WRONG = ["{SUVbw}g/ml", "mm²", "hnsf'U", "px", "cm US Region", "kmin", "m{a}2", "(m/s)2", "2m", "nonsense"]


def refused(codes: list[str], engine: Engine) -> set[str]:
    """Return those codes of which the validator says that UCUM has none."""
    quantities = [{"value": 1, "system": UCUM, "code": code} for code in codes]
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "size"},
        "component": [{"code": {"text": "part"}, "valueQuantity": each} for each in quantities],
    }
    messages = engine.validate(json.dumps(observation).encode())
    errors = [message for message in messages if message.severity == "error"]
    return {codes[int(found[1])] for each in errors if (found := COMPONENT.match(each.expression))}


def test_the_validator_checks_units(engine: Engine) -> None:
    assert refused([*RIGHT, *WRONG], engine) == set(WRONG)


def test_what_the_renderer_takes_for_ucum_is_ucum(engine: Engine) -> None:
    """Terms of known and of broken parts; what the renderer refuses the engine may read more leniently."""
    random = Random(0)
    known = units._ucum()
    prefixed = [prefix + unit for prefix in known.prefixes for unit in sorted(known.metric)]
    atoms = [*sorted(known.metric), *sorted(known.others), *random.sample(prefixed, 150)]
    joined = [
        "".join(
            random.choice(atoms)
            + random.choice(["", "", "2", "-1", "+3", "{x}", ")", "{"])
            + random.choice(["", ".", "/"])
            for _ in range(random.randint(1, 3))
        )
        for _ in range(200)
    ]
    codes = [*dict.fromkeys([*atoms, *joined])]
    ours = {code for code in codes if units.is_ucum(code)}
    assert len(ours) > len(atoms)
    assert not ours & refused(codes, engine)
    # the one with a bracket in its name is the noise of accelerometers
    assert set(atoms) - ours == {"[m/s2/Hz^(1/2)]"}
