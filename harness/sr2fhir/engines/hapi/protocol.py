"""What is said to a FHIR server that runs maps, and what it says: its statement, the request, the reply.

**Statement**: what the server is and can do, from its CapabilityStatement (FHIR R5, http.html#capabilities).

**Request**: FHIR R5 (OperationDefinition StructureMap-transform) names the map as `source` and passes the
document as `content`. A logical model is no FHIR resource, so it goes as the body itself, with `source` in
the query (`direct`, which matchbox understands), or as a Binary (`r5`). matchbox has a form of its own
besides, where document and map are texts (`matchbox`).

==========  ============================  ===========================================
form        query                         body
==========  ============================  ===========================================
direct      source = URL of the map       the document
r5          -                             Parameters: source, content: Binary
matchbox    -                             Parameters: resource and map as strings
==========  ============================  ===========================================

**Reply**: the resource, bare or wrapped, or a failure. The texts of an OperationOutcome quote the document.
They are recognised and put into our own words; of what they say only names of maps, groups and rules are
kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sr2fhir.engines import messages
from sr2fhir.errors import Sr2FhirError, TransformError
from sr2fhir.http import JSON, XML, Client, Response
from sr2fhir.jsontext import JsonError, dumps, loads_strict
from sr2fhir.paths import Layout
from sr2fhir.settings import R5

TRANSFORM, VALIDATE = "transform", "validate"
# the version of FHIR that the maps make, without its last part
_FHIR_VERSION = R5.fhir_version.rpartition(".")[0]
_NO_TRANSFORM = "Name a server that does; matchbox does with matchbox.fhir.context.onlyOneEngine=true"
# seconds in which a server that is up has said what it is
_STATEMENT_S = 60.0
_NAME_LENGTH = 120
# a resource states its type first; an engine's long reply need not be parsed to learn it
_TYPE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"(\w+)"')
_WRAPPERS = frozenset({"Parameters", "Binary"})
# HAPI names the Java exception, matchbox its message after it
_EXCEPTION = re.compile(r"\b[a-z]+(?:\.[a-z_0-9]+)*\.([A-Z]\w*(?:Exception|Error))\b")
_CHECKED_RULE = re.compile(r'Rule "([\w.-]+)": Check condition failed')
_NO_MAP = re.compile(
    r"Map not available with canonical url|(?i:structuremap|map)\b[^.]{0,80}\bnot (?:found|known)"
)
_RESOURCES = {
    "StackOverflowError": (
        "the content tree nests deeper than the server can follow",
        "Give its Java larger stacks (-Xss), or flatten the report",
    ),
    "OutOfMemoryError": ("the report needs more memory than the server has", "Give its Java more (-Xmx)"),
}
_NO_OPERATION = frozenset({404, 405, 501})
# Bytes of a request that Undertow, under matchbox, takes by default; beyond, it says 500 only.
_UNDERTOWS_LIMIT = 2 << 20
_LARGER = "Let it take larger ones; matchbox does with server.undertow.max-http-post-size, such as 1GB"

# ---- statement ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """State what a server is and what it can do.

    Parameters
    ----------
    software
        Name and version of its software.
    fhir_version
        The version of FHIR that it speaks.
    operations
        Type and name of its operations, the type empty for those of the server as a whole:
        ``("StructureMap", "transform")``.
    """

    software: str
    fhir_version: str
    operations: frozenset[tuple[str, str]]

    def offers(self, operation: str, *types: str) -> str | None:
        """Return the path of an operation on the first type that has it; None where none has."""
        on = next((kind for kind in types if (kind, operation) in self.operations), None)
        return None if on is None else f"/{on}/${operation}" if on else f"/${operation}"


def ask_server(client: Client) -> Server:
    """Read the CapabilityStatement and check that maps for FHIR R5 can be run there.

    Raises
    ------
    EngineUnavailableError
        There is no FHIR server, or not one of R5 with `StructureMap/$transform`.
    """
    server = _parse(_statement(client))
    if not server.fhir_version.startswith(f"{_FHIR_VERSION.partition('.')[0]}."):
        stated = server.fhir_version or "no version"
        reason = f"the server states FHIR {stated}, the maps are for {_FHIR_VERSION}"
        raise client.unavailable(reason, hint=f"Name an {R5.name} server")
    if server.offers(TRANSFORM, "StructureMap") is None:
        reason = f"the server ({server.software}) does not offer StructureMap/$transform"
        raise client.unavailable(reason, hint=_NO_TRANSFORM)
    return server


def ask_software(client: Client) -> str:
    """Name the software of a FHIR server, whatever it can do.

    Raises
    ------
    EngineError
        There is no FHIR server, or it is not ready.
    """
    return _parse(_statement(client)).software


def _statement(client: Client) -> dict[str, Any]:
    """Fetch the CapabilityStatement."""
    limit = min(client.timeout_s, _STATEMENT_S)
    response = client.send("GET", "/metadata", headers={"Accept": JSON}, repeatable=True, timeout_s=limit)
    content = response.json() if response.ok else None
    if isinstance(content, dict) and content.get("resourceType") == "CapabilityStatement":
        return content
    reason = f"there is no FHIR server: /metadata gave status {response.status} and no CapabilityStatement"
    raise client.unavailable(reason, hint="Give its base URL, such as http://host:port/fhir")


def _parse(statement: dict[str, Any]) -> Server:
    """Take out of a CapabilityStatement what matters here."""
    found = frozenset(
        (kind, _text(operation, "name").lstrip("$"))
        for rest in _objects(statement, "rest")
        for kind, holder in (
            ("", rest),
            *((_text(part, "type"), part) for part in _objects(rest, "resource")),
        )
        for operation in _objects(holder, "operation")
    )
    return Server(_software(statement.get("software")), _text(statement, "fhirVersion"), found)


def _software(stated: Any) -> str:
    """Name the software with its version, which some servers put into the name."""
    if not isinstance(stated, dict):
        return "unnamed software"
    name, version = _text(stated, "name").removeprefix("powered by "), _text(stated, "version")
    return (name if version in name else f"{name} {version}").strip() or "unnamed software"


def _objects(holder: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Return the objects of a list."""
    found = holder.get(name)
    return (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())


def _text(holder: dict[str, Any], name: str) -> str:
    """Return a short text, fit for a message."""
    found = holder.get(name)
    return re.sub(r"[^\x20-\x7e]", "?", found)[:_NAME_LENGTH] if isinstance(found, str) else ""


# ---- request -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """Hold what is sent to `$transform`."""

    body: bytes
    content_type: str = JSON
    params: Mapping[str, str] = field(default_factory=dict)


def _direct(document: bytes, url: str, file: Path) -> Request:
    """Send the document as it is."""
    return Request(document, media_type(document), {"source": url})


def _r5(document: bytes, url: str, file: Path) -> Request:
    """Send the document as a Binary."""
    data = base64.b64encode(document).decode("ascii")
    binary = {"resourceType": "Binary", "contentType": media_type(document), "data": data}
    return _parameters({"name": "source", "valueUri": url}, {"name": "content", "resource": binary})


def _matchbox(document: bytes, url: str, file: Path) -> Request | None:
    """Send document and map as texts."""
    if not file.is_file():
        return None
    return _parameters(
        {"name": "resource", "valueString": document.decode("utf-8")},
        {"name": "map", "valueString": file.read_text("utf-8")},
    )


def _parameters(*parameters: dict[str, object]) -> Request:
    """Make a request of parameters."""
    return Request(dumps({"resourceType": "Parameters", "parameter": list(parameters)}))


Form = Callable[[bytes, str, Path], Request | None]
# tried in this order with a server that is not known; None where a form cannot express the request
FORMS: dict[str, Form] = {"direct": _direct, "r5": _r5, "matchbox": _matchbox}
# a word in the name of the software -> the forms that it is known to understand
KNOWN: dict[str, tuple[str, ...]] = {"matchbox": ("direct", "matchbox")}


class Choice:
    """Choose the form for a server: the one asked for, else the one it is known for, else what proves right.

    Parameters
    ----------
    software
        Name of the server's software.
    wanted
        The form asked for; empty for none.
    """

    def __init__(self, software: str, wanted: str = "") -> None:
        known = next((forms for word, forms in KNOWN.items() if word in software.lower()), ())
        self._names: tuple[str, ...] = (wanted,) if wanted else known or tuple(FORMS)
        self._is_known = bool(wanted or known)

    def requests(self, document: bytes, url: str, file: Path) -> Iterator[tuple[str, Request]]:
        """Make the requests to send, one after the other until one is understood.

        Parameters
        ----------
        document
            The logical model.
        url
            Canonical URL of the map.
        file
            The StructureMap itself, for the form that sends it along.
        """
        made = ((name, FORMS[name](document, url, file)) for name in self._names)
        possible = ((name, request) for name, request in made if request is not None)
        return islice(possible, 1 if self._is_known else None)

    def learn(self, name: str) -> None:
        """Remember that a form was understood; it will be the first, the others after it."""
        if not self._is_known:
            self._names = (name, *(other for other in self._names if other != name))
            self._is_known = True


def media_type(document: bytes) -> str:
    """Tell XML from JSON by the first character."""
    return XML if document.lstrip()[:1] == b"<" else JSON


def resource_type(body: bytes) -> str:
    """Return the type that a JSON resource states first; empty where it does not."""
    match = _TYPE.match(body)
    return match[1].decode("ascii") if match else ""


# ---- reply -------------------------------------------------------------------------------------------------


def unwrapped(body: bytes) -> bytes:
    """Take the result out of Parameters or a Binary, the forms that FHIR R5 allows beside the bare resource.

    What is neither is given back as it is, numbers with their text.

    Raises
    ------
    ValueError
        The wrapper is damaged, or holds no result.
    """
    kind = resource_type(body)
    if kind not in _WRAPPERS:
        return body
    content = loads_strict(body)
    return _of_binary(content) if kind == "Binary" else _of_parameters(content)


def _of_binary(content: dict[str, Any]) -> bytes:
    """Decode a Binary."""
    try:
        return base64.b64decode(str(content.get("data", "")), validate=True)
    except binascii.Error:
        raise JsonError("a Binary whose data are not base64") from None


def _of_parameters(content: dict[str, Any]) -> bytes:
    """Take out the parameter `return`; matchbox calls it `result`."""
    found = content.get("parameter")
    for parameter in found if isinstance(found, list) else ():
        if isinstance(parameter, dict) and parameter.get("name") in ("return", "result"):
            return _of_parameter(parameter)
    raise JsonError("Parameters without a result")


def _of_parameter(parameter: dict[str, Any]) -> bytes:
    """Take the resource, or its text, out of a parameter."""
    resource, text = parameter.get("resource"), parameter.get("valueString")
    if isinstance(resource, dict):
        return unwrapped(dumps(resource))
    if isinstance(text, str):
        return text.encode("utf-8")
    raise JsonError("Parameters without a result")


def failure(client: Client, response: Response, sent: int, map_url: str, places: Layout) -> Sr2FhirError:
    """Make the error of a transform that failed.

    Parameters
    ----------
    response
        An OperationOutcome, or whatever else the server gave with a status of failure.
    sent
        Bytes of the request.
    map_url
        The map that was to be run.
    places
        Where set-up has put the table of the rules' files and lines.
    """
    texts = response.texts()
    if _is_too_large(response, sent):
        return client.error(f"it does not take a request of {sent / 1e6:.1f} MB", hint=_LARGER)
    if any(map(_NO_MAP.search, texts)):
        name = map_url.rpartition("/")[2]
        return client.error(f"the server does not hold the map {name}", hint="Give --engine-install")
    of_map = next(filter(None, (_map_failure(text, places) for text in texts)), None)
    if of_map is not None:
        of_map.message = f"{client.label}: {of_map.message}"
        return of_map
    if not texts and response.status in _NO_OPERATION:
        reason = f"there is no StructureMap/$transform at this URL (status {response.status})"
        return client.error(reason, hint="Check the base URL")
    return (
        client.error("it returned an OperationOutcome")
        if response.ok
        else client.refusal(response, "the transform")
    )


def _is_too_large(response: Response, sent: int) -> bool:
    """Tell whether a request was refused for its size."""
    is_silent = response.status == 500 and not response.body
    return response.status == 413 or (is_silent and sent > _UNDERTOWS_LIMIT)


def _map_failure(text: str, places: Layout) -> TransformError | None:
    """Make the error of a map that failed; None where the text does not tell of one."""
    kinds = _EXCEPTION.findall(text)
    for kind in filter(_RESOURCES.__contains__, kinds):
        return TransformError(_RESOURCES[kind][0], hint=_RESOURCES[kind][1])
    location = _location(text)
    if not kinds and location.rule is None:
        return None
    kind = kinds[-1] if kinds else "an error"
    return messages.transform_error(kind, text, location, places.map_index)


def _location(text: str) -> messages.Location:
    """Read where in the maps it failed."""
    checked = _CHECKED_RULE.search(text)
    return messages.Location(rule=checked[1]) if checked else messages.innermost_rule(text)
