"""From a DICOM Structured Report to the logical model ``DicomSR``.

Everything that needs knowledge of DICOM is settled here; nothing here knows a FHIR profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from sr2fhir.model.accounting import HeaderRecord, ItemRecord
from sr2fhir.model.document import Rendering, render_dataset
from sr2fhir.model.environment import RenderOptions

if TYPE_CHECKING:
    from sr2fhir.dicom import SourceDocument

__all__ = ["HeaderRecord", "ItemRecord", "RenderOptions", "Rendering", "render"]


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
