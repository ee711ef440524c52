"""A server's answers as memkit's own types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

from memkit.types import (
    Channel,
    Delivery,
    ErasureReceipt,
    Event,
    EventType,
    Hit,
    Leg,
    Link,
    MemoryRecord,
    NearCopy,
    Page,
    Problem,
    RecallResult,
    Related,
    Remembered,
    RememberStatus,
    Status,
    Step,
    Why,
)

Json = Mapping[str, Any]

_NAMES = frozenset(field.name for field in fields(MemoryRecord))
_TIMES = frozenset(
    name for name, hint in get_type_hints(MemoryRecord).items() if "datetime" in str(hint)
)


def time_of(text: str) -> datetime:
    """An aware time in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def optional_time(text: str | None) -> datetime | None:
    """An aware time in UTC, if there is one."""
    return None if text is None else time_of(text)


def links_of(told: Iterable[Json]) -> tuple[Link, ...]:
    """Links."""
    return tuple(Link(each["type"], each["target"]) for each in told)


def record_of(told: Json) -> MemoryRecord:
    """A record; what a newer server tells besides is passed over."""
    values: dict[str, Any] = {"project": None, "task": None, "agent": None}
    for name in _NAMES & told.keys():
        value = told[name]
        if name in _TIMES:
            value = time_of(value)
        elif name in ("tags", "entities"):
            value = tuple(value)
        elif name == "links":
            value = links_of(value)
        values[name] = value
    return MemoryRecord(**values)


def records_of(told: Json) -> list[MemoryRecord]:
    """Records."""
    return [record_of(each) for each in told["records"]]


def hit_of(told: Json) -> Hit:
    """A hit, with why and with the turns around it."""
    why = told["why"]
    return Hit(
        record_of(told),
        told["score"],
        Why(
            {name: Leg(leg["rank"], leg["score"]) for name, leg in why["legs"].items()},
            why["fused"],
            dict(why["factors"]),
        ),
        told["relevance"],
        tuple(record_of(turn) for turn in told.get("context", ())),
    )


def recall_of(told: Json) -> RecallResult:
    """A recall's result."""
    return RecallResult(
        tuple(hit_of(hit) for hit in told["memories"]),
        tuple(told["notices"]),
        tuple(record_of(each) for each in told.get("constraints", ())),
    )


def remembered_of(told: Json) -> Remembered:
    """What became of a memory."""
    return Remembered(
        RememberStatus(told["status"]),
        record_of(told["record"]),
        told["matched"],
        told["merged"],
        tuple(
            NearCopy(copy["id"], copy["cosine"], copy["overlap"], copy["agrees"])
            for copy in told["near"]
        ),
        tuple(told["notices"]),
    )


def page_of(told: Json) -> Page:
    """A page of records."""
    return Page(tuple(records_of(told)), told["cursor"])


def counts_of(told: Json) -> dict[str, int]:
    """Counts by label."""
    return dict(told["counts"])


def related_of(told: Json) -> list[Related]:
    """Records reached over links."""
    return [
        Related(
            record_of(each["record"]), each["depth"], tuple(Step(**step) for step in each["path"])
        )
        for each in told["related"]
    ]


def receipt_of(told: Json) -> ErasureReceipt:
    """The receipt of an erasure."""
    return ErasureReceipt(
        told["id"],
        tuple(told["erased"]),
        told["links_removed"],
        time_of(told["erased_at"]),
        told["backend"],
        tuple(told["checks"]),
        told["purged"],
    )


def status_of(told: Json) -> Status:
    """The state of the server's store."""
    names = [field.name for field in fields(Status) if field.name != "notices"]
    return Status(**{name: told[name] for name in names}, notices=tuple(told["notices"]))


def problems_of(told: Json) -> list[Problem]:
    """What is wrong with the server's store."""
    return [Problem(each["what"], each["remedy"]) for each in told["problems"]]


def deliveries_of(told: Json) -> list[Delivery]:
    """Messages as an inbox gives them out."""
    return [
        Delivery(
            record_of(each["message"]),
            each["channel"],
            each["deliveries"],
            optional_time(each["leased_until"]),
        )
        for each in told["messages"]
    ]


def channels_of(told: Json) -> list[Channel]:
    """Channels."""
    return [
        Channel(each["name"], each["messages"], time_of(each["newest"]), each["unread"])
        for each in told["channels"]
    ]


def event_of(told: Json) -> Event:
    """Something that happened."""
    record = told.get("record")
    return Event(
        told["cursor"],
        EventType(told["type"]),
        told["id"],
        time_of(told["at"]),
        None if record is None else record_of(record),
        told.get("project"),
        told.get("task"),
        told.get("agent"),
        tuple(told.get("tags", ())),
    )
