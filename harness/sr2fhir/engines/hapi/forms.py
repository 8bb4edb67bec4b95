"""The forms of a `$transform` request and of its answer.

FHIR R5 (OperationDefinition StructureMap-transform) names the map as `source` and passes the document as
`content`. A logical model is no FHIR resource, so it goes as the body itself, with `source` in the query
(`direct`, which matchbox understands), or as a Binary (`r5`). matchbox has a form of its own besides, where
document and map are texts (`matchbox`).

==========  ============================  ===========================================
form        query                         body
==========  ============================  ===========================================
direct      source = URL of the map       the document
r5          -                             Parameters: source, content: Binary
matchbox    -                             Parameters: resource and map as strings
==========  ============================  ===========================================
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

from sr2fhir.http import JSON, XML
from sr2fhir.jsontext import JsonError, dumps, loads_strict

DIRECT, R5, MATCHBOX = "direct", "r5", "matchbox"

# a resource states its type first; an engine's long answer need not be parsed to learn it
_TYPE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"(\w+)"')
_WRAPPERS = frozenset({"Parameters", "Binary"})


@dataclass(frozen=True)
class MapRef:
    """Say which map is to be run.

    Parameters
    ----------
    url
        Its canonical URL.
    file
        The StructureMap itself, for the form that sends it along.
    """

    url: str
    file: Path


@dataclass(frozen=True)
class Request:
    """Hold what is sent to `$transform`."""

    body: bytes
    content_type: str = JSON
    params: Mapping[str, str] = field(default_factory=dict)


def _direct(document: bytes, map_ref: MapRef) -> Request:
    """Send the document as it is."""
    return Request(document, media_type(document), {"source": map_ref.url})


def _r5(document: bytes, map_ref: MapRef) -> Request:
    """Send the document as a Binary."""
    data = base64.b64encode(document).decode("ascii")
    binary = {"resourceType": "Binary", "contentType": media_type(document), "data": data}
    return _parameters(
        _parameter("source", "valueUri", map_ref.url), _parameter("content", "resource", binary)
    )


def _matchbox(document: bytes, map_ref: MapRef) -> Request | None:
    """Send document and map as texts."""
    if not map_ref.file.is_file():
        return None
    given = _parameter("resource", "valueString", document.decode("utf-8"))
    return _parameters(given, _parameter("map", "valueString", map_ref.file.read_text("utf-8")))


def _parameter(name: str, kind: str, value: object) -> dict[str, object]:
    """Make one parameter."""
    return {"name": name, kind: value}


def _parameters(*parameters: dict[str, object]) -> Request:
    """Make a request of parameters."""
    return Request(dumps({"resourceType": "Parameters", "parameter": list(parameters)}))


Form = Callable[[bytes, MapRef], Request | None]
# tried in this order with a server that is not known; None where a form cannot express the request
FORMS: dict[str, Form] = {DIRECT: _direct, R5: _r5, MATCHBOX: _matchbox}
# a word in the name of the software -> the forms that it is known to understand
KNOWN: dict[str, tuple[str, ...]] = {"matchbox": (DIRECT, MATCHBOX)}


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

    def requests(self, document: bytes, map_ref: MapRef) -> Iterator[tuple[str, Request]]:
        """Make the requests to send, one after the other until one is understood."""
        made = ((name, FORMS[name](document, map_ref)) for name in self._names)
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
