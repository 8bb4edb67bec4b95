"""Versions of the tables, by Alembic: each module in `versions` leads from the one before to its own."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from sr2fhir.errors import UsageError

FOLDER = Path(__file__).parent


def configuration(connection: sa.Connection | None = None) -> Config:
    """Return what Alembic wants to know."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade_tables(connection: sa.Connection, to: str = "head") -> None:
    """Make the tables, or lead older ones to a later form, in the transaction of a connection.

    Raises
    ------
    UsageError
        The tables are those of a later version of the program.
    """
    try:
        command.upgrade(configuration(connection), to)
    except CommandError as error:
        message = "the tables are those of a later version of sr2fhir"
        raise UsageError(message, hint="Install that version again; tables are not led back") from error
