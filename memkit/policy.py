"""What goes for each kind of memory in a namespace: how sure it starts out, how it ages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from memkit.types import DEFAULT_KIND, KINDS

#: Kinds that no sweep archives unless it is said that it may.
PROTECTED: Final = frozenset({"antipattern", "constraint", "decision", "fact", "preference"})
#: Kinds that no sweep archives at all: messages wait until they are acknowledged.
NEVER: Final = frozenset({"message"})


@dataclass(frozen=True, slots=True)
class KindPolicy:
    """What goes for the records of a kind.

    Attributes:
        confidence: what they start with, 0 to 1.
        half_life_days: the age in days at which half of their strength is gone; ``None``: they
            do not age.
        archive: whether a sweep may archive them.
    """

    confidence: float
    half_life_days: float | None
    archive: bool


_KINDS: Final[Mapping[str, KindPolicy]] = {
    kind: KindPolicy(
        defaults.confidence,
        defaults.half_life_days,
        archive=kind not in PROTECTED and kind not in NEVER,
    )
    for kind, defaults in KINDS.items()
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What goes in a namespace.

    Attributes:
        kinds: by kind; a kind that is not among them goes by ``note``.
        access_extension: by how much of its half-life each use extends that of a record.
        access_cap: so many times its half-life is the most that use makes of it.
        archive_below: a sweep archives what has less strength left than this, 0 to 1.
        archive_after: and is at least so many half-lives old, as they are extended.
    """

    kinds: Mapping[str, KindPolicy] = field(default_factory=lambda: _KINDS)
    access_extension: float = 0.1
    access_cap: float = 3.0
    archive_below: float = 0.1
    archive_after: float = 1.0

    def of(self, kind: str) -> KindPolicy:
        """What goes for a kind."""
        return self.kinds.get(kind) or self.kinds[DEFAULT_KIND]

    def half_life(self, kind: str, uses: int) -> float | None:
        """The half-life in days of a record of a kind that was used so often, if it ages.

        ``half_life * min(1 + access_extension * uses, access_cap)``.
        """
        base = (self.kinds.get(kind) or self.kinds[DEFAULT_KIND]).half_life_days
        if base is None:
            return None
        return base * min(1 + self.access_extension * uses, self.access_cap)


#: What goes where nothing was said.
DEFAULT_POLICY: Final = Policy()
