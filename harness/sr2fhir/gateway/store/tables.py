"""The tables; `migrations` makes them and leads from older ones to these.

No table holds a name or an id of a patient: `objects.patient` is a hash (`header.patient_key`).
"""

from __future__ import annotations

import sqlalchemy as sa

HEAD = "0001"
"""The newest of the migrations."""

metadata = sa.MetaData()
# SQLite numbers rows by itself only where the type is called INTEGER
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.Double


def _id() -> sa.Column[int]:
    """Return the column of a number that is never given again, even when its row is removed."""
    return sa.Column("id", _Id, primary_key=True, autoincrement=True)


def _object(*, nullable: bool = False) -> sa.Column[int]:
    """Return the column that names an object."""
    return sa.Column("object_id", _Id, sa.ForeignKey("objects.id", ondelete="CASCADE"), nullable=nullable)


def _lease() -> tuple[sa.Column[object], ...]:
    """Return the columns that say whose a row is until when, and when it may be claimed."""
    return (
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", _Time, nullable=False),
        sa.Column("lease", sa.String),
        sa.Column("owner", sa.String),
        sa.Column("until", _Time),
    )


objects = sa.Table(
    "objects",
    metadata,
    _id(),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("sop_instance_uid", sa.String, nullable=False),
    sa.Column("sop_class_uid", sa.String, nullable=False),
    sa.Column("study_instance_uid", sa.String),
    sa.Column("patient", sa.String),
    # date and time of its content, digits that can be compared
    sa.Column("content_time", sa.String),
    # place in the order of deliveries; that of the id unless a predecessor came later
    sa.Column("turn", sa.BigInteger, nullable=False),
    sa.Column("intake", sa.String, nullable=False),
    sa.Column("peer", sa.String, nullable=False),
    sa.Column("received", _Time, nullable=False),
    sa.Column("changed", _Time, nullable=False),
    sa.Column("transformed", _Time),
    sa.Column("delivered", _Time),
    sa.Column("state", sa.String, nullable=False),
    *_lease(),
    # how often the process that worked on it ended
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("hint", sa.String),
    sa.Column("counts", sa.JSON),
    # names of results
    sa.Column("results", sa.JSON),
    sa.UniqueConstraint("sop_instance_uid", "digest", name="objects_content"),
    sa.Index("objects_by_state", "state", "id"),
    sa.Index("objects_by_patient", "patient", "turn"),
    sa.Index("objects_by_received", "received"),
    sa.Index("objects_by_digest", "digest"),
    sqlite_autoincrement=True,
)

predecessors = sa.Table(
    "predecessors",
    metadata,
    sa.Column("object_id", _Id, sa.ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sop_instance_uid", sa.String, primary_key=True),
    sa.Index("predecessors_by_uid", "sop_instance_uid"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _id(),
    _object(),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    # Flag of the alert that a notice is about; empty for a Bundle
    sa.Column("about", sa.String, nullable=False),
    sa.Column("fhir", sa.String),
    sa.Column("payload", sa.JSON),
    sa.Column("state", sa.String, nullable=False),
    *_lease(),
    sa.Column("changed", _Time, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("reason", sa.String),
    sa.Column("hint", sa.String),
    sa.UniqueConstraint("object_id", "destination", "about", name="deliveries_once"),
    sa.Index("deliveries_by_state", "destination", "state", "due"),
    sqlite_autoincrement=True,
)

sent = sa.Table(
    "sent",
    metadata,
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("sop_instance_uid", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("resource_id", sa.String, nullable=False),
    sa.Column("version", sa.String),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    _id(),
    sa.Column("time", _Time, nullable=False),
    _object(),
    sa.Column("what", sa.String, nullable=False),
    sa.Column("destination", sa.String),
    sa.Column("status", sa.Integer),
    sa.Column("reason", sa.String),
    sa.Index("events_by_object", "object_id", "id"),
    sqlite_autoincrement=True,
)

findings = sa.Table(
    "findings",
    metadata,
    _id(),
    sa.Column("time", _Time, nullable=False),
    _object(),
    sa.Column("code", sa.String, nullable=False),
    sa.Column("message", sa.String, nullable=False),
    sa.Index("findings_by_object", "object_id"),
    sqlite_autoincrement=True,
)

alerts = sa.Table(
    "alerts",
    metadata,
    _id(),
    sa.Column("time", _Time, nullable=False),
    _object(),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("flag", sa.String),
    sa.Column("observations", sa.JSON, nullable=False),
    sa.Index("alerts_by_object", "object_id"),
    sqlite_autoincrement=True,
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    _id(),
    sa.Column("time", _Time, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    # stays when the object is removed
    sa.Column("object_id", _Id),
    sqlite_autoincrement=True,
)

# what belongs to this store alone: the salt of the patient keys
own = sa.Table(
    "own",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
