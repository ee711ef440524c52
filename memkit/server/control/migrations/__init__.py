"""The steps that make and change the tables of the control data, run by Alembic on opening."""
