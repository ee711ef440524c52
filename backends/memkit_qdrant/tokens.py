"""Metadata as tokens: whole numbers that stand for what a filter can ask of a key.

A key may hold dots, brackets and quotes, which the engine would read as a path into the
payload. A token is a hash of the key with a value and its type, so that nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from memkit.backing.hashing import signature_hash

_MANY = 20_000


def family(value: object) -> str | None:
    """What a value compares with: truth values, numbers and texts each among themselves."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def token(about: str, key: str, value: object = None) -> int:
    """The token of what is said ``about`` a key.

    Args:
        about: ``is`` or ``holds`` (with a scalar value), ``list``, ``there`` or ``some ...``.
        key: the metadata key.
        value: what it is or holds.
    """
    return _token(about, key, family(value), _canonical(value))


@lru_cache(_MANY)
def _token(about: str, key: str, kind: str | None, value: str) -> int:
    return signature_hash(f"{about}\0{len(key)}\0{key}\0{kind}\0{value}")


def _canonical(value: object) -> str:
    # Numbers that are equal are one value, however they are written: 1 and 1.0, 0.0 and -0.0.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | bool | int | float):
        return str(value)
    return ""


def tokens(metadata: Mapping[str, Any]) -> list[int]:
    """All tokens of a record's metadata."""
    return list(dict.fromkeys(_tokens(metadata)))


def _tokens(metadata: Mapping[str, Any]) -> Iterator[int]:
    for key, value in metadata.items():
        if value is None:
            continue
        yield token("there", key)
        if isinstance(value, list | tuple):
            yield token("list", key)
            for item in value:
                if family(item) is not None:
                    yield token("holds", key, item)
        elif (kind := family(value)) is not None:
            yield token("is", key, value)
            if kind != "truth":
                yield token(f"some {kind}", key)
