"""The gateway as a whole: kills under load, and a soak with its memory and its latency.

It takes the senders, the FHIR server and the PostgreSQL server of the tests. `SR2FHIR_SOAK_MINUTES` and
`SR2FHIR_SOAK_RATE` say how long reports are sent, and how many in a second.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.databases import Postgres, scratch
from tests.gateway.whole.kills import Tally, killed
from tests.gateway.whole.soak import Soak, soaked
from tests.servers import hapi_jpa
from tools.bench.figures import Figure

KILLS = {"SQLite": 30, "PostgreSQL": 28}
KILL_RATE = 4.0
MINUTES, RATE = 20.0, 3.0
# MB by which the memory of all processes may grow from the second quarter of the soak to the last
GROWTH_MB = 150


def measure(folder: Path) -> list[Figure]:
    """Kill, then soak: to a folder, which shows the share of the gateway, and to a FHIR server."""
    minutes = float(os.environ.get("SR2FHIR_SOAK_MINUTES", MINUTES))
    rate = float(os.environ.get("SR2FHIR_SOAK_RATE", RATE))
    found: list[Figure] = []
    with hapi_jpa.alone(folder / "fhir"), scratch() as place:
        database = Postgres(place / "postgresql")
        database.start()
        try:
            for name, kills in KILLS.items():
                tally = killed(
                    folder / name,
                    hapi_jpa.server(f"kills{name}"),
                    kills=kills,
                    rate=KILL_RATE,
                    seed=kills,
                    database=database if name == "PostgreSQL" else None,
                )
                hapi_jpa.end(f"kills{name}")
                found += of_kills(name, tally)
        finally:
            database.stop()
        found += of_soak("to a folder", soaked(folder / "own", None, minutes=minutes / 4, rate=rate))
        server = hapi_jpa.server("soak")
        found += of_soak("to a FHIR server", soaked(folder / "soak", server, minutes=minutes, rate=rate))
    return found


def of_kills(name: str, tally: Tally) -> list[Figure]:
    """Make the figures of kills."""
    table = f"kills under load, {name}"
    return [
        Figure(table, "objects acknowledged", tally.acknowledged, "", note=str(tally)),
        Figure(table, "delivered of them", tally.states.get("delivered", 0), "", at_least=tally.acknowledged),
        Figure(table, "resources missing", len(tally.missing), "", at_most=0),
        Figure(table, "resources nobody sent", len(tally.foreign), "", at_most=0),
        Figure(table, "resources written twice", len(tally.twice), "", at_most=0),
    ]


def of_soak(where: str, soak: Soak) -> list[Figure]:
    """Make the figures of a soak."""
    table = f"soak of {soak.minutes:g} minutes at {soak.rate:g} reports/s, {where}"
    figures = [
        Figure(table, "objects acknowledged", soak.acknowledged, "", note=f"{soak.reached:.2f} a second"),
        Figure(table, "objects lost", soak.acknowledged - soak.delivered, "", at_most=0),
    ]
    for name, value in soak.latency.items():
        figures.append(Figure(table, name, value, "s"))
    for name, (early, late) in soak.memory.items():
        figures.append(
            Figure(table, f"memory of {name}", late, "MB", note=f"{early:.0f} MB in the second quarter")
        )
    growth = sum(late - early for early, late in soak.memory.values())
    return [*figures, Figure(table, "memory, growth of all", growth, "MB", at_most=GROWTH_MB)]
