"""The theme of words: what a lexical leg finds, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memkit.filters import EVERYTHING, Eq
from memkit.protocols import Backend, Delete, IndexData, LexicalLeg, Patch
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit.testing.searching import assert_ranked, leg_ids
from memkit.testing.suite import Suite, on_store

# Terms are whatever the analyser says: they are compared whole, and none of them is syntax.
OPAQUE_TERMS = (
    "AND", "and", "OR", "NOT", "NEAR", "near", "c++", "c", "c#", "node.js", "node", "o'neill",
    'say"so', "a*", "a", "col:word", "word-", "-word", "^word", "(", ")", "{x}", "\u6771\u4eac",
    "\u6771", "\u0643\u062a\u0627\u0628", "caf\u00e9", "cafe", "\u00dfen", "ssen", "\U0001f600",
    "%", "_", "\\", "'; DROP TABLE records; --", "|", "&", "!", "<->", ":*", "1", "1.0", "+",
)  # fmt: skip


async def ranked(
    backend: Backend, *terms: str, limit: int = 100, namespace: str = NAMESPACE
) -> list[str]:
    """The ids that a lexical leg finds for the terms, best first."""
    found = await backend.search(namespace, [LexicalLeg(terms)], EVERYTHING, limit)
    assert_ranked(found.legs[0])
    return leg_ids(found)


class LexicalTests(Suite):
    """Only for backends that declare ``capabilities.lexical``."""

    @on_store("lexical")
    async def test_a_lexical_leg_finds_the_records_that_share_a_term(
        self, backend: Backend
    ) -> None:
        await backend.write(
            [
                build_put(build_record(n), None, terms)
                for n, terms in enumerate(
                    (["red", "fox"], ["red", "hen"], ["blue", "fox"], ["green"], [])
                )
            ]
        )
        assert set(await ranked(backend, "red")) == {record_id(0), record_id(1)}
        assert set(await ranked(backend, "fox", "green")) == {record_id(n) for n in (0, 2, 3)}
        assert await ranked(backend, "re") == []
        assert await ranked(backend, "redder") == []
        assert await ranked(backend, "nothing") == []
        assert await ranked(backend) == []

    @on_store("lexical")
    async def test_rarer_terms_count_for_more(self, backend: Backend) -> None:
        common = [build_put(build_record(n), None, ["common", f"w{n}"]) for n in range(10, 50)]
        others = [build_put(build_record(n), None, ["filler", f"w{n}"]) for n in range(50, 150)]
        rare = build_put(build_record(200), None, ["rare", "w200"])
        await backend.write([*common, *others, rare])
        found = await ranked(backend, "common", "rare")
        assert found[0] == record_id(200)
        assert len(found) == 41

    @on_store("lexical")
    async def test_more_of_the_terms_and_more_often_count_for_more(self, backend: Backend) -> None:
        texts = {
            1: ["storm", "sea", "x1", "x2"],
            2: ["storm", "y1", "y2", "y3"],
            3: ["storm", "storm", "storm", "z1"],
        }
        filler = [build_put(build_record(n), None, [f"v{n}", "a", "b", "c"]) for n in range(10, 40)]
        await backend.write(
            [*filler, *(build_put(build_record(n), None, terms) for n, terms in texts.items())]
        )
        assert (await ranked(backend, "storm", "sea"))[0] == record_id(1)
        assert (await ranked(backend, "storm"))[0] == record_id(3)

    @on_store("lexical")
    async def test_terms_are_compared_whole_and_never_read_as_syntax(
        self, backend: Backend
    ) -> None:
        await backend.write(
            [build_put(build_record(n), None, [term]) for n, term in enumerate(OPAQUE_TERMS)]
        )
        for n, term in enumerate(OPAQUE_TERMS):
            assert await ranked(backend, term) == [record_id(n)], term
        for absent in ("*", '"', "wor*", "NEAR(a b)", "c+", "dro", "OR 1=1", "a OR b", "a\0b"):
            assert await ranked(backend, absent) == [], absent
        assert len(await ranked(backend, *OPAQUE_TERMS)) == len(OPAQUE_TERMS)

    @on_store("lexical")
    async def test_a_ceiling_says_what_all_the_terms_are_worth(self, backend: Backend) -> None:
        words = [["common", f"w{n}", "x", "y"] for n in range(40)]
        words[0][2:] = ["rare", "seldom"]
        await backend.write(
            [build_put(build_record(n), None, each) for n, each in enumerate(words)]
        )

        async def ceiling(*terms: str) -> tuple[float, float]:
            found = await backend.search(NAMESPACE, [LexicalLeg(terms)], EVERYTHING, 10)
            told = found.ceilings[0] if found.ceilings else None
            if told is None:
                pytest.skip("the backend does not know its ceilings")
            return found.legs[0][0].score, told

        best, whole = await ceiling("rare", "seldom", "w0")
        assert 0.6 <= best / whole <= 1.7, "a record that has all of it is near the ceiling"
        best, whole = await ceiling("rare", "nowhere", "nor", "here")
        assert best / whole < 0.5, "words that no record has are worth something too"
        _, once = await ceiling("rare", "seldom")
        _, again = await ceiling("rare", "seldom", "rare", "seldom")
        assert once == pytest.approx(again)

    @on_store("lexical")
    async def test_repeated_and_very_many_terms_are_answered(self, backend: Backend) -> None:
        await backend.write(
            [build_put(build_record(n), None, [f"w{n}"] * (n + 1)) for n in range(30)]
        )
        assert await ranked(backend, "w3", "w3", "w3") == [record_id(3)]
        many = [f"w{n}" for n in range(3_000)]
        assert len(await ranked(backend, *many)) == 30
        await backend.write([build_put(build_record(50), None, ["long"] * 70_000)])
        assert await ranked(backend, "long") == [record_id(50)]

    @on_store("lexical")
    async def test_a_lexical_leg_keeps_to_its_filter_and_its_limit(self, backend: Backend) -> None:
        await backend.write(
            [
                build_put(build_record(n, project="p" if n % 10 == 0 else "q"), None, ["word"])
                for n in range(200)
            ]
        )
        wanted = [record_id(n) for n in range(0, 200, 10)]
        for limit in (0, 1, 20, 50):
            found = await backend.search(
                NAMESPACE, [LexicalLeg(("word",))], Eq("project", "p"), limit
            )
            assert leg_ids(found) == wanted[:limit]

    @on_store("lexical")
    async def test_changed_and_deleted_records_change_the_lexical_leg_at_once(
        self, backend: Backend
    ) -> None:
        records = [build_record(n) for n in range(30)]
        await backend.write([build_put(each, None, ["old", f"w{n}"])
                             for n, each in enumerate(records)])  # fmt: skip
        left = {each.id for each in records}
        for n, each in enumerate(records[:20]):
            if n % 2:
                await backend.write([Delete(NAMESPACE, each.id)])
            else:
                await backend.write(
                    [Patch(replace(each, version=2), 1, IndexData(None, ("new", f"n{n}")))]
                )
                assert await ranked(backend, f"n{n}") == [each.id]
            left.discard(each.id)
            assert set(await ranked(backend, "old")) == left
            assert await ranked(backend, f"w{n}") == []
        assert len(await ranked(backend, "new")) == 10
