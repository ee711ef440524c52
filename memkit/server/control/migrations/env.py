"""What Alembic runs to migrate: on the connection it was handed, in its transaction."""

from alembic import context

options = context.config.attributes
context.configure(
    connection=options["connection"],
    version_table="schema_version",
    version_table_schema=options["schema"],
)
context.run_migrations()
