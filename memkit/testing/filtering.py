"""The theme of filtering: scan, count and both legs agree with the filters' reference meaning."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from memkit.errors import InvalidInput
from memkit.filters import (
    EVERYTHING,
    And,
    ContainsAny,
    Eq,
    Exists,
    Filter,
    Gt,
    In,
    Lt,
    Ne,
    Not,
    predicate,
)
from memkit.protocols import Backend, DenseLeg, LexicalLeg, Patch, SearchLeg
from memkit.testing.records import EPOCH, NAMESPACE, build_put, build_record
from memkit.testing.samples import Sample, crafted_filters, random_filter, samples
from memkit.testing.suite import Suite, ids_of, on_store, scan_all

TERM = "everywhere"


class FilteringTests(Suite):
    """Each filter is compared with :func:`memkit.filters.predicate`, through every call."""

    async def fill_samples(self, backend: Backend, held: list[Sample]) -> None:
        """Store the samples, all with one term in common and the embedded ones with a vector."""
        await backend.write(
            [
                build_put(
                    each.record,
                    self.vector(n) if each.embedded else None,
                    [TERM],
                    signature=each.signature,
                )
                for n, each in enumerate(held)
            ]
        )

    async def assert_agrees(
        self, backend: Backend, held: list[Sample], name: str, filter: Filter
    ) -> None:
        """Fail unless scan, count and the legs find what the reference meaning finds."""
        meant = predicate(filter)
        expected = {each.record.id for each in held if meant(each.value_of)}
        embedded = {each.record.id for each in held if each.embedded}
        scanned = ids_of(await scan_all(backend, filter, limit=150))
        assert len(scanned) == len(set(scanned)), f"{name}: scan found a record twice"
        _assert_same_ids(held, set(scanned), expected, f"{name}: scan", filter)
        counted = await backend.count(NAMESPACE, filter)
        assert counted == {"": len(expected)}, f"{name}: count"
        legs: list[SearchLeg] = [DenseLeg(self.vector(0))]
        if backend.capabilities.lexical:
            legs.append(LexicalLeg((TERM,)))
        found = await backend.search(NAMESPACE, legs, filter, len(held))
        dense = {each.id for each in found.legs[0]}
        _assert_same_ids(held, dense, expected & embedded, f"{name}: the dense leg", filter)
        for leg in found.legs[1:]:
            lexical = {each.id for each in leg}
            _assert_same_ids(held, lexical, expected, f"{name}: the lexical leg", filter)

    @on_store()
    async def test_crafted_filters_mean_what_the_reference_says(self, backend: Backend) -> None:
        held = samples()
        await self.fill_samples(backend, held)
        for name, filter in crafted_filters().items():
            await self.assert_agrees(backend, held, name, filter)

    @on_store()
    async def test_random_filters_mean_what_the_reference_says(self, backend: Backend) -> None:
        held = samples()
        await self.fill_samples(backend, held)
        draw = random.Random(20260301)
        for n in range(self.random_filters):
            await self.assert_agrees(backend, held, f"random filter {n}", random_filter(draw))

    @on_store()
    async def test_truth_values_numbers_and_texts_are_told_apart(self, backend: Backend) -> None:
        held = [
            Sample(build_record(n, metadata={"k": value}), embedded=True)
            for n, value in enumerate((1, 1.0, True, "1", 0, False, "0", "True", [1], [True]))
        ]
        await self.fill_samples(backend, held)
        for value in (1, 1.0, True, "1", 0, 0.0, False, "0", "True"):
            for filter in (Eq("metadata.k", value), ContainsAny("metadata.k", (value,))):
                await self.assert_agrees(backend, held, f"like {value!r}", filter)

    @on_store()
    async def test_a_missing_value_is_unequal_to_every_value(self, backend: Backend) -> None:
        held = [
            Sample(build_record(1, project="p", metadata={"k": 1}), embedded=True),
            Sample(build_record(2, metadata={"k": None}), embedded=True),
            Sample(build_record(3), embedded=True),
        ]
        await self.fill_samples(backend, held)
        for filter in (
            Ne("project", "p"),
            Ne("metadata.k", 1),
            Not(Lt("metadata.k", 2)),
            Not(Not(Ne("metadata.k", 1))),
            Not(Exists("metadata.k")),
            Not(Eq("superseded_by", "x")),
        ):
            await self.assert_agrees(backend, held, "missing values", filter)

    @on_store()
    async def test_counts_by_a_field_agree_with_the_records(self, backend: Backend) -> None:
        held = samples()
        await self.fill_samples(backend, held)
        some = Eq("pinned", True)
        for filter in (EVERYTHING, some, Not(EVERYTHING)):
            meant = predicate(filter)
            matching = [each for each in held if meant(each.value_of)]
            for by in (
                "kind",
                "project",
                "task",
                "agent",
                "state",
                "conversation_id",
                "subject",
                "predicate",
                "object",
            ):
                expected: dict[str, int] = {}
                for each in matching:
                    value = each.value_of(by)
                    if value is not None:
                        expected[value] = expected.get(value, 0) + 1
                assert await backend.count(NAMESPACE, filter, by) == expected, by
            for by in ("tags", "link_to", "signature"):
                expected = {}
                for each in matching:
                    for value in each.value_of(by):
                        expected[value] = expected.get(value, 0) + 1
                assert await backend.count(NAMESPACE, filter, by) == expected, by

    @on_store()
    async def test_a_fact_is_found_by_what_it_says_now(self, backend: Backend) -> None:
        fact = Sample(
            build_record(1, subject="user", predicate="lives in", object="Rome"), embedded=True
        )
        note = Sample(build_record(2), embedded=True)
        await self.fill_samples(backend, [fact, note])
        steps: tuple[dict[str, Any], ...] = (
            {},
            {"valid_from": EPOCH, "valid_to": EPOCH + timedelta(days=1)},
            {"subject": "Ann", "object": "Oslo"},
            {"retracted_at": EPOCH, "valid_to": None},
            {"subject": None, "predicate": None, "object": None, "valid_from": None},
        )
        for step in steps:
            changed = replace(fact.record, version=fact.record.version + 1, **step)
            await backend.write([Patch(changed, fact.record.version)])
            fact = replace(fact, record=changed)
            for filter in (
                Eq("subject", "user"),
                Eq("subject", "Ann"),
                Eq("predicate", "lives in"),
                Eq("object", "Rome"),
                And((In("subject", ("user", "Ann")), Eq("object", "Oslo"))),
                Eq("valid_from", EPOCH),
                Gt("valid_to", EPOCH),
                Lt("retracted_at", EPOCH + timedelta(days=1)),
                Not(Exists("valid_to")),
                Not(Exists("subject")),
            ):
                await self.assert_agrees(backend, [fact, note], f"a fact after {step}", filter)

    @on_store()
    async def test_counting_by_what_is_no_field_is_refused(self, backend: Backend) -> None:
        await backend.write([build_put(build_record(1))])
        for by in ("no such field", "kind; --", "kind, project", "1"):
            with pytest.raises(InvalidInput):
                await backend.count(NAMESPACE, EVERYTHING, by)


def _assert_same_ids(
    held: list[Sample], found: set[str], expected: set[str], what: str, filter: Filter
) -> None:
    if found == expected:
        return
    records = {each.record.id: each.record for each in held}
    wrong = [records[id_].metadata or id_ for id_ in sorted(found - expected)][:5]
    missing = [records[id_].metadata or id_ for id_ in sorted(expected - found)][:5]
    pytest.fail(f"{what} of {filter} found too much: {wrong}; too little: {missing}")
