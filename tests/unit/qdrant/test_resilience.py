"""Failures of a server: what is tried again, what is said, and that nothing is done twice."""

from __future__ import annotations

import asyncio
import socket

import pytest

from memkit.errors import MemkitError, StoreError, StoreFull, StoreUnavailable
from memkit.filters import EVERYTHING
from memkit.protocols import Applied, Fingerprint, StoreSpec
from memkit.testing.records import NAMESPACE, basis_vector, build_put, build_record
from memkit_qdrant import QdrantBackend
from tests.engines.qdrant import DROP, RecordingServer, recording_server

SPEC = StoreSpec(Fingerprint("model", 4), "words-1")
PUT = build_put(build_record(1), basis_vector(0, 4), unique=("key",))


def backend_of(server: RecordingServer, options: str = "") -> QdrantBackend:
    return QdrantBackend.from_url(f"qdrant://k3y@127.0.0.1:{server.port}/lab{options}")


@pytest.mark.parametrize("status", [500, 502, 503, 429, DROP])
def test_a_passing_failure_of_a_read_is_asked_again(status: int) -> None:
    async def run() -> None:
        backend = backend_of(server)
        await backend.open(SPEC)
        server.failures["/count"] = [status, status]
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}
        assert len(server.to("POST", "/count")) == 3
        await backend.close()

    with recording_server() as server:
        asyncio.run(run())


def test_a_put_whose_answer_was_lost_is_no_duplicate_of_itself() -> None:
    async def run() -> None:
        backend = backend_of(server)
        await backend.open(SPEC)
        server.failures["/lab/points"] = [DROP, DROP]
        server.failures["/lab-keys/points"] = [DROP]
        assert await backend.write([PUT]) == [Applied()]
        assert len(server.collections["lab"]) == 1
        await backend.close()

    with recording_server() as server:
        asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, StoreUnavailable, "MEMKIT_QDRANT_API_KEY"),
        (403, StoreUnavailable, "API key"),
        (507, StoreFull, "space"),
        (404, StoreUnavailable, "collection"),
        (400, StoreError, "400"),
        (503, StoreUnavailable, "503"),
    ],
)
def test_a_lasting_failure_says_what_to_do_and_no_secret(
    status: int, error: type[MemkitError], said: str
) -> None:
    async def run() -> None:
        backend = backend_of(server, "?retries=1")
        await backend.open(SPEC)
        server.failures["/count"] = [status] * 9
        with pytest.raises(error) as caught:
            await backend.count(NAMESPACE, EVERYTHING)
        assert said in str(caught.value)
        assert "k3y" not in str(caught.value)
        # It is only the request that failed.
        server.failures.clear()
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}
        await backend.close()

    with recording_server() as server:
        asyncio.run(run())


def test_what_will_not_change_is_asked_once() -> None:
    async def run() -> None:
        backend = backend_of(server)
        await backend.open(SPEC)
        server.failures["/count"] = [403] * 9
        with pytest.raises(StoreUnavailable):
            await backend.count(NAMESPACE, EVERYTHING)
        assert len(server.to("POST", "/count")) == 1
        await backend.close()

    with recording_server() as server:
        asyncio.run(run())


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def run() -> None:
            backend = QdrantBackend.from_url(f"qdrant://127.0.0.1:{port}/lab?retries=0")
            with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}/lab cannot be reached"):
                await backend.open(SPEC)
            await backend.close()

        asyncio.run(run())


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]

        async def run() -> None:
            backend = QdrantBackend.from_url(f"qdrant://127.0.0.1:{port}/lab?retries=0&timeout=1")
            with pytest.raises(StoreUnavailable, match="raise the option timeout"):
                await backend.open(SPEC)

        asyncio.run(run())


def test_an_older_server_is_refused_with_the_version_that_is_needed() -> None:
    async def run() -> None:
        with pytest.raises(StoreUnavailable, match=r"1\.18\.2.*1\.19"):
            await backend_of(server).open(SPEC)

    with recording_server("1.18.2") as server:
        asyncio.run(run())
    assert [each.path for each in server.requests] == ["/"]
