"""What stands for terms and keys in a store: hashes that are the same in every process."""

from __future__ import annotations

from hashlib import blake2b


class _TermHashes(dict[str, int]):
    """The uint64 under which a term is stored, remembered while there is room."""

    _ROOM = 200_000

    def __missing__(self, term: str) -> int:
        value = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")
        if len(self) >= self._ROOM:
            self.clear()
        self[term] = value
        return value


term_hashes = _TermHashes()


def term_hash(term: str) -> int:
    """The uint64 that stands for a term in every store."""
    return term_hashes[term]


def signature_hash(key: str) -> int:
    """What a signature key is looked up by, as a signed 64-bit number."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little", signed=True)


def unique_hash(key: str) -> bytes:
    """What a unique key is looked up by, 16 bytes: no two keys ever share one."""
    return blake2b(key.encode(), digest_size=16).digest()
