"""A gateway as a hospital runs it: senders that send until they are acknowledged, and kills at random moments."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread

import psutil
import pydicom
import requests
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from sr2fhir.gateway.settings import read
from sr2fhir.gateway.store.records import UNDER_WAY

from tests import builders as b
from tests.databases import Postgres, free_port
from tests.gateway.objects import report

SETTINGS = """\
[gateway]
folder = "{store}"
workers = {workers}
low_disk = 0
stop_s = 30
tries = 20
{database}
[intake.dimse]
port = {dimse}

[intake.stow]

{destination}
after_s = 0.2
after_at_most_s = 2
tries = 1000

[web]
port = {web}
"""
SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "scenarios"
# Of one patient nothing overtakes: with few patients much waits, with many little.
PATIENTS = 25
REFUSED_EACH = 10
STARTED_S, OVER_S = 120.0, 600.0


class Gateway:
    """The process tree of one node.

    Parameters
    ----------
    folder
        Where its settings, its log and, unless nodes share one, its store are.
    destination
        The table of gateway.toml.
    database
        URL of a PostgreSQL database; None for SQLite.
    store
        Folder that nodes share.
    """

    def __init__(
        self,
        folder: Path,
        destination: str,
        *,
        database: str | None = None,
        store: Path | None = None,
        workers: int = 2,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dimse, self.web = free_port(), free_port()
        self._file, self._log = folder / "gateway.toml", folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._file.write_text(
            SETTINGS.format(
                store=store or "gateway",
                workers=workers,
                database=f'database = "{database}"' if database else "",
                dimse=self.dimse,
                web=self.web,
                destination=destination,
            )
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    def start(self) -> None:
        """Start it, and wait until it takes reports."""
        command = [sys.executable, "-m", "sr2fhir", "gateway", "run", "--settings", str(self._file)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._serves, STARTED_S)

    def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health/live", timeout=5).ok
        return False

    def stop(self) -> None:
        """End it in order."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(60) == 0, self._log.read_text()[-4000:]

    def kill(self) -> None:
        """End the main process at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def victims(self, kind: str) -> list[psutil.Process]:
        """Return the processes of a kind: `worker`, or the `java` below one."""
        assert self._process is not None
        workers = psutil.Process(self._process.pid).children()
        if kind == "worker":
            return workers
        found: list[psutil.Process] = []
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                found += worker.children()
        return found

    def memory(self) -> dict[str, int]:
        """Return the resident memory in bytes: of the main process, of the workers, of their Java."""
        assert self._process is not None
        groups = {
            "main": [psutil.Process(self._process.pid)],
            "workers": self.victims("worker"),
            "java": self.victims("java"),
        }
        return {name: sum(each.memory_info().rss for each in group) for name, group in groups.items()}

    def counts(self) -> dict[str, int]:
        """Return how many objects are in each state."""
        with read(self._file).store() as store:
            return dict(store.views.counts())

    def latencies(self) -> list[float]:
        """Return the seconds from acceptance to delivery, of the newest objects."""
        with read(self._file).store() as store:
            return list(store.views.latencies(since=0)["total"])

    def replay_dead(self) -> int:
        """Have dead objects tried again, as a person does."""
        with read(self._file).store() as store:
            return store.replay(state="dead", who="test")

    def wait_until_all_is_over(self) -> None:
        """Wait until nothing is under way."""
        until(lambda: not any(self.counts().get(state, 0) for state in UNDER_WAY), OVER_S)


def until(happens: Callable[[], bool], at_most_s: float) -> None:
    deadline = time.monotonic() + at_most_s
    while not happens():
        if time.monotonic() > deadline:
            raise TimeoutError("it takes too long")
        time.sleep(0.1)


@dataclass
class Load:
    """Senders: each sends a report until it is acknowledged, then the next one; some by C-STORE, some by STOW-RS.

    Parameters
    ----------
    folder
        Keeps what is sent.
    rate
        Reports in a second, of all senders.
    """

    gateway: Gateway
    folder: Path
    rate: float
    make: Callable[[int], pydicom.Dataset]
    senders: int = 3
    sent: dict[int, float] = field(default_factory=dict)
    acknowledged: dict[int, float] = field(default_factory=dict)
    again: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._numbers, self._lock, self._ending = count(1), Lock(), Event()
        self._begin = time.monotonic()
        self._threads = [Thread(target=self._send, daemon=True) for _ in range(self.senders)]

    def start(self) -> None:
        self._begin = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Begin no new report, and wait until all that were begun are acknowledged."""
        self._ending.set()
        for thread in self._threads:
            thread.join(OVER_S)
            assert not thread.is_alive(), "a report is not acknowledged"
        assert set(self.acknowledged) == set(self.sent)

    def file(self, number: int) -> Path:
        return self.folder / f"{number}.dcm"

    def _send(self) -> None:
        while True:
            with self._lock:
                number = next(self._numbers)
            wait = self._begin + number / self.rate - time.monotonic()
            if self._ending.wait(max(wait, 0)):
                return
            self.file(number).write_bytes(b.encoded(self.make(number)))
            self.sent[number] = time.time()
            by = self._by_store if number % 2 else self._by_stow
            while not by(number):
                with self._lock:
                    self.again += 1
                time.sleep(0.3)
            self.acknowledged[number] = time.time()
            if number % REFUSED_EACH == 0 and self._is_refused():
                with self._lock:
                    self.refused += 1

    def _by_store(self, number: int) -> bool:
        dataset = pydicom.dcmread(self.file(number))
        ae = AE("SENDER")
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        ae.add_requested_context(dataset.SOPClassUID, ExplicitVRLittleEndian)
        association = ae.associate("127.0.0.1", self.gateway.dimse, ae_title="SR2FHIR")
        if not association.is_established:
            return False
        try:
            status = association.send_c_store(dataset)
            return "Status" in status and status.Status == 0
        except (RuntimeError, ValueError):  # the association ended in between
            return False
        finally:
            association.release() if association.is_established else association.abort()

    def _by_stow(self, number: int) -> bool:
        response = self._post(self.file(number).read_bytes())
        return response is not None and response.status_code == 200 and b"00081199" in response.content

    def _is_refused(self) -> bool:
        """Send what is not DICOM, and tell whether it was refused for that."""
        response = self._post(b"this is not DICOM" * 100)
        assert response is None or response.status_code != 200, response.text
        return response is not None and response.status_code == 409

    def _post(self, body: bytes) -> requests.Response | None:
        headers = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
        with suppress(requests.RequestException):
            return requests.post(f"{self.gateway.url}/dicom-web/studies", body, headers=headers, timeout=20)
        return None


def small(number: int) -> pydicom.Dataset:
    """Make a small report; its text is its own."""
    return report(str(1000 + number), f"P{number % PATIENTS}", text=f"finding {number}")


class Killer:
    """Kill processes at random moments, and start again what nobody else starts.

    Each kind has its turn in each round, in a random order.
    """

    def __init__(self, gateway: Gateway, database: Postgres | None, seed: int) -> None:
        self._gateway, self._database = gateway, database
        self._random = random.Random(seed)
        self._kinds = ["gateway", "worker", "java", *(["postgresql"] if database else [])]
        self.kills: Counter[str] = Counter()

    def kill(self, number: int, longest_pause_s: float) -> None:
        """Kill so many times."""
        turns: list[str] = []
        while self.kills.total() < number:
            turns = turns or self._random.sample(self._kinds, len(self._kinds))
            time.sleep(self._random.uniform(0.2, longest_pause_s))
            if self._kill(turns[-1]):
                self.kills[turns.pop()] += 1

    def _kill(self, kind: str) -> bool:
        if kind == "gateway":
            self._gateway.kill()
            self._gateway.start()
        elif kind == "postgresql":
            assert self._database is not None
            self._database.kill()
            time.sleep(self._random.uniform(0, 2))
            self._database.start()
        else:
            victims = self._gateway.victims(kind)
            if not victims:
                return False
            with suppress(psutil.NoSuchProcess):
                self._random.choice(victims).kill()
        return True
