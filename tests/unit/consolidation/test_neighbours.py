"""Groups of near rows: the same however they are computed, and never a chain of everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memkit.consolidation.neighbours import (
    NEAREST,
    blocks,
    grouped,
    joined,
    near_pairs,
    words_matrix,
)
from memkit.retrieval.analysis import analyze


def unit(rows: list[list[float]]) -> np.ndarray:
    made = np.array(rows, np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def groups_of(rows: np.ndarray, least: float, most: int = 30, step: int = 3) -> list[list[int]]:
    parts = [
        near_pairs(rows, start, min(len(rows), start + step), least)
        for start in range(0, len(rows), step)
    ]
    return grouped(rows, joined(parts), least, most)


def test_blocks_cover_all_rows_once() -> None:
    for size in (0, 1, 5, 4096, 100_000):
        spans = blocks(size)
        assert [start for start, _ in spans] == [0, *(stop for _, stop in spans)][: len(spans)]
        assert sum(stop - start for start, stop in spans) == size
        # 64 MiB of products at once, whatever the size.
        assert all(
            (stop - start) * size <= 16 * 2**20 or stop - start == 1 for start, stop in spans
        )


def test_pairs_are_those_that_a_full_matrix_shows() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(40, 8)).tolist())
    one, other, cosines = joined([near_pairs(rows, 0, 17, 0.3), near_pairs(rows, 17, 40, 0.3)])
    full = rows @ rows.T
    wanted = {(i, j) for i in range(40) for j in range(i + 1, 40) if full[i, j] >= 0.3}
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == wanted
    assert np.allclose(cosines, full[one, other], atol=1e-6)


def test_many_copies_give_few_pairs_and_groups_of_a_bounded_size() -> None:
    rows = unit([[1.0, 0.0]] * 200)
    one, _, _ = near_pairs(rows, 0, 200, 0.6)
    assert len(one) <= 200 * NEAREST
    found = groups_of(rows, 0.6, most=30, step=64)
    assert max(map(len, found)) <= 30
    assert sum(map(len, found)) >= 190


def test_a_chain_of_neighbours_is_not_one_group() -> None:
    # Each is near the next one; the ends point in opposite directions.
    angles = np.linspace(0, np.pi, 25)
    rows = unit([[float(np.cos(angle)), float(np.sin(angle))] for angle in angles])
    found = groups_of(rows, 0.9)
    assert len(found) > 3
    for group in found:
        inside = rows[group] @ rows[group].T
        assert inside.min() > 0.3
        assert inside.mean() >= 0.9


@given(
    st.integers(0, 10_000),
    st.integers(2, 60),
    st.sampled_from([0.2, 0.5, 0.8]),
    st.integers(2, 12),
)
@settings(max_examples=40, deadline=None)
def test_groups_do_not_depend_on_blocks_and_keep_their_bounds(
    seed: int, size: int, least: float, most: int
) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(size, 3)).tolist())
    found = groups_of(rows, least, most, step=1)
    assert found == groups_of(rows, least, most, step=7)
    rows_in = [row for group in found for row in group]
    assert len(rows_in) == len(set(rows_in))
    assert all(2 <= len(group) <= most for group in found)


def test_groups_that_are_done_do_not_change_what_the_others_are() -> None:
    rows = unit(np.random.default_rng(5).normal(size=(60, 4)).tolist())
    found = groups_of(rows, 0.7)
    gone, *left = found
    kept = [row for row in range(60) if row not in gone]
    again = [[kept[at] for at in group] for group in groups_of(rows[kept], 0.7)]
    assert sorted(again) == sorted(left)


def test_words_make_near_vectors_of_texts_that_share_them() -> None:
    texts = [
        "the deploy of billing failed",
        "billing: the deploy has failed",
        "Felix eats tuna",
        "",
    ]
    rows = words_matrix([analyze(text) for text in texts])
    assert rows[0] @ rows[1] > 0.6
    assert abs(rows[0] @ rows[2]) < 0.4
    assert np.linalg.norm(rows[2]) == pytest.approx(1.0, abs=1e-6)
    # What else is there changes nothing.
    assert np.array_equal(rows[:1], words_matrix([analyze(texts[0])]))
