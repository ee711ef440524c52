"""Long texts: cut into parts that a model can read whole, their vectors pooled into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memkit.errors import EmbedderError

if TYPE_CHECKING:
    from memkit.protocols import Vector

_SHORTEST_NORM = 1e-12


def unit_rows(vectors: Vector) -> Vector:
    """Scale each row to length 1; a row of zeros stays as it is.

    Args:
        vectors: float array of shape ``(n, dimension)``.

    Returns:
        a new float32 array of the same shape.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vector = (vectors / np.maximum(norms, _SHORTEST_NORM)).astype(np.float32, copy=False)
    return unit


def checked_rows(
    rows: Sequence[Sequence[float]] | Sequence[Vector],
    count: int,
    dimension: int | None,
    source: str,
) -> Vector:
    """Vectors that another program made, checked and at length 1.

    Args:
        rows: what it answered.
        count: how many were asked for.
        dimension: how long each must be; ``None`` accepts any length that all share.
        source: who answered, for messages.

    Returns:
        float32 array of shape ``(count, dimension)``.

    Raises:
        EmbedderError: there are more or fewer, they are of another dimension, or one holds
            something that is not a finite number, or nothing but zeros.
    """
    if len(rows) != count:
        raise EmbedderError(f"{source} answered {len(rows)} vectors for {count} texts")
    found = sorted({len(row) for row in rows})
    wanted = found[0] if dimension is None and found else dimension
    if any(length != wanted or length == 0 for length in found):
        raise EmbedderError(
            f"{source} answered vectors of dimension {', '.join(map(str, found))} "
            f"where {wanted or 'a positive number'} was expected"
        )
    try:
        vectors = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise EmbedderError(f"{source} answered vectors that are not numbers") from error
    if vectors.ndim != 2:
        raise EmbedderError(f"{source} answered vectors that are not lists of numbers")
    if not np.isfinite(vectors).all():
        raise EmbedderError(f"{source} answered a vector with infinite or undefined numbers")
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    if not largest.all():
        raise EmbedderError(f"{source} answered a vector of zeros, which has no direction")
    # The largest number first: squares of very great or small ones would leave float's range.
    return unit_rows((vectors / largest).astype(np.float32))


def pool_parts(parts: Vector, owners: Sequence[int], lengths: Sequence[int], count: int) -> Vector:
    """Give each text the mean of its parts' vectors, weighted by length, at length 1.

    Args:
        parts: float32 array of shape ``(len(owners), dimension)``, rows of length 1.
        owners: for each part, the row of the text it belongs to; every text owns a part.
        lengths: for each part, how much text it holds, in any unit; at least 1.
        count: how many texts there are.

    Returns:
        float32 array of shape ``(count, dimension)``.
    """
    if len(owners) == count:
        # Every text is its own only part, though perhaps in another order.
        alone = np.empty_like(parts)
        alone[np.asarray(owners, dtype=np.intp)] = parts
        return alone
    weights = np.asarray(lengths, dtype=np.float32)[:, np.newaxis]
    pooled = np.zeros((count, parts.shape[1]), dtype=np.float32)
    np.add.at(pooled, np.asarray(owners, dtype=np.intp), parts * weights)
    return unit_rows(pooled)


def window_bounds(words: Sequence[int | None], limit: int) -> list[tuple[int, int]]:
    """Cut a sequence of tokens into windows without overlap, of even size, between words.

    Args:
        words: for each token, the number of the word it is a piece of.
        limit: the most tokens a window may hold; at least 1.

    Returns:
        ``(start, end)`` of each window, in order; one empty window if there are no tokens.
    """
    total = len(words)
    if total <= limit:
        return [(0, total)]
    bounds: list[tuple[int, int]] = []
    start = 0
    while start < total:
        left = total - start
        windows = -(-left // limit)
        # Even sizes: a last window of three tokens would be a poor vector.
        end = start + -(-left // windows)
        if end < total:
            earliest = start + max(1, (end - start) // 2)
            between = end
            while between > earliest and words[between] == words[between - 1]:
                between -= 1
            if words[between] != words[between - 1]:
                end = between
        bounds.append((start, end))
        start = end
    return bounds


def halves(text: str) -> tuple[str, str]:
    """Cut a text of at least two characters in two, at the white space nearest its middle.

    A text without white space in its middle half is cut in the middle.
    """
    middle = len(text) // 2
    for step in range(len(text) // 4):
        for at in (middle - step, middle + step):
            if at > 0 and text[at].isspace():
                return text[:at], text[at:]
    return text[:middle], text[middle:]
