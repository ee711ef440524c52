"""The operations on what is known of a user or a project."""

from __future__ import annotations

from typing import Final

from memkit.service.operation import Operation

#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = ()
