"""The state of a store, gathered for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.filters import EVERYTHING, Eq
from memkit.scope import Scope
from memkit.types import Status

if TYPE_CHECKING:
    from memkit.engine import Engine


async def status(engine: Engine, scope: Scope) -> Status:
    """The state of an engine's store and of a scope's namespace in it."""
    engine.require_open()
    backend, vectorizer = engine.backend, engine.vectorizer
    states = await backend.count(scope.namespace, EVERYTHING, "state")
    unembedded = (await backend.count(scope.namespace, Eq("embedded", False)))[""]
    fingerprint = vectorizer.fingerprint
    notices = [] if vectorizer.notice is None else [vectorizer.notice]
    if unembedded and fingerprint is not None and not vectorizer.given:
        notices.append(f"{unembedded} records have no vector yet: run memkit reembed")
    info = engine.info
    return Status(
        backend=info.location,
        schema_version=info.schema_version,
        namespace=scope.namespace,
        records=sum(states.values()),
        states=states,
        unembedded=unembedded,
        embedder=None if fingerprint is None else fingerprint.model,
        embedder_ready=vectorizer.ready or vectorizer.given,
        dimension=None if fingerprint is None else fingerprint.dimension,
        size_bytes=info.size_bytes,
        notices=tuple(notices),
    )
