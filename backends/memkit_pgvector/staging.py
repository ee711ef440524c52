"""The tables that a re-embedding fills beside those in use."""

from __future__ import annotations

from memkit_pgvector.state import StoreState


def staged_tables(state: StoreState) -> list[str]:
    """The names of the tables that a re-embedding under way fills; none where there is none."""
    if state.target is None:
        return []
    fingerprint, _, number = state.target
    names = [f"staging_{number}", f"words_{number}"]
    return names if fingerprint.dimension is None else [*names, f"vectors_{number}"]
