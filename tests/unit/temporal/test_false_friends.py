"""What looks like a time and is none."""

from __future__ import annotations

import pytest

from tests.unit.temporal.moments import found


@pytest.mark.parametrize(
    "query",
    [
        "",
        " \n\t ",
        "how fast may we call the API?",
        "May I ask something?",
        "you may also like",
        "the march of progress",
        "March on the city",
        "sun exposure and skin",
        "we sat in the sun",
        "who sat on the committee",
        "wed in haste",
        "the second attempt in a second",
        "to spring back and fall over",
        "a spring in the step, a fall from a horse",
        "which version 2023.1 or 2024.2.1 fixed it",
        "release 1.2.2023",
        "listens on port 2024",
        "Apollo 11",
        "open 24/7",
        "5/12 of the cake",
        "ERR-2023 and ERR_2024_05_08",
        "issue #2023, PR 2041",
        "10.0.0.12 or 192.168.1.2026",
        "in file_may.txt and march.py",
        "https://example.org/2023/05/08/june",
        "call me at 2023-555-0100",
        "week",
        "which week is best",
        "a day in the life",
        "the last minute change",
        "last time we met",
        "next to the door",
        "2000ms of latency",
        "$2000 a piece",
        "99999 years ago",
        "65 million years ago",
        "2024-13-45",
        "2024-02-30",
        "Rio de Janeiro",
        "the Mars mission",
        "H1 title",
        "the 3d model",
        "we have seen this before",
        "ever after",
        "look after the dog",
        "since then",
        "how long ago did I speak with Sam",
        "week 3 of the course",
        "for a while",
        "when did we meet",
        "1" * 400,
        "ago ago ago the the of of in",
    ],
)
def test_nothing_is_found(query: str) -> None:
    result = found(query)
    assert result.spans == ()
    assert result.anchors == ()
    assert result.rest == query
