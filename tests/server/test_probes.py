"""What the server says of itself."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit.server.logs import JsonLines
from memkit.testing.embedders import FailingEmbedder
from tests.server.standing import Standing, standing


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, as the server's main program has it logged."""
    written = io.StringIO()
    handler, logger = logging.StreamHandler(written), logging.getLogger("memkit")
    handler.setFormatter(JsonLines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_it_says_that_it_is_alive_and_ready(server: Standing) -> None:
    client = server.client()
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "store": "ready",
        "embedder": "ready",
        "control": "ready",
    }
    assert client.head("/healthz").status_code == 200
    assert client.get("/").json()["name"] == "memkit"


def test_it_is_not_ready_when_the_embedder_is_not(tmp_path: Path) -> None:
    with standing(tmp_path / "memory.db", embedder=FailingEmbedder(), server_auth="none") as server:
        response = server.client().get("/readyz")
        assert response.status_code == 503
        assert response.json() == {
            "status": "not ready",
            "store": "ready",
            "embedder": "not available",
        }
        assert server.client().get("/healthz").status_code == 200
        stored = server.client().post("/api/memories", json={"content": "kept all the same"})
        assert stored.status_code == 201


def test_it_is_not_ready_when_the_store_is_closed(tmp_path: Path) -> None:
    with standing(tmp_path / "memory.db", server_auth="none") as server:
        server.do(server.app.state.context.service.memory.close())
        response = server.client().get("/readyz")
        assert (response.status_code, response.json()["store"]) == (503, "not available")
        refused = server.client().get("/api/memories")
        assert (refused.status_code, refused.json()["code"]) == (503, "store_closed")


def test_requests_are_counted_by_operation_and_outcome(server: Standing) -> None:
    ann = server.client("ann")
    ann.get("/api/status")
    ann.get(f"/api/memories/{uuid.uuid4()}")
    ann.get(f"/api/{uuid.uuid4()}")
    text = server.client("root").get("/metrics").text
    assert 'memkit_requests_total{operation="status",outcome="ok"}' in text
    assert 'memkit_requests_total{operation="get",outcome="not_found"}' in text
    # What a client chose is no label.
    assert 'memkit_requests_total{operation="none",outcome="no_such_path"}' in text
    assert "memkit_requests_in_flight 1.0" in text


def test_the_metrics_may_be_opened_to_this_machine(tmp_path: Path) -> None:
    with standing(tmp_path / "memory.db", server_metrics="loopback") as server:
        client = server.client()
        assert client.get("/metrics").status_code == 200
        proxied = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        assert proxied.status_code == 401


def test_a_request_keeps_its_id(server: Standing) -> None:
    client = server.client()
    named = client.get("/healthz", headers={"X-Request-ID": "trace-1.a"})
    assert named.headers["x-request-id"] == "trace-1.a"
    for strange in ('"; drop', "x" * 200, "a b"):
        made = client.get("/healthz", headers={"X-Request-ID": strange})
        assert made.headers["x-request-id"] != strange
        assert len(made.headers["x-request-id"]) == 16


def test_logs_tell_of_requests_without_what_they_say(server: Standing, log: io.StringIO) -> None:
    secret = f"unmistakable {uuid.uuid4().hex}"
    ann = server.client("ann")
    record = ann.post("/api/memories", json={"content": secret, "tags": [secret[:30]]}).json()
    ann.post("/api/memories/search", json={"query": secret})
    ann.get("/api/memories", params={"tags": secret[:30]})
    ann.get(f"/api/memories/{record['id']}")
    ann.post("/api/memories", json={"content": secret, "unknown": secret})
    server.client().get("/api/status", headers={"Authorization": f"Bearer {secret}"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [
        line
        for line in lines
        # Whoever waited for the server to come up may be told of as well.
        if line["message"] == "request" and line["operation"] != "healthz"
    ]
    assert [line["operation"] for line in told][:4] == ["remember", "recall", "list", "get"]
    assert told[0]["principal"] == "ann"
    assert told[0]["status"] == 201
    assert {"request_id", "seconds", "outcome", "address"} <= set(told[0])
    assert secret[:20] not in log.getvalue()
    assert server.tokens["ann"] not in log.getvalue()


def test_a_fault_is_logged_and_not_told(
    server: Standing, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("inner workings")

    monkeypatch.setattr(server.app.state.context.service, "scope", broken)
    response = server.client("ann").get("/api/status")
    assert (response.status_code, response.json()["code"]) == (500, "unexpected")
    assert "inner workings" not in response.text
    assert response.headers["x-request-id"] in response.json()["detail"]
    assert "inner workings" in log.getvalue()
    assert response.headers["x-request-id"] in log.getvalue()


def test_the_description_is_for_everybody(server: Standing) -> None:
    response = server.client().get("/openapi.json")
    assert response.json()["openapi"] == "3.1.0"
    assert response.json()["security"] == [{"token": []}]
