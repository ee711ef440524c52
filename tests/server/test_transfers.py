"""Whole scopes, out and in again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.server.standing import Standing, standing


def test_an_export_comes_back_as_it_was(server: Standing, tmp_path: Path) -> None:
    root = server.client("root")
    params = {"namespace": "moving"}
    for number in range(3):
        root.post("/api/memories", params=params, json={"content": f"box {number} 📦"})
    export = root.get("/api/export", params=params)
    assert export.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert len(lines) == 4
    with standing(tmp_path / "other.db", server_auth="none") as other:
        kind = {"Content-Type": "application/x-ndjson"}
        for stored, skipped in ((3, 0), (0, 3)):
            done = other.client().post("/api/import", content=export.content, headers=kind)
            assert done.json() == {"stored": stored, "skipped": skipped}
        assert other.client().get("/api/count").json() == {"count": 3}


def test_private_records_are_exported_for_administrators_alone(server: Standing) -> None:
    ann, chief, root = (server.client(name) for name in ("ann", "chief", "root"))
    ann.post("/api/memories", json={"content": "ann's own affair", "private": True})
    assert "ann's own affair" not in chief.get("/api/export").text
    assert chief.get("/api/export?everyone=true").status_code == 403
    assert "ann's own affair" in root.get("/api/export?everyone=true").text


def test_who_imports_is_the_author(server: Standing) -> None:
    chief = server.client("chief")
    forged: list[dict[str, Any]] = [
        {"format": "memkit-export", "version": 1, "namespace": "default"},
        {
            "id": "01a1fdd6-8c41-735d-9f7e-b72562c38c99",
            "content": "forged",
            "agent": "chief",
            "author": "ann",
            "created_at": "2026-01-01T00:00:00+00:00",
            "updated_at": "2026-01-01T00:00:00+00:00",
        },
    ]
    body = "\n".join(json.dumps(line) for line in forged)
    kind = {"Content-Type": "application/x-ndjson"}
    done = chief.post("/api/import", content=body, headers=kind)
    assert done.json() == {"stored": 1, "skipped": 0}
    record = chief.get(f"/api/memories/{forged[1]['id']}").json()
    assert record["author"] == "chief"


def test_what_is_no_export_is_refused(server: Standing) -> None:
    chief = server.client("chief")
    kind = {"Content-Type": "application/x-ndjson"}
    for body in (b"", b"{", b"[]\n", b'{"format": "other"}', b"\xff\xfe"):
        response = chief.post("/api/import", content=body, headers=kind)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_input"), body
    assert chief.post("/api/import", json={}).status_code == 415


def test_who_may_not_import_sends_nothing(server: Standing) -> None:
    kind = {"Content-Type": "application/x-ndjson"}
    response = server.client("bob").post("/api/import", content=b"{}", headers=kind)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
