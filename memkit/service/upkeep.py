"""The operations on what decays, is archived, and is brought back."""

from __future__ import annotations

from typing import Final

from memkit.service.operation import Operation

#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = ()
