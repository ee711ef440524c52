"""memkit's backends on Qdrant: a server's collection, and the engine embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memkit_qdrant.edge import QdrantEdgeBackend
    from memkit_qdrant.server import QdrantBackend

__all__ = ["QdrantBackend", "QdrantEdgeBackend"]


def __getattr__(name: str) -> Any:
    # Late: neither needs what the other loads.
    if name == "QdrantEdgeBackend":
        from memkit_qdrant.edge import QdrantEdgeBackend

        return QdrantEdgeBackend
    if name == "QdrantBackend":
        from memkit_qdrant.server import QdrantBackend

        return QdrantBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
