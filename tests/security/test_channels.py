"""A member attacks a private channel of the same namespace, by every way to its tag."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.town import Town

ACME = {"namespace": "acme"}
WORDS = "Board only: nickel-otter-12"
TAG = "msg:board"


@pytest.fixture(scope="module")
def sent(town: Town) -> str:
    """The id of a message on the private channel ``board``; Ada may use it, Bob may not."""
    town.admin.done("PUT", "/api/channels/privacy", json={"namespace": "acme", "channel": "board"})
    for name, permission in (("ada", "write"), ("rex", "read")):
        grant = {
            "principal": name,
            "namespace": "acme",
            "channel": "board",
            "permission": permission,
        }
        town.admin.done("PUT", "/api/grants", json=grant)
    body = {"channel": "board", "content": WORDS, "tags": ["board-tag"]}
    return str(town["ada"].done("POST", "/api/messages", params=ACME, json=body)["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/memories", {"content": "x", "tags": [TAG]}),
        ("POST", "/api/memories/batch", {"items": [{"content": "x", "tags": [TAG]}]}),
        ("POST", "/api/messages", {"channel": "board", "content": "x"}),
        ("POST", "/api/messages", {"channel": "open", "content": "x", "tags": [TAG]}),
        ("PATCH", "/api/memories/{own}", {"tags": [TAG]}),
        ("POST", "/api/memories/{own}/correct", {"content": "x", "tags": [TAG]}),
    ],
)
@pytest.mark.parametrize("name", ["bob", "rex"])
def test_no_way_of_writing_sends_on_it_without_a_grant(
    town: Town, sent: str, name: str, method: str, path: str, body: Any
) -> None:
    own = town["bob"].remember("Bob's own")["id"]
    before = town["ada"].done("GET", "/api/memories", params={**ACME, "tags": TAG})["records"]
    answer = town[name].ask(method, path.format(own=own), params=ACME, json=body)
    after = town["ada"].done("GET", "/api/memories", params={**ACME, "tags": TAG})["records"]
    assert before == after
    assert answer.status_code == 403


@pytest.mark.parametrize("tag", [f" {TAG} ", "MSG:board", "msg: board", "msg:board\u200b"])
def test_a_tag_that_looks_like_its_own_does_not_send_on_it(town: Town, sent: str, tag: str) -> None:
    before = town["ada"].done("GET", "/api/memories", params={**ACME, "tags": TAG})["records"]
    town["bob"].ask("POST", "/api/memories", params=ACME, json={"content": "x", "tags": [tag]})
    after = town["ada"].done("GET", "/api/memories", params={**ACME, "tags": TAG})["records"]
    assert before == after


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/api/memories", {"params": {**ACME, "limit": "1000"}}),
        ("GET", "/api/memories", {"params": {**ACME, "tags": TAG}}),
        ("GET", "/api/memories", {"params": {**ACME, "kinds": "message"}}),
        ("GET", "/api/tags", {"params": ACME}),
        ("GET", "/api/channels", {"params": ACME}),
        ("POST", "/api/memories/search", {"params": ACME, "json": {"query": "board nickel otter"}}),
        (
            "POST",
            "/api/memories/search",
            {"params": ACME, "json": {"query": "nickel-otter-12", "tags": [TAG]}},
        ),
        ("POST", "/api/messages/inbox", {"params": ACME, "json": {"limit": 1000}}),
        ("POST", "/api/messages/inbox", {"params": ACME, "json": {"channel": "board"}}),
    ],
)
def test_no_way_of_reading_shows_it_without_a_grant(
    town: Town, sent: str, method: str, path: str, more: dict[str, Any]
) -> None:
    answer = town["bob"].ask(method, path, **more)
    assert answer.status_code in (200, 403), answer.text
    for trace in (sent, "nickel-otter", "board-tag", f'"{TAG}"', '"board"'):
        assert trace not in answer.text
    # Whoever has a grant finds it by the same means.
    assert any(
        trace in town["rex"].ask(method, path, **more).text for trace in (sent, TAG, "board")
    )


def test_counts_do_not_tell_of_it(town: Town, sent: str) -> None:
    params = {**ACME, "tags": TAG}
    assert town["ada"].done("GET", "/api/count", params=params)["count"] >= 1
    assert town["bob"].done("GET", "/api/count", params=params)["count"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/memories/{id}", None),
        ("GET", "/api/memories/{id}/related", None),
        ("POST", "/api/memories/{id}/correct", {"content": "x"}),
        ("POST", "/api/messages", {"channel": "open", "content": "x", "reply_to": "{id}"}),
        ("POST", "/api/memories/forget", {"ids": ["{id}"]}),
    ],
)
def test_its_messages_are_not_there_for_others(
    town: Town, sent: str, method: str, path: str, body: Any
) -> None:
    more = {} if body is None else {"json": json.loads(json.dumps(body).replace("{id}", sent))}
    answer = town["bob"].ask(method, path.format(id=sent), params=ACME, **more)
    assert answer.status_code == 404


def test_nobody_acknowledges_its_messages_for_others(town: Town, sent: str) -> None:
    body: dict[str, Any] = {"ids": [sent], "consumer": "rex"}
    assert not town["bob"].ask("POST", "/api/messages/ack", params=ACME, json=body).is_success
    town["bob"].ask("POST", "/api/messages/ack", params=ACME, json={"ids": [sent]})
    inbox = town["rex"].done(
        "POST", "/api/messages/inbox", params=ACME, json={"channel": "board", "limit": 1000}
    )
    assert sent in [each["message"]["id"] for each in inbox["messages"]]


def test_nobody_empties_the_inbox_of_an_agent_that_it_may_not_speak_as(town: Town) -> None:
    body = {"channel": "lounge", "content": "To all"}
    message = town["ada"].done("POST", "/api/messages", params=ACME, json=body)["id"]
    for path, asked in (
        ("/api/messages/inbox", {"consumer": "rex", "lease": 60}),
        ("/api/messages/ack", {"consumer": "rex", "ids": [message]}),
    ):
        assert town["bob"].ask("POST", path, params=ACME, json=asked).status_code == 403
    inbox = town["rex"].done(
        "POST", "/api/messages/inbox", params=ACME, json={"channel": "lounge", "limit": 1000}
    )
    assert message in [each["message"]["id"] for each in inbox["messages"]]


def test_its_events_reach_those_alone_who_have_a_grant(town: Town, sent: str) -> None:
    def seen(name: str) -> list[str]:
        lines = []
        with town.client.stream(
            "GET",
            "/api/events",
            params=ACME,
            headers={"authorization": f"Bearer {town[name].token}"},
        ) as stream:
            assert stream.status_code == 200
            coming = stream.iter_lines()
            assert next(coming).startswith("retry")
            body = {"channel": "board", "content": "nickel-otter again"}
            town["ada"].done("POST", "/api/messages", params=ACME, json=body)
            town["ada"].remember(f"The last that {name} waits for")
            for line in coming:
                lines.append(line)
                if "The last that" in line:
                    return lines
        raise AssertionError(lines)

    assert any("nickel-otter" in line for line in seen("rex"))
    assert not any("nickel-otter" in line or "board" in line for line in seen("bob"))
