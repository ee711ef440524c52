"""Tokens: made at random, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

PREFIX: Final = "mk_"
_ID_CHARS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH: Final = 8
_BYTES: Final = 32
_FORM = re.compile(r"mk_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
# What a token that does not exist is compared with: as much work as with one that does.
_NOBODYS: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token; never the token itself.

    Attributes:
        id: its public part, by which it is listed, logged and revoked.
        principal: whose it is, by id.
        name: what it is for.
        created_at, expires_at, revoked_at: times; ``None``: it does not end, or was not.
        last_used_at: when it was used, to the minute.
    """

    id: str
    principal: str
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def new_token() -> tuple[str, str, bytes]:
    """A token's id, the token, and its digest; 256 bits of it are random."""
    id_ = "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH))
    token = f"{PREFIX}{id_}_{secrets.token_urlsafe(_BYTES)}"
    return id_, token, digest_of(token)


def digest_of(token: str) -> bytes:
    """What is kept of a token: SHA-256, which is enough for what is random already."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def id_of(token: str) -> str:
    """The id that a token claims; empty if it has not the form of one."""
    found = _FORM.fullmatch(token) if len(token) < 100 else None
    return found.group(1) if found else ""


def matches(token: str, digest: bytes | None) -> bool:
    """Whether a token is the one of a digest; ``None`` takes as long and is false."""
    # What is too long to be one is not read to its end.
    same = hmac.compare_digest(digest_of(token[:100]), _NOBODYS if digest is None else digest)
    return same and digest is not None
