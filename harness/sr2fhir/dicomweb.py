"""URLs of DICOMweb services: the base, and what of the service a URL leads to (PS3.18 section 10.4)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_EXAMPLE = "https://pacs.example/dicom-web"
# RFC 3986: the characters that a URL may have
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", re.IGNORECASE)
# host and path of the base, then a study, series or instance, or all studies
_RESOURCE = re.compile(
    r"(?P<base>[^/]+(?:/.*)?)/studies"
    r"(?:/(?P<study>[0-9.]+)(?:/series/(?P<series>[0-9.]+))?(?:/instances/(?P<instance>[0-9.]+))?(?:/.*)?)?"
)


class ServiceUrl(NamedTuple):
    """A URL taken apart.

    Parameters
    ----------
    base
        Of the service, without a slash at its end; scheme and host in lower case.
    is_base
        Whether the URL is no more than that.
    uids
        Those of the study, series and instance that it leads to, by these names.
    has_more
        Whether there are a query, a fragment or credentials.
    """

    base: str
    is_base: bool
    uids: dict[str, str]
    has_more: bool


def service_url(text: str) -> ServiceUrl:
    """Take the URL of a service apart, or of something that it has.

    Raises
    ------
    ValueError
        It is no absolute URL of http or https.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _URL.fullmatch(text):
        raise ValueError("not an absolute URL of http or https")
    place = parts.netloc.rpartition("@")[2].lower() + parts.path.rstrip("/")
    found = _RESOURCE.fullmatch(place)
    uids = {name: uid for name, uid in found.groupdict().items() if uid and name != "base"} if found else {}
    has_more = "@" in parts.netloc or "?" in text or "#" in text
    return ServiceUrl(f"{parts.scheme}://{found['base'] if found else place}", found is None, uids, has_more)


def base_url(value: object) -> str:
    """Read the base URL of a service, as a person tells it.

    Raises
    ------
    ValueError
        It is none, or says more than the base.
    """
    if not isinstance(value, str):
        raise ValueError(f"not the base URL of a service, such as {_EXAMPLE}")
    try:
        found = service_url(value)
    except ValueError as error:
        raise ValueError(f"{error}, such as {_EXAMPLE}") from error
    if found.has_more or not found.is_base:
        raise ValueError(f"more than the base URL of a service, such as {_EXAMPLE}")
    return found.base
