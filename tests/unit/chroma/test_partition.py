from __future__ import annotations

import numpy as np

from memkit.backing.packing import pack_record, pack_terms
from memkit.filters import EVERYTHING, Eq
from memkit.protocols import DenseLeg, LexicalLeg
from memkit.testing.records import build_record, record_id, unit_vector
from memkit_chroma.entries import Index, Op, Step
from memkit_chroma.partition import Partition

COUNT = 1_100


def step(op: Op, number: int, seed: int, word: str, project: str) -> Step:
    record = build_record(number, project=project)
    terms = ("all", word)
    index = Index(unit_vector(seed, 8), pack_terms(terms), len(terms), (f"s{number}",))
    return Step(op, record.namespace, record.id, pack_record(record), (f"k{number}",), index)


def test_rows_that_are_gone_are_closed_up_and_nothing_else_moves() -> None:
    partition = Partition()
    for number in range(COUNT):
        partition.apply(step("P", number, number, f"old{number}", "old"), number + 1)
    # Everything is made before, so that all of it has to be closed up.
    assert len(partition.matching(Eq("project", "old"))) == COUNT
    assert len(partition.rank(LexicalLeg(("all",)), partition.select(EVERYTHING), 5)[0]) == 5
    for number in range(COUNT):
        partition.apply(
            step("R", number, number + COUNT, f"new{number}", "new"), COUNT + number + 1
        )
    partition.apply(Step("D", "conformance", record_id(3)), 3 * COUNT)
    assert partition.size < 2 * COUNT
    assert len(partition) == COUNT - 1
    assert len(partition.matching(Eq("project", "new"))) == COUNT - 1
    among = partition.select(EVERYTHING)
    for number in (0, 4, COUNT - 1):
        dense = partition.rank(DenseLeg(unit_vector(number + COUNT, 8)), among, 1)[0]
        assert [each.id for each in dense] == [record_id(number)]
        words = partition.rank(LexicalLeg((f"new{number}",)), among, 5)[0]
        assert [each.id for each in words] == [record_id(number)]
        assert partition.rank(LexicalLeg((f"old{number}",)), among, 5)[0] == ()
        assert partition.sharing([f"s{number}"]) == [partition.row_of[record_id(number)]]
        assert partition.holders[f"k{number}"] == record_id(number)
    assert partition.rank(LexicalLeg(("new3",)), among, 5)[0] == ()
    assert "k3" not in partition.holders


def test_what_is_newer_already_stays() -> None:
    partition = Partition()
    partition.apply(step("P", 1, 1, "first", "a"), 5)
    partition.apply(step("R", 1, 2, "second", "b"), 9)
    partition.apply(step("R", 1, 3, "late", "c"), 7)
    partition.apply(Step("D", "conformance", record_id(1)), 8)
    record = partition.record(partition.row_of[record_id(1)])
    assert record.project == "b"
    vector = partition.matrix.vector(partition.row_of[record_id(1)])
    assert vector is not None
    assert np.array_equal(vector, unit_vector(2, 8))
