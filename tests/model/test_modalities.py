"""The table that tells the modality of a series by its SOP classes."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pydicom.uid
from pydicom.sr.codedict import Code, codes
from pydicom.uid import UID_dictionary
from sr2fhir.model.identifiers import modality_of

STATED = tomllib.loads(files("sr2fhir.model").joinpath("modalities.toml").read_text("utf-8"))


def test_each_is_a_modality_of_ps3_16() -> None:
    """CID 29 has what acquires, CID 33 what a series may hold besides."""
    known = {
        code.value
        for context in (codes.cid29, codes.cid33)
        for name in dir(context)
        if isinstance(code := getattr(context, name), Code)
    }
    assert len(known) > 70
    assert set(STATED) <= known


def test_each_class_is_one_of_storage_and_has_one_modality() -> None:
    names = [name for listed in STATED.values() for name in listed]
    assert len(names) == len(set(names))
    for name in names:
        uid = str(getattr(pydicom.uid, name))
        assert UID_dictionary[uid][1] == "SOP Class"
        assert modality_of([uid]) in STATED
