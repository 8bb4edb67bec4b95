"""What `[[destination]]` in gateway.toml says of where results go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sr2fhir.errors import UsageError
from sr2fhir.gateway.authentication import LogInSettings, check_log_in
from sr2fhir.http import Tls, shown
from sr2fhir.packaging.policies import IdsOf, policy

Kind = Literal["fhir", "folder", "ndjson"]
KINDS: tuple[Kind, ...] = ("fhir", "folder", "ndjson")
Changed = Literal["dead", "keep", "overwrite"]
CHANGED: tuple[Changed, ...] = ("dead", "keep", "overwrite")
Withdrawn = Literal["entered-in-error", "delete"]
WITHDRAWN: tuple[Withdrawn, ...] = ("entered-in-error", "delete")


@dataclass(frozen=True)
class Destination:
    """Say where results go, and how.

    Parameters
    ----------
    name
        For people, tables and logs.
    kind
        `fhir`: a FHIR server, which is sent transactions. `folder`: the three files of `transform --out` for
        each document. `ndjson`: resources are appended to a file for each type.
    url
        Base URL of the FHIR server.
    path
        The folder.
    fhir
        Version of FHIR: `R5` or `R4`.
    parallel
        How many deliveries are under way at once; those of one patient are never.
    timeout_s
        Seconds that one response may take.
    log_in, tls
        How to log in at the server, and certificates.
    max_entries
        Entries of one transaction; what has more is split. None: what the server takes.
    changed
        What becomes of a resource that somebody changed on the server since it was sent, and that a new state
        of the document changes too. `dead`: the delivery becomes a dead letter, and nothing is changed.
        `keep`: that resource stays as it is there, and the others are sent. `overwrite`: it is overwritten.
    withdrawn
        What becomes of a resource that a new state of the document no longer has.
    patients, orders, studies, ids
        As in the settings of `transform`, for this destination; None: as there.
    after_s, after_at_most_s
        Seconds until a delivery that failed is tried again: at first, and at most. They double in between.
    tries
        How often the server may refuse one document for a reason that might pass, such as a race or an error
        of its own, until the delivery becomes a dead letter. A server that cannot be reached is waited for.
    """

    name: str
    kind: Kind = "fhir"
    url: str | None = None
    path: Path | None = None
    fhir: Literal["R5", "R4"] = "R5"
    parallel: int = 2
    timeout_s: float = 120.0
    log_in: LogInSettings = field(default_factory=LogInSettings, metadata={"key": "authentication"})
    tls: Tls = field(default_factory=Tls)
    max_entries: int | None = None
    changed: Changed = "dead"
    withdrawn: Withdrawn = "entered-in-error"
    patients: str | None = None
    orders: str | None = None
    studies: str | None = None
    ids: IdsOf | None = None
    after_s: float = 1.0
    after_at_most_s: float = 300.0
    tries: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        UsageError
            A key is missing or wrong.
        """
        needed = "url" if self.kind == "fhir" else "path"
        if getattr(self, needed) is None:
            raise UsageError(
                f"a destination of kind {self.kind} needs a {needed}", where="kind", hint=f"Add {needed}"
            )
        if self.url is not None:
            shown(self.url)
            check_log_in(self.log_in, self.url)
        for name in ("parallel", "max_entries", "tries"):
            if getattr(self, name) == 0:
                raise UsageError("less than one", where=name, hint="Write 1 or more")
        for name, chosen in self.policies.items():
            if name != "ids" and policy(name, chosen).target:
                message = "fixed is for the results of one document, and a gateway sends many"
                raise UsageError(message, where=name, hint="Choose another policy")

    @property
    def policies(self) -> dict[str, str]:
        """What is stated of how a transaction is made, by the names of `Packaging`."""
        stated = {name: getattr(self, name) for name in ("patients", "orders", "studies", "ids")}
        return {name: value for name, value in stated.items() if value is not None}
