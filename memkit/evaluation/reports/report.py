"""What a report is about: one evaluation or two, and what was chosen."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from memkit import __version__
from memkit.clock import utc_now
from memkit.evaluation.bootstrap import FEW_CLUSTERS
from memkit.evaluation.results import Comparison, Estimate, Evaluation
from memkit.evaluation.summary import clusters_of, estimates
from memkit.evaluation.tuning import CrossValidation


@dataclass(frozen=True)
class Report:
    """An evaluation, or two side by side, with what a reader must know of how they were made.

    Attributes:
        title: the name of the data set.
        evaluations: one, or A and B of ``comparison``, or the candidates of ``validation``.
        comparison: A against B, if there are two.
        validation: the choice among candidates, if there was one.
        moved: at most so many questions are listed as better and as worse.
        made_at: when.
    """

    title: str
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison | None = None
    validation: CrossValidation | None = None
    moved: int = 20
    made_at: datetime = field(default_factory=utc_now)

    @cached_property
    def estimates(self) -> tuple[dict[str, dict[str, Estimate]], ...]:
        """The measures of each evaluation with their intervals, by category."""
        return tuple(estimates(each) for each in self.evaluations)

    @property
    def sides(self) -> tuple[str, ...]:
        """What the evaluations are called in tables: ``A``, ``B``, ..."""
        return tuple(chr(ord("A") + at) if at < 26 else str(at + 1) for at in range(self.count))

    @property
    def count(self) -> int:
        """How many evaluations there are."""
        return len(self.evaluations)

    @property
    def notices(self) -> tuple[str, ...]:
        """What limits the figures, each said once."""
        told = dict.fromkeys(notice for each in self.evaluations for notice in each.notices)
        answers = self.evaluations[0].answerable
        clusters = len(set(clusters_of(answers)))
        if answers and clusters < FEW_CLUSTERS:
            told[
                f"there are only {clusters} independent questions or groups: with fewer than "
                f"{FEW_CLUSTERS} the intervals are too narrow"
            ] = None
        return tuple(told)

    @property
    def circumstances(self) -> dict[str, str]:
        """When and on what it was made."""
        return {
            "date": self.made_at.isoformat(timespec="seconds"),
            "memkit": __version__,
            "python": platform.python_version(),
            "system": platform.platform(),
        }
