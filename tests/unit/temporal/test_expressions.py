"""Which time an expression means, asked on a Saturday morning in November 2026."""

from __future__ import annotations

import pytest

from tests.unit.temporal.moments import BERLIN, Bounds, bounds, found

NOW = "2026-11-21T10:00"
WEEK = ("2026-11-09", "2026-11-16")
MAY = ("2026-05-01", "2026-06-01")

CASES: list[tuple[str, Bounds]] = [
    # From now.
    ("what did we decide last week?", WEEK),
    ("last week's decision", WEEK),
    ("the week before last", ("2026-11-02", "2026-11-09")),
    ("this week", ("2026-11-16", "2026-11-23")),
    ("next week", ("2026-11-23", "2026-11-30")),
    ("last month", ("2026-10-01", "2026-11-01")),
    ("last quarter", ("2026-07-01", "2026-10-01")),
    ("last year", ("2025-01-01", "2026-01-01")),
    ("last decade", ("2010-01-01", "2020-01-01")),
    ("today", ("2026-11-21", "2026-11-22")),
    ("yesterday's notes", ("2026-11-20", "2026-11-21")),
    ("tomorrow", ("2026-11-22", "2026-11-23")),
    ("the day before yesterday", ("2026-11-19", "2026-11-20")),
    ("gestern", ("2026-11-20", "2026-11-21")),
    ("yesterday evening", ("2026-11-20T17:00", "2026-11-21")),
    ("this morning", ("2026-11-21T05:00", "2026-11-21T12:00")),
    ("tonight", ("2026-11-21T18:00", "2026-11-22T06:00")),
    ("last night", ("2026-11-20T18:00", "2026-11-21T06:00")),
    ("the night before last", ("2026-11-19T18:00", "2026-11-20T06:00")),
    ("yesterday at 3pm", ("2026-11-20T15:00", "2026-11-20T16:00")),
    ("at 15:30 yesterday", ("2026-11-20T15:30", "2026-11-20T15:45")),
    ("5 minutes ago", ("2026-11-21T09:54", "2026-11-21T09:55")),
    ("half an hour ago", ("2026-11-21T09:15", "2026-11-21T09:45")),
    ("two hours ago", ("2026-11-21T07:30", "2026-11-21T08:30")),
    ("three days ago", ("2026-11-18", "2026-11-19")),
    ("3d ago", ("2026-11-18", "2026-11-19")),
    ("a week ago", ("2026-11-11", "2026-11-18")),
    ("a couple of weeks ago", ("2026-10-28", "2026-11-11")),
    ("two or three weeks ago", ("2026-10-28", "2026-11-11")),
    ("two months ago", ("2026-09-06", "2026-10-07")),
    ("a year and a half ago", ("2024-11-20", "2025-11-20")),
    ("more than a year ago", (None, "2025-11-21")),
    ("the past three days", ("2026-11-18", NOW)),
    ("the last 24 hours", ("2026-11-20T10:00", NOW)),
    ("over the last month", ("2026-10-21", NOW)),
    ("in the past year", ("2025-11-21", NOW)),
    ("earlier this week", ("2026-11-16", NOW)),
    ("recently", ("2026-11-07T10:00", NOW)),
    ("what have I done lately", ("2026-11-07T10:00", NOW)),
    ("the other day", ("2026-11-11", "2026-11-21")),
    ("over the weekend", ("2026-11-21", "2026-11-23")),
    ("last weekend", ("2026-11-14", "2026-11-16")),
    ("two weekends ago", ("2026-11-07", "2026-11-09")),
    ("the next few days", (NOW, "2026-11-26T10:00")),
    ("two weeks from now", ("2026-12-02", "2026-12-09")),
    # Weekdays.
    ("on Monday", ("2026-11-16", "2026-11-17")),
    ("last Saturday", ("2026-11-14", "2026-11-15")),
    ("this Friday", ("2026-11-20", "2026-11-21")),
    ("next Tuesday", ("2026-11-24", "2026-11-25")),
    ("Friday last week", ("2026-11-13", "2026-11-14")),
    ("last week on Tuesday", ("2026-11-10", "2026-11-11")),
    ("Monday morning", ("2026-11-16T05:00", "2026-11-16T12:00")),
    ("am Montag", ("2026-11-16", "2026-11-17")),
    # Months, seasons, quarters.
    ("which bugs did we fix in May?", MAY),
    ("im Mai", MAY),
    ("en mayo", MAY),
    ("in December", ("2025-12-01", "2026-01-01")),
    ("in November", ("2026-11-01", "2026-12-01")),
    ("last November", ("2025-11-01", "2025-12-01")),
    ("May last year", ("2025-05-01", "2025-06-01")),
    ("early June", ("2026-06-01", "2026-06-11")),
    ("mid-June", ("2026-06-11", "2026-06-21")),
    ("late June", ("2026-06-21", "2026-07-01")),
    ("the end of May", ("2026-05-24", "2026-06-01")),
    ("mid-2024", ("2024-05-02", "2024-09-01")),
    ("end of last year", ("2025-10-01", "2026-01-01")),
    ("the first half of 2024", ("2024-01-01", "2024-07-02")),
    ("H1 2024", ("2024-01-01", "2024-07-01")),
    ("Q3", ("2026-07-01", "2026-10-01")),
    ("Q4", ("2026-10-01", "2027-01-01")),
    ("Q3 2025", ("2025-07-01", "2025-10-01")),
    ("Q3/2025", ("2025-07-01", "2025-10-01")),
    ("the third quarter of 2025", ("2025-07-01", "2025-10-01")),
    ("in the summer of 2024", ("2024-06-01", "2024-09-01")),
    ("summer of '69", ("1969-06-01", "1969-09-01")),
    ("last summer", ("2026-06-01", "2026-09-01")),
    ("last winter", ("2025-12-01", "2026-03-01")),
    ("this winter", ("2026-12-01", "2027-03-01")),
    ("the last week of October 2023", ("2023-10-25", "2023-11-01")),
    ("in the second week of November", ("2026-11-08", "2026-11-15")),
    ("the last two weeks of August 2023", ("2023-08-18", "2023-09-01")),
    ("the first weekend of August 2023", ("2023-08-05", "2023-08-07")),
    ("the last Friday of June", ("2026-06-26", "2026-06-27")),
    # Days.
    ("on 8 May", ("2026-05-08", "2026-05-09")),
    ("on 8 December", ("2025-12-08", "2025-12-09")),
    ("on the 8th of May 2026", ("2026-05-08", "2026-05-09")),
    ("May 8th, 2023", ("2023-05-08", "2023-05-09")),
    ("December 1,2023", ("2023-12-01", "2023-12-02")),
    ("8-May-2023", ("2023-05-08", "2023-05-09")),
    ("8. Mai 2023", ("2023-05-08", "2023-05-09")),
    ("8 de mayo de 2023", ("2023-05-08", "2023-05-09")),
    ("le 8 mai 2023", ("2023-05-08", "2023-05-09")),
    ("Monday, May 8, 2023", ("2023-05-08", "2023-05-09")),
    ("Sun, 8 May 2022", ("2022-05-08", "2022-05-09")),
    ("Wed 8 May", ("2024-05-08", "2024-05-09")),
    ("on the 8th", ("2026-11-08", "2026-11-09")),
    ("on the 29th of February", ("2024-02-29", "2024-03-01")),
    ("the evening of 7 July, 2023", ("2023-07-07T17:00", "2023-07-08")),
    ("at 3pm on 8 May", ("2026-05-08T15:00", "2026-05-08T16:00")),
    ("the week of 8 May", ("2026-05-04", "2026-05-11")),
    ("the Monday before July 24, 2023", ("2023-07-17", "2023-07-18")),
    ("the week before 9 June 2023", ("2023-06-02", "2023-06-09")),
    ("the weekend after 4 October 2023", ("2023-10-07", "2023-10-09")),
    ("two days after 8 May 2023", ("2023-05-10", "2023-05-11")),
    ("on 2026-05-08", ("2026-05-08", "2026-05-09")),
    ("on the first of May", ("2026-05-01", "2026-05-02")),
    ("2026/05/08", ("2026-05-08", "2026-05-09")),
    ("13/04/2026", ("2026-04-13", "2026-04-14")),
    ("04/13/2026", ("2026-04-13", "2026-04-14")),
    ("04.05.2026", ("2026-05-04", "2026-05-05")),
    ("2026-05-08T10:00Z", ("2026-05-08T12:00", "2026-05-08T12:01")),
    ("2026-05-08T10:00+05:30", ("2026-05-08T06:30", "2026-05-08T06:31")),
    ("2024-05", ("2024-05-01", "2024-06-01")),
    ("week 19 of 2024", ("2024-05-06", "2024-05-13")),
    ("2024-W19", ("2024-05-06", "2024-05-13")),
    # Years and more.
    ("in 2023", ("2023-01-01", "2024-01-01")),
    ("the year 1066", ("1066-01-01", "1067-01-01")),
    ("the 90s", ("1990-01-01", "2000-01-01")),
    ("in the nineties", ("1990-01-01", "2000-01-01")),
    ("the 2030s", ("2030-01-01", "2040-01-01")),
    ("in the 2010s", ("2010-01-01", "2020-01-01")),
    ("in the 19th century", ("1801-01-01", "1901-01-01")),
    # From one to another.
    ("between Monday and Wednesday", ("2026-11-16", "2026-11-19")),
    ("from Friday to Sunday", ("2026-11-13", "2026-11-16")),
    ("from March to June", ("2026-03-01", "2026-07-01")),
    ("from November to February", ("2025-11-01", "2026-03-01")),
    ("June–August 2024", ("2024-06-01", "2024-09-01")),
    ("between August and November 2023", ("2023-08-01", "2023-12-01")),
    ("between 3 and 8 May 2026", ("2026-05-03", "2026-05-09")),
    ("May 3-8, 2025", ("2025-05-03", "2025-05-09")),
    ("3–8 May", ("2026-05-03", "2026-05-09")),
    ("between August 11 and August 15 2023", ("2023-08-11", "2023-08-16")),
    ("2020-2022", ("2020-01-01", "2023-01-01")),
    ("from Monday to now", ("2026-11-16", NOW)),
    ("since May until July", ("2026-05-01", "2026-08-01")),
    # On one side.
    ("what changed since 3 June 2026", ("2026-06-03", NOW)),
    ("since yesterday", ("2026-11-20", NOW)),
    ("from 2020 onwards", ("2020-01-01", NOW)),
    ("since the beginning of the year", ("2026-01-01", NOW)),
    ("before 8 May", (None, "2026-05-08")),
    ("prior to 2024", (None, "2024-01-01")),
    ("after 8 May", ("2026-05-09", None)),
    ("until Friday", (None, "2026-11-21")),
    ("by December 2023", (None, "2024-01-01")),
    ("as of November 2023", (None, "2023-12-01")),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_an_expression_means_one_time(query: str, expected: Bounds) -> None:
    assert bounds(query) == [expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Day or month first: nobody can tell.
        ("03/04/2026", [("2026-04-03", "2026-04-04"), ("2026-03-04", "2026-03-05")]),
        # Yesterday, or the Friday of last week.
        ("last Friday", [("2026-11-20", "2026-11-21"), ("2026-11-13", "2026-11-14")]),
        # Today is one.
        ("on Saturday", [("2026-11-14", "2026-11-15"), ("2026-11-21", "2026-11-22")]),
        # That which began in 2024, or that which ended then.
        ("winter 2024", [("2023-12-01", "2024-03-01"), ("2024-12-01", "2025-03-01")]),
    ],
)
def test_an_ambiguous_expression_has_each_reading_at_the_same_place(
    query: str, expected: list[Bounds]
) -> None:
    assert bounds(query) == expected
    first, second = found(query).spans
    assert first.position == second.position
    assert first.certainty < 0.8
    assert second.certainty < 0.8


def test_several_times_are_found_in_their_order() -> None:
    assert bounds("what did I say yesterday about the trip in June and July 2022?") == [
        ("2026-11-20", "2026-11-21"),
        ("2022-06-01", "2022-07-01"),
        ("2022-07-01", "2022-08-01"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("what will happen in May", ("2027-05-01", "2027-06-01")),
        ("what's next in May", ("2027-05-01", "2027-06-01")),
        ("are we going to ship on Monday", ("2026-11-23", "2026-11-24")),
        ("what is due on Wednesday", ("2026-11-25", "2026-11-26")),
        ("upcoming talks in March", ("2027-03-01", "2027-04-01")),
    ],
)
def test_a_question_about_the_future_means_what_comes(query: str, expected: Bounds) -> None:
    assert bounds(query) == [expected]


@pytest.mark.parametrize(
    ("query", "now", "expected"),
    [
        ("last week", "2026-01-01T09:00 UTC", ("2025-12-22", "2025-12-29")),
        ("last month", "2026-01-31T09:00 UTC", ("2025-12-01", "2026-01-01")),
        ("last quarter", "2026-02-01T09:00 UTC", ("2025-10-01", "2026-01-01")),
        ("one month ago", "2026-03-31T09:00 UTC", ("2026-02-13", "2026-03-16")),
        ("a year ago", "2024-02-29T09:00 UTC", ("2022-08-30", "2023-08-30")),
        ("in May", "2026-03-10T09:00 UTC", ("2025-05-01", "2025-06-01")),
        ("in May", "2026-05-10T09:00 UTC", ("2026-05-01", "2026-06-01")),
        ("on 29 February", "2028-03-01T09:00 UTC", ("2028-02-29", "2028-03-01")),
        ("last Friday", "2026-11-20T10:00 UTC", ("2026-11-13", "2026-11-14")),
        ("next Friday", "2026-11-20T10:00 UTC", ("2026-11-27", "2026-11-28")),
        ("last winter", "2026-01-15T09:00 UTC", ("2024-12-01", "2025-03-01")),
        ("this winter", "2026-01-15T09:00 UTC", ("2025-12-01", "2026-03-01")),
        ("the 20s", "2026-01-15T09:00 UTC", ("2020-01-01", "2030-01-01")),
        ("this weekend", "2026-11-18T09:00 UTC", ("2026-11-21", "2026-11-23")),
        ("last weekend", "2026-11-22T09:00 UTC", ("2026-11-14", "2026-11-16")),
    ],
)
def test_what_is_meant_follows_the_reference_time(query: str, now: str, expected: Bounds) -> None:
    assert bounds(query, now) == [expected]


@pytest.mark.parametrize(
    ("query", "surer"),
    [
        ("June said she likes it", "in June"),
        ("with June", "in June"),
        ("after June", "after July"),
        ("the budget 2023", "in 2023"),
        ("in 2000 requests", "in 2000"),
        ("on Mondays", "on Monday"),
        ("every Monday", "on Monday"),
        ("on Sun", "on Sunday"),
        ("the Monday team", "on Monday"),
        ("Sunday roast", "on Sunday"),
        ("recently", "last week"),
        ("in mayo", "en mayo"),
        ("a long time ago", "two years ago"),
    ],
)
def test_what_may_be_no_time_is_less_certain(query: str, surer: str) -> None:
    (unsure,), (sure,) = found(query).spans, found(surer).spans
    assert 0 < unsure.certainty < sure.certainty <= 1


def test_a_span_knows_its_words_and_their_place() -> None:
    query = "What did Ann (my sister) do on 8 May, 2023?"
    (span,) = found(query).spans
    assert span.text == "on 8 May, 2023"
    assert query[slice(*span.position)] == span.text


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("what did we decide last week?", "what did we decide?"),
        ("what did we decide last week about tea", "what did we decide about tea"),
        ("In May, what broke?", "what broke?"),
        ("no time at all here", "no time at all here"),
        ("in 2023", ""),
        # These words may be wanted: they are hardly a time.
        ("what June said on every Monday", "what June said on every Monday"),
        ("what did I do before I moved", "what did I do before I moved"),
    ],
)
def test_the_rest_is_the_query_without_its_times(query: str, rest: str) -> None:
    assert found(query, BERLIN).rest == rest
