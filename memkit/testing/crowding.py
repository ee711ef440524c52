"""The theme of crowds: one small namespace among very many foreign records is not disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from memkit.filters import EVERYTHING, Eq
from memkit.protocols import DenseLeg, LexicalLeg, Put
from memkit.testing.records import (
    basis_vector,
    build_put,
    build_record,
    record_id,
    toward,
    unit_vectors,
)
from memkit.testing.searching import ROUNDING, assert_ranked, leg_ids
from memkit.testing.suite import Suite, ids_of, require, scan_all

SMALL = "acme"
SMALL_ROWS = 25
CROWDS = ("acme-corp", "Acme", "acme/x", "crowd")
BATCH = 2_000


class CrowdingTests(Suite):
    """The crowd is written once for all tests of a class; no test changes it."""

    crowded_places: ClassVar[dict[type[Suite], Path]] = {}

    @pytest.fixture
    def crowded(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The place of a store with the small namespace in the midst of the crowd."""
        place = self.crowded_places.get(type(self))
        if place is None:
            place = tmp_path_factory.mktemp("crowded") / "store"
            self.fill_crowd(place)
            self.crowded_places[type(self)] = place
        return place

    def fill_crowd(self, place: Path) -> None:
        """Write half of the crowd, the small namespace and the other half."""

        async def fill() -> None:
            async with self.opened(place) as backend:
                half = self.foreign_rows // 2
                for batch in self.crowd(0, half):
                    await backend.write(batch)
                await backend.write(self.small_puts())
                for batch in self.crowd(half, self.foreign_rows):
                    await backend.write(batch)

        asyncio.run(fill())

    def small_puts(self) -> list[Put]:
        """The small namespace, whose records are further from the query than all others."""
        query = basis_vector(0, self.dimension)
        return [
            build_put(
                build_record(n, namespace=SMALL, project="p" if n % 5 == 0 else None),
                toward(query, n, -0.2 - n / 100),
                ["shared", *["own"] * (n % 4 + 1), f"w{n}", *["pad"] * (n % 3)],
            )
            for n in range(SMALL_ROWS)
        ]

    def crowd(self, start: int, stop: int) -> Iterator[list[Put]]:
        """Foreign records that are nearer to the query and say its words more often."""
        for first in range(start, stop, BATCH):
            count = min(BATCH, stop - first)
            vectors = unit_vectors(first, count, self.dimension)
            vectors[:, 0] = np.abs(vectors[:, 0])
            yield [
                build_put(
                    # Group 1: ids of their own, apart from the first few that are the small
                    # namespace's too.
                    build_record(
                        n,
                        id=record_id(n, 1 if n >= SMALL_ROWS else 0),
                        namespace=CROWDS[n % len(CROWDS)],
                        project="p",
                    ),
                    vectors[n - first],
                    ["shared", "shared", f"w{n % 50}", *["own"] * (n % 2)],
                )
                for n in range(first, first + count)
            ]

    def test_the_small_namespace_is_found_whole_by_each_leg(self, crowded: Path) -> None:
        async def run() -> None:
            async with self.opened(crowded) as backend:
                counted = await backend.namespaces()
                assert counted.pop(SMALL) == SMALL_ROWS
                assert sum(counted.values()) == self.foreign_rows
                wanted = {record_id(n) for n in range(SMALL_ROWS)}
                assert set(ids_of(await scan_all(backend, namespace=SMALL, limit=7))) == wanted
                query = basis_vector(0, self.dimension)
                for limit in (SMALL_ROWS, 100):
                    found = await backend.search(SMALL, [DenseLeg(query)], EVERYTHING, limit)
                    assert set(leg_ids(found)) == wanted
                    if backend.capabilities.lexical:
                        leg = LexicalLeg(("shared",))
                        found = await backend.search(SMALL, [leg], EVERYTHING, limit)
                        assert set(leg_ids(found)) == wanted

        asyncio.run(run())

    def test_the_nearest_in_the_small_namespace_are_the_true_ones(self, crowded: Path) -> None:
        async def run() -> None:
            vectors = {put.record.id: put.index.vector for put in self.small_puts()}
            some = {put.record.id for put in self.small_puts() if put.record.project == "p"}
            slack = ROUNDING + self.vector_tolerance * self.dimension**0.5
            async with self.opened(crowded) as backend:
                queries = [basis_vector(0, self.dimension), *unit_vectors(5, 9, self.dimension)]
                for query in queries:
                    cosines = {
                        id_: float(vector @ query)
                        for id_, vector in vectors.items()
                        if vector is not None
                    }
                    for filter, ids in ((EVERYTHING, set(cosines)), (Eq("project", "p"), some)):
                        found = await backend.search(SMALL, [DenseLeg(query)], filter, 10)
                        leg = found.legs[0]
                        assert_ranked(leg)
                        assert {each.id for each in leg} <= ids
                        best = sorted((cosines[id_] for id_ in ids), reverse=True)[:10]
                        assert [each.score for each in leg] == pytest.approx(best, abs=slack)

        asyncio.run(run())

    def test_the_crowd_does_not_change_the_small_namespaces_words(
        self, crowded: Path, tmp_path: Path
    ) -> None:
        async def run() -> None:
            if not self.isolated_statistics:
                pytest.skip("the backend states isolated_statistics = False")
            async with self.opened(crowded) as backend, self.opened(tmp_path / "alone") as alone:
                require(backend, "lexical")
                await alone.write(self.small_puts())
                for terms in (("shared",), ("own",), ("w3", "own"), ("pad", "shared", "w7")):
                    for limit in (10, SMALL_ROWS):
                        leg = LexicalLeg(terms)
                        among = await backend.search(SMALL, [leg], EVERYTHING, limit)
                        apart = await alone.search(SMALL, [leg], EVERYTHING, limit)
                        assert leg_ids(among) == leg_ids(apart)
                        assert [each.score for each in among.legs[0]] == pytest.approx(
                            [each.score for each in apart.legs[0]], rel=1e-6
                        )

        asyncio.run(run())
