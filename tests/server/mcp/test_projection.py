"""What becomes of a request inside: failures stay there, changes are finished."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memkit import AsyncMemory
from memkit.server.mcp.projection import Peer, Projection, Refused, Session
from memkit.service import Place, Service
from memkit.service.calling import Embedded, Origin
from memkit.service.operation import Surface
from memkit.service.table import of_surface

PEER = Peer(Embedded(), Place(agent="ann"), Origin("mcp"))


@dataclass
class Opened:
    """A projection on a store that is open."""

    memory: AsyncMemory
    projection: Projection

    async def call(self, tool: str, peer: Peer = PEER, **arguments: Any) -> Any:
        return await self.projection.answer(
            "tools/call", {"name": tool, "arguments": arguments}, peer
        )


async def _opened(path: Path) -> Opened:
    memory = await AsyncMemory.open(str(path / "m.db"), embedder="none")

    async def service() -> Service:
        return Service(memory)

    return Opened(memory, Projection(service))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "recall", "arguments": {"query": "x"}}),
        ("resources/read", {"uri": "memory://status"}),
    ],
)
def test_an_unforeseen_failure_says_nothing_of_itself(method: str, params: Any) -> None:
    async def broken() -> Service:
        raise RuntimeError("the password is hunter2")

    async def main() -> str:
        try:
            return json.dumps(await Projection(broken).answer(method, params, PEER))
        except Refused as refusal:
            return refusal.message

    told = asyncio.run(main())
    assert "the server failed" in told.lower()
    assert "hunter2" not in told


def test_a_change_is_finished_when_its_request_is_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        opened = await _opened(tmp_path)
        async with opened.memory:
            asked = asyncio.create_task(opened.call("remember", content="begun"))
            # As far as the operation's own task, and no further.
            for _ in range(6):
                await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            await opened.projection.settle()
            assert await opened.memory.count() == 1

    asyncio.run(main())


def test_a_reading_ends_with_its_request(tmp_path: Path) -> None:
    async def main() -> None:
        opened = await _opened(tmp_path)
        async with opened.memory:
            asked = asyncio.create_task(
                opened.call("message", action="inbox", channel="c", wait=60)
            )
            await asyncio.sleep(0.1)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            async with asyncio.timeout(30):
                await opened.projection.settle()
            found = await opened.call("list", action="count")
            assert found["structuredContent"] == {"count": 0}

    asyncio.run(main())


def test_messages_that_wait_come_with_the_first_recall(tmp_path: Path) -> None:
    async def main() -> None:
        opened = await _opened(tmp_path)
        async with opened.memory:
            ben = Peer(Embedded(), Place(agent="ben"), Origin("mcp"), Session())
            await opened.call("message", action="send", channel="c", content="look\n[id=x]")
            told = await opened.call("recall", ben, query="anything")
            (message,) = told["structuredContent"]["standing"]["messages"]
            assert message["message"]["content"] == "look\n[id=x]"
            assert "| look\n| [id=x]" in told["content"][0]["text"]
            acked = await opened.call("message", ben, action="ack", ids=[message["message"]["id"]])
            assert acked["structuredContent"] == {"count": 1}
            again = await opened.call("recall", ben, query="anything", first=True)
            assert again["structuredContent"]["standing"]["messages"] == []

    asyncio.run(main())


@pytest.mark.parametrize("first", ["yes", 1, []])
def test_first_is_yes_or_no(tmp_path: Path, first: Any) -> None:
    async def main() -> Any:
        opened = await _opened(tmp_path)
        async with opened.memory:
            return await opened.call("recall", query="x", first=first)

    told = asyncio.run(main())
    assert told["structuredContent"]["error"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    ("tool", "arguments", "takes"),
    [
        ("list", {"action": "dossier"}, "entity (string, required)"),
        ("list", {"action": "profile", "kind": "note"}, "max_chars (integer)"),
        ("recall", {"query": "x", "verbose": True}, "mode (hybrid | dense | lexical)"),
        ("remember", {"action": "add_to_profile", "content": "x"}, "text (string, required)"),
    ],
)
def test_a_wrong_call_is_told_what_would_be_right(
    tmp_path: Path, tool: str, arguments: dict[str, Any], takes: str
) -> None:
    async def main() -> Any:
        opened = await _opened(tmp_path)
        async with opened.memory:
            return await opened.call(tool, **arguments)

    told = asyncio.run(main())
    assert told["isError"]
    assert told["structuredContent"]["error"]["code"] == "invalid_input"
    assert " takes: " in told["content"][0]["text"]
    assert takes in told["content"][0]["text"]


def test_fields_that_tools_do_not_tell_are_taken_and_can_be_read(tmp_path: Path) -> None:
    async def main() -> Any:
        opened = await _opened(tmp_path)
        async with opened.memory:
            await opened.call("remember", content="x", speaker="ann", idempotency_key="k")
            told = await opened.projection.answer(
                "resources/read", {"uri": "memory://operations"}, PEER
            )
            (record,) = (await opened.memory.list()).records
            return record, told["contents"][0]["text"]

    record, told = asyncio.run(main())
    assert record.speaker == "ann"
    for operation in of_surface(Surface.MCP):
        assert f"{operation.tool}, action={operation.name}: " in told
    assert "  idempotency_key (string): the same key again stores nothing new" in told


def test_constraints_ride_along_and_are_told_once(tmp_path: Path) -> None:
    async def main() -> tuple[Any, Any, Any]:
        opened = await _opened(tmp_path)
        async with opened.memory:
            rule = await opened.memory.remember("Never deploy on Fridays.", kind="constraint")
            await opened.memory.assert_fact("Ann", "lives_in", "Rome")
            first = await opened.call("recall", query="what is planned", first=True)
            later = await opened.call("recall", query="what is planned")
            return rule.id, first, later

    rule, first, later = asyncio.run(main())
    standing = first["structuredContent"]["standing"]
    assert [record["id"] for record in standing["records"]] == [rule]
    assert "| Ann lives in Rome" in standing["profile"]
    assert "Fridays" not in standing["profile"]
    assert first["structuredContent"]["constraints"] == []
    assert first["content"][0]["text"].count("| Never deploy on Fridays.") == 1
    short = {"id": rule, "content": "Never deploy on Fridays."}
    assert later["structuredContent"]["constraints"] == [short]
    assert "Constraints (always apply):" in later["content"][0]["text"]
    assert "standing" not in later["structuredContent"]


@pytest.mark.parametrize(
    "uri",
    ["memory://", "memory://nothing", "memory://record/", "memory://record/unknown-id",
     "memory://schema/grant", "memory://schema/none", "file:///etc/passwd", "status"],
)  # fmt: skip
def test_what_no_resource_names_is_not_there(tmp_path: Path, uri: str) -> None:
    async def main() -> None:
        opened = await _opened(tmp_path)
        async with opened.memory:
            await opened.projection.answer("resources/read", {"uri": uri}, PEER)

    with pytest.raises(Refused) as refusal:
        asyncio.run(main())
    assert refusal.value.code == -32602


def test_whole_schemas_can_be_read(tmp_path: Path) -> None:
    async def main() -> Any:
        opened = await _opened(tmp_path)
        async with opened.memory:
            told = await opened.projection.answer(
                "resources/read", {"uri": "memory://schema/recall"}, PEER
            )
            return json.loads(told["contents"][0]["text"])

    schema = asyncio.run(main())
    assert schema["permission"] == "read"
    assert schema["input"]["properties"]["limit"]
    assert schema["output"]["properties"]["memories"]
