"""Stores' URLs."""

import pytest

from memkit.backing.locations import (
    StoreURL,
    count,
    flag,
    one_of,
    parse_store_url,
    read_options,
    seconds,
)
from memkit.errors import ConfigurationError


def test_a_url_is_taken_apart() -> None:
    url = parse_store_url("QDRANTS://us%40er:p%2Fw@[::1]:6334/my%20notes?timeout=2.5&grpc=true")
    assert url == StoreURL(
        "qdrants", "::1", 6334, "us@er", "p/w", "/my notes", {"timeout": "2.5", "grpc": "true"}
    )
    assert url.location == "qdrants://[::1]:6334/my notes"
    assert "p/w" not in repr(url)


@pytest.mark.parametrize(
    "url",
    [
        "x://h:notaport/secret",
        "x://h/secret?a=1&a=2",
        "x://h/secret#part",
        "x://[secret",
        "x://h?secret",
    ],
)
def test_a_malformed_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_store_url(url)
    assert "secret" not in str(caught.value)


def test_options_are_read_by_type() -> None:
    known = {"a": seconds, "b": count(1, 5), "c": flag, "d": one_of("x", "y")}
    url = parse_store_url("s://h?a=0.5&b=5&c=FALSE&d=y")
    assert read_options(url, known) == {"a": 0.5, "b": 5, "c": False, "d": "y"}
    assert read_options(parse_store_url("s://h"), known) == {}


@pytest.mark.parametrize("query", ["a=0", "a=-1", "a=x", "a=nan", "b=6", "b=1.5", "c=maybe", "d=z"])
def test_an_option_that_cannot_be_is_named(query: str) -> None:
    known = {"a": seconds, "b": count(1, 5), "c": flag, "d": one_of("x", "y")}
    with pytest.raises(ConfigurationError, match=f"option {query[0]} "):
        read_options(parse_store_url(f"s://h?{query}"), known)


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="no option 'z': it takes a, b"):
        read_options(parse_store_url("s://h?z=1"), {"b": flag, "a": flag})
