"""The official clients of whichever major is installed, with one face."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from memkit.server.mcp.facts import speaks_envelopes

ROOT = Path(__file__).resolve().parents[3]
#: How a client of the installed major can speak.
GENERATIONS = ("2025-11-25", "2026-07-28") if speaks_envelopes() else ("2025-11-25",)


def command(store: Path | str, *options: str) -> list[str]:
    """The command that serves a store over stdio."""
    return [sys.executable, "-m", "memkit", "mcp", "--store", str(store), *options]


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that runs this memkit."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "backends")))
    return {**os.environ, "PYTHONPATH": path, **more}


class Connected:
    """A client that is connected; its answers are JSON."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def tools(self) -> dict[str, Any]:
        listed = _json(await self.client.list_tools())
        return {tool["name"]: tool for tool in listed["tools"]}

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return _json(await self.client.call_tool(tool, arguments))

    async def done(self, tool: str, **arguments: Any) -> Any:
        result = await self.call(tool, **arguments)
        assert result["isError"] is False, result
        assert result["content"][0]["text"]
        return result["structuredContent"]

    async def refused(self, tool: str, **arguments: Any) -> Any:
        result = await self.call(tool, **arguments)
        assert result["isError"] is True, result
        return result["structuredContent"]["error"]

    async def read(self, uri: str) -> str:
        given: Any = uri if speaks_envelopes() else import_module("pydantic").AnyUrl(uri)
        (content,) = _json(await self.client.read_resource(given))["contents"]
        text: str = content["text"]
        return text

    async def listed(self) -> tuple[set[str], set[str], set[str]]:
        resources = _json(await self.client.list_resources())["resources"]
        templates = _json(await self.client.list_resource_templates())["resourceTemplates"]
        prompts = _json(await self.client.list_prompts())["prompts"]
        return (
            {each["uri"] for each in resources},
            {each["uriTemplate"] for each in templates},
            {each["name"] for each in prompts},
        )

    async def prompted(self, name: str, **arguments: str) -> str:
        told = _json(await self.client.get_prompt(name, arguments))
        text: str = told["messages"][0]["content"]["text"]
        return text


def _json(result: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dumped


@asynccontextmanager
async def over_stdio(
    store: Path | str, *options: str, generation: str = "2025-11-25", **variables: str
) -> AsyncIterator[Connected]:
    mcp: Any = import_module("mcp")
    python, *arguments = command(store, *options)
    parameters = mcp.StdioServerParameters(
        command=python, args=arguments, env=environment(**variables)
    )
    async with _connected(mcp.stdio_client(parameters), generation) as client:
        yield client


@asynccontextmanager
async def over_http(
    url: str, token: str | None = None, *, generation: str = "2025-11-25"
) -> AsyncIterator[Connected]:
    http: Any = import_module("httpx2" if speaks_envelopes() else "httpx")
    transport: Any = import_module("mcp.client.streamable_http")
    async with http.AsyncClient(headers=_headers(token), timeout=60) as requests:
        opened = transport.streamable_http_client(url, http_client=requests)
        async with _connected(opened, generation) as client:
            yield client


@asynccontextmanager
async def over_sse(url: str, token: str | None = None) -> AsyncIterator[Connected]:
    sse: Any = import_module("mcp.client.sse")
    async with _connected(sse.sse_client(url, headers=_headers(token))) as client:
        yield client


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def _connected(transport: Any, generation: str = "2025-11-25") -> AsyncIterator[Connected]:
    mcp: Any = import_module("mcp")
    async with AsyncExitStack() as stack:
        if speaks_envelopes():
            mode = "legacy" if generation == "2025-11-25" else generation
            client = await stack.enter_async_context(mcp.Client(transport, mode=mode))
        else:
            reading, writing, *_ = await stack.enter_async_context(transport)
            client = await stack.enter_async_context(mcp.ClientSession(reading, writing))
            await client.initialize()
        yield Connected(client)


async def full_round(client: Connected) -> None:
    """What an ordinary client does, once through."""
    assert set(await client.tools()) == {
        "remember", "recall", "get", "list", "update", "forget", "link", "message",
    }  # fmt: skip
    rule = await client.done("remember", content="Never deploy on a Friday 🚫", kind="constraint")
    made = await client.done("remember", content="The release manager is Ann", tags=["team"])
    both = await client.done(
        "remember", action="remember_many", items=[{"content": "one"}, {"content": "two"}]
    )
    assert [each["status"] for each in both["results"]] == ["stored", "stored"]
    found = await client.done("recall", query="who is the release manager?", first=True)
    assert found["memories"][0]["id"] == made["id"]
    assert [each["id"] for each in found["standing"]["records"]] == [rule["id"]]
    assert (await client.done("get", id=rule["id"]))["content"].endswith("🚫")
    page = await client.done("list", limit=2)
    assert len(page["records"]) == 2
    rest = await client.done("list", limit=2, cursor=page["cursor"])
    assert len(rest["records"]) == 2
    assert await client.done("list", action="count") == {"count": 4}
    assert (await client.done("list", action="tags"))["counts"]["team"] == 1
    fixed = await client.done(
        "update", action="correct", id=made["id"], content="The release manager is Ben"
    )
    assert fixed["status"] == "superseded"
    await client.done("link", id=fixed["id"], target=rule["id"], type="supports")
    related = await client.done("link", action="related", id=fixed["id"])
    assert rule["id"] in {each["record"]["id"] for each in related["related"]}
    assert (await client.refused("get", id="no-such"))["code"] in ("not_found", "invalid_input")
    await client.done("forget", ids=[rule["id"]])
    await client.done("forget", action="restore", ids=[rule["id"]])
    sent = await client.done("message", action="send", channel="team", content="done", to=["ben"])
    assert sent["record"]["tags"]
    names = await client.done("message", action="channels")
    assert [each["name"] for each in names["channels"]] == ["team"]
    assert "Never deploy" in await client.read("memory://constraints")
    assert fixed["id"] in await client.read(f"memory://record/{fixed['id']}")
    uris, templates, prompts = await client.listed()
    assert "memory://status" in uris
    assert "memory://record/{id}" in templates
    assert prompts == {"recall-first", "remember-this", "hand-over"}
    assert "the login page" in await client.prompted("recall-first", task="the login page")
