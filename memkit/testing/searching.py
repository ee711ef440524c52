"""The theme of searching: each leg ranks what it should, all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.filters import EVERYTHING, ContainsAny, Eq, Gte, Not
from memkit.protocols import (
    Backend,
    Delete,
    DenseLeg,
    IndexData,
    LexicalLeg,
    Patch,
    Put,
    Scored,
    SearchLeg,
    SearchResult,
)
from memkit.testing.records import (
    NAMESPACE,
    basis_vector,
    build_put,
    build_record,
    record_id,
    toward,
    unit_vectors,
)
from memkit.testing.suite import Suite, assert_same_record, on_store

if TYPE_CHECKING:
    from memkit.protocols import Vector

# What float32 products summed in another order may differ by.
ROUNDING = 1e-4


def leg_ids(result: SearchResult, leg: int = 0) -> list[str]:
    """The ids of one leg's list, best first."""
    return [each.id for each in result.legs[leg]]


def assert_ranked(leg: Sequence[Scored]) -> None:
    """Fail unless scores fall, equal ones are ordered by id and no record comes twice."""
    keys = [(-each.score, each.id) for each in leg]
    assert keys == sorted(keys), "a leg is not ordered by score, then by id"
    assert len({each.id for each in leg}) == len(leg), "a leg ranks a record twice"


class SearchingTests(Suite):
    """What both legs promise, and the dense one."""

    async def fill_random(self, backend: Backend, count: int) -> dict[str, Vector]:
        """Store ``count`` records with random vectors in batches; the vectors by id."""
        vectors = unit_vectors(count, count, self.dimension)
        puts = [
            build_put(
                build_record(n, project="some" if n % 40 == 0 else None, confidence=n / count),
                vectors[n],
                ["everywhere", f"word{n % 100}"],
            )
            for n in range(count)
        ]
        for start in range(0, count, 500):
            await backend.write(puts[start : start + 500])
        return {record_id(n): vectors[n] for n in range(count)}

    def assert_nearest(
        self, leg: Sequence[Scored], vectors: dict[str, Vector], query: Vector, limit: int
    ) -> float:
        """Fail unless a dense leg is well formed; the share of the true nearest it holds."""
        assert_ranked(leg)
        assert len(leg) == min(limit, len(vectors)), "a leg is shorter than what exists"
        cosines = {id_: float(vector @ query) for id_, vector in vectors.items()}
        slack = ROUNDING + self.vector_tolerance * self.dimension**0.5
        assert {each.id for each in leg} <= cosines.keys(), "a leg ranks what should not be there"
        for each in leg:
            assert abs(each.score - cosines[each.id]) <= slack, "a dense score is no cosine"
        if not leg:
            return 1.0
        least = sorted(cosines.values(), reverse=True)[len(leg) - 1]
        near_enough = [each for each in leg if cosines[each.id] >= least - slack]
        return len(near_enough) / len(leg)

    @on_store()
    async def test_a_dense_leg_finds_the_nearest_records(self, backend: Backend) -> None:
        for count in (300, 2_000):
            vectors = await self.fill_random(backend, count)
            shares = []
            for query in unit_vectors(99, 20, self.dimension):
                for limit in (1, 10, 50):
                    found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, limit)
                    shares.append(self.assert_nearest(found.legs[0], vectors, query, limit))
            assert sum(shares) / len(shares) >= self.dense_recall
            await backend.write([Delete(NAMESPACE, id_) for id_ in vectors])

    @on_store()
    async def test_a_dense_leg_finds_the_nearest_of_those_that_match(
        self, backend: Backend
    ) -> None:
        vectors = await self.fill_random(backend, 2_000)
        few = {id_: vectors[id_] for id_ in (record_id(n) for n in range(0, 2_000, 40))}
        half = {id_: vectors[id_] for id_ in (record_id(n) for n in range(1_000, 2_000))}
        shares = []
        for query in unit_vectors(98, 20, self.dimension):
            for filter, kept in ((Eq("project", "some"), few), (Gte("confidence", 0.5), half)):
                found = await backend.search(NAMESPACE, [DenseLeg(query)], filter, 10)
                shares.append(self.assert_nearest(found.legs[0], kept, query, 10))
        assert sum(shares) / len(shares) >= self.dense_recall

    @on_store()
    async def test_a_leg_never_has_fewer_than_exist(self, backend: Backend) -> None:
        query = self.vector(1)
        near = [
            build_put(build_record(n), toward(query, n, 0.9), ["word", "word"]) for n in range(900)
        ]
        # Those that match are the farthest of all, and say the word the least.
        far = [
            build_put(
                build_record(n, project="far"), toward(query, n, -0.5), ["word", *["other"] * 20]
            )
            for n in range(900, 940)
        ]
        for start in range(0, 900, 300):
            await backend.write(near[start : start + 300])
        await backend.write(far)
        wanted = {record_id(n) for n in range(900, 940)}
        for filter in (Eq("project", "far"), Not(Not(Eq("project", "far")))):
            for limit in (40, 41, 1_000):
                found = await backend.search(NAMESPACE, [DenseLeg(query)], filter, limit)
                assert set(leg_ids(found)) == wanted
                if backend.capabilities.lexical:
                    found = await backend.search(NAMESPACE, [LexicalLeg(("word",))], filter, limit)
                    assert set(leg_ids(found)) == wanted
        everything = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, 940)
        assert len(everything.legs[0]) == 940

    @on_store()
    async def test_records_without_a_vector_are_not_ranked_by_a_dense_leg(
        self, backend: Backend
    ) -> None:
        await backend.write(
            [
                build_put(build_record(1), self.vector(1), ["word"]),
                build_put(build_record(2), None, ["word"]),
            ]
        )
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(2))], EVERYTHING, 10)
        assert leg_ids(found) == [record_id(1)]
        if backend.capabilities.lexical:
            found = await backend.search(NAMESPACE, [LexicalLeg(("word",))], EVERYTHING, 10)
            assert leg_ids(found) == [record_id(1), record_id(2)]

    @on_store()
    async def test_limits_of_nothing_one_and_more_than_exist(self, backend: Backend) -> None:
        await self.fill_random(backend, 30)
        query = self.vector(5)
        for limit, expected in ((0, 0), (1, 1), (30, 30), (31, 30), (100_000, 30)):
            found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, limit)
            assert len(found.legs[0]) == expected

    @on_store()
    async def test_an_empty_store_and_an_empty_namespace_rank_nothing(
        self, backend: Backend
    ) -> None:
        legs = [DenseLeg(self.vector(1)), DenseLeg(self.vector(2))]
        assert (await backend.search(NAMESPACE, legs, EVERYTHING, 5)).legs == ((), ())
        await self.fill_random(backend, 10)
        assert (await backend.search("empty", legs, EVERYTHING, 5)).legs == ((), ())
        assert (await backend.search(NAMESPACE, [], EVERYTHING, 5)).legs == ()
        nothing = Not(EVERYTHING)
        assert (await backend.search(NAMESPACE, legs, nothing, 5)).legs == ((), ())

    @on_store()
    async def test_equal_scores_are_ordered_by_id(self, backend: Backend) -> None:
        query = basis_vector(0, self.dimension)
        other = basis_vector(1, self.dimension)
        order = [7, 3, 11, 0, 5, 9, 1, 8]
        puts = [build_put(build_record(n), query, ["word"]) for n in order]
        puts += [build_put(build_record(n), other, ["else"]) for n in range(20, 60)]
        await backend.write(puts)
        wanted = [record_id(n) for n in sorted(order)]
        found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, len(order))
        assert leg_ids(found) == wanted
        if self.dense_recall == 1.0:
            found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, 5)
            assert leg_ids(found) == wanted[:5]

    @on_store()
    async def test_changed_and_deleted_records_change_the_dense_leg_at_once(
        self, backend: Backend
    ) -> None:
        vectors = await self.fill_random(backend, 200)
        query = self.vector(77)
        for n in range(0, 60, 3):
            moved, gone, relabelled = (build_record(n + m) for m in range(3))
            index = IndexData(toward(query, n, 0.99), ("new",))
            await backend.write(
                [
                    Patch(replace(moved, version=2), 1, index),
                    Delete(NAMESPACE, gone.id),
                    Patch(replace(relabelled, project="new", version=2), 1),
                ]
            )
            vectors[moved.id] = toward(query, n, 0.99)
            del vectors[gone.id]
            found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, len(vectors))
            assert self.assert_nearest(found.legs[0], vectors, query, len(vectors)) == 1.0
            assert found.legs[0][0].score > 0.98
            labelled = await backend.search(NAMESPACE, [DenseLeg(query)], Eq("project", "new"), 99)
            assert set(leg_ids(labelled)) == {record_id(m + 2) for m in range(0, n + 1, 3)}
        await backend.write([Put(build_record(500), IndexData(query, ("new",)))])
        found = await backend.search(NAMESPACE, [DenseLeg(query)], EVERYTHING, 1)
        assert leg_ids(found) == [record_id(500)]

    @on_store()
    async def test_each_leg_answers_in_its_own_place(self, backend: Backend) -> None:
        await backend.write(
            [
                build_put(build_record(1), basis_vector(0, self.dimension), ["alpha"]),
                build_put(build_record(2), basis_vector(1, self.dimension), ["beta"]),
            ]
        )
        first, second = (DenseLeg(basis_vector(axis, self.dimension)) for axis in (0, 1))
        found = await backend.search(NAMESPACE, [second, first], EVERYTHING, 1)
        assert [leg_ids(found, n) for n in range(2)] == [[record_id(2)], [record_id(1)]]
        if backend.capabilities.lexical:
            beta, alpha, gamma = (LexicalLeg((word,)) for word in ("beta", "alpha", "gamma"))
            legs: list[SearchLeg] = [beta, first, alpha, gamma]
            found = await backend.search(NAMESPACE, legs, EVERYTHING, 1)
            wanted = [[record_id(2)], [record_id(1)], [record_id(1)], []]
            assert [leg_ids(found, n) for n in range(4)] == wanted

    @on_store()
    async def test_records_that_come_along_are_the_stored_ones(self, backend: Backend) -> None:
        records = [build_record(n, tags=("x",), metadata={"n": n}) for n in range(10)]
        await backend.write([build_put(r, self.vector(n)) for n, r in enumerate(records)])
        await backend.write([build_put(build_record(50, namespace="foreign"), self.vector(1))])
        some = ContainsAny("tags", ("x",))
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(1))], some, 5)
        by_id = {record.id: record for record in records}
        for id_, record in found.records.items():
            assert_same_record(record, by_id[id_])
