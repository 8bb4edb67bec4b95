"""Measurement Reports (PS3.16 TID 1500): what is admitted, what its concepts are for, and how it is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from sr2fhir.documents.measurement_report.document import render_dataset
from sr2fhir.model import Rendering, RenderOptions

if TYPE_CHECKING:
    from sr2fhir.dicom import SourceDocument

__all__ = ["render"]


def render(source: Dataset | SourceDocument, *, options: RenderOptions | None = None) -> Rendering:
    """Render a Structured Report as a document of the logical model.

    Parameters
    ----------
    source
        A Dataset, or what :func:`sr2fhir.dicom.read` returned.
    options
        What the document leaves open; the defaults of :class:`RenderOptions` where not given.

    Returns
    -------
    Rendering
        The document, the findings, and the account of every content item and header attribute.

    Raises
    ------
    InputError
        The Dataset is no Measurement Report of TID 1500, or lacks its Study or SOP Instance UID.
    """
    options = options or RenderOptions()
    if isinstance(source, Dataset):
        return render_dataset(source, options)
    return render_dataset(source.dataset, options, source.findings)
