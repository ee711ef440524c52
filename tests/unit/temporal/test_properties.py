"""What holds of any query whatever."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memkit.temporal import LOOKED_AT, TimeQuery, find
from memkit.temporal.vocabulary import (
    COUNTS,
    DAYS,
    IN,
    MONTHS,
    ORDINALS,
    RELATIONS,
    TRIGGERS,
    UNITS,
    WEEKDAYS,
)

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]

moments = st.builds(
    lambda naive, zone, fold: naive.replace(tzinfo=ZoneInfo(zone), fold=fold),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.sampled_from(ZONES),
    st.integers(0, 1),
)
words = st.sampled_from(
    sorted({*MONTHS, *WEEKDAYS, *UNITS, *DAYS, *COUNTS, *ORDINALS, *RELATIONS, *IN, *TRIGGERS})
    + "the a of in ago back last next this past early mid late end beginning half few couple and"
    " or to - from between until by by now will i moved what other more than over at 3pm 10:30"
    " 8 31 2nd 29th 2024 2026 0001 9999 '90 '90s 90s 1990s Q3 H1 2024-02 2024-02-29 2023-02-29"
    " 03/04/2026 3.4.26 2024-W53 2025-W53 2024-05-08T10:00Z 0001-01-01 9999-12-31 May June Sun"
    " 3-8 mid-2024 May-June 8-May-2026 3d 99h İstanbul ß so far while ever prior up as century"
    " decade weekend morning night evening noon winter spring , . ? :".split()
)
sentences = st.lists(words, max_size=14).map(" ".join)


def check(query: str, now: datetime) -> TimeQuery:
    result = find(query, now)
    for span in result.spans:
        assert 0 < span.certainty <= 1
        assert span.blur.total_seconds() > 0
        assert span.start is not None or span.end is not None
        assert query[slice(*span.position)] == span.text != ""
        for bound in (span.start, span.end):
            assert bound is None or bound.tzinfo is UTC
        if span.start is not None and span.end is not None:
            assert span.start < span.end
    for anchor in result.anchors:
        assert 0 < anchor.certainty <= 1
        assert query[slice(*anchor.position)] == anchor.text
        assert anchor.phrase in anchor.text
        anchor.resolve(now)
    for places in (
        [span.position for span in result.spans],
        [anchor.position for anchor in result.anchors],
    ):
        assert places == sorted(places)
        # Readings of one expression share its place; others do not overlap.
        for (_, end), (start, _) in pairwise(sorted(set(places))):
            assert start >= end
    return result


@given(st.text(max_size=300), moments)
def test_no_text_is_an_error(query: str, now: datetime) -> None:
    check(query, now)


@given(sentences, moments)
@example("the end of the century before last", datetime(200, 1, 1, tzinfo=UTC))
def test_no_words_of_time_are_an_error_however_they_are_mixed(query: str, now: datetime) -> None:
    assert check(query, now) == find(query, now)


@given(sentences, st.integers(0, 3000), st.integers(0, 3000))
def test_of_a_long_query_the_ends_alone_are_read(query: str, before: int, after: int) -> None:
    long = "x " * before + query + " x" * after
    result = check(long, NOW)
    half = LOOKED_AT // 2
    places = [span.position for span in result.spans]
    places += [anchor.position for anchor in result.anchors]
    for first, last in places:
        assert len(long) <= LOOKED_AT or last <= half or first >= len(long) - half


@pytest.mark.parametrize("filler", ["x", "x ", "May ", "2024 ", "the end of ", "since ", "1/", "'"])
def test_a_time_at_either_end_of_a_long_query_is_found(filler: str) -> None:
    middle = filler * (100_000 // len(filler))
    assert "last week" in [span.text for span in check(f"last week. {middle}", NOW).spans]
    result = check(f"{middle} ? what was on 8 May 2023?", NOW)
    assert result.spans[-1].text == "on 8 May 2023"
    assert result.spans[-1].start == datetime(2023, 5, 8, tzinfo=UTC)


def test_a_time_in_the_middle_of_a_long_query_is_not_looked_for() -> None:
    query = "x " * LOOKED_AT + "on 8 May 2023" + " x" * LOOKED_AT
    assert find(query, NOW) == TimeQuery((), (), query)
