"""Embedder URLs: found, refused and masked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit.embedding import embedder_from_url, masked
from memkit.embedding.fastembed import FastEmbedEmbedder
from memkit.embedding.local import LocalEmbedder
from memkit.embedding.openai import OpenAIEmbedder
from memkit.errors import ConfigurationError, MissingDependency
from memkit.testing.embedders import ToyEmbedder


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with entry points, good and bad."""
    information = tmp_path / "their_embedders-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-embedders\nVersion: 1\n"
    )
    (information / "entry_points.txt").write_text(
        "[memkit.embedders]\n"
        "theirs = their_embedders:from_url\n"
        "local = their_embedders:from_url\n"
        "broken = their_embedders:no_such_name\n"
        "unmade = no_such_package_at_all:from_url\n"
        "wrong = their_embedders:not_an_embedder\n"
        "constant = their_embedders:CONSTANT\n"
    )
    (tmp_path / "their_embedders.py").write_text(
        "from memkit.testing.embedders import ToyEmbedder\n"
        "CONSTANT = 7\n"
        "def from_url(url):\n    return ToyEmbedder(name=url)\n"
        "def not_an_embedder(url):\n    return url\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_embedders", None)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (None, LocalEmbedder),
        ("local", LocalEmbedder),
        (" local: ", LocalEmbedder),
        ("LOCAL:?threads=3", LocalEmbedder),
        ("fastembed:BAAI/bge-small-en-v1.5?threads=1&cache=/tmp/x", FastEmbedEmbedder),
        ("openai:text-embedding-3-small?dimensions=256", OpenAIEmbedder),
    ],
)
def test_a_url_names_its_embedder_without_loading_it(url: str | None, kind: type) -> None:
    assert isinstance(embedder_from_url(url), kind)


def test_none_is_no_embedder() -> None:
    assert embedder_from_url("none") is None


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_embedder_loads_by_its_entry_point() -> None:
    embedder = embedder_from_url("theirs:some/model?size=3")
    assert isinstance(embedder, ToyEmbedder)
    assert embedder.fingerprint.model == "theirs:some/model?size=3"


@pytest.mark.usefixtures("third_party")
def test_a_third_party_cannot_take_the_name_of_ours() -> None:
    assert isinstance(embedder_from_url("local"), LocalEmbedder)


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize("scheme", ["broken", "unmade"])
def test_an_entry_point_that_cannot_be_imported_says_so(scheme: str) -> None:
    with pytest.raises(MissingDependency, match=f"embedder {scheme} .* cannot be imported"):
        embedder_from_url(f"{scheme}:x")


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize(
    ("scheme", "says"), [("wrong", "not an Embedder"), ("constant", "not callable")]
)
def test_an_entry_point_of_the_wrong_kind_says_so(scheme: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        embedder_from_url(f"{scheme}:x")


@pytest.mark.usefixtures("third_party")
def test_an_unknown_scheme_lists_what_there_is() -> None:
    with pytest.raises(ConfigurationError) as caught:
        embedder_from_url("opanai:m?token=abc")
    for name in ("fastembed", "local", "none", "openai", "theirs"):
        assert name in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "local:?threads=0",
        "local:?threads=two",
        "local:?download=perhaps",
        "local:?threads=1&threads=2",
        "local:?threads",
        "local:?folder=/x",
        "fastembed:m?speed=9",
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        embedder_from_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("local", "local"),
        ("openai:m?api_key=abc&batch=3", "openai:m?api_key=***&batch=3"),
        ("openai:m?base_url=https://u:p@h/v1", "openai:m?base_url=https://***@h/v1"),
        (
            "openai:m?base_url=https%3A%2F%2Fu:p%40h/v1",
            "openai:m?base_url=https%3A%2F%2F***%40h/v1",
        ),
        ("openai:sk-abcdefghijkl", "openai:***"),
        ("openai:m?api_key_env=MY_KEY&max_tokens=5", "openai:m?api_key_env=MY_KEY&max_tokens=5"),
        ("theirs://u:p@h/x?Password=abc;Token=def", "theirs://***@h/x?Password=***"),
    ],
)
def test_secrets_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown
