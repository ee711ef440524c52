"""Reranker URLs: found and refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit.errors import ConfigurationError, MissingDependency
from memkit.reranking import reranker_from_url
from memkit.reranking.fastembed import FastEmbedReranker
from memkit.reranking.http import HttpReranker


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with entry points, good and bad."""
    information = tmp_path / "their_rerankers-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-rerankers\nVersion: 1\n"
    )
    (information / "entry_points.txt").write_text(
        "[memkit.rerankers]\n"
        "theirs = their_rerankers:Theirs\n"
        "cohere = their_rerankers:Theirs\n"
        "fastembed = their_rerankers:Theirs\n"
        "broken = their_rerankers:no_such_name\n"
        "wrong = their_rerankers:not_a_reranker\n"
        "constant = their_rerankers:CONSTANT\n"
    )
    (tmp_path / "their_rerankers.py").write_text(
        "CONSTANT = 7\n"
        "class Theirs:\n"
        "    def __init__(self, url): self.name = url\n"
        "    def available(self): return True\n"
        "    def load(self): pass\n"
        "    def rerank(self, query, texts): return [1.0 for _ in texts]\n"
        "    def close(self): pass\n"
        "def not_a_reranker(url):\n    return url\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_rerankers", None)


@pytest.mark.parametrize("url", [None, "none", " none "])
def test_nothing_is_asked_unless_it_is_named(url: str | None) -> None:
    assert reranker_from_url(url) is None


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("fastembed:BAAI/bge-reranker-base?threads=1", FastEmbedReranker),
        ("FASTEMBED:", FastEmbedReranker),
        ("cohere:rerank-v3.5", HttpReranker),
        ("jina:jina-reranker-v2-base-multilingual", HttpReranker),
        ("voyage:rerank-2.5", HttpReranker),
        ("tei:?base_url=http://localhost:8080", HttpReranker),
    ],
)
def test_a_url_names_its_reranker_and_no_other_package_takes_its_name(url: str, kind: type) -> None:
    assert isinstance(reranker_from_url(url), kind)


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_reranker_loads_by_its_entry_point() -> None:
    reranker = reranker_from_url("theirs:some/model?size=3")
    assert reranker is not None
    assert reranker.name == "theirs:some/model?size=3"
    assert reranker.rerank("query", ["text"]) == [1.0]


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize(
    ("scheme", "error", "says"),
    [
        ("broken", MissingDependency, "reranker broken .* cannot be imported"),
        ("wrong", ConfigurationError, "not a Reranker"),
        ("constant", ConfigurationError, "not callable"),
    ],
)
def test_an_entry_point_that_is_no_reranker_says_so(
    scheme: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        reranker_from_url(f"{scheme}:x")


@pytest.mark.usefixtures("third_party")
def test_an_unknown_scheme_lists_what_there_is() -> None:
    with pytest.raises(ConfigurationError) as caught:
        reranker_from_url("kohere:m?token=abc")
    for name in ("cohere", "fastembed", "jina", "none", "tei", "theirs", "voyage"):
        assert name in str(caught.value)
    assert "abc" not in str(caught.value)
