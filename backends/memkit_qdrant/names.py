"""What things are called in a collection: points, vectors and terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

from memkit.backing.hashing import term_hashes

_MASK = 2**64 - 1
# An odd number near 2**64 divided by the golden ratio: its products spread over all bits.
_SPREAD = 0x9E3779B97F4A7C15

#: BM25's constants. The mean length is fixed: a document's weights are stored when it is
#: written, and must not depend on what else there is. It was chosen on conversational turns.
K1 = 1.2
B = 0.75
MEAN_LENGTH = 48.0


@dataclass(frozen=True, slots=True)
class Generation:
    """A set of index data by one model and one analysis; re-embedding makes the next one."""

    number: int

    @property
    def dense(self) -> str:
        """The name of its dense vectors."""
        return f"dense_{self.number}"

    @property
    def words(self) -> str:
        """The name of its sparse vectors, of terms."""
        return f"words_{self.number}"

    @property
    def signature(self) -> str:
        """The payload's field of its signatures."""
        return f"signature_{self.number}"


def check_text(text: str) -> None:
    """See that a text has a UTF-8 form; the engine's own complaint is hard to tell from others.

    Raises:
        UnicodeEncodeError: it has not.
    """
    text.encode()


def point_id(namespace: str, id_: str) -> str:
    """The id of a record's point: ids are unique in their namespaces only."""
    return _uuid(b"record", namespace, id_)


def claim_id(namespace: str, key: str) -> str:
    """The id of the point that says who holds a unique key."""
    return _uuid(b"unique", namespace, key)


def _uuid(what: bytes, namespace: str, name: str) -> str:
    space = namespace.encode()
    whole = b"%b%d:%b%b" % (what, len(space), space, name.encode())
    return str(UUID(bytes=blake2b(whole, digest_size=16).digest(), version=5))


@lru_cache(4096)
def _salt(namespace: str) -> int:
    return int.from_bytes(blake2b(namespace.encode(), digest_size=8).digest(), "little")


def term_indices(namespace: str, terms: Sequence[str]) -> list[int]:
    """The dimension of each term in a namespace, a uint32.

    Each namespace has dimensions of its own, so that its lists of postings hold its own
    records only. Two terms of a namespace share one by chance of 1 in 4,294,967,296.
    """
    salt = _salt(namespace)
    return [((term_hashes[term] ^ salt) * _SPREAD & _MASK) >> 32 for term in terms]


def term_weights(namespace: str, terms: Sequence[str]) -> tuple[list[int], list[float]]:
    """A document's dimensions, ascending, and BM25's part of each that is the document's own."""
    counts: dict[int, int] = {}
    for index in term_indices(namespace, terms):
        counts[index] = counts.get(index, 0) + 1
    norm = K1 * (1 - B + B * len(terms) / MEAN_LENGTH)
    indices = sorted(counts)
    return indices, [counts[i] * (K1 + 1) / (counts[i] + norm) for i in indices]
