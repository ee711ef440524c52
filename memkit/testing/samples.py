"""The crafted records and filters, and the random ones, that filtering is tested with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from memkit.filters import (
    EVERYTHING,
    FIELDS,
    And,
    ContainsAll,
    ContainsAny,
    Eq,
    Exists,
    FieldType,
    Filter,
    Gt,
    Gte,
    In,
    Lt,
    Lte,
    Ne,
    Not,
    Or,
    Scalar,
)
from memkit.testing.records import EPOCH, build_record, record_id
from memkit.types import Link, MemoryRecord

BIG = 2**53


@dataclass(frozen=True, slots=True)
class Sample:
    """A record with what else a filter sees of it."""

    record: MemoryRecord
    embedded: bool
    signature: tuple[str, ...] = ()

    def value_of(self, field: str) -> Any:
        """The value that a filter on ``field`` sees."""
        if field == "embedded":
            return self.embedded
        if field == "signature":
            return self.signature
        return self.record.value_of(field)


#: Values that one metadata key ``k`` takes, one record each: all that are easily mixed up.
CONFUSABLES: tuple[Any, ...] = (
    1, 1.0, True, "1", "true", "True", 0, 0.0, -0.0, False, "0", "", "false", None, "null",
    2, 1.5, -1, 10, "10", "2", BIG, BIG + 1, float(BIG), 2**63 - 1, -(2**63), 1e300, 0.1, 0.3,
    "a", "A", "\u00e4", "a\u0308", "\uffee", "\U0001f600", "b'a", 'b"a', "%", "_", "a%", "a\\",
    "2026-03-01T12:00:00+00:00", "'; DROP TABLE records; --",
    [], [1], [True], ["1"], [1.0, "x"], ["a", "b", "a"], [None], [[1]], [BIG + 1], {}, {"a": 1},
    ["%", "\U0001f600", "it's"],
)  # fmt: skip

#: Keys that would end a path, a string or a pattern if they were ever formatted into one.
ODD_KEYS: tuple[str, ...] = (
    "a.b", "a'b", 'a"b', "a[0]", "[0]", "$", "$.k", "$ne", "$or", "%", "a%b", "a_b", "a b", " k",
    "k ", "K", "\u043a", "k\u0301", "\U0001f511", "*", "**", "--", "/*", "*/", ";", "\\", "a\\",
    "k' OR '1'='1", "k') OR 1=1 --", "metadata.k", "id", "namespace", "null", "#", "@", "?", ":1",
    "$1", "%s", "{0}", "a/b", "a~1b", "->>", "k::text", "\n", "[*]", "k,l",
)  # fmt: skip


def samples() -> list[Sample]:
    """Records that between them hold, or lack, every field in telling ways."""
    return [*_plain(), *_confusable(), *_odd()]


def _plain() -> Iterator[Sample]:
    zones = [None, timedelta(0), timedelta(microseconds=1), timedelta(hours=-3), timedelta(days=9)]
    for n in range(40):
        project = (None, "apollo", "Apollo", "apollo-2", "\u0430pollo")[n % 5]
        occurred = zones[n % 5]
        yield Sample(
            build_record(
                n,
                project=project,
                task=None if project is None or n % 3 else "t1",
                agent=(None, "a", "b")[n % 3],
                kind=("note", "fact", "our own")[n % 3],
                state=("active", "superseded", "forgotten", "archived")[n % 4],
                visibility="private" if n % 7 == 3 else "shared",
                tags=((), ("x",), ("x", "y"), ("y", "it's"), ("x%", "\u00e9"), ("X",))[n % 6],
                links=tuple(Link("related", record_id(m)) for m in range(n % 3)),
                confidence=(0.0, 0.5, 1.0, 0.25)[n % 4],
                pinned=n % 2 == 0,
                version=(1, 2, 2**40)[n % 3],
                uses=n % 4,
                useful=n % 2,
                useless=n % 3,
                occurred_at=None if occurred is None else EPOCH + occurred,
                expires_at=None if n % 2 else datetime(9999, 12, 31, 23, 59, 59, n, tzinfo=UTC),
                used_at=EPOCH if n % 4 == 1 else None,
                superseded_at=EPOCH if n % 4 == 1 else None,
                superseded_by=record_id(n - 1) if n % 4 == 1 else None,
                forgotten_at=EPOCH + timedelta(seconds=n) if n % 4 == 2 else None,
                conversation_id=(None, "talk", "Talk", "ta_k")[n % 4],
                sequence=(None, 0, 1, BIG + 1, -5)[n % 5],
                author=(None, "ann", "Zo\u00eb", "")[n % 4],
                speaker=(None, "Zo\u00eb", "Zoe\u0308", "", "\U0001f600")[n % 5],
                source=(None, "s'1", "%")[n % 3],
                subject=(None, "user", "User", "Zo\u00eb", "", "u'1\0")[n % 6],
                predicate=(None, "lives in", "likes", "")[n % 4],
                object=(None, "Rome", "rome", "R" * 150, "R" * 150 + "\0", "")[n % 6],
                valid_from=None if occurred is None else EPOCH - occurred,
                valid_to=(None, EPOCH, EPOCH + timedelta(microseconds=n))[n % 3],
                retracted_at=EPOCH + timedelta(seconds=n) if n % 8 == 5 else None,
                updated_at=EPOCH + timedelta(microseconds=n),
            ),
            embedded=n % 4 != 0,
            signature=((), ("s1",), ("s1", "s2"))[n % 3],
        )


def _confusable() -> Iterator[Sample]:
    for n, value in enumerate(CONFUSABLES, 100):
        yield Sample(build_record(n, metadata={"k": value}), embedded=n % 3 != 0)


def _odd() -> Iterator[Sample]:
    for n, key in enumerate(ODD_KEYS, 300):
        nested = {"k": {"k": 1, "b": 2}, "a": {"b": 1}} if n % 2 else {}
        yield Sample(build_record(n, metadata={key: n, **nested}), embedded=n % 3 != 0)


def crafted_filters() -> dict[str, Filter]:
    """The table of filters, by what each one is about."""
    east = timezone(timedelta(hours=5, minutes=30))
    true: Filter = EVERYTHING
    false: Filter = Or(())
    table: dict[str, Filter] = {
        "everything": true,
        "nothing": false,
        "not everything": Not(true),
        "not nothing": Not(false),
        "an empty In": In("project", ()),
        "not an empty In": Not(In("metadata.k", ())),
        "an empty ContainsAny": ContainsAny("tags", ()),
        "an empty ContainsAll": ContainsAll("tags", ()),
        "an empty ContainsAll of metadata": ContainsAll("metadata.k", ()),
        "text is equal": Eq("project", "apollo"),
        "text with a case of its own": In("project", ("Apollo", "APOLLO")),
        "text differs or is missing": Ne("project", "apollo"),
        "text is not differing": Not(Ne("project", "apollo")),
        "text in other script": Eq("project", "\u0430pollo"),
        "text is missing": Not(Exists("project")),
        "text is there": Exists("task"),
        "empty text is there": And((Exists("speaker"), Eq("speaker", ""))),
        "an author": Eq("author", "Zo\u00eb"),
        "no author": Not(Exists("author")),
        "facts about somebody": Eq("subject", "user"),
        "facts about nobody": Eq("subject", ""),
        "facts about one of several": In("subject", ("User", "Zo\u00eb", "u'1\0", "nobody")),
        "facts of a kind": Eq("predicate", "lives in"),
        "facts of a kind about somebody": And((Eq("subject", "User"), Eq("predicate", "likes"))),
        "facts of some kinds about some": And(
            (In("predicate", ("likes", "")), In("subject", ("user", "", "User")))
        ),
        "facts with a value": Eq("object", "Rome"),
        "facts with a long value": Eq("object", "R" * 150),
        "facts with values": In("object", ("rome", "R" * 150 + "\0", "")),
        "facts with another value": And((Exists("object"), Ne("object", "Rome"))),
        "what is a fact": Exists("subject"),
        "what is no fact": Not(Exists("subject")),
        "what is no fact, by its value": Not(Or((Exists("predicate"), Exists("object")))),
        "true at a time": And(
            (
                Exists("subject"),
                Or((Not(Exists("valid_from")), Lte("valid_from", EPOCH))),
                Or((Not(Exists("valid_to")), Gt("valid_to", EPOCH))),
            )
        ),
        "true since a time": Eq("valid_from", EPOCH - timedelta(microseconds=1)),
        "true up to one of these": In("valid_to", (EPOCH, EPOCH + timedelta(microseconds=5))),
        "not withdrawn": Not(Exists("retracted_at")),
        "not withdrawn before a time": Not(Lt("retracted_at", EPOCH + timedelta(seconds=8))),
        "composed text": Eq("speaker", "Zo\u00eb"),
        "text by code point": Gt("speaker", "Zo\u00eb"),
        "text below a letter": Lt("conversation_id", "a"),
        "text with a quote": Eq("source", "s'1"),
        "text with a pattern": Eq("source", "%"),
        "text pattern of one": Eq("conversation_id", "ta_k"),
        "text with NUL": Or((Eq("project", "apollo\0"), Eq("metadata.k", "a\0"))),
        "an id": Eq("id", record_id(3)),
        "ids": In("id", tuple(record_id(n) for n in (1, 5, 999, 101))),
        "ids from one on": Gte("id", record_id(20)),
        "not an id": Not(In("id", (record_id(3), "' OR 1=1 --"))),
        "numbers as whole ones": Eq("confidence", 1),
        "numbers with a fraction": Gt("confidence", 0.25),
        "whole numbers against fractions": Lte("uses", 1.5),
        "a missing number": Lt("sequence", 10**6),
        "a missing number, turned round": Not(Lt("sequence", 10**6)),
        "a great number": Eq("sequence", BIG + 1),
        "a great number's neighbour": Eq("sequence", BIG),
        "numbers below zero": Lt("sequence", 0),
        "numbers among": In("version", (2, 2**40, 3.0)),
        "truth": Eq("pinned", True),
        "untruth": Ne("pinned", True),
        "truths": In("pinned", (True, False)),
        "embedded": Eq("embedded", True),
        "not embedded": Eq("embedded", False),
        "every record says whether it is embedded": Exists("embedded"),
        "a time": Eq("occurred_at", EPOCH),
        "a time from another zone": Eq("occurred_at", EPOCH.astimezone(east)),
        "not a time from another zone": Ne("occurred_at", EPOCH.astimezone(east)),
        "after a time by a microsecond": Gt("occurred_at", EPOCH),
        "before a time, missing apart": Lte("occurred_at", EPOCH),
        "not before a time": Not(Lte("occurred_at", EPOCH)),
        "expired": And((Exists("expires_at"), Lte("expires_at", EPOCH + timedelta(days=9)))),
        "not expired": Or((Not(Exists("expires_at")), Gt("expires_at", EPOCH))),
        "the last moments": Gte("expires_at", datetime(9999, 12, 31, 23, 59, 59, 9, tzinfo=UTC)),
        "the first moment": Gt("created_at", datetime(1, 1, 1, tzinfo=UTC)),
        "times among": In("forgotten_at", (EPOCH + timedelta(seconds=2), EPOCH)),
        "any tag": ContainsAny("tags", ("x", "it's")),
        "all tags": ContainsAll("tags", ("x", "y")),
        "all tags, one twice": ContainsAll("tags", ("y", "y")),
        "a tag's case": ContainsAny("tags", ("X",)),
        "a tag's pattern": ContainsAny("tags", ("x%", "%", "_")),
        "no tag": Not(Exists("tags")),
        "not any tag": Not(ContainsAny("tags", ("x",))),
        "links to": ContainsAny("link_to", (record_id(1),)),
        "links to all": ContainsAll("link_to", (record_id(0), record_id(1))),
        "no links": Not(Exists("link_to")),
        "a signature": ContainsAny("signature", ("s2", "s3")),
        "without signature": Not(Exists("signature")),
        "deep logic": And(
            (
                Or((Eq("kind", "fact"), And((Eq("kind", "note"), Not(Exists("task")))))),
                Not(And((Eq("pinned", True), Ne("agent", "a")))),
            )
        ),
        "metadata that does not exist": Exists("metadata.absent"),
        "metadata that differs from the absent": Ne("metadata.absent", 1),
        "metadata of a nested name": Eq("metadata.a.b", 1),
        "metadata is there": Exists("metadata.k"),
        "metadata contains any of mixed kinds": ContainsAny("metadata.k", (1, "a", True)),
        "metadata contains a truth": ContainsAny("metadata.k", (True,)),
        "metadata contains a number": ContainsAny("metadata.k", (1,)),
        "metadata contains a text": ContainsAny("metadata.k", ("1",)),
        "metadata contains a great number": ContainsAny("metadata.k", (BIG,)),
        "metadata contains all": ContainsAll("metadata.k", ("b", "a")),
        "metadata among mixed kinds": In("metadata.k", (1, "true", False, "\U0001f600", 0.3)),
        "not metadata among mixed kinds": Not(In("metadata.k", (1, "true", False))),
        "many values": In("metadata.k", tuple(range(2000))),
        "deep negation": _negated(Eq("metadata.k", 1), 41),
        "many parts": Or(tuple(Eq("id", record_id(n)) for n in range(0, 300, 2))),
    }
    for value in CONFUSABLES:
        if isinstance(value, str | bool | int | float):
            table[f"metadata is {value!r}"] = Eq("metadata.k", value)
    for bound in (1, 1.0, 0, -0.5, BIG, BIG + 1, float(BIG), 2**63 - 1, "a", "", "1", "\uffee"):
        table[f"metadata less than {bound!r}"] = Lt("metadata.k", bound)
        table[f"metadata at least {bound!r}"] = Gte("metadata.k", bound)
    for key in ODD_KEYS:
        field = f"metadata.{key}"
        table[f"metadata under the key {key!r}"] = Exists(field)
        table[f"a number under the key {key!r}"] = Gt(field, 320)
    return table


def _negated(part: Filter, times: int) -> Filter:
    for _ in range(times):
        part = Not(part)
    return part


_VALUES: dict[FieldType, tuple[Scalar, ...]] = {
    FieldType.TEXT: (
        "apollo", "Apollo", "a", "note", "active", "shared", "talk", "", "%", "Zo\u00eb", "user",
        "lives in", "Rome",
    ),
    FieldType.LABELS: ("x", "y", "it's", "X", "s1", "s2", record_id(0), record_id(1), "%"),
    FieldType.NUMBER: (0, 1, 2, 0.5, 0.25, 1.5, -5, BIG, BIG + 1, 2**40),
    FieldType.BOOL: (True, False),
    FieldType.TIME: tuple(
        EPOCH + timedelta(**{unit: n})
        for unit, n in (("seconds", 0), ("seconds", 7), ("hours", -3), ("microseconds", 1))
    ),
    FieldType.JSON: tuple(v for v in CONFUSABLES if isinstance(v, str | bool | int | float)),
}  # fmt: skip


def random_filter(draw: random.Random, depth: int = 3) -> Filter:
    """A random tree of at most ``depth`` levels of logic; the same for the same ``draw``."""
    if depth and draw.random() < 0.7:
        if draw.random() < 0.3:
            return Not(random_filter(draw, depth - 1))
        parts = tuple(random_filter(draw, depth - 1) for _ in range(draw.randint(0, 3)))
        return And(parts) if draw.random() < 0.5 else Or(parts)
    field = draw.choice([*FIELDS, *["metadata.k"] * 16, *(f"metadata.{key}" for key in ODD_KEYS)])
    kind = FIELDS.get(field, FieldType.JSON)
    if field == "id":
        values: tuple[Scalar, ...] = tuple(record_id(n) for n in (0, 17, 39, 120, 310))
    elif field.startswith("metadata.") and field != "metadata.k":
        values = (300, 310, "k", True, 320.0)
    else:
        values = _VALUES[kind]
    if draw.random() < 0.15:
        return Exists(field)
    some = tuple(draw.choices(values, k=draw.randint(0, 3)))
    if kind is FieldType.LABELS or (kind is FieldType.JSON and draw.random() < 0.25):
        return draw.choice((ContainsAny, ContainsAll))(field, some)
    value = draw.choice(values)
    if draw.random() < 0.25:
        return In(field, some)
    if isinstance(value, bool) or draw.random() < 0.4:
        return draw.choice((Eq, Ne))(field, value)
    ordered: tuple[Callable[[str, Scalar], Filter], ...] = (Lt, Lte, Gt, Gte)
    return draw.choice(ordered)(field, value)
