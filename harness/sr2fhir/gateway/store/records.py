"""What goes into the store and comes out of it; times are seconds since 1970 by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from sr2fhir.errors import Sr2FhirError
from sr2fhir.jsontext import JsonObject

# ---- states

State = Literal["received", "transformed", "waiting", "delivered", "dead", "superseded", "skipped"]
RECEIVED, TRANSFORMED, WAITING = "received", "transformed", "waiting"
DELIVERED, DEAD, SUPERSEDED, SKIPPED = "delivered", "dead", "superseded", "skipped"
STATES = (RECEIVED, TRANSFORMED, WAITING, DELIVERED, DEAD, SUPERSEDED, SKIPPED)
# nothing is left to do, and nobody has to look
SETTLED = (DELIVERED, SUPERSEDED, SKIPPED)
UNDER_WAY = (RECEIVED, TRANSFORMED, WAITING)
# of a delivery: not tried yet; tried and to be tried again (WAITING); DELIVERED, DEAD, SUPERSEDED
PENDING = "pending"
OPEN = (PENDING, WAITING)

DeliveryKind = Literal["bundle", "notice"]
BUNDLE: DeliveryKind = "bundle"
NOTICE: DeliveryKind = "notice"

REPORT, OUTCOME = "report", "outcome"
"""Names of results beside the Bundles, which are named after their version of FHIR.

Of a second version they are `R4.report` and `R4.outcome`.
"""

Cause = Literal["disk", "database", "queue"]


class BusyError(Sr2FhirError):
    """Nothing can be taken now: try again later (DIMSE status A700, HTTP status 503).

    Parameters
    ----------
    cause
        `disk` is too full, the `database` cannot be reached, or the `queue` is full.
    """

    code = "transient"

    def __init__(
        self, message: str, *, cause: Cause, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.cause = cause


# ---- intake


class Origin(NamedTuple):
    """Where an object came from; no patient data.

    Parameters
    ----------
    intake
        Name of the part.
    peer
        Who sent it: `AE_TITLE@10.0.0.7`, an address, the name of an archive.
    """

    intake: str
    peer: str


class Receipt(NamedTuple):
    """What accepting an object led to.

    Parameters
    ----------
    is_new
        Whether it was not there yet: the same SOP Instance UID with the same bytes is one object.
    """

    object_id: int
    is_new: bool
    sop_instance_uid: str
    sop_class_uid: str


# ---- transformation


class Route(NamedTuple):
    """A destination, as far as the store knows it.

    Parameters
    ----------
    kind
        Whether it gets Bundles, or notices of alerts.
    fhir
        Version of FHIR of its Bundles; None for notices.
    """

    destination: str
    kind: DeliveryKind = BUNDLE
    fhir: str | None = "R5"


class Job(NamedTuple):
    """An object that is to be transformed.

    Parameters
    ----------
    attempts
        With this one.
    lease
        By which the store knows whose it is.
    """

    id: int
    object_id: int
    file: Path
    digest: str
    sop_instance_uid: str
    attempts: int
    origin: Origin
    lease: str = ""


class AlertMade(NamedTuple):
    """What a rule decided.

    Parameters
    ----------
    flag
        `Flag/ID`; None in shadow mode.
    observations
        `Observation/ID` of each.
    category
        Of the rule.
    """

    rule: str
    mode: Literal["live", "shadow"]
    flag: str | None
    observations: tuple[str, ...]
    category: str | None = None


class Made(NamedTuple):
    """What an object became.

    Parameters
    ----------
    bundles
        Name of the version of FHIR to a collection Bundle in it.
    report, outcome
        As `transform` writes them, of the first version.
    others
        Further versions of FHIR, with report and outcome of each.
    counts
        Resources, unmapped, errors, warnings.
    """

    bundles: Mapping[str, bytes]
    report: bytes
    outcome: bytes
    counts: Mapping[str, int]
    alerts: Sequence[AlertMade] = ()
    others: Mapping[str, tuple[bytes, bytes]] = {}


# ---- delivery


class Delivery(NamedTuple):
    """What is to be sent to one destination.

    Parameters
    ----------
    digest
        SHA-256 of the object.
    bundle, report, outcome
        Files; None for a notice.
    payload
        What a notice is about: rule, mode, flag and observations of an alert.
    attempts
        With this one.
    received
        When the object was accepted.
    predecessors
        SOP Instance UIDs of its Predecessor Documents, and of theirs.
    is_succeeded
        Whether results of a successor are there already: its alerts are over.
    """

    id: int
    object_id: int
    destination: str
    kind: DeliveryKind
    sop_instance_uid: str
    digest: str
    bundle: Path | None
    payload: JsonObject | None
    attempts: int
    received: float
    predecessors: tuple[str, ...]
    report: Path | None = None
    outcome: Path | None = None
    lease: str = ""
    is_succeeded: bool = False


class Sent(NamedTuple):
    """A resource as it was last sent to a destination.

    Parameters
    ----------
    type, id, version
        As the destination has it.
    digest
        SHA-256 of what was sent.
    key
        Full URL in the Bundle, since the destination may have given another id.
    """

    type: str
    id: str
    version: str | None
    digest: str
    key: str


class Failure(NamedTuple):
    """Why a delivery failed, in the destination's own words without values: no patient data."""

    status: int | None
    reason: str
    hint: str | None = None
