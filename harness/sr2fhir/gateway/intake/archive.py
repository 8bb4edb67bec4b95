"""Intake from an archive: QIDO-RS finds reports, WADO-RS gives them (PS3.18 10.4, 10.6).

Each poll searches the days since the last one, and some before (`overlap_days`), since objects come in late.
What was fetched is remembered for that time. The days move on only when a search came to its end; an instance
that could not be fetched is owed, and asked for at every poll until it comes.

`dicomweb-client` is not used: it sets no time limit, follows redirects, hands out data sets and not the bytes
of an instance as they came, and takes a body that was cut off for a whole one. `Client` is better in each.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Literal, NamedTuple

from sr2fhir.dicomweb import base_url
from sr2fhir.documents import SOP_CLASSES
from sr2fhir.errors import InputError, Sr2FhirError, UsageError
from sr2fhir.gateway.authentication import LogInSettings, check_log_in, log_in_of
from sr2fhir.gateway.intake.dicomweb import Found, Service
from sr2fhir.gateway.parts import Alarm, Check
from sr2fhir.gateway.store import Origin, Store
from sr2fhir.http import Client, Errors, Tls
from sr2fhir.jsontext import JsonObject

DAY = timedelta(days=1)
# so many instances that fail one after another are the archive's fault, and the poll ends
_FAILURES = 3
# seconds after which a long poll notes how far it came
_KEEP_S = 10.0

logger = logging.getLogger(__name__)


class ArchiveError(Sr2FhirError):
    """An archive failed on a request."""


class ArchiveUnavailableError(ArchiveError):
    """An archive cannot be used at all now."""


ERRORS = Errors(ArchiveError, ArchiveUnavailableError, ArchiveError, "archive", "timeout_s")


@dataclass(frozen=True)
class ArchiveSettings:
    """What `[[intake.archive]]` in gateway.toml says.

    Parameters
    ----------
    name
        For people, tables and logs.
    url
        Base URL of its DICOMweb services.
    every_s
        Seconds from the end of a poll to the next.
    search
        `study`: studies by day, then their instances. `instance`: instances at once, which some archives find
        slowly or not at all, but by the day on which they were made.
    by
        The date that the days are of: an attribute by which the archive can search at that level.
    first_days
        How many days back the first poll looks.
    overlap_days
        How many days before those of the last poll each one looks.
    modalities
        Of the series.
    page
        How many results are asked for at once; by default as many as the archive gives. Not all archives
        can go on from where they stopped.
    timeout_s
        Seconds that one response may take.
    log_in, tls
        How to log in, and certificates.
    """

    name: str
    url: str
    every_s: float = 60.0
    search: Literal["study", "instance"] = "study"
    by: str = "StudyDate"
    first_days: int = 1
    overlap_days: int = 2
    modalities: tuple[str, ...] = ("SR", "KO")
    page: int | None = None
    timeout_s: float = 120.0
    log_in: LogInSettings = field(default_factory=LogInSettings, metadata={"key": "authentication"})
    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        """Refuse what is no URL."""
        try:
            base_url(self.url)
        except ValueError as error:
            raise UsageError(str(error), where="url") from error
        check_log_in(self.log_in, self.url)
        if not self.modalities:
            raise UsageError("there is no modality", where="modalities", hint='Write ["SR", "KO"]')
        if self.page is not None and self.page < 1:
            raise UsageError("less than one", where="page", hint="Write 1 or more")


class Known(NamedTuple):
    """What is remembered of a study of the days that are searched.

    Parameters
    ----------
    instances
        How many it had when all reports were fetched; None where the archive does not tell.
    fetched
        SOP Instance UIDs.
    """

    instances: int | None
    fetched: set[str]


class Cursor(NamedTuple):
    """How far an archive was read.

    Parameters
    ----------
    since
        The day of the last search that came to its end.
    studies
        By Study Instance UID.
    owed
        What was found and could not be fetched.
    """

    since: str | None
    studies: dict[str, Known]
    owed: set[Found]

    @classmethod
    def read(cls, kept: JsonObject | None) -> Cursor:
        """Read what the store has kept."""
        found: Any = kept or {}
        studies = {
            uid: Known(study["instances"], set(study["fetched"]))
            for uid, study in found.get("studies", {}).items()
        }
        return cls(found.get("since"), studies, {Found(*each) for each in found.get("owed", [])})

    def written(self) -> JsonObject:
        """Return it for the store."""
        studies: Any = {
            uid: {"instances": known.instances, "fetched": sorted(known.fetched)}
            for uid, known in sorted(self.studies.items())
        }
        return {"since": self.since, "studies": studies, "owed": [list(each) for each in sorted(self.owed)]}


class Archive:
    """The polling of one archive.

    Parameters
    ----------
    settings
        Those of its `[[intake.archive]]`.
    store
        What accepts the objects, and keeps how far the archive was read.
    """

    def __init__(self, settings: ArchiveSettings, store: Store) -> None:
        self.name = f"archive {settings.name}"
        self._settings, self._store = settings, store
        log_in = log_in_of(settings.log_in, settings.url, settings.tls)
        hint = "Check that the archive runs and that the URL is right"
        client = Client(
            settings.name, settings.url, settings.timeout_s, hint, ERRORS, log_in=log_in, tls=settings.tls
        )
        self._service = Service(client, settings.page)
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._trouble: Alarm | None = None
        self._owed = 0
        self._kept = time.monotonic()

    def start(self) -> None:
        """Begin to poll. An archive that is down is no error: it is asked again."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End with the instance that is being fetched."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def check(self) -> Iterator[Check]:
        """Search for one study."""
        what = f"{self.name}: QIDO-RS"
        try:
            query = [("ModalitiesInStudy", self._settings.modalities[0]), ("limit", "1")]
            self._service.page_of("/studies", query)
        except Sr2FhirError as error:
            yield Check(what, False, error.message, error.hint)
        else:
            yield Check(what, True, "the archive answers a search")

    def alarms(self) -> list[Alarm]:
        """Return why the last poll did not come to its end, and what is owed."""
        found = [self._trouble] if self._trouble else []
        if self._owed:
            what = "1 instance" if self._owed == 1 else f"{self._owed:,} instances"
            found.append(
                Alarm("warning", self.name, f"{what} could not be fetched, and will be asked for again")
            )
        return found

    # ---- polls

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.poll()
                self._trouble = None
            except Sr2FhirError as error:
                self._stumbled(error.message)
            except Exception as error:
                logger.exception("%s: unexpected", self.name)
                self._stumbled(f"unexpected {type(error).__name__}: see the log")
            self._stopped.wait(self._settings.every_s)

    def _stumbled(self, reason: str) -> None:
        if self._trouble is None or self._trouble.message != reason:
            logger.error("%s: %s", self.name, reason)
            self._trouble = Alarm("error", self.name, reason, time.time())

    def poll(self, today: datetime | None = None) -> None:
        """Search once, and fetch what is new.

        Parameters
        ----------
        today
            The day until which was searched, when all is done; by default that of this machine's clock.

        Raises
        ------
        Sr2FhirError
            The archive cannot be used, or the store takes nothing. What was fetched is remembered.
        """
        today = today or datetime.now(UTC)
        cursor = Cursor.read(self._store.cursor(self.name))
        owed = sorted(cursor.owed)
        try:
            seen = self._search(cursor, today)
            if seen is not None:
                studies = {uid: known for uid, known in cursor.studies.items() if uid in seen}
                cursor = Cursor(f"{today:%Y%m%d}", studies, cursor.owed)
                for found in owed:
                    self._fetch(found, cursor)
        finally:
            self._keep(cursor)

    def _keep(self, cursor: Cursor) -> None:
        self._store.set_cursor(self.name, cursor.written())
        self._owed = len(cursor.owed)
        self._kept = time.monotonic()

    def _search(self, cursor: Cursor, today: datetime) -> set[str] | None:
        """Fetch what is new in the days; return the studies that they have, or None if it was stopped."""
        days = f"{self._begin(cursor, today):%Y%m%d}-"
        search = self._of_studies if self._settings.search == "study" else self._of_instances
        seen: set[str] = set()
        failures = 0
        for study, instances, found in search(days, cursor):
            seen.add(study)
            known = cursor.studies.setdefault(study, Known(None, set()))
            for each in found:
                if self._stopped.is_set():
                    return None
                if each.instance not in known.fetched and each not in cursor.owed:
                    failures = 0 if self._fetch(each, cursor) else failures + 1
                    if failures == _FAILURES:
                        raise ArchiveError(f"{failures} instances could not be fetched, one after another")
            cursor.studies[study] = Known(instances, known.fetched)
            if time.monotonic() - self._kept > _KEEP_S:
                self._keep(cursor)
        return seen

    def _begin(self, cursor: Cursor, today: datetime) -> datetime:
        """Return the first day to search; days of archives may be those of another time zone."""
        if cursor.since is None:
            return today - self._settings.first_days * DAY
        since = datetime.strptime(cursor.since, "%Y%m%d").replace(tzinfo=UTC)
        return min(since, today) - self._settings.overlap_days * DAY

    def _of_studies(self, days: str, cursor: Cursor) -> Iterator[tuple[str, int | None, list[Found]]]:
        """Yield each study, its number of instances, and, if that has changed, its reports."""
        passed: set[str] = set()
        for modality in self._settings.modalities:
            query = [("ModalitiesInStudy", modality), (self._settings.by, days)]
            query.append(("includefield", "NumberOfStudyRelatedInstances"))
            for study, instances in self._service.studies(query):
                if study in passed:
                    continue
                passed.add(study)
                known = cursor.studies.get(study)
                same = known is not None and instances is not None and known.instances == instances
                yield study, instances, [] if same else self._reports(study)

    def _reports(self, study: str) -> list[Found]:
        found = [
            each
            for modality in self._settings.modalities
            for each in self._service.instances(f"/studies/{study}/instances", [("Modality", modality)])
        ]
        return _admitted(found)

    def _of_instances(self, days: str, _: Cursor) -> Iterator[tuple[str, int | None, list[Found]]]:
        """Yield each report with its study."""
        for modality in self._settings.modalities:
            query = [("Modality", modality), (self._settings.by, days)]
            for found in self._service.instances("/instances", query):
                yield found.study, None, _admitted([found])

    def _fetch(self, found: Found, cursor: Cursor) -> bool:
        """Retrieve an instance and have it accepted; tell whether it was. What fails on it alone is owed."""
        self._store.check()
        try:
            for data in self._service.retrieve(found):
                self._accept(data)
        except ArchiveUnavailableError:
            raise
        except (ArchiveError, InputError) as error:
            if found not in cursor.owed:
                logger.warning("%s: an instance could not be fetched: %s", self.name, error.message)
            cursor.owed.add(found)
            return False
        cursor.owed.discard(found)
        cursor.studies.setdefault(found.study, Known(None, set())).fetched.add(found.instance)
        return True

    def _accept(self, data: bytes) -> None:
        file = self._store.incoming()
        try:
            file.write_bytes(data)
            receipt = self._store.accept(file, Origin("archive", self._settings.name))
        finally:
            file.unlink(missing_ok=True)
        said = "accepted" if receipt.is_new else "was there before"
        logger.info("object %d %s", receipt.object_id, said, extra={"object_id": receipt.object_id})


def _admitted(found: list[Found]) -> list[Found]:
    """Leave out what no document can be; an archive need not tell the SOP Class."""
    return [each for each in found if each.sop_class in ("", *SOP_CLASSES)]
