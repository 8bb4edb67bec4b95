"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _objects()
    _deliveries()
    _records()
    _others()


def _id() -> sa.Column[int]:
    return sa.Column("id", ID, primary_key=True, autoincrement=True)


def _object() -> sa.Column[int]:
    return sa.Column("object_id", ID, sa.ForeignKey("objects.id", ondelete="CASCADE"), nullable=False)


def _lease() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("lease", sa.String),
        sa.Column("owner", sa.String),
        sa.Column("until", sa.Double),
    )


def _objects() -> None:
    op.create_table(
        "objects",
        _id(),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("sop_instance_uid", sa.String, nullable=False),
        sa.Column("sop_class_uid", sa.String, nullable=False),
        sa.Column("study_instance_uid", sa.String),
        sa.Column("patient", sa.String),
        sa.Column("content_time", sa.String),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("intake", sa.String, nullable=False),
        sa.Column("peer", sa.String, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("transformed", sa.Double),
        sa.Column("delivered", sa.Double),
        sa.Column("state", sa.String, nullable=False),
        *_lease(),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("hint", sa.String),
        sa.Column("counts", sa.JSON),
        sa.Column("results", sa.JSON),
        sa.UniqueConstraint("sop_instance_uid", "digest", name="objects_content"),
        sqlite_autoincrement=True,
    )
    op.create_index("objects_by_state", "objects", ["state", "id"])
    op.create_index("objects_by_patient", "objects", ["patient", "turn"])
    op.create_index("objects_by_received", "objects", ["received"])
    op.create_index("objects_by_digest", "objects", ["digest"])
    op.create_table(
        "predecessors",
        sa.Column("object_id", ID, sa.ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sop_instance_uid", sa.String, primary_key=True),
    )
    op.create_index("predecessors_by_uid", "predecessors", ["sop_instance_uid"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        _id(),
        _object(),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("fhir", sa.String),
        sa.Column("payload", sa.JSON),
        sa.Column("state", sa.String, nullable=False),
        *_lease(),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("reason", sa.String),
        sa.Column("hint", sa.String),
        sa.UniqueConstraint("object_id", "destination", "about", name="deliveries_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_by_state", "deliveries", ["destination", "state", "due"])
    op.create_table(
        "sent",
        sa.Column("destination", sa.String, primary_key=True),
        sa.Column("sop_instance_uid", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("resource_id", sa.String, nullable=False),
        sa.Column("version", sa.String),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
    )


def _records() -> None:
    op.create_table(
        "events",
        _id(),
        sa.Column("time", sa.Double, nullable=False),
        _object(),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("destination", sa.String),
        sa.Column("status", sa.Integer),
        sa.Column("reason", sa.String),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_object", "events", ["object_id", "id"])
    op.create_table(
        "findings",
        _id(),
        sa.Column("time", sa.Double, nullable=False),
        _object(),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("findings_by_object", "findings", ["object_id"])
    op.create_table(
        "alerts",
        _id(),
        sa.Column("time", sa.Double, nullable=False),
        _object(),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("flag", sa.String),
        sa.Column("observations", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("alerts_by_object", "alerts", ["object_id"])


def _others() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "audit",
        _id(),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("object_id", ID),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "own",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
