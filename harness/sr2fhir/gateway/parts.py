"""What the parts of the gateway have in common: they are started and stopped, checked, and raise alarms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

Severity = Literal["warning", "error"]


class Check(NamedTuple):
    """What trying a connection, a file or a setting showed; no patient data.

    Parameters
    ----------
    what
        What was tried, such as `destination ehr: CapabilityStatement`.
    message
        What was seen.
    hint
        How to mend it, where it is not well.
    """

    what: str
    ok: bool
    message: str
    hint: str | None = None


class Alarm(NamedTuple):
    """What is wrong now; no patient data.

    Parameters
    ----------
    where
        The part, such as `destination ehr`.
    since
        Seconds since 1970, if it is known.
    """

    severity: Severity
    where: str
    message: str
    since: float | None = None


class Part(Protocol):
    """An intake, a destination, or the web server.

    Attributes
    ----------
    name
        As in the settings: `dimse`, `archive pacs`, `destination ehr`.
    """

    name: str

    def start(self) -> None:
        """Begin, and return when it serves.

        Raises
        ------
        Sr2FhirError
            It cannot; the place and the remedy are named.
        """

    def stop(self, timeout_s: float) -> None:
        """Take no more, end what is under way, and return within a time."""

    def check(self) -> Iterator[Check]:
        """Try its connections; it needs not to be started."""

    def alarms(self) -> list[Alarm]:
        """Return what is wrong now."""
