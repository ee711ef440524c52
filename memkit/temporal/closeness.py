"""How well the time of a record fits a span: one formula, for one record and for many."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from memkit.backing.times import micros
from memkit.temporal.spans import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What a record is worth at best whose ``created_at`` alone is known: when something was
#: noted says less about when it was than ``occurred_at`` does.
UNDATED = 0.7

_MICROSECOND = 1e-6


def closeness(span: Span, created_at: datetime, occurred_at: datetime | None = None) -> float:
    """How well a record's time fits ``span``, from 0 to 1.

    ``top * 2 ** (-distance / blur)``, where ``distance`` is how far the time lies outside of
    the span (0 inside and at its bounds), ``blur`` is the span's own, and ``top`` is 1 for
    ``occurred_at`` and :data:`UNDATED` for ``created_at``, which is looked at where the former
    is ``None``. So it is at its top inside, halves with each blur outside, and never jumps.

    The span's certainty is not part of it: weigh the result with that.
    """
    time = micros(created_at if occurred_at is None else occurred_at)
    start, end, blur = _numbers(span)
    distance = 0 if start is None else max(0, start - time)
    distance = distance if end is None else max(distance, time - end)
    # Beyond some thousand blurs it is 0 in floating point too.
    fit = float(2.0 ** -min(distance / blur, 1100.0))
    return fit if occurred_at is not None else UNDATED * fit


def closenesses(
    span: Span, times: NDArray[np.int64], dated: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """:func:`closeness` of many records at once.

    Args:
        span: the span.
        times: shape (n,), microseconds since 1970 (:func:`memkit.backing.times.micros`) of
            ``occurred_at`` where a record has it, else of ``created_at``.
        dated: shape (n,), whether the time is that of ``occurred_at``.

    Returns:
        Shape (n,), float64.
    """
    import numpy as np

    start, end, blur = _numbers(span)
    distance = np.zeros(times.shape)
    if start is not None:
        np.maximum(distance, start - times, out=distance)
    if end is not None:
        np.maximum(distance, times - end, out=distance)
    fit: NDArray[np.float64] = np.exp2(-np.minimum(distance / blur, 1100.0))
    return fit * np.where(dated, 1.0, UNDATED)


def _numbers(span: Span) -> tuple[int | None, int | None, float]:
    start = None if span.start is None else micros(span.start)
    end = None if span.end is None else micros(span.end)
    return start, end, max(1.0, span.blur.total_seconds() / _MICROSECOND)
