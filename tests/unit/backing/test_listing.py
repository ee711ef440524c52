"""Pages of what a store cannot sort itself."""

import pytest

from memkit.backing.listing import Cursors, check_count_by, sorted_page
from memkit.errors import InvalidInput
from memkit.protocols import Order

ENTRIES = [
    ("b", "1"), (None, "2"), ("a", "3"), ("b", "0"), (None, "9"), ("ä", "4"), ("B", "5"), ("", "6"),
]  # fmt: skip
ASCENDING = ["6", "5", "3", "0", "1", "4", "2", "9"]
DESCENDING = ["4", "0", "1", "3", "5", "6", "2", "9"]


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 100])
@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        (Order("speaker", descending=False), ASCENDING),
        (Order("speaker", descending=True), DESCENDING),
        (Order("id", descending=False), sorted(id_ for _, id_ in ENTRIES)),
        (Order("id", descending=True), sorted((id_ for _, id_ in ENTRIES), reverse=True)),
    ],
)
def test_pages_follow_one_another(order: Order, wanted: list[str], limit: int) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        ids, cursor = sorted_page(ENTRIES, order, cursor, limit)
        assert len(ids) <= limit
        seen += ids
        if cursor is None:
            break
    assert seen == wanted


def test_what_vanished_between_pages_moves_nothing_else() -> None:
    order = Order("speaker", descending=False)
    first, cursor = sorted_page(ENTRIES, order, None, 3)
    left = [each for each in ENTRIES if each[1] not in (first[-1], "1")]
    rest, _ = sorted_page(left, order, cursor, 100)
    assert first + rest == [id_ for id_ in ASCENDING if id_ != "1"]


@pytest.mark.parametrize("cursor", ["", "x", "e30=", "WzFd"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        sorted_page(ENTRIES, Order(), cursor, 3)


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = Cursors(Order("id")).text("x", "x")
    with pytest.raises(InvalidInput, match="another order"):
        sorted_page(ENTRIES, Order("id", descending=False), cursor, 3)


def test_what_cannot_be_ordered_or_counted_is_refused() -> None:
    with pytest.raises(InvalidInput):
        sorted_page(ENTRIES, Order("tags"), None, 3)
    with pytest.raises(InvalidInput):
        sorted_page(ENTRIES, Order(), None, -1)
    with pytest.raises(InvalidInput):
        check_count_by("version")
    assert sorted_page(ENTRIES, Order(), None, 0) == ([], None)
