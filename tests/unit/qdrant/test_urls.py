"""The URLs of both backends: what they set, what they refuse, and what they never tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from memkit.errors import ConfigurationError
from memkit.registry import backend_from_url
from memkit_qdrant import QdrantBackend, QdrantEdgeBackend
from memkit_qdrant.edge_options import EdgeOptions, options_from
from memkit_qdrant.server_options import KEY_VARIABLE, ServerOptions, server_options

SECRET = "s3cret-key"


def test_a_bare_host_has_every_default() -> None:
    assert server_options("qdrant://db", {}) == ServerOptions(host="db")


def test_host_port_collection_and_tls_are_read() -> None:
    options = server_options("qdrants://db.example:7000/lab", {})
    assert (options.host, options.port, options.collection) == ("db.example", 7000, "lab")
    assert options.tls
    assert options.location == "qdrants://db.example:7000/lab"
    assert server_options("qdrant://[::1]", {}).location == "qdrant://[::1]:6333/memkit"


@pytest.mark.parametrize("user", [f"{SECRET}@", f":{SECRET}@"])
def test_the_key_comes_from_the_url(user: str) -> None:
    options = server_options(f"qdrants://{user}db", {KEY_VARIABLE: "another"})
    assert options.api_key == SECRET


def test_the_key_comes_from_the_environment_otherwise() -> None:
    assert server_options("qdrant://db", {KEY_VARIABLE: SECRET}).api_key == SECRET
    assert server_options("qdrant://db", {KEY_VARIABLE: ""}).api_key is None


def test_no_text_form_shows_the_key() -> None:
    options = server_options(f"qdrants://{SECRET}@db", {})
    assert SECRET not in f"{options!r}{options.location}"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("grpc", "true", True),
        ("grpc_port", "7334", 7334),
        ("timeout", "2.5", 2.5),
        ("retries", "0", 0),
        ("pool_size", "4", 4),
        ("shard_number", "6", 6),
        ("replication_factor", "3", 3),
        ("write_consistency_factor", "2", 2),
        ("sharding", "custom", "custom"),
        ("shard_keys", "5", 5),
        ("ordering", "weak", "weak"),
        ("consistency", "quorum", "quorum"),
        ("consistency", "2", 2),
        ("on_disk", "true", True),
        ("quantization", "binary", "binary"),
    ],
)
def test_every_option_of_a_server_is_read(name: str, text: str, value: object) -> None:
    options = server_options(f"qdrant://db?{name}={text}", {})
    assert getattr(options, name) == value
    assert getattr(ServerOptions(), name) != value


@pytest.mark.parametrize(
    "url",
    [
        "qdrant://",
        "qdrant:///path",
        f"qdrant://{SECRET}@db?nonsense=1",
        f"qdrant://{SECRET}@db?grpc=perhaps",
        f"qdrant://{SECRET}@db?ordering=medium&ordering=weak",
        f"qdrant://{SECRET}@db?timeout=0",
        f"qdrant://{SECRET}@db?consistency=some",
        f"qdrant://{SECRET}@db/a/b",
        f"qdrant://{SECRET}@db/..",
        f"qdrant://{SECRET}@db:port",
    ],
)
def test_what_cannot_be_is_refused_without_quoting_the_key(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        server_options(url, {})
    assert SECRET not in str(caught.value)


def test_an_embedded_stores_url_is_a_folder_with_settings(tmp_path: Path) -> None:
    assert options_from(f"qdrant+edge://{tmp_path}/a%20b") == (tmp_path / "a b", EdgeOptions())
    url = f"qdrant+edge://{tmp_path}?flush=never&index_after=5&on_disk=true&quantization=scalar"
    assert options_from(url)[1] == EdgeOptions("never", 5, True, "scalar")


@pytest.mark.parametrize(
    "url",
    ["qdrant+edge://host/path", "qdrant+edge://", "qdrant+edge:///", "qdrant+edge:///p?flush=now"],
)
def test_an_embedded_stores_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        options_from(url)


def test_both_are_found_by_their_schemes(tmp_path: Path) -> None:
    assert isinstance(backend_from_url("qdrant://db"), QdrantBackend)
    assert isinstance(backend_from_url("qdrants://db"), QdrantBackend)
    assert isinstance(backend_from_url(f"qdrant+edge://{tmp_path}"), QdrantEdgeBackend)


def test_a_flush_that_may_lose_writes_is_not_called_durable(tmp_path: Path) -> None:
    def durable(flush: str) -> bool:
        url = f"qdrant+edge://{tmp_path}?flush={flush}"
        return QdrantEdgeBackend.from_url(url).capabilities.durable

    assert [durable(each) for each in ("on_acknowledge", "interval", "never")] == [
        True,
        False,
        False,
    ]


def test_a_weaker_ordering_is_not_called_compare_and_set() -> None:
    assert QdrantBackend.from_url("qdrant://db").capabilities.compare_and_set
    assert not QdrantBackend.from_url("qdrant://db?ordering=weak").capabilities.compare_and_set
