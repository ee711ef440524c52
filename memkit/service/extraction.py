"""The operations on facts and preferences that texts tell of."""

from __future__ import annotations

from typing import Final

from memkit.service.operation import Operation

#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = ()
