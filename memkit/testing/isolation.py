"""The theme of isolation: no call sees or changes another namespace, whatever it is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memkit.errors import InvalidInput, RecordNotFound
from memkit.filters import EVERYTHING, And, ContainsAny, Eq, Exists, Filter, In, Ne, Not, Or
from memkit.protocols import (
    Applied,
    Backend,
    Delete,
    DenseLeg,
    LexicalLeg,
    Operation,
    Patch,
    SearchLeg,
    Touch,
)
from memkit.scope import Reach, Scope, check_label
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit.testing.searching import leg_ids
from memkit.testing.suite import (
    Suite,
    assert_same_record,
    get_one,
    ids_of,
    on_store,
    scan_all,
)

#: Labels that are easily taken for one another: by prefix, by case, by pattern, by joining,
#: by normal form, by eye, or by being cut short.
LOOK_ALIKES: tuple[str, ...] = (
    "acme", "acme-corp", "acme corp", "Acme", "ACME", "acm", "acme%", "acme_", "acm_", "acme*",
    "acme?", "\u0430cme", "acme\u200b", "\u200bacme", "acme\u00ad", "acme/x", "acme:x", "acme.x",
    "acme|x", "acme,x", "acme\\", "acme'", 'acme"', "acme;--", "a\u00e7me", "ac\u0323me",
    "\uff41\uff43\uff4d\uff45", "\u00dfme", "ssme", "\u0130me", "ime", "\u200b", "\u3164", "0",
    "null", "None", "nil", "undefined", "default", "*", "%", "_", "..", ".", "-", "__all__",
    "' OR '1'='1", "$ne", "true", "1", "1.0", "\U0001f600", "a" * 200, "a" * 199 + "b", "a" * 199,
)  # fmt: skip

#: Texts that would mean something to a query language if they were ever formatted into one.
INJECTIONS: tuple[str, ...] = (
    "' OR 1=1 --", "' OR '1'='1", '" OR ""="', "'; DROP TABLE records; --", "1; SELECT 1", "*/",
    "/*", "--", "') OR ('1'='1", "\\", "\\'", "%", "%%", "_", "%s", "%(x)s", ":x", "?", "$1",
    "$.*", "$[*]", "$..k", '$."k"', "@.k", "$ne", "$gt", '{"$ne": null}', '{"$or": [{}, {}]}',
    '{"must_not": []}', "${jndi:x}", "{{7*7}}", "`id`", "null", "NULL", "true", "NaN", "[]", "{}",
    "\u2019 OR 1=1", "\uff07 OR 1=1", "a\nb", "x" * 5_000,
)  # fmt: skip


class IsolationTests(Suite):
    """Attacks by namespace, id, label, filter, key, order and cursor."""

    @on_store()
    async def test_look_alike_namespaces_hold_records_of_their_own(self, backend: Backend) -> None:
        assert all(check_label(name, "namespace") == name for name in LOOK_ALIKES)
        records = {
            name: build_record(1, namespace=name, content=f"word {n}")
            for n, name in enumerate(LOOK_ALIKES)
        }
        for n, record in enumerate(records.values()):
            put = build_put(record, self.vector(n), unique=("key",))
            assert await backend.write([put]) == [Applied()]
        assert await backend.namespaces() == dict.fromkeys(LOOK_ALIKES, 1)
        for name, record in records.items():
            assert_same_record((await get_one(backend, record)).record, record)
            (only,) = await scan_all(backend, namespace=name)
            assert_same_record(only.record, record)
            assert await backend.count(name, EVERYTHING) == {"": 1}
            for leg in self.legs(backend):
                found = await backend.search(name, [leg], EVERYTHING, 10)
                assert len(found.legs[0]) == 1
                assert all(each == record for each in found.records.values())

    @on_store()
    async def test_one_label_in_two_normal_forms_is_one_namespace(self, backend: Backend) -> None:
        composed, decomposed = (check_label(name, "namespace") for name in ("é1", "e\u03011"))
        await backend.write([build_put(build_record(1, namespace=composed))])
        assert await backend.count(decomposed, EVERYTHING) == {"": 1}

    @on_store()
    async def test_look_alike_labels_are_told_apart_by_a_scopes_filter(
        self, backend: Backend
    ) -> None:
        puts = []
        for n, label in enumerate(LOOK_ALIKES):
            puts.append(build_put(build_record(n, project=label), self.vector(n), ["word"]))
            inner = build_record(n + 100, project="x", task=label)
            puts.append(build_put(inner, self.vector(n), ["word"]))
        await backend.write(puts)
        for n, label in enumerate(LOOK_ALIKES):
            for scope, wanted in (
                (Scope(NAMESPACE, label), record_id(n)),
                (Scope(NAMESPACE, "x", label), record_id(n + 100)),
            ):
                filter = scope.readable(Reach.EXACT)
                assert ids_of(await scan_all(backend, filter)) == [wanted], label
                for leg in self.legs(backend):
                    found = await backend.search(NAMESPACE, [leg], filter, 300)
                    assert leg_ids(found) == [wanted], label

    @on_store()
    async def test_joined_labels_are_not_the_labels_they_join(self, backend: Backend) -> None:
        places = (("acme", None, None), ("acme/x", None, None), ("acme/x/y", None, None),
                  ("acme", "x", None), ("acme", "x/y", None), ("acme", "x", "y"),
                  ("acme/x", "y", None))  # fmt: skip
        records = [
            build_record(n, namespace=namespace, project=project, task=task)
            for n, (namespace, project, task) in enumerate(places)
        ]
        await backend.write([build_put(record) for record in records])
        for record, (namespace, project, task) in zip(records, places, strict=True):
            filter = Scope(namespace, project, task).readable(Reach.EXACT)
            found = await scan_all(backend, filter, namespace=namespace)
            assert ids_of(found) == [record.id]

    @on_store()
    async def test_an_id_of_another_namespace_is_neither_seen_nor_changed(
        self, backend: Backend
    ) -> None:
        record = build_record(1, namespace="victim")
        await backend.write([build_put(record, self.vector(1), unique=("key",))])
        await backend.write([build_put(build_record(2, namespace="thief"), self.vector(2))])
        assert await backend.get("thief", [record.id], vectors=True) == {}
        with pytest.raises(RecordNotFound):
            await backend.write([Patch(replace(record, namespace="thief", version=2), 1)])
        operations: list[Operation] = [
            Touch("thief", record.id, uses=5, useless=5),
            Delete("thief", record.id),
        ]
        assert await backend.write(operations) == [Applied()] * 2
        stored = await get_one(backend, record)
        assert_same_record(stored.record, record)
        self.assert_vector(stored.vector, self.vector(1))
        for filter in (Eq("id", record.id), In("id", (record.id,)), Or((Eq("id", record.id),))):
            assert await scan_all(backend, filter, namespace="thief") == []
            for leg in self.legs(backend):
                found = await backend.search("thief", [leg], filter, 10)
                assert found.legs == ((),)
                assert found.records == {}

    @on_store()
    async def test_one_id_in_two_namespaces_is_two_records(self, backend: Backend) -> None:
        first = build_record(1, namespace="one", content="first", tags=("x",))
        second = build_record(1, namespace="two", content="second")
        results = await backend.write(
            [
                build_put(first, self.vector(1), unique=("key",)),
                build_put(second, self.vector(2), unique=("key",)),
            ]
        )
        assert results == [Applied(), Applied()]
        await backend.write([Touch("one", first.id, uses=3)])
        await backend.write([Patch(replace(second, content="new", version=2), 1)])
        assert (await get_one(backend, first)).record == replace(first, uses=3)
        self.assert_vector((await get_one(backend, first)).vector, self.vector(1))
        assert (await get_one(backend, second)).record == replace(second, content="new", version=2)
        await backend.write([Delete("two", second.id)])
        assert (await get_one(backend, first)).record == replace(first, uses=3)
        found = await backend.search("one", [DenseLeg(self.vector(1))], EVERYTHING, 5)
        assert leg_ids(found) == [first.id]
        if backend.capabilities.lexical:
            found = await backend.search("one", [LexicalLeg(("first",))], EVERYTHING, 5)
            assert leg_ids(found) == [first.id]

    @on_store()
    async def test_no_filter_reaches_past_its_namespace(self, backend: Backend) -> None:
        own = [build_record(n, project="p", metadata={"k": n}) for n in range(5)]
        foreign = [
            build_record(n, namespace="foreign", project="p", metadata={"k": n}, tags=("t",))
            for n in range(3, 30)
        ]
        puts = [build_put(r, self.vector(n), ["word"]) for n, r in enumerate((*own, *foreign))]
        await backend.write(puts)
        ids = {record.id for record in own}
        wide: list[Filter] = [
            EVERYTHING,
            Not(Or(())),
            Or((EVERYTHING, Eq("project", "p"))),
            Or((Eq("id", foreign[-1].id), EVERYTHING)),
            Not(Eq("metadata.namespace", NAMESPACE)),
            Or((Exists("metadata.k"), Not(Exists("metadata.k")))),
            Or((ContainsAny("tags", ("t",)), Ne("project", "q"))),
        ]
        for filter in wide:
            found = await scan_all(backend, filter)
            assert set(ids_of(found)) == ids
            assert {item.record.namespace for item in found} == {NAMESPACE}
            assert await backend.count(NAMESPACE, filter) == {"": 5}
            for leg in self.legs(backend):
                assert set(leg_ids(await backend.search(NAMESPACE, [leg], filter, 99))) == ids

    @on_store()
    async def test_keys_and_values_of_filters_are_never_read_as_syntax(
        self, backend: Backend
    ) -> None:
        records = [
            build_record(n, project=None, source=text, metadata={text[:200]: text, "k": text})
            for n, text in enumerate(INJECTIONS)
        ]
        await backend.write([build_put(r, self.vector(1), ["word"]) for r in records])
        for record, text in zip(records, INJECTIONS, strict=True):
            key = f"metadata.{text[:200]}"
            hits: list[Filter] = [
                Eq("source", text),
                Eq("metadata.k", text),
                And((Eq(key, text), Exists(key))),
                In("metadata.k", (text, f"{text}{text} twice")),
            ]
            misses: list[Filter] = [
                Eq("project", text),
                Eq(f"metadata.{text} or", text),
                Eq("metadata.k", f"{text} "),
                ContainsAny("tags", (text,)),
                ContainsAny(key, (text,)),
            ]
            for filters, wanted in ((hits, [record.id]), (misses, [])):
                for filter in filters:
                    assert ids_of(await scan_all(backend, filter)) == wanted, text[:100]
                    found = await backend.search(NAMESPACE, self.legs(backend), filter, 9)
                    assert [[each.id for each in leg] for leg in found.legs] == [wanted] * len(
                        found.legs
                    ), text[:100]
            try:
                counted = await backend.count(text, EVERYTHING)
            except InvalidInput:
                continue
            assert counted == {"": 0}, text[:100]
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": len(INJECTIONS)}

    @on_store()
    async def test_private_records_are_read_by_their_agent_alone(self, backend: Backend) -> None:
        records = [
            build_record(n, agent=agent, visibility=visibility, project=project)
            for n, (agent, visibility, project) in enumerate(
                (agent, visibility, project)
                for agent in (None, "a", "b", "A", "a%")
                for visibility in ("shared", "private")
                for project in (None, "p")
            )
        ]
        await backend.write([build_put(r, self.vector(n), ["word"]) for n, r in enumerate(records)])
        for agent in (None, "a", "b", "A", "a%", "nobody"):
            for reach in Reach:
                filter = Scope(NAMESPACE, "p", None, agent).readable(reach)
                wanted = {
                    record.id
                    for record in records
                    if (record.visibility == "shared" or record.agent == agent is not None)
                    and (record.project == "p" or reach is Reach.ANCESTORS)
                }
                assert set(ids_of(await scan_all(backend, filter))) == wanted
                for leg in self.legs(backend):
                    found = await backend.search(NAMESPACE, [leg], filter, 99)
                    assert set(leg_ids(found)) == wanted

    def legs(self, backend: Backend) -> list[SearchLeg]:
        """A dense leg, and a lexical one for ``word`` where there are such."""
        dense = DenseLeg(self.vector(1))
        return [dense, LexicalLeg(("word",))] if backend.capabilities.lexical else [dense]
