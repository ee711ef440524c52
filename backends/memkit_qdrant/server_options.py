"""What a ``qdrant://`` URL can set."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memkit.backing.locations import (
    StoreURL,
    count,
    flag,
    one_of,
    parse_store_url,
    read_options,
    seconds,
)
from memkit.errors import ConfigurationError

#: Where the API key is looked for if the URL has none.
KEY_VARIABLE = "MEMKIT_QDRANT_API_KEY"
_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_PORT, _GRPC_PORT = 6333, 6334


def _consistency(text: str) -> str | int:
    if text in ("all", "majority", "quorum"):
        return text
    return count(1, 1000)(text)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The settings of a store on a server.

    Attributes:
        host, port, tls, api_key: where it is and how it lets us in.
        collection: its name; unique keys and the store's own state are in ``<name>-keys``.
        grpc, grpc_port: ask by gRPC, which takes less than half the time of HTTP.
        timeout: seconds that a request may take.
        retries: how often a request that failed in passing is repeated.
        pool_size: how many connections there may be.
        shard_number, replication_factor, write_consistency_factor: of a collection that is
            made; ``None`` leaves it to the server.
        sharding: ``auto``, or ``custom``: each namespace wholly under one of ``shard_keys`` keys.
        ordering: of writes; versions and unique keys hold against other writers if ``strong``.
        consistency: of reads: ``all``, ``majority``, ``quorum`` or a number of replicas.
        on_disk: vectors and payload may be dropped from the server's memory.
        quantization: ``none``, ``scalar`` (8 bits a number) or ``binary`` (1 bit).
    """

    host: str = "localhost"
    port: int = _PORT
    tls: bool = False
    api_key: str | None = field(default=None, repr=False)
    collection: str = "memkit"
    grpc: bool = False
    grpc_port: int = _GRPC_PORT
    timeout: float = 30.0
    retries: int = 3
    pool_size: int = 16
    shard_number: int | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    sharding: str = "auto"
    shard_keys: int = 8
    ordering: str = "strong"
    consistency: str | int | None = None
    on_disk: bool = False
    quantization: str = "none"

    @property
    def location(self) -> str:
        """The store's URL, without its key and options."""
        scheme = "qdrants" if self.tls else "qdrant"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{self.collection}"


_KNOWN = {
    "grpc": flag,
    "grpc_port": count(1, 65535),
    "timeout": seconds,
    "retries": count(0, 20),
    "pool_size": count(1, 1000),
    "shard_number": count(1, 1000),
    "replication_factor": count(1, 100),
    "write_consistency_factor": count(1, 100),
    "sharding": one_of("auto", "custom"),
    "shard_keys": count(1, 1000),
    "ordering": one_of("weak", "medium", "strong"),
    "consistency": _consistency,
    "on_disk": flag,
    "quantization": one_of("none", "scalar", "binary"),
}


def server_options(url: str, environ: Mapping[str, str] = os.environ) -> ServerOptions:
    """The settings that ``qdrant://[key@]host[:port][/collection][?option=value]`` names.

    ``qdrants://`` is the same over TLS.

    Raises:
        ConfigurationError: it is no such URL; the message does not quote it.
    """
    parts = parse_store_url(url)
    if parts.scheme not in ("qdrant", "qdrants") or not parts.host:
        raise ConfigurationError(
            "a Qdrant store's URL is qdrant://host:6333/collection, or qdrants:// with TLS; "
            "qdrant+edge:///path is the embedded engine"
        )
    collection = parts.path.strip("/") or "memkit"
    if not _COLLECTION.fullmatch(collection):
        raise ConfigurationError(
            "a collection's name has up to 200 letters, digits, dots, dashes and underscores"
        )
    return ServerOptions(
        host=parts.host,
        port=parts.port or _PORT,
        tls=parts.scheme == "qdrants",
        api_key=_key(parts) or environ.get(KEY_VARIABLE) or None,
        collection=collection,
        **read_options(parts, _KNOWN),
    )


def _key(parts: StoreURL) -> str | None:
    # As key@host, or as :key@host by those who think of it as a password.
    return parts.password or parts.user
