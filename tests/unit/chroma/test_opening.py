from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from memkit.errors import (
    ConfigurationError,
    SchemaMismatch,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
)
from memkit.filters import EVERYTHING, Eq
from memkit.protocols import Applied, Fingerprint, StoreSpec
from memkit.testing.records import EPOCH, NAMESPACE, build_put, build_record, unit_vector
from memkit_chroma import ChromaBackend
from memkit_chroma.driver import connect, disconnect
from memkit_chroma.entries import State
from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import Ledger
from memkit_chroma.places import Place
from tests.engines.chroma import persistent_backend_at, server_url_at

SPEC = StoreSpec(Fingerprint("m", 8), "a")
_HOLD = """
import asyncio, sys
from tests.engines.chroma import persistent_backend_at
from tests.unit.chroma.test_opening import SPEC
from pathlib import Path
backend = persistent_backend_at(Path(sys.argv[1]))
asyncio.run(backend.open(SPEC))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_with_the_way_out(folder: Path) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailable, match=r"chroma\+serve://.*chroma run"):
            asyncio.run(persistent_backend_at(folder).open(SPEC))
        process.kill()
        process.wait()
    backend = persistent_backend_at(folder)
    asyncio.run(backend.open(SPEC))
    asyncio.run(backend.close())


def test_a_second_backend_of_one_process_is_refused_too(folder: Path) -> None:
    async def run() -> None:
        first, second = persistent_backend_at(folder), persistent_backend_at(folder)
        await first.open(SPEC)
        with pytest.raises(StoreUnavailable):
            await second.open(SPEC)
        await first.close()
        await second.open(SPEC)
        await second.close()

    asyncio.run(run())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError):
        asyncio.run(persistent_backend_at(tmp_path / "file").open(SPEC))
    with pytest.raises(StoreReadOnly):
        asyncio.run(persistent_backend_at(tmp_path / "file" / "below").open(SPEC))


def test_a_newer_store_is_refused(folder: Path) -> None:
    folder.mkdir()
    gateway = Gateway(Place(folder))
    Ledger(gateway, lambda entry: None).make(State(99))
    gateway.close()
    with pytest.raises(SchemaMismatch, match="pip install -U"):
        asyncio.run(persistent_backend_at(folder).open(SPEC))


def test_a_store_of_version_1_is_brought_up_to_date(folder: Path) -> None:
    folder.mkdir()
    gateway = Gateway(Place(folder))
    Ledger(gateway, lambda entry: None).make(State(1))
    gateway.close()

    async def opened(*, read_only: bool) -> tuple[int, str | None]:
        backend = persistent_backend_at(folder)
        info = await backend.open(replace(SPEC, read_only=read_only))
        await backend.close()
        return info.schema_version, info.identity

    assert asyncio.run(opened(read_only=True)) == (1, None)
    version, identity = asyncio.run(opened(read_only=False))
    assert version == 3
    assert identity
    assert asyncio.run(opened(read_only=True)) == (3, identity)


def test_a_store_of_version_2_stays_the_one_it_is(folder: Path) -> None:
    folder.mkdir()
    gateway = Gateway(Place(folder))
    Ledger(gateway, lambda entry: None).make(State(2, identity="it"))
    gateway.close()
    fact = build_record(1, subject="user", predicate="likes", object="tea", retracted_at=EPOCH)

    async def run() -> None:
        backend = persistent_backend_at(folder)
        info = await backend.open(SPEC)
        assert (info.schema_version, info.identity) == (3, "it")
        await backend.write([build_put(fact)])
        await backend.close()
        await backend.open(SPEC)
        found = await backend.scan(NAMESPACE, Eq("subject", "user"))
        assert [item.record for item in found.items] == [fact]
        await backend.close()

    asyncio.run(run())


def test_somebody_elses_collection_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    api, system = connect(Place(folder))
    api.create_collection("memkit-meta", tenant="default_tenant", database="default_database")
    disconnect(api, system)
    with pytest.raises(StoreCorrupt, match="prefix"):
        asyncio.run(persistent_backend_at(folder).open(SPEC))


def test_two_stores_share_a_folder_by_their_prefixes(folder: Path) -> None:
    async def write(prefix: str, number: int) -> dict[str, int]:
        backend = ChromaBackend(Place(folder, prefix=prefix))
        await backend.open(SPEC)
        await backend.write([build_put(build_record(number), unit_vector(number, 8))])
        try:
            return await backend.count(NAMESPACE, EVERYTHING)
        finally:
            await backend.close()

    assert asyncio.run(write("one", 1)) == {"": 1}
    assert asyncio.run(write("two", 1)) == {"": 1}


def test_a_server_that_is_not_there_is_told_in_bounded_time() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = ChromaBackend.from_url(f"chroma://127.0.0.1:{port}/db?timeout=2")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        asyncio.run(backend.open(SPEC))


def test_a_server_that_says_nothing_is_told_in_bounded_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        backend = ChromaBackend.from_url(f"chroma://127.0.0.1:{port}/db?timeout=0.5")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="timeout"):
            asyncio.run(backend.open(SPEC))
        assert time.monotonic() - began < 30


def test_a_token_is_in_no_error() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        url = f"chroma://s3cret@127.0.0.1:{port}/db?timeout=0.2"
        with pytest.raises(StoreUnavailable) as caught:
            asyncio.run(ChromaBackend.from_url(url).open(SPEC))
    assert "s3cret" not in str(caught.value)


def test_nobody_is_told_of_its_use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    reached = socket.socket.connect

    def connect_seen(self: socket.socket, address: object) -> None:
        asked.append(address)
        reached(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect_seen)
    handlers = list(logging.getLogger().handlers)

    async def run(backend: ChromaBackend) -> None:
        await backend.open(SPEC)
        assert await backend.write([build_put(build_record(1), unit_vector(1, 8))]) == [Applied()]
        await backend.close()

    asyncio.run(run(persistent_backend_at(folder)))
    assert asked == []
    asyncio.run(run(ChromaBackend.from_url(server_url_at(folder))))
    assert {address[0] for address in asked if isinstance(address, tuple)} == {"127.0.0.1"}
    assert logging.getLogger().handlers == handlers


def test_telemetry_is_off_whatever_the_environment_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb.telemetry.opentelemetry import OpenTelemetryClient

    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "True")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("CHROMA_OTEL_GRANULARITY", "all")
    folder.mkdir()
    for place in (Place(folder), Place(host="127.0.0.1")):
        api, system = connect(place)
        settings = system.settings
        assert settings.anonymized_telemetry is False
        assert not settings.chroma_otel_collection_endpoint
        assert settings.chroma_otel_granularity is None
        assert isinstance(system.instance(OpenTelemetryClient), OpenTelemetryClient)
        disconnect(api, system)
