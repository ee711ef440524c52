"""Bringing the control data's tables to this version's form, once, however many open them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from memkit.errors import SchemaMismatch
from memkit.providers.requirements import require

#: The newest step in migrations/versions.
HEAD: Final = "0001"
_VERSIONS: Final = "schema_version"
# Alembic's context is one for the whole process.
_one_at_a_time = threading.Lock()


def version(connection: Connection, schema: str | None) -> str | None:
    """The step that the tables are at; ``None``: there are none."""
    if not inspect(connection).has_table(_VERSIONS, schema=schema):
        return None
    prefix = "" if schema is None else f"{schema}."
    found = connection.execute(text(f"SELECT version_num FROM {prefix}{_VERSIONS}")).scalar()
    return None if found is None else str(found)


def migrate(connection: Connection, schema: str | None) -> None:
    """Bring the tables to the newest form, in the connection's transaction.

    The caller keeps others from migrating meanwhile.

    Raises:
        SchemaMismatch: they come from a newer memkit.
    """
    held = version(connection, schema)
    if held == HEAD:
        return
    check_known(held)
    require("alembic", "Control", "server")
    from alembic import command
    from alembic.config import Config

    folder = str(Path(__file__).with_name("migrations"))
    config = Config()
    # A configuration's value has % for its own use.
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, schema=schema)
    with _one_at_a_time:
        command.upgrade(config, "head")


def check_known(held: str | None) -> None:
    """See that this memkit knows a step.

    Raises:
        SchemaMismatch: it is a newer one's.
    """
    if held is not None and held > HEAD:
        raise SchemaMismatch(
            f"the control store was written by a newer memkit (its schema is {held}, this memkit "
            f"knows up to {HEAD}): upgrade memkit"
        )
