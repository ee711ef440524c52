"""Timing an operation in turn with its floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class Times:
    """Wall and CPU milliseconds of an operation's repetitions and of its floor's."""

    op: str
    size: int
    own: list[tuple[float, float]] = field(default_factory=list)
    floor: list[tuple[float, float]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The medians."""
        medians = {
            f"{prefix}{name}_ms": round(median(sample[at] for sample in samples), 5)
            for prefix, samples in (("", self.own), ("floor_", self.floor))
            for at, name in enumerate(("wall", "cpu"))
        }
        return {"op": self.op, "n": self.size, **medians, "repeats": len(self.own)}


def timed(work: Callable[[], object], per: int = 1) -> tuple[float, float]:
    """Wall and CPU milliseconds of a call, divided by ``per``."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1e3 * wall / per, 1e3 * cpu / per


def alternating(
    times: Times,
    items: Iterable[Item],
    own: Callable[[Item], object],
    floor: Callable[[Item], object],
    *,
    warm: int = 0,
    per: int = 1,
) -> Times:
    """Time an operation and its floor in turn on each item, the first ``warm`` unrecorded."""
    for at, item in enumerate(items):
        mine = timed(lambda: own(item), per)  # noqa: B023 - called at once
        least = timed(lambda: floor(item), per)  # noqa: B023
        if at >= warm:
            times.own.append(mine)
            times.floor.append(least)
    return times
