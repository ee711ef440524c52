"""Facts and predicates as a server tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from memkit.client.answers import record_of
from memkit.facts.asking import Fact
from memkit.facts.asserting import Asserted
from memkit.facts.predicates import Predicate
from memkit.facts.timeline import Moment

Json = Any


def asserted_of(told: Json) -> Asserted:
    """What came of a fact."""
    return Asserted(
        told["status"],
        record_of(told["record"]),
        tuple(told["closed"]),
        tuple(told["reopened"]),
        tuple(told["notices"]),
    )


def facts_of(told: Json) -> list[Fact]:
    """Facts."""
    return [_fact_of(each) for each in told["facts"]]


def moments_of(told: Json) -> list[Moment]:
    """What happened."""
    return [
        Moment(
            datetime.fromisoformat(each["at"]),
            each["what"],
            record_of(each["record"]),
            None if each["fact"] is None else _fact_of(each["fact"]),
        )
        for each in told["moments"]
    ]


def predicate_of(told: Json) -> Predicate:
    """A predicate."""
    return Predicate(told["name"], told["single"], told["symmetric"], told["declared"])


def predicates_of(told: Json) -> list[Predicate]:
    """Predicates."""
    return [predicate_of(each) for each in told["predicates"]]


def _fact_of(told: Json) -> Fact:
    return Fact(
        record_of(told["record"]),
        datetime.fromisoformat(told["valid_from"]),
        _moment(told["valid_to"]),
        datetime.fromisoformat(told["known_from"]),
        _moment(told["known_to"]),
        told["ended_by"],
        told["reason"],
        told["mirrored"],
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
