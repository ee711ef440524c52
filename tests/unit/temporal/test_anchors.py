"""Times told by an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memkit.errors import InvalidInput
from tests.unit.temporal.moments import BERLIN, found, moment

EVENT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("query", "relation", "phrase"),
    [
        ("what did I do before I moved?", "before", "I moved"),
        ("what broke since the release", "since", "the release"),
        (
            "who called after the incident with the mail server",
            "after",
            "the incident with the mail server",
        ),
        ("After the release, what did we fix?", "after", "the release"),
        ("after the release what did we fix", "after", "the release"),
        ("what did I read while I was in Berlin", "during", "I was in Berlin"),
        ("what did I eat when we were in Rome", "during", "we were in Rome"),
        ("who spoke during the meeting", "during", "the meeting"),
        ("what was planned until the launch", "until", "the launch"),
        ("what was done by the time we moved to Oslo", "until", "we moved to Oslo"),
        ("bugs prior to the merge", "before", "the merge"),
        ("what we learnt following the outage", "after", "the outage"),
        ("what broke since ERR-1042", "since", "ERR-1042"),
        ("what broke since the 2023 release", "since", "the 2023 release"),
        ("what did we eat after the Monday meeting", "after", "the Monday meeting"),
        ("the day before the wedding", "before", "the wedding"),
    ],
)
def test_an_event_is_found_with_its_relation(query: str, relation: str, phrase: str) -> None:
    (anchor,) = found(query).anchors
    assert (anchor.relation, anchor.phrase) == (relation, phrase)
    assert query[slice(*anchor.position)] == anchor.text
    assert anchor.text.endswith(phrase)
    assert 0 < anchor.certainty < 1


def test_an_event_ends_where_a_time_begins() -> None:
    result = found("what was said during the meeting on Monday")
    assert [anchor.phrase for anchor in result.anchors] == ["the meeting"]
    assert [span.text for span in result.spans] == ["on Monday"]


def test_a_reason_is_less_certain_than_a_time() -> None:
    (reason,) = found("it fails since it's slow").anchors
    (time,) = found("it fails since the release").anchors
    assert reason.certainty < time.certainty


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("before the launch", None, EVENT),
        ("until the launch", None, EVENT),
        ("after the launch", EVENT, None),
        ("since the launch", EVENT, moment(BERLIN)),
        ("during the launch", EVENT - DAY / 2, EVENT + DAY / 2),
        ("the week before the launch", EVENT - 7 * DAY, EVENT),
        ("the day after the launch", EVENT, EVENT + DAY),
        ("two weeks after the launch", EVENT + 10.5 * DAY, EVENT + 17.5 * DAY),
    ],
)
def test_an_event_that_is_known_gives_a_span(
    query: str, start: datetime | None, end: datetime | None
) -> None:
    (anchor,) = found(query).anchors
    span = anchor.resolve(EVENT)
    assert (span.start, span.end) == (start, end)
    assert span.position == anchor.position
    assert span.certainty == anchor.certainty


def test_since_an_event_that_lies_ahead_ends_with_it() -> None:
    (anchor,) = found("since the launch").anchors
    ahead = moment(BERLIN) + DAY
    span = anchor.resolve(ahead)
    assert (span.start, span.end) == (ahead, ahead)


@pytest.mark.parametrize("edge", [datetime(1, 1, 1), datetime(9999, 12, 31, 23)])
def test_an_event_at_the_end_of_the_calendar_is_no_error(edge: datetime) -> None:
    for query in ("during the launch", "two weeks after it rained", "the week before it rained"):
        for anchor in found(query).anchors:
            anchor.resolve(edge.replace(tzinfo=UTC))


def test_the_moment_of_an_event_needs_a_zone() -> None:
    (anchor,) = found("before the launch").anchors
    with pytest.raises(InvalidInput, match="zone"):
        anchor.resolve(datetime(2026, 3, 10))
