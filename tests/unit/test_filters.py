"""Filters refuse what makes no sense, and mean what their documentation says."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from memkit.errors import InvalidFilter, InvalidInput, MemkitError
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
    check_filter,
    field_type,
    matches,
    metadata_key,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING: Filter = Or(())


def holding(**values: Any) -> Callable[[str], Any]:
    """A record's values; a double underscore stands for the dot after ``metadata``."""
    named = {name.replace("__", ".", 1): value for name, value in values.items()}
    return named.get


@pytest.mark.parametrize("make", [Eq, Ne, Lt, Lte, Gt, Gte])
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("colour", "red", "no such field"),
        ("", "red", "no such field"),
        ("metadata.", "red", "no such field"),
        ("metadata", "red", "no such field"),
        ("Project", "p", "no such field"),
        ("content", "text", "no such field"),
        ("namespace", "acme", "no such field"),
        (3, "x", "a filter's field is a string, not int"),
        (None, "x", "a filter's field is a string, not NoneType"),
        ("metadata.\ud800", "x", "lone surrogate"),
        ("project", 1, "compared with text, not int"),
        ("project", True, "compared with text, not bool"),
        ("project", NOON, "compared with text, not datetime"),
        ("project", "\udfff", "lone surrogate"),
        ("project", None, "for missing values use Exists"),
        ("project", b"p", "not bytes"),
        ("project", ["p"], "not list"),
        ("confidence", "high", "compared with a number, not str"),
        ("confidence", True, "compared with a number, not bool"),
        ("confidence", math.nan, "not finite"),
        ("confidence", math.inf, "not finite"),
        ("metadata.k", -math.inf, "not finite"),
        ("sequence", 2**63, "more than 64 bits"),
        ("metadata.k", -(2**63) - 1, "more than 64 bits"),
        ("pinned", 1, "compared with True or False, not int"),
        ("pinned", "true", "compared with True or False, not str"),
        ("created_at", "2026-03-01", "compared with an aware datetime, not str"),
        ("created_at", 1_700_000_000, "compared with an aware datetime, not int"),
        ("created_at", datetime(2026, 3, 1), "has no zone"),
        ("created_at", NOON.date(), "not date"),
        ("metadata.k", NOON, "text, a number or a truth value, not datetime"),
        ("metadata.k", {"a": 1}, "not dict"),
        ("tags", "x", "is a list: use ContainsAny or ContainsAll"),
        ("link_to", "x", "is a list"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    make: Any, field: Any, value: Any, complaint: str
) -> None:
    with pytest.raises(InvalidFilter, match=complaint):
        make(field, value)


@pytest.mark.parametrize("make", [Lt, Lte, Gt, Gte])
@pytest.mark.parametrize("field", ["pinned", "embedded", "metadata.k"])
def test_truth_values_have_no_order(make: Any, field: str) -> None:
    with pytest.raises(InvalidFilter, match="truth values have no order"):
        make(field, True)


@pytest.mark.parametrize("make", [In, ContainsAny, ContainsAll])
@pytest.mark.parametrize("values", ["abc", b"abc", 3, None, True])
def test_a_list_of_values_must_be_one(make: Any, values: Any) -> None:
    with pytest.raises(InvalidFilter, match="takes a list of values"):
        make("metadata.k", values)


@pytest.mark.parametrize(
    ("make", "field", "values", "complaint"),
    [
        (In, "project", ("p", 1), "compared with text, not int"),
        (In, "tags", ("x",), "is a list"),
        (In, "metadata.k", (None,), "use Exists"),
        (In, "created_at", (NOON, datetime(2026, 3, 1)), "has no zone"),
        (ContainsAny, "project", ("p",), "is not a list: use Eq or In"),
        (ContainsAll, "confidence", (), "is not a list"),
        (ContainsAny, "tags", (1,), "compared with text, not int"),
        (ContainsAll, "metadata.k", ([1],), "not list"),
        (ContainsAny, "colour", (), "no such field"),
    ],
)
def test_each_of_the_values_is_checked(make: Any, field: str, values: Any, complaint: str) -> None:
    with pytest.raises(InvalidFilter, match=complaint):
        make(field, values)


@pytest.mark.parametrize("make", [And, Or])
@pytest.mark.parametrize("parts", ["ab", b"ab", None, 3, ("x",), (None,), (Eq,), [{}]])
def test_logic_takes_filters_alone(make: Any, parts: Any) -> None:
    with pytest.raises(InvalidFilter):
        make(parts)


@pytest.mark.parametrize("part", [None, "x", True, (), {"project": "p"}, Eq])
def test_not_and_check_filter_take_a_filter_alone(part: Any) -> None:
    with pytest.raises(InvalidFilter, match="a filter is one of Eq, Ne"):
        Not(part)
    with pytest.raises(InvalidFilter, match="a filter is one of Eq, Ne"):
        check_filter(part)


def test_what_is_refused_is_a_value_error_with_a_code_and_without_the_value() -> None:
    with pytest.raises(InvalidFilter) as caught:
        Eq("confidence", "my secret")
    assert isinstance(caught.value, InvalidInput | MemkitError | ValueError)
    assert caught.value.code == "invalid_filter"
    assert "secret" not in str(caught.value)


def test_an_unknown_field_is_told_those_that_exist() -> None:
    with pytest.raises(InvalidFilter) as caught:
        field_type("colour")
    assert all(name in str(caught.value) for name in FIELDS)


def test_everything_after_the_first_dot_is_the_key() -> None:
    assert metadata_key("metadata.a.b.c") == "a.b.c"
    assert metadata_key("metadata. ") == " "
    assert metadata_key("metadata.metadata.x") == "metadata.x"
    assert field_type("metadata.project") is FieldType.JSON
    assert field_type("project") is FieldType.TEXT


def test_values_and_parts_become_tuples_and_filters_can_be_keys() -> None:
    filter = And([In("project", ["a", "b"]), Or(iter([Exists("task")]))])  # type: ignore[arg-type]
    same = And((In("project", ("a", "b")), Or((Exists("task"),))))
    assert filter == same
    assert hash(filter) == hash(same)
    assert check_filter(filter) is filter


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0, -0.0, 1e308, "", "a\0b", "\U0001f600"])
def test_values_at_the_bounds_are_accepted(value: Any) -> None:
    assert Eq("metadata.k", value).value == value


@pytest.mark.parametrize(
    ("filter", "record", "expected"),
    [
        # Text
        (Eq("project", "p"), {"project": "p"}, True),
        (Eq("project", "p"), {"project": "P"}, False),
        (Eq("project", "caf\u00e9"), {"project": "cafe\u0301"}, False),
        (Lt("project", "\U0001f600"), {"project": "\uffee"}, True),
        (Gt("project", "Z"), {"project": "a"}, True),
        # Missing values: a leaf is false, its complement true
        (Eq("project", "p"), {}, False),
        (Ne("project", "p"), {}, True),
        (Not(Eq("project", "p")), {}, True),
        (Lt("sequence", 5), {}, False),
        (Not(Lt("sequence", 5)), {}, True),
        (Gte("sequence", 5), {}, False),
        (In("project", ("p",)), {}, False),
        (ContainsAny("tags", ("x",)), {}, False),
        (ContainsAll("metadata.k", ()), {}, False),
        (Exists("project"), {}, False),
        (Exists("metadata.k"), {"metadata__k": None}, False),
        (Ne("metadata.k", 1), {"metadata__k": None}, True),
        # What there is
        (Exists("project"), {"project": ""}, True),
        (Exists("sequence"), {"sequence": 0}, True),
        (Exists("pinned"), {"pinned": False}, True),
        (Exists("tags"), {"tags": ()}, False),
        (Exists("tags"), {"tags": ("x",)}, True),
        (Exists("metadata.k"), {"metadata__k": []}, True),
        (Exists("metadata.k"), {"metadata__k": {}}, True),
        # Numbers, truth values and text are three families
        (Eq("metadata.k", 1), {"metadata__k": 1.0}, True),
        (Eq("metadata.k", 1.0), {"metadata__k": 1}, True),
        (Eq("metadata.k", 1), {"metadata__k": True}, False),
        (Eq("metadata.k", True), {"metadata__k": 1}, False),
        (Eq("metadata.k", True), {"metadata__k": True}, True),
        (Eq("metadata.k", 1), {"metadata__k": "1"}, False),
        (Eq("metadata.k", "1"), {"metadata__k": 1}, False),
        (Eq("metadata.k", "true"), {"metadata__k": True}, False),
        (Eq("metadata.k", 0.0), {"metadata__k": -0.0}, True),
        (Ne("metadata.k", 1), {"metadata__k": True}, True),
        (Lt("metadata.k", 2), {"metadata__k": True}, False),
        (Lt("metadata.k", 2), {"metadata__k": "1"}, False),
        (Lt("metadata.k", "2"), {"metadata__k": 1}, False),
        (Not(Lt("metadata.k", 2)), {"metadata__k": "1"}, True),
        (Eq("metadata.k", 2**53), {"metadata__k": 2**53 + 1}, False),
        (Eq("metadata.k", float(2**53)), {"metadata__k": 2**53 + 1}, False),
        (Gt("metadata.k", float(2**53)), {"metadata__k": 2**53 + 1}, True),
        (Eq("metadata.k", "x"), {"metadata__k": ["x"]}, False),
        (Eq("metadata.k", "x"), {"metadata__k": {"x": 1}}, False),
        (Eq("pinned", False), {"pinned": False}, True),
        # Bounds
        (Lte("sequence", 5), {"sequence": 5}, True),
        (Lt("sequence", 5), {"sequence": 5}, False),
        (Gte("sequence", 5), {"sequence": 5}, True),
        (Gt("sequence", 5), {"sequence": 5}, False),
        # Times are instants
        (
            Eq("created_at", NOON.astimezone(timezone(timedelta(hours=-7)))),
            {"created_at": NOON},
            True,
        ),
        (Gt("created_at", NOON), {"created_at": NOON + timedelta(microseconds=1)}, True),
        # Among several
        (In("project", ()), {"project": "p"}, False),
        (In("metadata.k", ("1", 1)), {"metadata__k": 1}, True),
        (In("metadata.k", ("1", True)), {"metadata__k": 1}, False),
        # Lists
        (ContainsAny("tags", ("x", "y")), {"tags": ("y", "z")}, True),
        (ContainsAny("tags", ()), {"tags": ("y",)}, False),
        (ContainsAll("tags", ("y", "z")), {"tags": ("z", "y")}, True),
        (ContainsAll("tags", ("y", "y")), {"tags": ("y",)}, True),
        (ContainsAll("tags", ("x", "y")), {"tags": ("y",)}, False),
        (ContainsAll("tags", ()), {"tags": ()}, True),
        (ContainsAny("metadata.k", (1,)), {"metadata__k": [True, "1"]}, False),
        (ContainsAny("metadata.k", (1,)), {"metadata__k": [1.0]}, True),
        (ContainsAny("metadata.k", ("x",)), {"metadata__k": "x"}, False),
        (ContainsAny("metadata.k", ("x",)), {"metadata__k": {"x": 1}}, False),
        (ContainsAll("metadata.k", ("x",)), {"metadata__k": [["x"]]}, False),
        # Logic
        (EVERYTHING, {}, True),
        (NOTHING, {}, False),
        (Not(NOTHING), {}, True),
        (And((EVERYTHING, NOTHING)), {}, False),
        (Or((NOTHING, EVERYTHING)), {}, True),
        (Not(Not(Eq("project", "p"))), {"project": "p"}, True),
    ],
)  # fmt: skip
def test_a_filter_means_what_it_says(
    filter: Filter, record: dict[str, Any], expected: bool
) -> None:
    assert matches(filter, holding(**record)) is expected


def test_ne_and_not_are_plain_complements_of_eq() -> None:
    values: tuple[Any, ...] = (None, 1, 1.0, True, "1", [], [1], "x", 0)
    for held in values:
        for value in values:
            if isinstance(value, bool | int | float | str):
                sees = holding(metadata__k=held)
                equal = matches(Eq("metadata.k", value), sees)
                assert matches(Ne("metadata.k", value), sees) is not equal
                assert matches(Not(Eq("metadata.k", value)), sees) is not equal
