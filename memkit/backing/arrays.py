"""Arrays that grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grown(values: NDArray[Any], room: int) -> NDArray[Any]:
    """``values`` with room for at least ``room``, half as much again when it has to grow."""
    if room <= values.shape[-1]:
        return values
    larger = np.zeros((*values.shape[:-1], max(room, values.shape[-1] * 3 // 2)), values.dtype)
    larger[..., : values.shape[-1]] = values
    return larger
