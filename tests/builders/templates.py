"""The containers and context items of TID 1500."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from tests.builders import codes
from tests.builders.codes import Code
from tests.builders.items import code, container, pname


def imaging_measurements(*children: Dataset) -> Dataset:
    """Return the container of the measurement groups."""
    return container(codes.IMAGING_MEASUREMENTS, *children)


def derived_measurements(*children: Dataset) -> Dataset:
    """Return the container of derived measurements (TID 1420)."""
    return container(codes.DERIVED_MEASUREMENTS, *children)


def evaluations(*children: Dataset) -> Dataset:
    """Return the container of qualitative evaluations without a group."""
    return container(codes.QUALITATIVE_EVALUATIONS, *children)


def group(*children: Dataset, template: str | None = None, **attributes: Any) -> Dataset:
    """Return a Measurement Group (TID 1410, 1411 or 1501)."""
    return container(codes.MEASUREMENT_GROUP, *children, template=template, **attributes)


def image_library(*entries: Dataset) -> Dataset:
    """Return an Image Library with one group (TID 1600)."""
    return container(codes.IMAGE_LIBRARY, container(codes.IMAGE_LIBRARY_GROUP, *entries))


def observer(kind: Code) -> Dataset:
    """Return an Observer Type (TID 1002)."""
    return code(codes.OBSERVER_TYPE, kind, relationship="HAS OBS CONTEXT")


def person_observer(name: str) -> Dataset:
    """Return a Person Observer Name (TID 1003)."""
    return pname(codes.PERSON_OBSERVER_NAME, name, relationship="HAS OBS CONTEXT")
