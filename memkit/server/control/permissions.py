"""Permissions: read < write < admin."""

from __future__ import annotations

from enum import StrEnum

from memkit.errors import InvalidInput


class Permission(StrEnum):
    """What a grant allows in a namespace; each one allows what those before it do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for read, 1 for write, 2 for admin."""
        return _RANKS[self.value]

    # As text, "admin" would come before "read".
    def __lt__(self, other: str) -> bool:
        return self.rank < Permission(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Permission(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Permission(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Permission(other).rank


_RANKS = {"read": 0, "write": 1, "admin": 2}


def check_permission(value: object, *, channel: bool = False) -> Permission:
    """The permission that a word names.

    Args:
        value: the word.
        channel: it is for a private channel, which nobody administers by grant.

    Raises:
        InvalidInput: it is none.
    """
    allowed = ("read", "write") if channel else tuple(_RANKS)
    if value not in allowed:
        raise InvalidInput(f"a permission is one of {', '.join(allowed)}")
    return Permission(str(value))
