"""What the store says when disk, database or queue fail, and what it does when the clock steps."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite
from sr2fhir.gateway.store import BusyError, Failure, Store, database, leases
from sr2fhir.gateway.store.files import Files

from tests.databases import postgres, require_postgres, scratch
from tests.gateway.objects import accept, new_store, report, results, transform_all
from tests.gateway.store.conftest import empty_database

ENDLESS = 1 << 60


def gateway(folder: Path) -> Path:
    return folder / "gateway"


def files_in(folder: Path) -> list[Path]:
    places = (gateway(folder) / name for name in ("incoming", "objects"))
    return [path for place in places for path in place.rglob("*") if path.is_file()]


def test_nothing_is_taken_below_the_watermark(tmp_path: Path) -> None:
    with new_store(tmp_path, low_disk=ENDLESS) as store:
        for refused in (store.check, lambda: accept(store, report("1"))):
            with pytest.raises(BusyError) as caught:
                refused()
            assert caught.value.cause == "disk"
            assert "low_disk" in str(caught.value.hint)
        assert not files_in(tmp_path)
        assert sum(store.views.counts().values()) == 0


def test_a_disk_that_fills_up_refuses_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sr2fhir.gateway.store.files.sync", full)
        with pytest.raises(BusyError, match="No space left") as caught:
            accept(store, report("2"))
        assert caught.value.cause == "disk"
        monkeypatch.undo()
        assert len(files_in(tmp_path)) == 1
        assert accept(store, report("2")).is_new


def test_nothing_is_taken_when_the_queue_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr2fhir.gateway.store.accepting.COUNT_S", 0.0)
    with new_store(tmp_path, queue_limit=2) as store:
        accept(store, report("1"))
        accept(store, report("2"))
        with pytest.raises(BusyError) as caught:
            accept(store, report("3"))
        assert caught.value.cause == "queue"
        transform_all(store)
        delivery = store.claim_delivery("ehr")
        assert delivery is not None
        store.delivered(delivery, (), 200)
        assert accept(store, report("3")).is_new


def test_a_database_that_another_program_holds_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.1)
    with new_store(tmp_path) as store:
        other = sqlite3.connect(gateway(tmp_path) / "gateway.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="SQLITE_BUSY") as caught:
            accept(store, report("1"))
        assert caught.value.cause == "database"
        other.execute("ROLLBACK")
        other.close()
        assert accept(store, report("1")).is_new
        assert store.views.counts()["received"] == 1


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_database_that_vanished_refuses(tmp_path: Path, replaced: bool) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
        file = gateway(tmp_path) / "gateway.sqlite"
        aside = tmp_path / "aside"
        shutil.copy(file, aside)
        file.unlink()
        if replaced:
            shutil.copy(aside, file)
        for refused in (store.check, lambda: accept(store, report("2")), store.claim_object):
            with pytest.raises(BusyError, match="removed or replaced") as caught:
                refused()
            assert caught.value.cause == "database"


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    file = gateway(tmp_path) / "gateway.sqlite"
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(BusyError, match="SQLITE_NOTADB"):
        new_store(tmp_path)


def test_a_clock_that_was_set_back_delays_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_store(tmp_path, lease_s=60.0) as store:
        accept(store, report("1"))
        accept(store, report("2", "P2"))
        transform_all(store)
        waiting, held = store.claim_delivery("ehr"), store.claim_delivery("ehr")
        assert waiting is not None
        assert held is not None
        store.postpone(waiting, 3000, Failure(503, "busy"))
        step(store, back_s=2 * 86400)
        store._leases.renew()
        again = store.claim_delivery("ehr")
        assert again is not None
        assert again.id == waiting.id
        store._leases._held.clear()
        step(store, back_s=86400)
        store._leases.renew()
        with store._database.read() as connection:
            now = store.views.now()
            until = connection.execute(leases.deliveries.select()).all()
            assert all(row.until is None or row.until <= now + 121 for row in until)


def step(store: Store, back_s: float) -> None:
    """Have all times lie so far ahead, as if the clock had been set back."""
    with store._database.write() as connection:
        for name in ("due", "until"):
            column = leases.deliveries.c[name]
            connection.execute(leases.deliveries.update().values({name: column + back_s}))


def test_the_lease_of_long_work_is_renewed(tmp_path: Path) -> None:
    with new_store(tmp_path, lease_s=0.4) as store, new_store(tmp_path, lease_s=0.4) as other:
        accept(store, report("1"))
        assert store.claim_object() is not None
        time.sleep(1.0)
        assert other.claim_object() is None


def test_closing_gives_back_what_was_claimed(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
        assert store.claim_object() is not None
    with new_store(tmp_path) as store:
        job = store.claim_object()
        assert job is not None
        assert job.attempts == 1


def test_purging_forgets_all_but_what_was_sent(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
        accept(store, report("2"))
        transform_all(store)
        delivery = store.claim_delivery("ehr")
        assert delivery is not None
        store.delivered(delivery, (), 200)
        assert store.purge(before=0.0, who="me") == 0
        assert store.purge(before=store.views.now() + 1, who="me") == 1
        assert store.views.object(1) is None
        assert len(files_in(tmp_path)) == 1
        assert not list((gateway(tmp_path) / "results").glob("*/1"))
        assert store.views.object(2) is not None
        assert [(row.action, row.object_id) for row in store.views.audit_entries()] == [("purge", 1)]
        assert accept(store, report("1")).object_id == 3


def test_an_object_whose_file_is_removed_before_its_row_is_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older file of the same bytes, without a row, may be swept away at that moment."""
    with new_store(tmp_path) as store:
        keep = Files.keep

        def kept_and_swept(files: Files, file: Path, digest: str) -> None:
            keep(files, file, digest)
            files.object(digest).unlink()

        monkeypatch.setattr(Files, "keep", kept_and_swept)
        with pytest.raises(BusyError, match="Send it again"):
            accept(store, report("1"))
        monkeypatch.undo()
        assert sum(store.views.counts().values()) == 0
        assert accept(store, report("1")).is_new


def test_what_cannot_be_recorded_is_given_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_store(tmp_path, lease_s=0.2) as store:
        accept(store, report("1"))
        job = store.claim_object()
        assert job is not None

        def gone(_: object) -> None:
            raise BusyError("gone", cause="database")

        monkeypatch.setattr(database.Database, "check_present", gone)
        with pytest.raises(BusyError):
            store.transformed(job, results())
        monkeypatch.undo()
        time.sleep(0.5)
        assert store.claim_object() is not None


def test_deliveries_to_a_destination_that_is_gone_are_given_up(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
        transform_all(store)
    with new_store(tmp_path, routes=()) as store:
        assert store.retire("me") == 1
        detail = store.views.object(1)
        assert detail is not None
        assert detail.row.state == "dead"
        assert "no more" in str(detail.row.reason)


def test_the_next_delivery_is_found_by_indexes_alone(tmp_path: Path) -> None:
    """Else a claim takes seconds where many thousands wait."""
    with new_store(tmp_path) as store:
        for state in ("pending", "waiting"):
            turn = store._sending._turn("ehr", state).compile(
                dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
            )
            with store._database.read() as connection:
                plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {turn}")]
            assert plan
            assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], plan


def test_connections_that_a_server_ended_are_made_again(tmp_path: Path, postgres_url: str) -> None:
    import psycopg

    with new_store(tmp_path, database=empty_database(postgres_url)) as store:
        accept(store, report("1"))
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        assert accept(store, report("2")).is_new
        assert transform_all(store) == 2


def test_a_server_that_has_ended_refuses_and_keeps_nothing(tmp_path: Path) -> None:
    require_postgres()
    with scratch() as folder:
        with postgres(folder / "pg") as url:
            store = new_store(tmp_path, database=empty_database(url))
            accept(store, report("1"))
            store._database._engine.dispose()
        try:
            for refused in (lambda: accept(store, report("2")), store.claim_object):
                with pytest.raises(BusyError, match="cannot be used") as caught:
                    refused()
                assert caught.value.cause == "database"
            assert len(files_in(tmp_path)) == 1
        finally:
            store.close()


def test_a_clock_that_was_set_back_before_the_start_keeps_nothing_from_being_done(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        accept(store, report("1"))
    with sqlite3.connect(gateway(tmp_path) / database.FILE) as connection:
        connection.execute("UPDATE objects SET due = due + 1e9")
    with new_store(tmp_path) as store:
        assert store.claim_object() is None
        store.recover()
        assert store.claim_object() is not None
