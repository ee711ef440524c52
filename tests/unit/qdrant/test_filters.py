"""Filters' bounds, and filters on metadata of any keys, against their reference meaning."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from memkit.filters import (
    And,
    ContainsAll,
    ContainsAny,
    Eq,
    Exists,
    Filter,
    Gt,
    In,
    Lt,
    Lte,
    Ne,
    Not,
    Or,
    matches,
)
from memkit.protocols import Fingerprint, StoreSpec
from memkit.testing.records import NAMESPACE, build_put, build_record
from memkit_qdrant import QdrantEdgeBackend
from memkit_qdrant.compiler import Compiler
from memkit_qdrant.conditions import Match
from memkit_qdrant.names import Generation, term_indices, term_weights
from memkit_qdrant.tokens import token, tokens

COMPILER = Compiler(NAMESPACE, Generation(1))
PIECES = ("a", ".", "[0]", "[]", '"', "'", "\\", "$", " ", "\0", "k", "\U0001f511", "/", "*", "1")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 1.0, -0.0, 2**53, 2**53 + 1, 0.5, "", "1", "a", "a.b", "[0]", "\0",
    [], [1], ["a", True], [[1]], {"a": 1}, {"k": {"b": 2}},
)  # fmt: skip


def test_what_the_engine_says_exactly_is_not_looked_at_again() -> None:
    for filter in (
        Eq("kind", "note"),
        Ne("project", "p"),
        In("metadata.a.b[0]", (1, "x", True)),
        ContainsAll("metadata.k", ()),
        Not(Or((Eq("pinned", True), Exists("task"), ContainsAny("tags", ("x",))))),
        Lte("uses", 1.5),
        Gt("confidence", 0.25),
        Eq("embedded", False),
    ):
        assert COMPILER.compile(filter).exact, filter


def test_what_it_cannot_say_lies_between_two_bounds() -> None:
    for filter in (Lt("speaker", "m"), Gt("metadata.k", 3), Lt("sequence", 2**60)):
        assert not COMPILER.compile(filter).exact
        assert not COMPILER.compile(Not(filter)).exact


def test_what_can_match_nothing_or_everything_is_known_without_asking() -> None:
    assert COMPILER.compile(Or(())).upper is False
    assert COMPILER.compile(Not(In("project", ()))).lower is True
    assert COMPILER.compile(And((Eq("kind", "note"), Or(())))).upper is False
    assert COMPILER.compile(Eq("uses", 1.5)).upper is False


def test_a_key_is_never_read_as_a_path() -> None:
    upper = COMPILER.compile(Eq('metadata.a.b[0]."x', 1)).upper
    assert upper == Match("meta", token("is", 'a.b[0]."x', 1))


def test_equal_numbers_have_one_token_and_nothing_else_has_it() -> None:
    assert tokens({"k": 1}) == tokens({"k": 1.0})
    assert tokens({"k": 0.0}) == tokens({"k": -0.0})
    for other in (True, "1", [1], 2**53):
        assert not set(tokens({"k": 1})[1:2]) & set(tokens({"k": other}))
    # Where a key ends and a value begins is not a matter of their characters.
    assert token("is", "a\0b", "c") != token("is", "a", "b\0c")


def test_tenants_have_dimensions_of_their_own() -> None:
    terms = [f"w{n}" for n in range(500)]
    mine, theirs = (term_indices(name, terms) for name in ("acme", "acme-corp"))
    assert len(set(mine)) == 500
    assert not set(mine) & set(theirs)


def test_weights_grow_with_frequency_and_fall_with_length() -> None:
    (_, once), (_, often) = (term_weights("n", ["a"] * n + ["b"] * (6 - n)) for n in (1, 4))
    (index,), (alone,) = term_weights("n", ["a"])
    assert index == term_indices("n", ["a"])[0]
    assert max(often) > max(w for w in once if w < max(once))
    assert alone > term_weights("n", ["a", *(f"w{n}" for n in range(50))])[1][0] > 0


def test_filters_on_odd_keys_mean_what_the_reference_says(tmp_path: Path) -> None:
    draw = random.Random(8)
    keys = ["".join(draw.choices(PIECES, k=draw.randint(1, 4))) for _ in range(25)]
    records = [
        build_record(n, metadata={key: draw.choice(VALUES) for key in draw.sample(keys, 6)})
        for n in range(150)
    ]

    async def run() -> None:
        backend = QdrantEdgeBackend(tmp_path)
        await backend.open(StoreSpec(Fingerprint("model", 4), "words-1"))
        try:
            await backend.write([build_put(record) for record in records])
            for _ in range(400):
                filter = random_leaf(draw, keys)
                if draw.random() < 0.4:
                    filter = Not(Or((filter, random_leaf(draw, keys))))
                wanted = sum(matches(filter, record.value_of) for record in records)
                assert await backend.count(NAMESPACE, filter) == {"": wanted}, filter
        finally:
            await backend.close()

    asyncio.run(run())


def random_leaf(draw: random.Random, keys: list[str]) -> Filter:
    field = f"metadata.{draw.choice(keys)}"
    scalars = [value for value in VALUES if isinstance(value, str | bool | int | float)]
    value = draw.choice(scalars)
    leaves: list[Filter] = [
        Eq(field, value),
        Ne(field, value),
        Exists(field),
        In(field, tuple(draw.choices(scalars, k=3))),
        ContainsAny(field, tuple(draw.choices(scalars, k=2))),
        ContainsAll(field, tuple(draw.choices(scalars, k=draw.randint(0, 2)))),
    ]
    if not isinstance(value, bool):
        leaves += [Lt(field, value), Gt(field, value)]
    return draw.choice(leaves)
