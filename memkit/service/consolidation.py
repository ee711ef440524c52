"""The operations on summaries of what belongs together."""

from __future__ import annotations

from typing import Final

from memkit.service.operation import Operation

#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = ()
