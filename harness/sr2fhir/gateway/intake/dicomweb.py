"""The DICOMweb services of an archive: QIDO-RS in pages, WADO-RS by instance (PS3.18 10.4, 10.6)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from sr2fhir.dicom.source import parts_of_multipart
from sr2fhir.errors import InputError
from sr2fhir.http import Client, Response

DICOM_JSON = "application/dicom+json"
# every transfer syntax: as the archive has it, without converting
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
BULK = 'multipart/related; type="application/octet-stream", application/octet-stream;q=0.5'
STUDY, SERIES, INSTANCE, SOP_CLASS, INSTANCES = "0020000D", "0020000E", "00080018", "00080016", "00201208"
# the archive has the instance, but does not give it as a file
NOT_AS_A_FILE = {400, 406, 415, 501}
GONE = {404, 410}
_UID = re.compile(r"[0-9.]{1,64}")
_WARNING_OF_MORE = "299"
# no archive gives less than that at once, where it has more and does not say so
_AT_LEAST = 100
# quotation marks within a text are written otherwise, so this is a member
_BULK_URI = re.compile(rb'"BulkDataURI"\s*:\s*("(?:[^"\\]|\\.)*")')

Query = list[tuple[str, str]]


class Found(NamedTuple):
    """An instance that was found: UIDs, and the SOP Class, empty where it is not told."""

    study: str
    series: str
    instance: str
    sop_class: str = ""


class Service:
    """The services of one archive.

    Parameters
    ----------
    client
        Sends the requests; its errors are raised.
    page
        How many results are asked for at once; None for as many as the archive gives.
    """

    def __init__(self, client: Client, page: int | None) -> None:
        self._client, self._page = client, page

    def studies(self, query: Query) -> Iterator[tuple[str, int | None]]:
        """Search for studies: their UIDs, and how many instances they have, where that is told."""
        for result in self._results("/studies", query, STUDY):
            number = _value(result, INSTANCES)
            yield self._uid(result, STUDY), int(number) if number.isdecimal() else None

    def instances(self, path: str, query: Query) -> Iterator[Found]:
        """Search for instances."""
        for result in self._results(path, query, INSTANCE):
            study, series, instance = (self._uid(result, tag) for tag in (STUDY, SERIES, INSTANCE))
            yield Found(study, series, instance, _value(result, SOP_CLASS))

    def page_of(self, path: str, query: Query) -> tuple[list[dict[str, Any]], bool]:
        """Send one search; return its results, and whether the archive says that there are more."""
        response = self._client.send(
            "GET", path, params=query, headers={"Accept": DICOM_JSON}, repeatable=True
        )
        if response.status == 204:
            return [], False
        if not response.ok:
            raise self._client.refusal(response, "a search")
        found = self._client.expect(response, "json").json()
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self._client.error("its response to a search is no list of results")
        return found, _WARNING_OF_MORE in response.headers.get("warning", "")

    def retrieve(self, found: Found) -> Iterator[bytes]:
        """Retrieve an instance: files of PS3.10 as the archive has them; else metadata with all bulk data.

        Nothing, if it was deleted since it was found.

        Raises
        ------
        InputError
            What came is cut off.
        """
        path = f"/studies/{found.study}/series/{found.series}/instances/{found.instance}"
        response = self._get(path, AS_STORED)
        if response.status in NOT_AS_A_FILE:
            yield self._of_metadata(path)
        elif response.status in GONE and not self._is_there(found):
            return
        elif not response.ok:
            raise self._client.refusal(response, "an instance")
        elif response.content_type == "multipart/related":
            parts = list(parts_of_multipart(response.body))
            if not parts:
                raise InputError("the archive sent a multipart body without parts")
            yield from parts
        else:
            yield self._client.expect(response, "application/dicom").body

    def _is_there(self, found: Found) -> bool:
        """Search for an instance: one that is not given may lie on a slower medium."""
        path = f"/studies/{found.study}/series/{found.series}/instances"
        return bool(self.page_of(path, [("SOPInstanceUID", found.instance)])[0])

    # ---- searching

    def _results(self, path: str, query: Query, key: str) -> Iterator[dict[str, Any]]:
        """Return the results, each once, page by page if need be.

        By default no limit is asked for: the archive gives all, or its most. Not all of them say that there
        is more; and Orthanc's plugin 1.7 finds nothing from an offset on where a modality is searched for.
        """
        passed: set[str] = set()
        offset = 0
        while True:
            paging = [("limit", str(self._page))] if self._page else []
            paging += [("offset", str(offset))] if offset else []
            page, has_more = self.page_of(path, query + paging)
            new = {self._uid(result, key): result for result in page}
            fresh = {uid: result for uid, result in new.items() if uid not in passed}
            yield from fresh.values()
            passed |= fresh.keys()
            offset += len(page)
            if not fresh or (len(page) < (self._page or _AT_LEAST) and not has_more):
                return

    def _uid(self, result: dict[str, Any], tag: str) -> str:
        """Return a UID that may stand in a URL."""
        value = _value(result, tag)
        if not _UID.fullmatch(value):
            raise self._client.error(f"a result of its search has no UID in ({tag[:4]},{tag[4:]})")
        return value

    def _get(self, path: str, accept: str) -> Response:
        return self._client.send("GET", path, headers={"Accept": accept}, repeatable=True)

    # ---- metadata

    def _of_metadata(self, path: str) -> bytes:
        """Put an instance together from its metadata (PS3.18 10.4.1.1.2) and its bulk data (F.2.2).

        Bulk data are put in as text, so that numbers stay as they are written.
        """
        response = self._get(f"{path}/metadata", DICOM_JSON)
        if not response.ok:
            raise self._client.refusal(response, "metadata")
        found = self._client.expect(response, "json").json()
        if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
            raise self._client.error("its metadata are not those of one instance")
        where = f"{self._client.url}{path}/metadata"
        return _BULK_URI.sub(lambda match: self._inline(json.loads(match[1]), where), response.body)

    def _inline(self, uri: str, where: str) -> bytes:
        return b'"InlineBinary":"' + base64.b64encode(self._bulk(uri, where)) + b'"'

    def _bulk(self, uri: str, where: str) -> bytes:
        """Retrieve bulk data, of this archive alone: else a log-in, or a request, could be sent anywhere."""
        url = urljoin(where, uri)
        base, asked = urlsplit(self._client.url), urlsplit(url)
        below = f"{base.path}/"
        if (asked.scheme, asked.netloc) != (base.scheme, base.netloc) or not asked.path.startswith(below):
            raise self._client.error("its metadata refer to bulk data elsewhere, which are not fetched")
        path = asked.path[len(base.path) :] + (f"?{asked.query}" if asked.query else "")
        response = self._get(path, BULK)
        if not response.ok:
            raise self._client.refusal(response, "bulk data")
        if response.content_type != "multipart/related":
            return self._client.expect(response, "octet-stream").body
        parts = list(parts_of_multipart(response.body))
        if len(parts) != 1:
            raise self._client.error("its bulk data are not in one part")
        return parts[0]


def _value(result: dict[str, Any], tag: str) -> str:
    """Return the first value of an attribute; empty if it has none."""
    element = result.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
