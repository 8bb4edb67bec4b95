"""Kill under load, and count what the destination has afterwards."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.databases import Postgres
from tests.gateway.whole.rig import Gateway, Killer, Load, small
from tests.servers.client import Client, promised, transactions


@dataclass(frozen=True)
class Tally:
    """What was killed, and what came of the objects.

    Parameters
    ----------
    again
        How often a sender had to send a report again.
    refused
        How many inputs were refused that are no DICOM.
    dead
        Objects that were dead letters, since no process survived them, until they were replayed.
    missing, foreign, twice
        Names of resources: that the server lacks, that nobody promised, and that were written more than once.
    """

    kills: Counter[str]
    acknowledged: int
    again: int
    refused: int
    dead: int
    states: dict[str, int]
    resources: int
    missing: set[str]
    foreign: set[str]
    twice: set[str]

    def __str__(self) -> str:
        kills = ", ".join(f"{kind} {number}" for kind, number in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({kills}); {self.acknowledged} objects acknowledged, sent again {self.again} "
            f"times, {self.refused} inputs refused; {self.states.get('delivered', 0)} delivered, {self.dead} dead until "
            f"replayed; {self.resources} resources on the server, {len(self.missing)} missing, "
            f"{len(self.foreign)} foreign, {len(self.twice)} written twice"
        )


def killed(
    folder: Path,
    server: str,
    *,
    kills: int,
    rate: float,
    seed: int,
    database: Postgres | None = None,
    longest_pause_s: float = 3.0,
) -> Tally:
    """Run a gateway that delivers to an empty FHIR server, kill its processes under load, and count."""
    destination = f'[[destination]]\nname = "ehr"\nkind = "fhir"\nurl = "{server}"'
    gateway = Gateway(folder / "site", destination, database=database.url if database else None)
    gateway.start()
    load = Load(gateway, folder / "sent", rate, small)
    killer = Killer(gateway, database, seed)
    try:
        load.start()
        killer.kill(kills, longest_pause_s)
        load.end()
        gateway.wait_until_all_is_over()
        dead = gateway.counts().get("dead", 0)
        if dead:
            gateway.replay_dead()
            gateway.wait_until_all_is_over()
        states = {state: number for state, number in gateway.counts().items() if number}
        gateway.stop()
    finally:
        with suppress(AssertionError):
            gateway.kill()
    sent = [load.file(number) for number in load.acknowledged]
    held = Client(server).versions()
    expected = promised(transactions(folder / "expected", sent, "--quiet"))
    # what a condition creates has an id of the server's
    missing, foreign = names(expected, held)
    twice = {name for name, version in held.items() if version != "1"}
    return Tally(
        killer.kills, len(sent), load.again, load.refused, dead, states, len(held), missing, foreign, twice
    )


def names(expected: dict[str, dict[str, object]], held: dict[str, str]) -> tuple[set[str], set[str]]:
    """Return which resources are missing on the server, and which nobody promised.

    Those with an id of ours are compared by it, those that a condition created by their number.
    """
    own = {name for name in expected if "=" not in name}
    created = Counter(name.partition("/")[0] for name in expected if "=" in name)
    others = held.keys() - own
    found = Counter(name.partition("/")[0] for name in others)
    missing = (own - held.keys()) | {f"{kind} ({number})" for kind, number in (created - found).items()}
    foreign = {f"{kind} ({number})" for kind, number in (found - created).items()}
    return missing, foreign
