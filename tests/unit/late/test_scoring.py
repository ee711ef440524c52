"""What is kept of tokens, and what is made of it."""

from __future__ import annotations

import numpy as np
import pytest

from memkit.protocols import Tokens
from memkit.retrieval.fusion import Fused
from memkit.retrieval.late import KEPT, LOOKED_AT, blend, max_sims, pack
from memkit.types import Leg
from tests.unit.late.conftest import vectors_of


def tokens(text: str, dimension: int = 384) -> Tokens:
    words = tuple(text.split())
    return Tokens(words, vectors_of(words, dimension))


def naive(query: Tokens, records: list[Tokens]) -> list[float]:
    """MaxSim as the docstring has it, number by number, on words that all mean something."""
    root = np.sqrt(query.vectors.shape[1])
    found = [
        [
            max(sum(np.where(held > 0, asked, -asked)) / root for held in record.vectors)
            for record in records
        ]
        for asked in query.vectors.astype(np.float64)
    ]
    weights = [max(row) - sum(row) / len(row) for row in found]
    return [
        sum(weight * row[at] for weight, row in zip(weights, found, strict=True)) / sum(weights)
        for at in range(len(records))
    ]


@pytest.mark.parametrize("dimension", [8, 50, 384])
def test_max_sim_is_what_plain_arithmetic_says(dimension: int) -> None:
    query = tokens("honey bees garden", dimension)
    records = [
        tokens(text, dimension)
        for text in ("bees live outdoors gladly", "garden", "honey bees sting", "rye bread")
    ]
    sims = max_sims(query, [pack(each) for each in records])
    np.testing.assert_allclose(sims, naive(query, records), atol=1e-5)
    assert sims.argmax() == 2


def test_a_token_takes_a_bit_a_number() -> None:
    assert len(pack(tokens("honey bees garden"))) == 3 * 48
    assert len(pack(tokens("honey bees", 50))) == 2 * 7


def test_products_with_signs_keep_the_order_of_near_and_far() -> None:
    rng = np.random.default_rng(7)
    query = vectors_of([f"q{n}" for n in range(40)])
    noise = vectors_of([f"n{n}" for n in range(40)])
    for cosine in (0.3, 0.5, 0.7, 0.9):
        near = cosine * query + np.sqrt(1 - cosine**2) * noise
        products = np.sum(query * np.where(near > 0, 1, -1), axis=1) / np.sqrt(384)
        # For directions at random the sign keeps sqrt(2 / pi) of the cosine.
        assert np.abs(products - np.sqrt(2 / np.pi) * cosine).max() < 0.16
        far = rng.permutation(noise)
        assert (products > np.sum(query * np.where(far > 0, 1, -1), axis=1) / np.sqrt(384)).all()


def test_words_without_a_meaning_are_not_kept_unless_there_are_no_others() -> None:
    assert pack(tokens("The bees , of the garden .")) == pack(tokens("bees garden"))
    assert len(pack(tokens("to be or not to be"))) == 6 * 48
    assert pack(tokens("")) == b""


def test_of_a_long_text_the_first_tokens_are_kept() -> None:
    long = [f"word{n}" for n in range(KEPT + 9)]
    assert pack(tokens(" ".join(long))) == pack(tokens(" ".join(long[:KEPT])))


def candidates(count: int) -> list[Fused]:
    return [Fused(f"r{n:02}", 1 - n / 1000, {"dense": Leg(n + 1, 0.5)}) for n in range(count)]


def test_blending_lifts_what_answers_and_says_so() -> None:
    query = tokens("honey price")
    packed = {
        "r00": pack(tokens("rye bread recipe")),
        "r01": pack(tokens("garden bees")),
        "r02": pack(tokens("honey costs price")),
    }
    blended = blend(candidates(3), query, packed)
    assert [entry.id for entry in blended] == ["r00", "r01", "r02"]
    assert max(blended, key=lambda entry: entry.score).id == "r02"
    assert blended[2].legs["late"].rank == 1
    assert blended[2].legs["late"].score == pytest.approx(
        float(max_sims(query, list(packed.values())).max())
    )
    assert blended[2].legs["dense"] == Leg(3, 0.5)
    assert all(0 <= entry.score <= 1 for entry in blended)


def test_a_candidate_without_tokens_is_neither_best_nor_worst_for_it() -> None:
    query = tokens("honey price")
    packed = {"r00": pack(tokens("honey price")), "r02": pack(tokens("rye bread"))}
    gained = [
        new.score * 1.25 - old.score
        for new, old in zip(blend(candidates(3), query, packed), candidates(3), strict=True)
    ]
    assert gained[0] == pytest.approx(0.25)
    assert gained[2] == pytest.approx(0)
    assert 0.05 < gained[1] < 0.2
    assert "late" not in blend(candidates(3), query, packed)[1].legs


@pytest.mark.parametrize(
    "packed", [{}, {"r01": b"\x01" * 48}, {"r00": b"", "r01": b"123", "r02": b"\x02" * 48}]
)
def test_with_fewer_than_two_to_compare_nothing_changes(packed: dict[str, bytes]) -> None:
    assert list(blend(candidates(3), tokens("honey"), packed)) == candidates(3)


def test_beyond_those_looked_at_the_order_stays() -> None:
    many = candidates(LOOKED_AT + 20)
    packed = {entry.id: pack(tokens(f"bees {entry.id}")) for entry in many}
    blended = blend(many, tokens(f"bees r{LOOKED_AT + 5}"), packed)
    assert "late" not in blended[LOOKED_AT].legs
    assert "late" in blended[LOOKED_AT - 1].legs
    tail = [entry.score for entry in blended[LOOKED_AT:]]
    assert tail == sorted(tail, reverse=True)


def test_a_query_that_matches_nothing_apart_says_nothing() -> None:
    same = pack(tokens("garden bees"))
    assert list(blend(candidates(2), tokens("honey"), {"r00": same, "r01": same})) == candidates(2)
    assert max_sims(tokens(""), [same]).tolist() == [0.0]
