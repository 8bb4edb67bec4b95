"""The key object documents of several writers: their origin is told, ours come out the same each time, and another reader agrees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from pydicom import dcmread
from sr2fhir.paths import layout
from sr2fhir.written import read_systems

from samples.key_objects.make import DOCUMENTS, FOLDER
from tests.builders import encoded
from tests.samples.dcmtk import KeyObject, key_objects, require_dcmtk

if TYPE_CHECKING:
    from pathlib import Path

    from sr2fhir.engines import Engine

SAMPLES = sorted(FOLDER.glob("*.dcm"))
ISSUERS = read_systems(layout().sources / "samples" / "issuers.toml", "the issuers", "HOSP_B")
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)

# how many key objects each document has: counted by hand, in dcmdump's output for those of others
NUMBERS = {
    "gen_dcm4che_of_interest": 5,
    "gen_dcm4che_xds_manifest": 6,
    "gen_dcmjs_referring_provider": 4,
    "gen_dcmtk_rejected": 5,
    "gen_highdicom_for_teaching": 5,
    "own_conference_angiography_study": 5,
    "own_conference_ct_study": 5,
    "own_mado_final_codes": 6,
    "real_ihe_mado_study_a": 86,
    "real_ihe_mado_study_b": 21,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_scripts_write_the_documents_that_lie_there(name: str) -> None:
    assert encoded(DOCUMENTS[name]()) == (FOLDER / f"{name}.dcm").read_bytes()


def test_origin_and_licence_of_every_document_are_told() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if ".dcm" in line]
    told = {name for row in rows for name in re.findall(r"\w+\.dcm", row.split("|")[1])}
    assert told == {sample.name for sample in SAMPLES} == {f"{name}.dcm" for name in NUMBERS}
    assert all(cell.strip() for row in rows for cell in row.split("|")[1:-1])


@every_sample
def test_document_is_a_key_object_selection(sample: Path) -> None:
    assert dcmread(sample).SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.59"


@every_sample
def test_bundle_lists_the_key_objects_that_dcmtk_lists(engine: Engine, sample: Path) -> None:
    require_dcmtk()
    theirs = key_objects(sample)
    assert len(theirs) == NUMBERS[sample.stem]
    options = sr2fhir.RenderOptions(issuers=ISSUERS)
    bundle = sr2fhir.Transformer(engine, options=options).transform(sample).bundle
    selections = [entry["resource"] for entry in bundle["entry"]]
    ours = [
        [listed(instance) for instance in selection["instance"]]
        for selection in selections
        if selection["resourceType"] == "ImagingSelection"
    ]
    assert sorted(one for selection in ours for one in selection) == sorted(theirs)
    # each (study, series) is a selection; within it, and of the selections, the order is that of the document
    assert all(selection == [one for one in theirs if one in selection] for selection in ours)
    assert [selection[0] for selection in ours] == [
        one for one in theirs if one in [each[0] for each in ours]
    ]


def listed(instance: dict[str, Any]) -> KeyObject:
    sop_class = instance["sopClass"]["code"].removeprefix("urn:oid:")
    return KeyObject(sop_class, instance["uid"], tuple(instance.get("subset", [])))
