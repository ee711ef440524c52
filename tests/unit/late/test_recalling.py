"""Token vectors in recall, with the real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memkit import Memory
from memkit.embedding.cache import CachedEmbedder
from memkit.embedding.local import LocalEmbedder
from memkit.protocols import TokenEmbedder
from memkit.testing.embedders import ToyEmbedder
from tests.unit.late.conftest import ToyTokens


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEmbedder]:
    embedder = LocalEmbedder(threads=1)
    embedder.load()
    yield embedder
    embedder.close()


TEXTS = [
    "The API rate limit is 100 requests a minute.",
    "",
    "a",
    "Café crème à Zürich 北京大学",
    "lone \ud800 surrogate",
    "supercalifragilisticexpialidocious " * 150,
]


def test_one_run_gives_the_same_vectors_and_a_vector_for_each_token(local: LocalEmbedder) -> None:
    vectors, tokens = local.embed_tokens(TEXTS)
    np.testing.assert_allclose(vectors, local.embed(TEXTS), atol=1e-6)
    assert tokens[0].words == (
        *("The", "API", "rate", "limit", "is", "100", "requests", "a", "minute", "."),
    )
    assert tokens[1].vectors.shape == (0, 384)
    assert tokens[3].words == ("Café", "crème", "crème", "à", "Zürich", "北", "京", "大", "学")
    assert set(tokens[5].words) == {"supercalifragilisticexpialidocious"}
    for each in tokens:
        assert each.vectors.shape == (len(each.words), 384)
        np.testing.assert_allclose(np.linalg.norm(each.vectors, axis=1), 1, atol=1e-5)


def test_the_first_tokens_are_told_across_windows(local: LocalEmbedder) -> None:
    long = " ".join(f"word{n}" for n in range(400))
    _, (some,) = local.embed_tokens([long], most=300)
    _, (fewer,) = (
        local.embed_tokens([long, "short"], most=30)[0],
        local.embed_tokens([long], most=30)[1],
    )
    assert len(some.words) == len(some.vectors) == 300
    np.testing.assert_allclose(fewer.vectors, some.vectors[:30], atol=1e-4)


def test_who_tells_tokens_can_be_told() -> None:
    assert isinstance(LocalEmbedder(), TokenEmbedder)
    assert not isinstance(ToyEmbedder(), TokenEmbedder)
    assert not CachedEmbedder(ToyEmbedder()).has_tokens
    with pytest.raises(TypeError):
        CachedEmbedder(ToyEmbedder()).embed_tokens(["bees"])


def test_a_querys_tokens_are_remembered_until_they_are_forgotten(embedder: ToyTokens) -> None:
    cached = CachedEmbedder(embedder)
    cached.embed_tokens(["of a record"])
    vectors, (tokens,) = cached.embed_tokens(["where are the bees"], "query")
    assert cached.peek_tokens("of a record") is None
    assert cached.peek_tokens("where are the bees") is tokens
    remembered = cached.peek("where are the bees", "query")
    assert remembered is not None
    np.testing.assert_array_equal(remembered, vectors[0])
    cached.forget(["where are the bees"])
    assert cached.peek_tokens("where are the bees") is None


def test_a_query_costs_one_run_and_none_when_it_comes_again(
    store: Path, embedder: ToyTokens
) -> None:
    with Memory.open(str(store), embedder=embedder, token_vectors="on") as memory:
        memory.remember_many(["Ann keeps bees", "Bob bakes bread"])
        embedder.runs = 0
        assert "late" in memory.recall("who has bees", profile="best")[0].why.legs
        assert embedder.runs == 1
        assert "late" in memory.recall("who has bees", profile="best")[0].why.legs
        assert embedder.runs == 1
        memory.recall("bread", profile="balanced")
        assert "late" in memory.recall("bread", profile="best")[0].why.legs


def test_other_profiles_and_words_alone_do_without(store: Path, embedder: ToyTokens) -> None:
    with Memory.open(str(store), embedder=embedder, token_vectors="on") as memory:
        memory.remember_many(["Ann keeps bees", "Bob bakes bread"])
        for profile, mode in (("balanced", "hybrid"), ("fast", "hybrid"), ("best", "lexical")):
            assert "late" not in memory.recall("bees", profile=profile, mode=mode)[0].why.legs


def test_the_best_profile_finds_the_detail_in_a_text_about_something_else(
    store: Path, local: LocalEmbedder
) -> None:
    answer = (
        "Lena moved to Bremen in spring, changed jobs, and now shares a flat with her brother "
        "and an old tabby cat."
    )
    others = ["Lena has a petition.", "Pets are allowed here.", "Lena does not have time."]
    with Memory.open(str(store), embedder=local, token_vectors="on") as memory:
        memory.warm_up()
        memory.remember_many([others[0], answer, *others[1:]], deduplicate="off")
        hits = {
            profile: memory.recall("what pet does Lena have?", profile=profile)
            for profile in ("balanced", "best")
        }
        assert hits["balanced"][-1].record.content == answer
        assert hits["best"][0].record.content == answer
        assert hits["best"][0].why.legs["late"].rank == 1
        assert hits["best"][0].why.fused > hits["balanced"][-1].why.fused


def test_few_of_many_queries_tokens_are_remembered(embedder: ToyTokens) -> None:
    cached = CachedEmbedder(embedder)
    queries = [f"query {n} " + "word " * 198 for n in range(30)]
    for query in queries:
        cached.embed_tokens([query], "query")
    held = [query for query in queries if cached.peek_tokens(query) is not None]
    assert held == queries[-20:]
