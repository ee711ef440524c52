"""A real server on a real socket, in a thread, whose callers are known by their tokens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from memkit import AsyncMemory
from memkit.server.app import make_app


@dataclass
class Served:
    """Where it answers, and the secrets of its principals by their names."""

    url: str
    tokens: dict[str, str]


@contextmanager
def served(store: Path, *principals: str) -> Iterator[Served]:
    """Serve a store; without principals to whoever is on this machine.

    A principal is a name, with ``=read`` where it may only read.
    """
    ready = threading.Event()
    found: dict[str, Any] = {}

    def run() -> None:
        try:
            asyncio.run(_main(store, principals, ready, found))
        except BaseException as error:
            found["failure"] = error
            ready.set()
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    if "failure" in found:
        raise found["failure"]
    try:
        yield Served(found["url"], found["tokens"])
    finally:
        found["server"].should_exit = True
        thread.join(30)
        assert not thread.is_alive()


async def _main(
    store: Path, principals: tuple[str, ...], ready: threading.Event, found: dict[str, Any]
) -> None:
    found["tokens"] = {}
    auth = "token" if principals else "none"
    async with AsyncMemory.open(str(store), embedder="none", server_auth=auth) as memory:
        control = None
        if principals:
            from memkit.server.control import Control

            control = await Control.open(f"{store}.control.db")
            for principal in principals:
                name, _, permission = principal.partition("=")
                await control.create_principal(name)
                await control.grant(name, "default", permission or "write")
                found["tokens"][name] = (await control.issue_token(name, "test"))[0]
        try:
            server = uvicorn.Server(
                uvicorn.Config(
                    make_app(memory, control), port=0, log_config=None, timeout_graceful_shutdown=2
                )
            )
            found["server"] = server
            serving = asyncio.create_task(server.serve())
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            if server.started:
                port = server.servers[0].sockets[0].getsockname()[1]
                found["url"] = f"http://127.0.0.1:{port}"
                ready.set()
            await serving
        finally:
            if control is not None:
                await control.close()
