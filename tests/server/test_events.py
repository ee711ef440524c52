"""Events as they happen, to those who may know of them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from memkit.server.control import Control
from tests.server.standing import Standing, standing

Told = dict[str, str]


@contextmanager
def _listening(
    client: httpx.Client, path: str = "/api/events", after: str | None = None
) -> Iterator[Iterator[Told]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _blocks(response)


def _blocks(response: httpx.Response) -> Iterator[Told]:
    """Each event, and each sign of life, which has an id alone."""
    told: Told = {}
    for line in response.iter_lines():
        if not line:
            if "id" in told:
                yield told
            told = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            told[name] = value


def _until(blocks: Iterator[Told], id_: str) -> tuple[list[Told], Told]:
    """The events before the one of a record, and that one."""
    before: list[Told] = []
    for told in blocks:
        if "event" in told:
            if json.loads(told["data"])["id"] == id_:
                return before, told
            before.append(told)
    raise AssertionError("the stream ended")


def _store(client: httpx.Client, **more: Any) -> str:
    body = {"content": f"event {uuid.uuid4().hex}", **more}
    id_: str = client.post("/api/memories", json=body).json()["id"]
    return id_


def test_what_happens_is_told(server: Standing) -> None:
    ann, eve = server.client("ann"), server.client("eve")
    with _listening(eve) as blocks:
        id_ = _store(ann, tags=["alarm"])
        _, created = _until(blocks, id_)
        ann.post("/api/memories/forget", json={"ids": [id_]})
        _, forgotten = _until(blocks, id_)
    assert (created["event"], forgotten["event"]) == ("created", "forgotten")
    data = json.loads(created["data"])
    assert data["cursor"] == created["id"]
    assert data["record"]["id"] == id_
    assert "alarm" in data["tags"]


def test_a_reader_goes_on_where_it_was(server: Standing) -> None:
    ann = server.client("ann")
    with _listening(ann) as blocks:
        first = _store(ann)
        _, seen = _until(blocks, first)
    missed = [_store(ann) for _ in range(3)]
    with _listening(ann, after=seen["id"]) as blocks:
        before, _ = _until(blocks, missed[-1])
    assert [json.loads(each["data"])["id"] for each in before] == missed[:-1]


def test_a_sign_of_life_says_where_to_go_on(server: Standing) -> None:
    ann = server.client("ann")
    with _listening(ann, "/api/events?tags=nobody-has-this") as blocks:
        start = next(blocks)
        _store(ann)
        alive = next(each for each in blocks if "event" not in each and each["id"] != start["id"])
    # What was passed over is not looked at again.
    marked = _store(ann, tags=["nobody-has-this"])
    path = "/api/events?tags=nobody-has-this"
    with _listening(ann, path, alive["id"]) as blocks:
        before, _ = _until(blocks, marked)
    assert before == []


def test_a_reader_is_told_of_what_it_may_see_alone(server: Standing) -> None:
    ann, bob, root = server.client("ann"), server.client("bob"), server.client("root")
    root.put("/api/channels/privacy", json={"namespace": "default", "channel": "board"})
    with _listening(bob) as blocks:
        _store(ann, private=True)
        _store(root, tags=["msg:board"])
        root.post("/api/memories?namespace=elsewhere", json={"content": "other tenant"})
        ann.post("/api/memories?project=apollo", json={"content": f"deep {uuid.uuid4()}"})
        last = _store(ann)
        before, _ = _until(blocks, last)
    assert before == []


def test_only_the_kinds_that_were_asked_for_are_told(server: Standing) -> None:
    ann = server.client("ann")
    with _listening(ann, "/api/events?kinds=message&kinds=erased") as blocks:
        _store(ann)
        sent = ann.post("/api/messages", json={"channel": "k", "content": str(uuid.uuid4())}).json()
        before, told = _until(blocks, sent["id"])
    assert before == []
    assert told["event"] == "message"
    refused = ann.get("/api/events?kinds=nonsense")
    assert refused.status_code == 422


def test_a_stream_ends_with_its_token(server: Standing) -> None:
    control: Control = server.control
    secret, info = server.do(control.issue_token("eve", "short"))
    with (
        httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30
        ) as client,
        _listening(client) as blocks,
    ):
        next(blocks)
        server.client("root").delete(f"/api/tokens/{info.id}")
        assert [each for each in blocks if "event" in each] == []


def test_a_stream_ends_when_it_would_show_something_else(server: Standing) -> None:
    control: Control = server.control
    with _listening(server.client("eve")) as blocks:
        next(blocks)
        server.do(control.make_private("default", "later"))
        assert [each for each in blocks if "event" in each] == []


@pytest.mark.parametrize("cursor", ["nonsense", "", "é", "WzEsbnVsbF0"])
def test_what_is_no_cursor_is_refused(server: Standing, cursor: str) -> None:
    response = server.client("ann").get(
        "/api/events", headers={b"Last-Event-ID": cursor.encode() or b"-"}
    )
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")


def test_there_is_room_for_so_many_readers(tmp_path: Any) -> None:
    with standing(tmp_path / "memory.db", server_streams=1) as server:
        ann = server.client("ann")
        with _listening(ann) as blocks:
            next(blocks)
            response = server.client("bob").get("/api/events")
            assert (response.status_code, response.json()["code"]) == (503, "busy")
            assert int(response.headers["retry-after"]) > 0
        deadline = time.monotonic() + 20
        while server.app.state.context.streams and time.monotonic() < deadline:
            time.sleep(0.02)
        with _listening(ann) as blocks:
            assert next(blocks)


def test_streams_end_with_the_server(tmp_path: Any) -> None:
    store = tmp_path / "memory.db"
    with standing(store) as server:
        ann = server.client("ann")
        with _listening(ann) as blocks:
            start = next(blocks)
            server.app.state.context.ending.set()
            assert [each for each in blocks if "event" in each] == []
        id_ = _store(ann)
    # Another server on the same store goes on where the reader was.
    with (
        standing(store, server_auth="none") as server,
        _listening(server.client(), after=start["id"]) as blocks,
    ):
        _until(blocks, id_)
