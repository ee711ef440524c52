"""The steps of a consolidation: groups that were found, and how far the search is."""

from __future__ import annotations

from dataclasses import dataclass

from memkit.consolidation.groups import Group


@dataclass(frozen=True, slots=True)
class Step:
    """Some groups of a stretch of records, or of entities, that is looked at as a whole.

    Attributes:
        groups: what was found.
        looked: how many records, or entities, are done with.
        ends: whether the stretch ends here, so that an interrupted run can go on after it.
        after: where the next stretch begins; ``None``: the place is done.
    """

    groups: tuple[Group, ...]
    looked: int
    ends: bool = True
    after: str | None = None
