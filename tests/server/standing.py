"""A real server with a real store, on a port of its own, and principals of every kind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from memkit import AsyncMemory
from memkit.server.app import make_app
from memkit.server.control import Control
from memkit.server.protocol import protocol_of
from memkit.testing.embedders import ToyEmbedder

NAMESPACE = "default"


class Standing:
    """Where the server answers, and a client for each principal."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: dict[str, str] = {}
        self.app: Any = None
        self.control: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[str, httpx.Client] = {}

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, name: str | None = None) -> httpx.Client:
        """A client that calls as a principal; ``None``: as nobody."""
        key = name or ""
        if key not in self._clients:
            headers = {} if name is None else {"Authorization": f"Bearer {self.tokens[name]}"}
            self._clients[key] = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        return self._clients[key]

    def do(self, work: Any) -> Any:
        """Run a coroutine where the server runs."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


async def _people(control: Control, tokens: dict[str, str]) -> None:
    async def make(name: str, role: str, agents: list[str], permission: str | None) -> None:
        await control.create_principal(name, role, agents)
        if permission is not None:
            await control.grant(name, NAMESPACE, permission)
        tokens[name] = (await control.issue_token(name, "test"))[0]

    await make("root", "admin", ["*"], None)
    await make("chief", "member", [], "admin")
    await make("ann", "member", ["ann", "researcher", "build-*"], "write")
    await make("bob", "member", [], "write")
    await make("eve", "member", [], "read")
    await make("zoe", "member", [], None)


@contextmanager
def standing(store: Path, *, embedder: Any = None, **settings: Any) -> Iterator[Standing]:
    """A server for the time of a block."""
    told, ready = Standing(), threading.Event()
    failures: list[BaseException] = []
    held: list[uvicorn.Server] = []

    async def main() -> None:
        made = ToyEmbedder() if embedder is None else embedder
        asks = settings.get("server_auth") != "none"
        async with AsyncMemory.open(
            str(store), embedder=made, **{"server_rate": "none", **settings}
        ) as memory:
            if not asks:
                await serve(memory, None)
                return
            async with await Control.open(f"{store}.control.db") as control:
                told.control = control
                await _people(control, told.tokens)
                await serve(memory, control)

    async def serve(memory: AsyncMemory, control: Control | None) -> None:
        told.app = make_app(memory, control)
        config = uvicorn.Config(
            told.app,
            port=0,
            log_config=None,
            timeout_graceful_shutdown=5,
            ws="none",
            proxy_headers=False,
            http=protocol_of(memory.settings.server_body_seconds),
        )
        server = uvicorn.Server(config)
        held.append(server)
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        told._loop = asyncio.get_running_loop()
        told.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        ready.set()
        while not server.should_exit:
            await asyncio.sleep(0.02)
        told.app.state.context.ending.set()
        await task

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 (raised where the test waits)
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        if not failures:
            yield told
    finally:
        told.close()
        for server in held:
            server.should_exit = True
        thread.join(30)
        if failures:
            raise failures[0]
        assert not thread.is_alive()
