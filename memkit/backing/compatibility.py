"""Whether what a store holds fits what it is opened with, and what to say if not."""

from __future__ import annotations

from memkit.errors import EmbedderMismatch, SchemaMismatch, StoreReadOnly
from memkit.protocols import Fingerprint, StoreSpec


def check_compatible(held: Fingerprint | None, analyzer: str | None, spec: StoreSpec) -> None:
    """Refuse to go on with another model's vectors or another analysis' terms.

    Args:
        held: the fingerprint of the store's vectors, ``None`` if it has none.
        analyzer: what made the store's terms, ``None`` if it has none.
        spec: what the store is opened with.

    Raises:
        EmbedderMismatch: the store's are not those of ``spec``.
    """
    wanted = spec.fingerprint
    if held is not None and wanted is not None and not held.matches(wanted):
        raise EmbedderMismatch(
            f"the store's vectors are of {held}, and this embedder is {wanted}: use that one, or "
            "replace all vectors with memkit reembed"
        )
    if analyzer is not None and analyzer != spec.analyzer:
        raise EmbedderMismatch(
            f"the store's words were analysed by {analyzer}, and this memkit uses "
            f"{spec.analyzer}: bring it up to date with memkit reembed"
        )


def check_schema(location: str, version: int, known: int) -> None:
    """Refuse a store that a newer memkit has written.

    Raises:
        SchemaMismatch: ``version`` is greater than ``known``.
    """
    if version > known:
        raise SchemaMismatch(
            f"{location} has schema version {version}, and this memkit knows {known}: upgrade it "
            "with pip install -U agent-memkit"
        )


def refuse_write(location: str) -> StoreReadOnly:
    """The error of a write to a store that was opened for reading only."""
    return StoreReadOnly(f"{location} was opened read-only: open it without read_only to write")
