"""Values in PostgreSQL's binary format: for COPY, and for statements of few rows.

One encoding serves both. It leaves no doubt of a value's type, costs a fraction of the
driver's own adaptation of lists and needs nothing to be looked up when a connection is made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from memkit.errors import InvalidInput
from memkit_pgvector.keys import encoded

if TYPE_CHECKING:
    from memkit.protocols import Vector

#: One value, ``None`` for NULL.
Field: TypeAlias = bytes | None
Row: TypeAlias = list[Field]

_TEXT_OID, _INT8_OID, _FLOAT8_OID, _UUID_OID = 25, 20, 701, 2950
_NO_ARRAY = struct.pack("!iiI", 0, 0, _TEXT_OID)
_int8 = struct.Struct("!q").pack
_int4 = struct.Struct("!i").pack
_int2 = struct.Struct("!h").pack
_float8 = struct.Struct("!d").pack
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
TRUE, FALSE = b"\1", b"\0"


def int8(value: int) -> bytes:
    """A ``bigint``.

    Raises:
        InvalidInput: it has more than 64 bits.
    """
    try:
        return _int8(value)
    except struct.error:
        raise InvalidInput("a record's number needs more than 64 bits") from None


def float8(value: float) -> bytes:
    """A ``double precision``."""
    return _float8(value)


def flag(value: bool) -> bytes:
    """A ``boolean``."""
    return TRUE if value else FALSE


def text(value: str) -> bytes:
    """A ``text``.

    Raises:
        UnicodeEncodeError: it holds a lone surrogate.
    """
    return encoded(value).encode()


def optional_text(value: str | None) -> Field:
    """A ``text`` or NULL."""
    return None if value is None else encoded(value).encode()


def optional_int8(value: int | None) -> Field:
    """A ``bigint`` or NULL."""
    return None if value is None else int8(value)


def texts(values: Iterable[str]) -> bytes:
    """A ``text[]``."""
    return _array(_TEXT_OID, [encoded(value).encode() for value in values])


def int8s(values: Iterable[int]) -> bytes:
    """A ``bigint[]``."""
    return _array(_INT8_OID, list(map(_int8, values)))


def float8s(values: Iterable[float]) -> bytes:
    """A ``double precision[]``."""
    return _array(_FLOAT8_OID, list(map(_float8, values)))


def uuids(values: Iterable[bytes]) -> bytes:
    """A ``uuid[]``."""
    return _array(_UUID_OID, list(values))


def _array(oid: int, items: Sequence[bytes]) -> bytes:
    if not items:
        return _NO_ARRAY if oid == _TEXT_OID else struct.pack("!iiI", 0, 0, oid)
    parts = [struct.pack("!iiIii", 1, 0, oid, len(items), 1)]
    for item in items:
        parts += (_int4(len(item)), item)
    return b"".join(parts)


def vector(values: Vector, kind: str) -> bytes:
    """A ``halfvec`` or ``vector``.

    Raises:
        InvalidInput: a number is not finite, or too great for a ``halfvec``.
    """
    numbers = values.astype(">f2" if kind == "halfvec" else ">f4")
    if not np.isfinite(numbers).all():
        raise InvalidInput(
            "a vector's numbers are finite, and at most 65504 where the store keeps halfvec"
        )
    return struct.pack("!hh", values.size, 0) + numbers.tobytes()


def vector_from(data: bytes | None, kind: str) -> Vector | None:
    """The vector, float32, of the bytes that ``halfvec_send`` or ``vector_send`` gives."""
    if data is None:
        return None
    return np.frombuffer(data, ">f2" if kind == "halfvec" else ">f4", offset=4).astype(np.float32)


def copy_data(rows: Iterable[Row]) -> bytes:
    """Rows as binary COPY takes them, whole."""
    parts = [_HEAD]
    for row in rows:
        parts.append(_int2(len(row)))
        for field in row:
            if field is None:
                parts.append(_NULL)
            else:
                parts += (_int4(len(field)), field)
    parts.append(_END)
    return b"".join(parts)
