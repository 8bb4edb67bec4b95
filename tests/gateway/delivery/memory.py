"""What was sent, kept in this process: the part of the store that a sender sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from sr2fhir.gateway.store import Delivery, Sent

_numbers = count(1)


class Memory:
    """Remember what was sent by destination and SOP Instance UID."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[Sent]] = {}

    def sent_of(self, destination: str, sop_instance_uid: str) -> list[Sent]:
        return list(self.kept.get((destination, sop_instance_uid), ()))

    def update_sent(self, destination: str, sop_instance_uid: str, sent: Sequence[Sent]) -> None:
        self.kept[destination, sop_instance_uid] = list(sent)


def delivery(bundle: Path | None, uid: str, *predecessors: str, digest: str = "d") -> Delivery:
    """Return the first attempt to deliver a Bundle."""
    number = next(_numbers)
    return Delivery(number, number, "ehr", "bundle", uid, digest, bundle, None, 1, 0.0, predecessors)
