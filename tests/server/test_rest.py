"""Operations over REST: what goes in, what comes out, and how refusals are told."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Any

import httpx
import pytest

from tests.server.standing import Standing


def _stored(client: httpx.Client, content: str, **more: Any) -> dict[str, Any]:
    response = client.post("/api/memories", json={"content": content, **more})
    assert response.status_code == 201, response.text
    record: dict[str, Any] = response.json()["record"]
    return record


def _unique(text: str) -> str:
    return f"{text} {uuid.uuid4().hex}"


# "Agent Quick Start" of a memory service that agents call already; only host and token differ.
QUICK_START = """
async with httpx.AsyncClient() as client:
    await client.post(f"{BASE_URL}/api/memories", json={
        "content": "API rate limit is 100 req/min",
        "tags": ["api", "limits"],
    }, headers={"X-Agent-ID": "researcher"})
    # Stored with tags: ["api", "limits", "agent:researcher"]

# Search — scope to a specific agent
    results = await client.post(f"{BASE_URL}/api/memories/search", json={
        "query": "API rate limits",
        "tags": ["agent:researcher"],
    })
    print(results.json()["memories"])
"""


def test_what_agents_call_elsewhere_works_as_it_is(
    server: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[Any] = []
    token = server.tokens["ann"]

    class WithToken(httpx.AsyncClient):
        def __init__(self) -> None:
            super().__init__(headers={"Authorization": f"Bearer {token}"})

    monkeypatch.setattr(httpx, "AsyncClient", WithToken)
    lines = QUICK_START.replace("\n", "\n    ")
    scope: dict[str, Any] = {"httpx": httpx, "BASE_URL": server.url, "print": printed.append}
    exec(f"async def main():\n    {lines}", scope)
    asyncio.run(scope["main"]())
    (memories,) = printed
    assert memories[0]["content"] == "API rate limit is 100 req/min"
    assert set(memories[0]["tags"]) == {"api", "limits", "agent:researcher"}


def test_tags_are_there_even_if_there_are_none(server: Standing) -> None:
    with_place = server.client("root").post(
        "/api/memories?namespace=tagless", json={"content": "untagged"}
    )
    assert with_place.json()["record"]["tags"] == ["agent:root"]


def test_a_call_goes_where_its_query_says(server: Standing) -> None:
    ann = server.client("ann")
    place = {"project": "apollo", "task": "launch"}
    stored = ann.post("/api/memories", params=place, json={"content": "T minus ten"}).json()
    assert (stored["record"]["project"], stored["record"]["task"]) == ("apollo", "launch")
    assert ann.get("/api/count", params={**place, "reach": "exact"}).json() == {"count": 1}
    assert ann.get("/api/count", params={"project": "gemini", "reach": "exact"}).json() == {
        "count": 0
    }
    response = ann.post("/api/memories", params={"task": "launch"}, json={"content": "where?"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_scope")


def test_an_agent_is_named_once(server: Standing) -> None:
    ann = server.client("ann")
    agreed = ann.get("/api/status?agent=researcher", headers={"X-Agent-ID": "researcher"})
    assert agreed.status_code == 200
    response = ann.get("/api/status?agent=ann", headers={"X-Agent-ID": "researcher"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "agent"
    assert ann.get("/api/status?agent=ann&agent=researcher").status_code == 422


def test_an_agents_name_may_be_of_any_letters(server: Standing) -> None:
    root = server.client("root")
    response = root.post(
        "/api/memories",
        json={"content": _unique("Grüße")},
        headers={b"X-Agent-ID": "Zoë 🦊".encode()},
    )
    assert response.json()["record"]["agent"] == "Zoë 🦊"
    refused = root.get("/api/status", headers={b"X-Agent-ID": b"\xff\xfe"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


def test_lists_repeat_and_filters_are_json_in_a_query(server: Standing) -> None:
    ann = server.client("ann")
    mark = uuid.uuid4().hex
    _stored(ann, _unique("one"), tags=[mark, "red"], kind="fact")
    _stored(ann, _unique("two"), tags=[mark, "red", "blue"], kind="decision")
    found = ann.get("/api/memories", params={"tags": [mark, "blue"]}).json()["records"]
    assert [each["kind"] for each in found] == ["decision"]
    params: dict[str, Any] = {"tags": mark, "filter": '{"field":"kind","op":"eq","value":"fact"}'}
    found = ann.get("/api/memories", params=params).json()["records"]
    assert [each["kind"] for each in found] == ["fact"]
    broken = ann.get("/api/memories", params={"filter": "{"})
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed")


def test_pages_follow_one_another_by_cursor_and_by_link(server: Standing) -> None:
    ann, mark = server.client("ann"), uuid.uuid4().hex
    for number in range(5):
        _stored(ann, f"page {number} of {mark}", tags=[mark])
    url, seen = f"/api/memories?tags={mark}&limit=2", []
    while True:
        response = ann.get(url)
        seen += [each["content"] for each in response.json()["records"]]
        link = response.headers.get("link")
        assert (link is None) == (response.json()["cursor"] is None)
        if link is None:
            break
        found = re.fullmatch(r'<(.+)>; rel="next"', link)
        assert found is not None
        url = found.group(1)
    assert seen == [f"page {number} of {mark}" for number in reversed(range(5))]


def test_a_record_has_its_version_as_etag(server: Standing) -> None:
    ann = server.client("ann")
    record = _stored(ann, _unique("draft"))
    path = f"/api/memories/{record['id']}"
    first = ann.get(path)
    assert first.headers["etag"] == '"1"'
    assert ann.get(path, headers={"If-None-Match": '"1"'}).status_code == 304
    assert ann.get(path, headers={"If-None-Match": 'W/"7", "9"'}).status_code == 200
    changed = ann.patch(path, json={"kind": "fact"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = ann.patch(path, json={"kind": "note"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    named = ann.patch(path, json={"kind": "note", "expect_version": 1})
    assert (named.status_code, named.json()["code"]) == (409, "version_conflict")
    # Nobody has to say which version it was.
    assert ann.patch(path, json={"kind": "note"}).status_code == 200
    assert ann.patch(path, json={"kind": "fact"}, headers={"If-Match": "*"}).status_code == 200
    assert ann.patch(path, json={"kind": "a"}, headers={"If-Match": "three"}).status_code == 422
    both = ann.patch(path, json={"kind": "a", "expect_version": 2}, headers={"If-Match": '"3"'})
    assert both.status_code == 422


def test_the_same_idempotency_key_stores_nothing_new(server: Standing) -> None:
    ann, key = server.client("ann"), uuid.uuid4().hex
    headers, body = {"Idempotency-Key": key}, {"content": _unique("once")}
    first = ann.post("/api/memories", json=body, headers=headers).json()
    again = ann.post("/api/memories", json=body, headers=headers).json()
    assert first["status"] == "stored"
    assert again["id"] == first["id"]
    other = ann.post("/api/memories", json={"content": _unique("other")}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    conflicting = {**body, "idempotency_key": "another"}
    assert ann.post("/api/memories", json=conflicting, headers=headers).status_code == 422


def test_one_idempotency_key_does_for_many(server: Standing) -> None:
    ann, key = server.client("ann"), uuid.uuid4().hex
    body = {"items": [{"content": _unique("a")}, {"content": _unique("b")}], "deduplicate": "off"}
    posts = [
        ann.post("/api/memories/batch", json=body, headers={"Idempotency-Key": key}).json()
        for _ in range(2)
    ]
    first, again = ([each["id"] for each in post["results"]] for post in posts)
    assert first == again
    assert len(set(first)) == 2


def test_a_message_is_sent_read_and_acknowledged(server: Standing) -> None:
    ann, bob = server.client("ann"), server.client("bob")
    sent = ann.post("/api/messages", json={"channel": "ops", "content": _unique("ping")}).json()
    inbox = bob.post("/api/messages/inbox", json={"channel": "ops"}).json()["messages"]
    assert sent["id"] in [each["message"]["id"] for each in inbox]
    done = bob.post("/api/messages/ack", json={"ids": [sent["id"]], "channel": "ops"})
    assert done.json() == {"count": 1}
    inbox = bob.post("/api/messages/inbox", json={"channel": "ops"}).json()["messages"]
    assert sent["id"] not in [each["message"]["id"] for each in inbox]
    channels = bob.get("/api/channels").json()["channels"]
    assert "ops" in [each["name"] for each in channels]
    assert bob.post("/api/messages/inbox", json={"consumer": "ann"}).status_code == 403


def test_a_record_is_corrected_linked_forgotten_and_erased(server: Standing) -> None:
    ann, chief = server.client("ann"), server.client("chief")
    old, other = _stored(ann, _unique("the sky is green")), _stored(ann, _unique("rain"))
    path = f"/api/memories/{old['id']}"
    fixed = ann.post(f"{path}/correct", json={"content": _unique("the sky is blue")}).json()
    new = fixed["id"]
    assert fixed["record"]["supersedes"] == old["id"]
    linked = ann.post(f"/api/memories/{new}/links", json={"target": other["id"], "type": "causes"})
    assert linked.json()["links"][-1] == {"type": "causes", "target": other["id"]}
    related = ann.get(f"/api/memories/{new}/related", params={"types": "causes"}).json()["related"]
    assert [each["record"]["id"] for each in related] == [other["id"]]
    unlinked = ann.delete(f"/api/memories/{new}/links", params={"target": other["id"]})
    assert unlinked.status_code == 200
    assert ann.post(f"/api/memories/{new}/pin").json()["pinned"] is True
    assert ann.post(f"/api/memories/{new}/feedback", json={"useful": True}).json() == {"done": True}
    assert ann.post("/api/memories/forget", json={"ids": [other["id"]]}).status_code == 200
    restored = ann.post("/api/memories/restore", json={"ids": [other["id"]]}).json()["records"]
    assert restored[0]["state"] == "active"
    assert ann.post("/api/memories/erase", json={"ids": [other["id"]]}).status_code == 403
    receipt = chief.post("/api/memories/erase", json={"ids": [other["id"]]}).json()
    assert other["id"] in receipt["erased"]
    assert ann.get(f"/api/memories/{other['id']}").status_code == 404


def test_principals_tokens_and_grants_are_ruled_over_rest(server: Standing) -> None:
    root = server.client("root")
    made = root.post("/api/principals", json={"name": "newcomer"})
    assert made.status_code == 201
    secret = root.post("/api/tokens", json={"principal": "newcomer", "name": "x"}).json()["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert server.client().get("/api/status", headers=headers).status_code == 403
    granted = {"principal": "newcomer", "namespace": "default", "permission": "read"}
    assert root.put("/api/grants", json=granted).status_code == 200
    assert server.client().get("/api/status", headers=headers).status_code == 200
    gone = root.delete("/api/grants", params={"principal": "newcomer", "namespace": "default"})
    assert gone.status_code == 200
    assert server.client().get("/api/status", headers=headers).status_code == 403
    assert secret not in root.get("/api/tokens").text
    disabled = root.patch("/api/principals/newcomer", json={"disabled": True})
    assert disabled.json()["disabled_at"] is not None
    assert server.client().get("/api/status", headers=headers).status_code == 401


def test_a_problem_says_what_is_wrong_and_quotes_nothing(server: Standing) -> None:
    response = server.client("ann").post(
        "/api/memories", json={"content": 7, "kindd": "fact", "tags": "a secret value"}
    )
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == 422
    assert told["code"] == "invalid_input"
    assert {each["field"] for each in told["errors"]} == {"content", "kindd", "tags"}
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b'"text"',
        b"\xff",
        b'{"content": "\\ud800"}',
        b'{"content": NaN}',
        b"null",
    ],
)
def test_a_body_that_is_no_input_is_refused(server: Standing, body: bytes) -> None:
    ann = server.client("ann")
    headers = {"Content-Type": "application/json"}
    for path in ("/api/memories", "/api/memories/none/correct"):
        response = ann.post(path, content=body, headers=headers)
        assert response.status_code in (400, 422), (path, body)
        assert response.json()["code"] in ("malformed", "invalid_input")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "9" * 5000])
def test_numbers_that_json_has_not_are_refused(server: Standing, value: str) -> None:
    body = f'{{"content": "{uuid.uuid4()}", "metadata": {{"x": {value}}}}}'
    headers = {"Content-Type": "application/json"}
    response = server.client("ann").post("/api/memories", content=body, headers=headers)
    assert response.status_code in (400, 422)


def test_nesting_without_end_is_refused(server: Standing) -> None:
    body = '{"query": "x", "filter": ' + '{"not": ' * 5_000 + "{}" + "}" * 5_001
    headers = {"Content-Type": "application/json"}
    response = server.client("ann").post("/api/memories/search", content=body, headers=headers)
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("content", ["", "   ", "\x00", "a\x00b"])
def test_content_that_cannot_be_kept_is_refused(server: Standing, content: str) -> None:
    response = server.client("ann").post("/api/memories", json={"content": content})
    assert response.status_code in (201, 422)
    if content.strip() == "":
        assert response.status_code == 422


def test_emoji_and_a_hundred_kilobytes_come_back_as_they_were(server: Standing) -> None:
    ann = server.client("ann")
    content = ("🦊 fox " * 14_000)[:99_000] + uuid.uuid4().hex
    record = _stored(ann, content)
    assert ann.get(f"/api/memories/{record['id']}").json()["content"] == content


def test_what_is_not_a_parameter_is_refused(server: Standing) -> None:
    ann = server.client("ann")
    assert ann.get("/api/memories?limitt=3").json()["errors"][0]["field"] == "limitt"
    response = ann.post("/api/memories?kind=fact", json={"content": "x"})
    assert response.json()["errors"][0]["field"] == "kind"
    in_path = ann.patch("/api/memories/abc", json={"id": "def"})
    assert in_path.json()["errors"][0]["field"] == "id"
    assert ann.get("/api/memories?tags=%ff").status_code == 422


def test_a_path_or_method_that_is_none_is_told_so(server: Standing) -> None:
    ann = server.client("ann")
    nowhere = ann.get("/api/nothing")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "no_such_path")
    wrong = ann.patch("/api/memories", json={})
    assert (wrong.status_code, wrong.json()["code"]) == (405, "no_such_method")
    assert "allow" in wrong.headers


def test_nothing_is_kept_by_caches(server: Standing) -> None:
    ann = server.client("ann")
    assert ann.get("/api/memories").headers["cache-control"] == "no-store"
    assert ann.get("/api/memories").headers["x-content-type-options"] == "nosniff"
