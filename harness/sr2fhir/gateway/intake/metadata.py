"""Instances in the DICOM JSON Model, with bulk data beside them (PS3.18 sections 8.6.1.3.1 and F.2.6)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.dicom import values
from sr2fhir.dicom.dicom_json import members
from sr2fhir.dicom.source import GIVE_DICOM, is_array
from sr2fhir.errors import DamagedError, InputError, NotDicomError
from sr2fhir.jsontext import JsonError, dumps, loads_strict

if TYPE_CHECKING:
    from sr2fhir.gateway.intake.multipart import BodyPart

BULK = b'"BulkDataURI"'
_SEND_ALL = "Send each bulk data as a part whose Content-Location is its BulkDataURI"


def documents_of(parts: Sequence[BodyPart], new_file: Callable[[], Path]) -> list[Path | InputError]:
    """Return a file for each instance of the metadata in the first part, or why there is none.

    An instance without bulk data is written as it stands, so that numbers keep their text.

    Parameters
    ----------
    parts
        Metadata, and bulk data with the `Content-Location` by which the metadata names it.
    """
    text = parts[0].file.read_bytes()
    bulk = {name: part.file for part in parts[1:] if (name := part.headers.get("content-location"))}
    documents = members(text) if is_array(text) else iter((text,))
    return [_document(each, bulk, new_file) for each in documents] or [
        NotDicomError("the JSON array is empty", hint=GIVE_DICOM)
    ]


def _document(text: bytes, bulk: Mapping[str, Path], new_file: Callable[[], Path]) -> Path | InputError:
    try:
        whole = _with_bulk(text, bulk) if BULK in text else text
    except InputError as error:
        return error
    file = new_file()
    file.write_bytes(whole)
    return file


def _with_bulk(text: bytes, bulk: Mapping[str, Path]) -> bytes:
    """Put bulk data into the instance, in place of what names it."""
    try:
        instance = loads_strict(text)
    except JsonError as error:
        raise DamagedError(f"the JSON is not well-formed: {error}") from None
    for attribute in _attributes(instance):
        name = attribute.pop("BulkDataURI")
        if not isinstance(name, str) or name not in bulk:
            raise InputError("bulk data that the metadata names was not sent", hint=_SEND_ALL)
        attribute |= _value(attribute.get("vr"), bulk[name].read_bytes())
    return dumps(instance)


def _attributes(instance: Any) -> Iterator[dict[str, Any]]:
    """Yield the attributes, at any depth, whose value is elsewhere; with a list in place of recursion."""
    waiting = [instance]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            if "BulkDataURI" in item:
                yield item
            else:
                waiting += item.values()


def _value(vr: object, data: bytes) -> dict[str, Any]:
    if vr in values.BYTES:
        return {"InlineBinary": b64encode(data).decode()}
    try:
        return {"Value": [data.decode("utf-8")]}
    except UnicodeDecodeError:
        raise InputError("bulk data of a text is not UTF-8, as DICOM JSON demands") from None
