"""STOW-RS: the Store transaction of DICOMweb (PS3.18 section 10.5).

::

    POST /dicom-web/studies[/{study}]
        multipart/related; type="application/dicom"          an instance a part
        multipart/related; type="application/dicom+json"     metadata, then the bulk data that it names
        application/dicom, application/dicom+json            without parts

The body goes to disk as it comes. Only when its closing boundary is there are the instances handed to the
store, one by one; what the store has accepted is durable, and told in Referenced SOP Sequence. A body that is
cut off leaves nothing.

==========  ==============================================================================================
status      when
==========  ==============================================================================================
200         all instances are stored
202         some are; Failed SOP Sequence tells the others
409         none is, and sending the same again will not help
400, 415    the request is none; 413: it is too large; 408: it did not come in time
406         the response is asked for in another form than DICOM JSON
503         there is no room just now: nothing was taken, send it again after Retry-After
==========  ==============================================================================================

Nothing can be retrieved from here, so that Retrieve URL is empty (PS3.18 Annex I: type 2).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from sr2fhir.dicom import STRUCTURED_REPORTS
from sr2fhir.errors import InputError, Sr2FhirError
from sr2fhir.gateway.intake.metadata import documents_of
from sr2fhir.gateway.intake.multipart import BodyError, BodyPart, Bounds, MediaType, Received
from sr2fhir.gateway.store import BusyError, Origin
from sr2fhir.gateway.store.header import Header, read_header
from sr2fhir.jsontext import JsonObject, dumps
from sr2fhir.outcome import describe, unexpected

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.web.login import Caller
    from sr2fhir.gateway.web.settings import StowSettings

logger = logging.getLogger(__name__)

DICOM, DICOM_JSON, RELATED = "application/dicom", "application/dicom+json", "multipart/related"
#: media ranges of Accept that DICOM JSON satisfies
ACCEPTED = frozenset({DICOM_JSON, "application/json", "application/*", "*/*"})
RETRY_AFTER_S = 10
TOO_LATE = 408
# Failure Reason (0008,1197), PS3.18 table I.2-2
OUT_OF_RESOURCES, OTHER_STUDY, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
PROCESSING_FAILURE, SOP_CLASS_NOT_SUPPORTED = 0x0110, 0x0122
# of the warning of a response, so that it stays a header
LONGEST_WARNING = 300


class Outcome(NamedTuple):
    """What became of an instance: stored if there is no reason why not."""

    header: Header | None
    reason: int | None = None
    message: str | None = None


class Stow:
    """Serve the Store transaction.

    Parameters
    ----------
    store
        Takes the instances.
    settings
        Bounds of a request.
    """

    def __init__(self, store: Store, settings: StowSettings) -> None:
        self._store = store
        self._settings = settings
        self._bounds = Bounds(settings.max_object, settings.max_body, settings.max_parts)
        self._places = settings.parallel

    async def __call__(self, request: Request) -> Response:
        """Receive a request, store its instances, and say what became of each."""
        if self._places < 1:
            return busy("as many requests as [intake.stow] parallel allows are being received")
        self._places -= 1
        try:
            return await self._serve(request)
        except BodyError as error:
            return refusal(error.status, error.message)
        except BusyError as error:
            return busy(error.message)
        except OSError as error:  # of what is received; the store tells its own
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            logger.log(logging.ERROR, "a request of STOW-RS cannot be written: %s", reason)
            return busy(f"the disk does not take the request ({reason})")
        finally:
            self._places += 1

    async def _serve(self, request: Request) -> Response:
        check_accept(request.headers.get("accept"))
        form, boundary = form_of(request.headers.get("content-type", ""))
        check_length(request.headers, self._bounds)
        await run_in_threadpool(self._store.check)
        received = Received(boundary, self._store.incoming, self._bounds)
        try:
            parts = await self._receive(request, received)
            origin = Origin("stow", peer_of(request))
            study = request.path_params.get("study")
            return await run_in_threadpool(self._stored, form, parts, origin, study)
        finally:
            await run_in_threadpool(received.discard)

    async def _receive(self, request: Request, received: Received) -> list[BodyPart]:
        """Write the body to disk as it comes."""
        stream = request.stream()
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                while True:
                    async with asyncio.timeout(self._settings.idle_s):
                        data = await anext(stream, None)
                    if data is None:
                        break
                    if data:
                        await run_in_threadpool(received.write, data)
        except TimeoutError:
            message = "The body did not come in time: nothing was taken. Send it again"
            raise BodyError(TOO_LATE, message) from None
        except ClientDisconnect:
            raise BodyError(400, "The body is cut off: nothing was taken. Send it again") from None
        return await run_in_threadpool(received.finish)

    def _stored(self, form: str, parts: Sequence[BodyPart], origin: Origin, study: str | None) -> Response:
        """Store the instances of a whole body."""
        made: list[Path] = []

        def new_file() -> Path:
            made.append(self._store.incoming())
            return made[-1]

        try:
            files = instances_of(form, parts, new_file)
            return response([self._store_one(file, origin, study) for file in files])
        finally:
            for file in made:
                file.unlink(missing_ok=True)

    def _store_one(self, file: Path | InputError, origin: Origin, study: str | None) -> Outcome:
        if isinstance(file, InputError):
            return Outcome(None, NOT_UNDERSTOOD, describe(file))
        header = None
        try:
            header = read_header(file)
            if study and header.study_instance_uid != study:
                return Outcome(header, OTHER_STUDY, "the instance is of another study than the URL names")
            if not header.sop_class_uid.startswith(STRUCTURED_REPORTS):
                return Outcome(header, SOP_CLASS_NOT_SUPPORTED, "this is no Structured Report")
            self._store.accept(file, origin)
        except InputError as error:
            return Outcome(header, NOT_UNDERSTOOD, describe(error))
        except BusyError as error:
            return Outcome(header, OUT_OF_RESOURCES, describe(error))
        except Sr2FhirError as error:
            logger.log(logging.ERROR, "an instance of STOW-RS cannot be stored: %s", describe(error))
            return Outcome(header, PROCESSING_FAILURE, "the gateway failed on it; its log says why")
        except Exception as error:
            logger.log(logging.ERROR, "an instance of STOW-RS cannot be stored: %s", unexpected(error))
            return Outcome(header, PROCESSING_FAILURE, "the gateway failed on it; its log says why")
        return Outcome(header)


def peer_of(request: Request) -> str:
    """Say who sends: the name of the token, if there is one, and the address."""
    host = request.client.host if request.client else "unknown"
    caller: Caller = request.state.caller
    return f"{caller.name}@{host}" if caller.by_token else host


# ---- the request -------------------------------------------------------------------------------------------


def check_accept(accept: str | None) -> None:
    """Refuse a request whose response is wanted in another form, before anything is taken."""
    wanted = {MediaType(each).name for each in (accept or "*/*").split(",") if each.strip()}
    if accept and accept.strip() and not wanted & ACCEPTED:
        raise BodyError(406, f"The response is written as {DICOM_JSON} only: send Accept: {DICOM_JSON}")


def form_of(content_type: str) -> tuple[str, str | None]:
    """Return the media type of the instances, and the boundary between parts if there are any."""
    stated = MediaType(content_type)
    form, boundary = stated.name, None
    if stated.name == RELATED:
        # without the parameter it is DICOM, the default (PS3.18 section 8.7.3)
        form, boundary = (stated.parameter("type") or DICOM).lower(), stated.parameter("boundary")
        if boundary is None:
            raise BodyError(400, "Content-Type names no boundary between the parts")
    if form not in (DICOM, DICOM_JSON):
        wanted = f'{RELATED}; type="{DICOM}"; boundary=…'
        raise BodyError(415, f"Such a body is not taken: send {wanted}, or the same with {DICOM_JSON}")
    return form, boundary


def check_length(headers: Mapping[str, str], bounds: Bounds) -> None:
    """Refuse a body that says itself that it is too large or compressed, before it is sent."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise BodyError(415, "A compressed body is not taken: send it without Content-Encoding")
    length = headers.get("content-length")
    if length and length.isdecimal() and int(length) > bounds.body:
        raise BodyError(413, f"The body is larger than the {bounds.body:,} bytes that [intake.stow] allows")


def instances_of(
    form: str, parts: Sequence[BodyPart], new_file: Callable[[], Path]
) -> list[Path | InputError]:
    """Return a file for each instance of a body, or why there is none."""
    if form == DICOM_JSON:
        return documents_of(parts, new_file)
    return list(map(dicom_of, parts))


def dicom_of(part: BodyPart) -> Path | InputError:
    """Return the file of a part that is DICOM, as far as its header says."""
    stated = part.headers.get("content-type")
    if stated and MediaType(stated).name not in (DICOM, "application/octet-stream"):
        return InputError("a part is of another media type than the body", hint=f"Send {DICOM}")
    return part.file


# ---- the response ------------------------------------------------------------------------------------------


def response(outcomes: Sequence[Outcome]) -> Response:
    """Say what became of each instance (PS3.18 Annex I)."""
    reasons = {each.reason for each in outcomes}
    if reasons == {OUT_OF_RESOURCES}:
        status = 503
    elif None not in reasons:
        status = 409
    else:
        status = 200 if reasons == {None} else 202
    headers = {"Retry-After": str(RETRY_AFTER_S)} if OUT_OF_RESOURCES in reasons else {}
    headers |= warning([each.message for each in outcomes if each.message])
    return Response(dumps(body(outcomes)), status, headers, media_type=DICOM_JSON)


def body(outcomes: Sequence[Outcome]) -> JsonObject:
    """Write the Store Instances Response Module."""
    stored = [_reference(each.header) | _RETRIEVE_URL for each in outcomes if each.header and not each.reason]
    failed = [
        _reference(each.header) | _reason(each.reason) for each in outcomes if each.header and each.reason
    ]
    others = [_reason(each.reason) for each in outcomes if not each.header and each.reason]
    # Referenced SOP, Failed SOP and Other Failures Sequence
    sequences = {"00081198": failed, "00081199": stored, "0008119A": others}
    return _RETRIEVE_URL | {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}


_RETRIEVE_URL: JsonObject = {"00081190": {"vr": "UR"}}


def _reference(header: Header) -> JsonObject:
    uids = {"00081150": header.sop_class_uid, "00081155": header.sop_instance_uid}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}


def _reason(reason: int) -> JsonObject:
    return {"00081197": {"vr": "US", "Value": [reason]}}


def warning(messages: Sequence[str]) -> dict[str, str]:
    """Return the header that says in words what went wrong first, for whoever reads a log (PS3.18 8.4.3)."""
    if not messages:
        return {}
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    text = messages[0].encode("ascii", "replace").decode().replace('"', "'")
    return {"Warning": f'299 sr2fhir "{text[:LONGEST_WARNING]}{more}"'}


def refusal(status: int, message: str) -> Response:
    """Refuse a request of which nothing was taken.

    What still comes of the body is read and dropped for a while, so that a client that sends without
    listening hears of it; not of one that was too slow.
    """
    return PlainTextResponse(message + "\n", status, {"Connection": "close"} if status == TOO_LATE else None)


def busy(message: str) -> Response:
    """Say that there is no room just now."""
    text = f"{message}. Nothing was taken: send it again in {RETRY_AFTER_S} seconds\n"
    return PlainTextResponse(text, 503, {"Retry-After": str(RETRY_AFTER_S)})


def routes_of(stow: Stow) -> Iterator[tuple[str, Any]]:
    """Yield the paths of the transaction, and what serves them."""
    yield "/dicom-web/studies", stow
    yield "/dicom-web/studies/{study}", stow
