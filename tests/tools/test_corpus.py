"""The corpus of the benchmarks: many reports made of the samples, each of which can be transformed."""

from __future__ import annotations

from pathlib import Path

import pydicom
import sr2fhir
from tools import corpus


def test_two_reports_of_each_sample_are_read(samples: list[Path]) -> None:
    made = dict(corpus.corpus(2 * len(samples)))
    assert len(made) == 2 * len(samples)
    uids = {sr2fhir.render(data).document["sopInstanceUid"] for data in made.values()}
    assert len(uids) == len(made)


def test_a_variant_differs_from_its_sample_in_uids_and_patient_only(samples_dir: Path) -> None:
    sample = samples_dir / "gen_dcmqi_ct_liver_modifiers.dcm"
    variants = [corpus.variant(sample, number) for number in (0, 1, corpus.PER_PATIENT)]
    assert {len(data) for data in variants} == {sample.stat().st_size}
    first, same, other = (sr2fhir.render(data).document for data in variants)
    numbers = [each["patient"]["identifier"]["value"] for each in (first, same, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert first["sopClass"] == other["sopClass"]
    assert first["content"]["concept"] == other["content"]["concept"]
    assert len({each["sopInstanceUid"] for each in (first, same, other)}) == 3
    assert pydicom.dcmread(sample).SOPInstanceUID not in {first["sopInstanceUid"], other["sopInstanceUid"]}


def test_the_same_call_makes_the_same_files() -> None:
    assert [*corpus.corpus(3)] == [*corpus.corpus(3)]
    assert [name.partition(".")[2] for name, _ in corpus.corpus(4, (".json",))] == ["json"] * 4
