"""Deny by default: every route there is, without and with too weak a credential."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import Mount, Route

from memkit.server.authentication import PUBLIC
from memkit.server.control import Control
from memkit.service import OPERATIONS, Permission
from memkit.service.streams import STREAMS
from tests.server.standing import Standing

ROWS = {**OPERATIONS, **STREAMS}
#: A principal that holds just less than what is needed.
WEAKER = {
    Permission.READ: "zoe",
    Permission.WRITE: "eve",
    Permission.ADMIN: "bob",
    Permission.SERVER: "chief",
}


def _doors(server: Standing) -> Iterator[tuple[str, str, str | None]]:
    """Each method and path of the application, and the name of its route."""
    for route in server.app.routes:
        if isinstance(route, Mount):
            for method in ("GET", "POST", "DELETE"):
                yield method, route.path + "/", route.name
            continue
        assert isinstance(route, Route), "a route of an unknown kind: is it guarded?"
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "01a1fdd6-8c41-735d-9f7e-b72562c38c05")
        for method in sorted(route.methods or ("GET", "POST", "PUT", "PATCH", "DELETE")):
            yield method, path, route.name


def _knock(client: httpx.Client, method: str, path: str, **headers: str) -> httpx.Response:
    with client.stream(method, path, headers=headers) as response:
        # An endless stream that opens would be a failure too, but must not hang the test.
        return response


def test_no_route_answers_nobody(server: Standing) -> None:
    seen = 0
    for method, path, _ in _doors(server):
        response = _knock(server.client(), method, path)
        if path in PUBLIC:
            assert response.status_code in (200, 405)
            continue
        assert response.status_code == 401, (method, path)
        assert response.headers["www-authenticate"].startswith("Bearer")
        seen += 1
    assert seen > len(ROWS)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer mk_aaaaaaaa_" + "A" * 43,
        "Bearer x.y.z",
        "Basic cm9vdDpyb290",
        "bearer é",
        "Bearer " + "A" * 9000,
    ],
)
def test_no_route_takes_a_credential_that_is_none(server: Standing, value: str) -> None:
    for method, path, _ in _doors(server):
        if path not in PUBLIC:
            response = server.client().request(
                method, path, headers={b"Authorization": value.encode()}
            )
            assert response.status_code == 401, (method, path)


def test_no_operation_is_done_for_who_holds_too_little(server: Standing) -> None:
    seen = set()
    for method, path, name in _doors(server):
        if name not in ROWS or method == "HEAD":
            continue
        client = server.client(WEAKER[ROWS[name].permission])
        kind = "application/x-ndjson" if name == "import" else "application/json"
        response = _knock(client, method, path, **{"Content-Type": kind})
        # Before the arguments are looked at: they were empty.
        assert response.status_code == 403, (method, path)
        seen.add(name)
    assert seen == set(ROWS)


def test_the_metrics_are_for_administrators(server: Standing) -> None:
    assert server.client().get("/metrics").status_code == 401
    assert server.client("chief").get("/metrics").status_code == 403
    assert server.client("root").get("/metrics").status_code == 200


def test_a_namespace_without_a_grant_cannot_be_told_from_one_that_is_not_there(
    server: Standing,
) -> None:
    root, zoe = server.client("root"), server.client("zoe")
    root.post("/api/memories?namespace=secret", json={"content": "hidden"})
    there = zoe.get("/api/memories?namespace=secret")
    nowhere = zoe.get("/api/memories?namespace=nowhere")
    assert there.status_code == nowhere.status_code == 403
    assert there.json() == nowhere.json()


def test_the_author_is_the_principal_whatever_the_body_says(server: Standing) -> None:
    ann = server.client("ann")
    refused = ann.post("/api/memories", json={"content": "mine", "author": "bob"})
    assert refused.status_code == 422
    stored = ann.post(
        "/api/memories", json={"content": "by ann", "metadata": {"author": "bob"}}
    ).json()
    assert stored["record"]["author"] == "ann"
    assert stored["record"]["agent"] == "ann"


@pytest.mark.parametrize(
    ("agent", "status"),
    [("researcher", 201), ("build-7", 201), ("ann", 201), ("bob", 403), ("build", 403)],
)
def test_an_agent_is_one_that_the_credential_allows(
    server: Standing, agent: str, status: int
) -> None:
    response = server.client("ann").post(
        "/api/memories",
        json={"content": f"what {agent} found"},
        headers={"X-Agent-ID": agent},
    )
    assert response.status_code == status
    if status == 201:
        assert f"agent:{agent}" in response.json()["record"]["tags"]


def test_private_records_are_their_agents_alone(server: Standing) -> None:
    ann, bob = server.client("ann"), server.client("bob")
    record = ann.post("/api/memories", json={"content": "diary of ann", "private": True}).json()
    path = f"/api/memories/{record['id']}"
    assert ann.get(path).status_code == 200
    assert bob.get(path).status_code == 404
    assert bob.get(path + "?agent=ann").status_code == 403
    assert bob.get(path, headers={"X-Agent-ID": "ann"}).status_code == 403
    found = bob.post("/api/memories/search", json={"query": "diary of ann"}).json()
    assert record["id"] not in [each["id"] for each in found["memories"]]
    assert bob.patch(path, json={"content": "forged"}).status_code == 404


def test_nobody_changes_what_another_said(server: Standing) -> None:
    ann, bob = server.client("ann"), server.client("bob")
    record = ann.post("/api/memories", json={"content": "ann's word on the matter"}).json()
    path = f"/api/memories/{record['id']}"
    assert bob.patch(path, json={"content": "bob's word"}).status_code == 403
    assert server.client("chief").patch(path, json={"content": "settled"}).status_code == 200


def test_a_revoked_token_is_refused_at_once(server: Standing) -> None:
    control: Control = server.control
    secret, info = server.do(control.issue_token("bob", "short"))
    headers = {"Authorization": f"Bearer {secret}"}
    client = server.client()
    assert client.get("/api/status", headers=headers).status_code == 200
    assert server.client("root").delete(f"/api/tokens/{info.id}").status_code == 200
    assert client.get("/api/status", headers=headers).status_code == 401


def test_two_credentials_are_none(server: Standing) -> None:
    token = server.tokens["root"].encode()
    response = server.client().get(
        "/api/status",
        headers=[(b"Authorization", b"Bearer " + token), (b"Authorization", b"Bearer x")],
    )
    assert response.status_code == 400


def test_what_was_done_is_in_the_audit_without_what_it_said(server: Standing) -> None:
    ann, root = server.client("ann"), server.client("root")
    stored = ann.post(
        "/api/memories",
        json={"content": "an unmistakable sentence"},
        headers={"X-Request-ID": "audit-7", "User-Agent": "tester"},
    ).json()
    page = root.get("/api/audit", params={"record": stored["id"]})
    (entry,) = page.json()["entries"]
    assert entry["operation"] == "remember"
    assert (entry["principal"], entry["agent"], entry["outcome"]) == ("ann", "ann", "ok")
    assert (entry["request_id"], entry["client"], entry["surface"]) == ("audit-7", "tester", "rest")
    assert entry["address"] == "127.0.0.1"
    assert "unmistakable" not in page.text
    server.client("eve").post("/api/memories", json={"content": "no"})
    refused = root.get("/api/audit", params={"principal": "eve", "outcome": "forbidden"})
    assert refused.json()["entries"][0]["operation"] == "remember"
