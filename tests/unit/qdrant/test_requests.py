"""What the real client sends: every option that a URL sets is in the requests it is about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from memkit.filters import EVERYTHING, ContainsAny
from memkit.protocols import (
    Applied,
    Delete,
    DenseLeg,
    Fingerprint,
    LexicalLeg,
    Patch,
    StoreSpec,
    Touch,
)
from memkit.testing.records import NAMESPACE, basis_vector, build_put, build_record
from memkit_qdrant import QdrantBackend
from tests.engines.qdrant import RecordingServer, Request, recording_server

SPEC = StoreSpec(Fingerprint("model", 4), "words-1")
VECTOR = basis_vector(0, 4)


@asynccontextmanager
async def opened(server: RecordingServer, options: str = "", user: str = "") -> AsyncIterator[Any]:
    backend = QdrantBackend.from_url(f"qdrant://{user}127.0.0.1:{server.port}/lab{options}")
    await backend.open(SPEC)
    try:
        yield backend
    finally:
        await backend.close()


def recorded(
    scenario: Callable[[Any], Awaitable[Any]], options: str = "", user: str = ""
) -> RecordingServer:
    """What was asked while a scenario ran on an open store."""

    async def run(server: RecordingServer) -> None:
        async with opened(server, options, user) as backend:
            await scenario(backend)

    with recording_server() as server:
        asyncio.run(run(server))
        return server


async def write(backend: Any) -> None:
    record = build_record(1)
    assert await backend.write([build_put(record, VECTOR, unique=("key",))]) == [Applied()]
    await backend.write([Touch(NAMESPACE, record.id, uses=1)])
    await backend.write([Delete(NAMESPACE, record.id)])


async def read(backend: Any) -> None:
    await backend.write([build_put(build_record(2), VECTOR)])
    await backend.search(NAMESPACE, [DenseLeg(VECTOR), LexicalLeg(("a",))], EVERYTHING, 5)
    await backend.get(NAMESPACE, ["x"])
    await backend.scan(NAMESPACE, EVERYTHING)
    await backend.count(NAMESPACE, EVERYTHING)
    await backend.count(NAMESPACE, EVERYTHING, "kind")


async def write_and_read(backend: Any) -> None:
    await read(backend)
    await write(backend)


def of_points(server: RecordingServer) -> list[Request]:
    """The requests about records, not those that make the collection."""
    return [each for each in server.requests if each.path.startswith("/collections/lab/")
            and ("/points" in each.path or "/facet" in each.path)]  # fmt: skip


def is_write(request: Request) -> bool:
    return request.method == "PUT" or request.path.endswith(("/points/delete", "/points/batch"))


def test_a_collection_is_made_with_all_that_was_asked_for() -> None:
    server = recorded(
        read,
        "?shard_number=6&replication_factor=3&write_consistency_factor=2&on_disk=true"
        "&quantization=scalar",
    )
    made = server.to("PUT", "/collections/lab")[0].body
    assert made["shard_number"] == 6
    assert made["replication_factor"] == 3
    assert made["write_consistency_factor"] == 2
    assert made["on_disk_payload"] is True
    dense = made["vectors"]["dense_1"]
    assert (dense["size"], dense["distance"], dense["on_disk"]) == (4, "Dot", True)
    assert dense["quantization_config"]["scalar"]["type"] == "int8"
    assert made["sparse_vectors"]["words_1"]["modifier"] == "idf"
    keys = server.to("PUT", "/collections/lab-keys")[0].body
    assert (keys["replication_factor"], keys["write_consistency_factor"]) == (3, 2)


def test_payload_indexes_know_the_tenant_and_stay_out_of_the_graph() -> None:
    made = {each.body["field_name"]: each.body["field_schema"]
            for each in recorded(read).to("PUT", "/collections/lab/index")}  # fmt: skip
    assert made["namespace"] == {"type": "keyword", "is_tenant": True}
    for name in ("tags", "kind", "project", "state", "signature_1", "created_at", "meta"):
        assert made[name]["enable_hnsw"] is False, name
    assert made["created_at"]["range"] is True
    for name in ("subject", "predicate", "object"):
        assert made[name] == {"type": "keyword", "enable_hnsw": False}


def test_an_older_store_gets_the_indexes_of_facts_once() -> None:
    async def scenario(server: RecordingServer) -> None:
        async with opened(server):
            pass
        (state,) = (each["payload"]["state"] for each in server.collections["lab-keys"].values())
        assert state["schema"] == 2
        state["schema"] = 1
        server.requests.clear()
        backend = QdrantBackend.from_url(f"qdrant://127.0.0.1:{server.port}/lab")
        info = await backend.open(replace(SPEC, read_only=True))
        await backend.close()
        assert info.schema_version == 1
        assert server.to("PUT", "/index") == []
        for _ in range(2):
            info = await backend.open(SPEC)
            await backend.close()
            assert info.schema_version == 2
        made = server.to("PUT", "/collections/lab/index")
        assert [each.body["field_name"] for each in made] == ["subject", "predicate", "object"]
        assert {each.query["wait"] for each in made} == {"false"}

    with recording_server() as server:
        asyncio.run(scenario(server))


def test_custom_sharding_keeps_a_namespace_under_one_key_in_every_request() -> None:
    server = recorded(write_and_read, "?sharding=custom&shard_keys=3&shard_number=2")
    made = server.to("PUT", "/collections/lab")[0].body
    assert (made["sharding_method"], made["shard_number"]) == ("custom", 2)
    keys = {each.body["shard_key"] for each in server.to("PUT", "/collections/lab/shards")}
    assert keys == {"memkit-0", "memkit-1", "memkit-2"}
    named = set()
    for request in of_points(server):
        for body in _bodies(request):
            named.add(body.get("shard_key"))
    assert len(named) == 1
    assert named <= keys


def _bodies(request: Request) -> list[Any]:
    """The request's body, or those of its operations or searches."""
    if "operations" in request.body:
        return [each for operation in request.body["operations"] for each in operation.values()]
    searches: list[Any] = request.body.get("searches", [request.body])
    return searches


def test_without_custom_sharding_no_request_names_a_key() -> None:
    for request in of_points(recorded(write_and_read)):
        assert all(body.get("shard_key") is None for body in _bodies(request))


@pytest.mark.parametrize("ordering", ["weak", "medium", "strong"])
def test_every_write_has_the_ordering_and_waits(ordering: str) -> None:
    server = recorded(write, f"?ordering={ordering}")
    writes = [each for each in of_points(server) if is_write(each)]
    writes += server.to("PUT", "/lab-keys/points") + server.to("POST", "/lab-keys/points/delete")
    assert len(writes) >= 6
    for request in writes:
        assert request.query["ordering"] == ordering, request.path
        assert request.query["wait"] == "true", request.path


@pytest.mark.parametrize("consistency", ["all", "majority", "quorum", "2"])
def test_every_read_has_the_consistency(consistency: str) -> None:
    server = recorded(read, f"?consistency={consistency}")
    reads = [each for each in of_points(server) if not is_write(each)]
    reads += server.to("POST", "/query/batch")
    assert len(reads) >= 6
    for request in reads:
        if not request.path.endswith("/count"):  # which has none in the server's interface
            assert request.query.get("consistency") == consistency, request.path


def test_what_a_write_came_to_is_read_from_most_replicas() -> None:
    server = recorded(write)
    assert server.to("POST", "/lab/points")
    assert {each.query.get("consistency") for each in server.to("POST", "/lab/points")} == {
        "majority"
    }


def test_both_legs_go_in_one_request_with_the_tenant_in_each() -> None:
    (request,) = [
        each for each in recorded(read).to("POST", "/query/batch")
        if len(each.body["searches"]) == 2
    ]  # fmt: skip
    dense, words = request.body["searches"]
    tenant = {"key": "namespace", "match": {"value": NAMESPACE}}
    assert (dense["using"], words["using"]) == ("dense_1", "words_1")
    for search in (dense, words):
        assert search["filter"]["must"] == [tenant]
    # No other tenant's texts move the weight of a word.
    assert words["params"]["idf"] == {"corpus": {"must": [tenant]}}
    assert dense["params"]["acorn"]["enable"] is True


def test_a_leg_that_comes_back_short_is_asked_again_without_the_graph() -> None:
    searches = [search for each in recorded(read).to("POST", "/query/batch")
                for search in each.body["searches"] if search["using"] == "dense_1"]  # fmt: skip
    assert [search["params"].get("exact") for search in searches] == [None, True]


def test_a_put_is_insert_only_and_its_key_is_claimed_before() -> None:
    server = recorded(write)
    record = server.to("PUT", "/lab/points")[0]
    claim = next(
        each for each in server.to("PUT", "/lab-keys/points")
        if "owner" in each.body["points"][0]["payload"]
    )  # fmt: skip
    assert record.body["update_mode"] == claim.body["update_mode"] == "insert_only"
    assert server.requests.index(claim) < server.requests.index(record)


def test_changes_are_made_on_the_condition_that_nobody_else_made_one() -> None:
    record = build_record(1)

    async def change(backend: Any) -> None:
        await backend.write([build_put(record, VECTOR)])
        put = build_put(replace(record, version=2), VECTOR)
        await backend.write([Patch(put.record, 1, put.index)])

    with recording_server() as server:

        async def run() -> None:
            async with opened(server) as backend:
                await change(backend)

        asyncio.run(run())
        first, second = server.to("PUT", "/lab/points")
        stamp = first.body["points"][0]["payload"]["stamp"]
        assert second.body["update_mode"] == "update_only"
        assert second.body["update_filter"]["must"] == [{"key": "stamp", "match": {"any": [stamp]}}]


def test_a_filter_goes_along_with_the_tenant() -> None:
    async def search(backend: Any) -> None:
        await backend.write([build_put(build_record(2), VECTOR)])
        await backend.search(NAMESPACE, [DenseLeg(VECTOR)], ContainsAny("tags", ("x", "y")), 5)

    searches = recorded(search).to("POST", "/query/batch")[0].body["searches"]
    assert searches[0]["filter"]["must"] == [
        {"key": "namespace", "match": {"value": NAMESPACE}},
        {"key": "tags", "match": {"any": ["x", "y"]}},
    ]


def test_the_key_is_in_every_requests_header_and_in_no_path() -> None:
    server = recorded(read, user="s3cret@")
    assert server.requests
    for request in server.requests:
        assert request.headers["api-key"] == "s3cret"
        assert "s3cret" not in request.path
