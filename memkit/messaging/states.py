"""What is known of a consumer on a channel: how far it came, and what it has not acknowledged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

#: A little more than clocks of hosts differ, in microseconds.
_SKEW = 60_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was taken in and is not acknowledged yet.

    ``until`` is the end of its lease in microseconds since 1970 and ``length`` how long that
    lease is; both 0 without one.
    """

    id: str
    deliveries: int = 0
    until: int = 0
    length: int = 0

    def leased(self, now: int) -> bool:
        """Whether it is another's; a lease cannot end later than it is long."""
        return now < self.until <= now + self.length + _SKEW


@dataclass(slots=True)
class BoxState:
    """How far a consumer came on a channel.

    What is on the channel already is taken in by a scan, in the order of creation; what comes
    later by the change feed, in the order of commit. While the scan goes on the feed is read
    too, for what the scan has passed by.

    Attributes:
        store: the identity of the store in which ``mark`` means something.
        scanning: whether the scan goes on; it always does where there is no feed.
        mark: up to where the feed was read.
        until: at this position of the feed ``late`` is of no use any more.
        since: when the newest message that was taken in was made, in microseconds.
        late: when messages taken in lately were made, and their ids, so that what comes by
            scan and feed, or in two scans that overlap, is taken in once.
        open: messages that were taken in and are not acknowledged, in order.
        skipped: how many changes were read since it was stored.
    """

    store: str | None
    scanning: bool = True
    mark: int = 0
    until: int = 0
    since: int = 0
    late: list[tuple[int, str]] = field(default_factory=list)
    open: list[Held] = field(default_factory=list)
    skipped: int = 0

    def text(self) -> str:
        """As JSON."""
        return json.dumps(
            {
                "store": self.store,
                "scanning": self.scanning,
                "mark": self.mark,
                "until": self.until,
                "since": self.since,
                "late": self.late,
                "open": [[e.id, e.deliveries, e.until, e.length] for e in self.open],
            },
            separators=(",", ":"),
        )

    def copy(self) -> BoxState:
        """One that can be changed alone."""
        return replace(self, late=list(self.late), open=list(self.open))

    def take(self, id_: str) -> bool:
        """Take a message in; false if that was done just now."""
        if any(held.id == id_ for held in self.open) or any(each == id_ for _, each in self.late):
            return False
        self.open.append(Held(id_))
        return True


def state_from(text: str) -> BoxState:
    """The state of :meth:`BoxState.text`."""
    held = json.loads(text)
    return BoxState(
        held["store"],
        held["scanning"],
        held["mark"],
        held["until"],
        held["since"],
        [(made, id_) for made, id_ in held["late"]],
        [Held(*each) for each in held["open"]],
    )
