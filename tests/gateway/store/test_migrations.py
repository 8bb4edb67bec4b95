"""The tables are those that the migrations make, on both databases, and older ones are led to them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sr2fhir.errors import UsageError
from sr2fhir.gateway.store import Store, migrations
from sr2fhir.gateway.store.tables import HEAD, metadata

from tests.gateway.objects import accept, new_store, report
from tests.gateway.store.conftest import NewStore

ROOT = Path(__file__).parents[3]


def test_the_migrations_make_what_the_tables_say(opened: NewStore) -> None:
    with opened()._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrations.configuration()).get_current_head() == HEAD


def set_version(store: Store, version: str) -> None:
    with store._database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_tables_of_a_later_version_are_left_alone(opened: NewStore) -> None:
    set_version(opened(), "9999")
    with pytest.raises(UsageError, match="later version"):
        opened()


def test_only_the_gateway_itself_leads_tables_to_a_newer_form(opened: NewStore) -> None:
    set_version(opened(), "0000")
    with pytest.raises(UsageError, match="sr2fhir gateway run"):
        opened(upgrade=False)


def test_an_older_database_is_led_to_the_newest_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later migration, made up here, finds the rows of the first and adds to them."""
    with new_store(tmp_path) as store:
        accept(store, report("1"))
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for file in ("env.py", "versions/v0001_tables.py"):
        (folder / file).write_text((migrations.FOLDER / file).read_text())
    (folder / "versions/v0002_later.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "revision, down_revision = '0002', '0001'\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('objects') as batch:\n"
        "        batch.add_column(sa.Column('later', sa.String, nullable=False, server_default='new'))\n"
    )
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr("sr2fhir.gateway.store.database.HEAD", "0002")
    with new_store(tmp_path) as store:
        with store._database.read() as connection:
            rows = connection.execute(sa.text("SELECT sop_instance_uid, later FROM objects")).all()
        assert [tuple(row) for row in rows] == [("2.25.1", "new")]
        assert accept(store, report("2")).is_new


def test_two_nodes_that_start_at_once_make_the_tables_once(tmp_path: Path, database: str | None) -> None:
    script = (
        "import sys; from pathlib import Path; from sr2fhir.gateway.store import Store;"
        "Store(Path(sys.argv[1]), database=sys.argv[2] or None, low_disk=0).close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "harness")}
    command = [sys.executable, "-c", script, str(tmp_path / "gateway"), database or ""]
    nodes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(node.communicate()[1], node.returncode) for node in nodes] == [(b"", 0)] * 3
