"""What stands for names in the tables: fixed-width keys, and texts that PostgreSQL can hold."""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from functools import lru_cache
from hashlib import blake2b

_LOWER_HEX = frozenset("0123456789abcdef")
_HYPHENS = (8, 13, 18, 23)


@lru_cache(maxsize=4096)
def namespace_key(name: str) -> bytes:
    """The 16 bytes under which a namespace is kept: no two names ever share them.

    They are the same in every process, so nothing has to be looked up, and of one width
    whatever the name, so that they can lead every primary key.
    """
    return blake2b(name.encode(), digest_size=16, person=b"memkit namespace").digest()


def record_key(id_: str) -> bytes:
    """The 16 bytes under which a record is kept in its namespace.

    A UUID is its own key, which keeps keys in the order of time. Any other id is hashed into
    the UUIDs of version 15, which are nobody's; a UUID of that version is hashed as well.
    """
    if len(id_) == 36 and id_[14] != "f" and all(id_[at] == "-" for at in _HYPHENS):
        digits = id_.replace("-", "")
        if len(digits) == 32 and _LOWER_HEX.issuperset(digits):
            return bytes.fromhex(digits)
    digest = bytearray(blake2b(id_.encode(), digest_size=16, person=b"memkit record id").digest())
    digest[6] |= 0xF0
    return bytes(digest)


def label_key(namespace: bytes, field: str, value: str) -> int:
    """What a label of a list field is looked up by: a signed 64-bit number."""
    digest = blake2b(value.encode(), digest_size=8, key=namespace, person=field.encode())
    return int.from_bytes(digest.digest(), "big", signed=True)


class Lexemes(dict[str, bytes]):
    """What stands for a namespace's terms in a text search vector: 8 letters, digits or ``+/``.

    Each is 48 bits of a hash of the namespace and the term, so an index over all namespaces is
    one over each.
    """

    #: How many all of them hold, and may hold.
    total = 0
    ROOM = 300_000

    def __init__(self, namespace: bytes) -> None:
        self._namespace = namespace

    def __missing__(self, term: str) -> bytes:
        digest = blake2b(term.encode(), digest_size=6, key=self._namespace).digest()
        self[term] = lexeme = b64encode(digest)
        Lexemes.total += 1
        if Lexemes.total > Lexemes.ROOM:
            Lexemes.total = 0
            lexemes.cache_clear()
            self.clear()
        return lexeme


@lru_cache(maxsize=1024)
def lexemes(namespace: bytes) -> Lexemes:
    """The lexemes of a namespace."""
    return Lexemes(namespace)


def encoded(text: str) -> str:
    """A text without U+0000, which PostgreSQL cannot hold; the order of code points is kept."""
    if "\0" in text or "\1" in text:
        return text.replace("\1", "\1\2").replace("\0", "\1\1")
    return text


def decoded(text: str) -> str:
    """The text of :func:`encoded`."""
    if "\1" in text:
        return text.replace("\1\1", "\0").replace("\1\2", "\1")
    return text


def new_token() -> bytes:
    """A new UUID that begins with the time, so that old ones lie together."""
    millis = int(time.time() * 1000).to_bytes(6, "big")
    tail = bytearray(secrets.token_bytes(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return millis + bytes(tail)


def token_of(age: float) -> bytes:
    """The least token of those that were made ``age`` seconds ago."""
    return int((time.time() - age) * 1000).to_bytes(6, "big") + bytes(10)
