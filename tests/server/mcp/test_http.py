"""Over HTTP each request is its own caller's, whatever else is going on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server.mcp.clients import Connected, over_http, over_sse
from tests.server.mcp.serving import Served, served

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("mcp") / "m.db", "ann", "ben", "cat=read") as running:
        yield running


def _post(
    server: Served, body: Any, token: str | None = None, *, path: str = "/mcp", **headers: str
) -> httpx.Response:
    given = {**HEADERS, **headers}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(server.url + path, content=content, headers=given, timeout=30)


def _called(tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


@pytest.mark.parametrize("path", ["/mcp", "/mcp?namespace=other", "/messages/?session_id=1"])
def test_nobody_without_a_token_is_answered(server: Served, path: str) -> None:
    for body in (_called("recall", query="x"), {"jsonrpc": "2.0", "id": 1, "method": "ping"}):
        assert _post(server, body, path=path).status_code == 401
    assert _post(server, b"", "mk_wrong", path=path).status_code == 401
    assert httpx.get(server.url + "/sse").status_code == 401


def test_every_action_is_refused_without_the_permission_that_it_needs(server: Served) -> None:
    from memkit.service.operation import Permission, Surface
    from memkit.service.table import of_surface

    for operation in of_surface(Surface.MCP):
        assert operation.tool is not None
        arguments = {} if operation.tool in ("recall", "get") else {"action": operation.name}
        body = _called(operation.tool, **arguments)
        # Nothing is held in another namespace, and reading alone in this one.
        told = _post(server, body, server.tokens["cat"], path="/mcp?namespace=other").json()
        assert told["result"]["structuredContent"]["error"]["code"] == "forbidden", operation.name
        told = _post(server, body, server.tokens["cat"]).json()["result"]
        forbidden = told["isError"] and told["structuredContent"]["error"]["code"] == "forbidden"
        assert forbidden == (operation.permission > Permission.READ), operation.name


def test_the_author_is_whoever_the_token_belongs_to(server: Served) -> None:
    async def main() -> None:
        async with over_http(server.url + "/mcp", server.tokens["ann"]) as ann:
            made = await ann.done("remember", content="Ann wrote this about turnips")
            assert made["record"]["author"] == "ann"
            assert made["record"]["agent"] == "ann"

    asyncio.run(main())


def test_concurrent_callers_are_never_mixed_up(server: Served) -> None:
    async def write(client: Connected, name: str, count: int) -> None:
        results = await asyncio.gather(
            *(
                client.done("remember", content=f"{name} saw comet {number}", private=True)
                for number in range(count)
            )
        )
        assert {each["record"]["author"] for each in results} == {name}
        assert {each["record"]["agent"] for each in results} == {name}

    async def main() -> None:
        ann, ben = server.tokens["ann"], server.tokens["ben"]
        async with (
            over_http(server.url + "/mcp", ann) as first,
            over_http(server.url + "/mcp", ben) as second,
            over_sse(server.url + "/sse", ann) as third,
            over_sse(server.url + "/sse", ben) as fourth,
        ):
            pairs = ((first, "ann"), (second, "ben"), (third, "ann"), (fourth, "ben"))
            await asyncio.gather(*(write(client, name, 8) for client, name in pairs))
            for client, name in pairs:
                page = await client.done("list", limit=100)
                seen = {each["content"] for each in page["records"] if "comet" in each["content"]}
                assert seen == {f"{name} saw comet {number}" for number in range(8)}

    asyncio.run(main())


def test_a_stream_takes_messages_from_its_opener_alone(server: Served) -> None:
    ann, ben = ({"Authorization": f"Bearer {server.tokens[name]}"} for name in ("ann", "ben"))
    with httpx.stream("GET", server.url + "/sse", headers=ann, timeout=30) as stream:
        lines = stream.iter_lines()
        address = next(line for line in lines if line.startswith("data: ")).removeprefix("data: ")
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        url = server.url + address
        assert httpx.post(url, json=ping).status_code == 401
        assert httpx.post(url, json=ping, headers=ben).status_code == 404
        assert httpx.post(url, json=ping, headers=ann).status_code == 202
        answer = next(line for line in lines if "result" in line)
        assert json.loads(answer.removeprefix("data: "))["id"] == 1


def test_where_a_call_goes_stands_in_the_address(server: Served) -> None:
    token = server.tokens["ann"]
    made = _post(server, _called("remember", content="In the shed"), token, path="/mcp?project=p")
    assert made.json()["result"]["structuredContent"]["record"]["project"] == "p"
    headers = {"X-Agent-ID": "ben"}
    told = _post(server, _called("recall", query="x"), token, **headers).json()["result"]
    assert told["structuredContent"]["error"]["code"] == "forbidden"
    assert _post(server, _called("list"), token, path="/mcp?agent=a&agent=b").status_code == 422


def test_without_sessions_the_caller_says_which_recall_is_the_first(server: Served) -> None:
    token = server.tokens["ann"]
    rule = _called("remember", content="Keep the gate shut", kind="constraint")
    _post(server, rule, token)
    _post(server, _called("message", action="send", channel="yard", content="hay is here"),
          server.tokens["ben"])  # fmt: skip
    later = _post(server, _called("recall", query="gate"), token).json()["result"]
    assert "standing" not in later["structuredContent"]
    first = _post(server, _called("recall", query="sky", first=True), token).json()["result"]
    standing = first["structuredContent"]["standing"]
    assert [each["content"] for each in standing["records"]] == ["Keep the gate shut"]
    assert [each["message"]["content"] for each in standing["messages"]] == ["hay is here"]
    assert "| Keep the gate shut" in first["content"][0]["text"]
    assert "| hay is here" in first["content"][0]["text"]


def test_a_stream_knows_its_first_recall_itself(server: Served) -> None:
    async def main() -> None:
        async with over_sse(server.url + "/sse", server.tokens["ann"]) as client:
            assert "standing" in await client.done("recall", query="x")
            assert "standing" not in await client.done("recall", query="x")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"not json", 400), (b"[]", 400), (b"{}", 400), (b"\xff\xfe", 400), (b"x" * 20_000_000, 413)],
)  # fmt: skip
def test_what_is_no_request_is_refused(server: Served, body: bytes, status: int) -> None:
    assert _post(server, body, server.tokens["ann"]).status_code == status


def test_there_are_no_sessions_to_open_or_end(server: Served) -> None:
    headers = {**HEADERS, "Authorization": f"Bearer {server.tokens['ann']}"}
    for method in ("GET", "DELETE"):
        answer = httpx.request(method, server.url + "/mcp", headers=headers)
        assert answer.status_code == 405


def test_a_client_that_goes_leaves_the_server_usable(server: Served) -> None:
    token = server.tokens["ann"]
    waiting = _called("message", action="inbox", channel="nothing", wait=30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            server.url + "/mcp",
            json=waiting,
            headers={**HEADERS, "Authorization": f"Bearer {token}"},
            timeout=1,
        )
    assert _post(server, _called("list"), token).json()["result"]["isError"] is False
