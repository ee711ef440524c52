"""A member attacks another agent's private records, and its name, in the same namespace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.town import Town

ACME = {"namespace": "acme"}
WORDS = "I doubt the merger: cobalt-ferry-77"
NEVER = "01980000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def private(town: Town) -> str:
    """The id of a private record of Ada's."""
    return str(town["ada"].remember(WORDS, private=True, tags=["doubts", "secret-tag"])["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/memories/{id}", None),
        ("PATCH", "/api/memories/{id}", {"content": "taken over"}),
        ("PATCH", "/api/memories/{id}", {"private": False}),
        ("POST", "/api/memories/{id}/correct", {"content": "taken over"}),
        ("POST", "/api/memories/{id}/pin", {}),
        ("POST", "/api/memories/{id}/feedback", {"useful": False}),
        ("POST", "/api/memories/{id}/links", {"target": "{own}"}),
        ("POST", "/api/memories/{own}/links", {"target": "{id}"}),
        ("GET", "/api/memories/{id}/related", None),
        ("POST", "/api/memories/forget", {"ids": ["{id}"]}),
        ("POST", "/api/memories/restore", {"ids": ["{id}"]}),
        ("POST", "/api/messages", {"channel": "c", "content": "re", "reply_to": "{id}"}),
    ],
)
def test_an_id_of_anothers_private_record_is_as_if_it_were_none(
    town: Town, private: str, method: str, path: str, body: Any
) -> None:
    bob = town["bob"]
    own = bob.remember("Bob's own")["id"]
    told = []
    for id_ in (private, NEVER):
        filled = json.loads(json.dumps(body).replace("{id}", id_).replace("{own}", own))
        more = {} if body is None else {"json": filled}
        answer = bob.ask(method, path.format(id=id_, own=own), params=ACME, **more)
        told.append((answer.status_code, answer.text.replace(id_, "ID")))
    assert told[0] == told[1]
    assert told[0][0] == 404
    kept = town["ada"].done("GET", f"/api/memories/{private}", params=ACME)
    assert (kept["content"], kept["version"], kept["state"]) == (WORDS, 1, "active")


def test_not_even_an_admin_of_the_namespace_erases_what_it_cannot_see(
    town: Town, private: str
) -> None:
    told = []
    for id_ in (private, NEVER):
        body = {"ids": [id_]}
        answer = town["chief"].ask("POST", "/api/memories/erase", params=ACME, json=body)
        told.append((answer.status_code, answer.text.replace(id_, "ID")))
    assert told[0] == told[1]
    assert town["ada"].ask("GET", f"/api/memories/{private}", params=ACME).is_success


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/api/memories", {"params": {**ACME, "limit": "1000"}}),
        ("GET", "/api/memories", {"params": {**ACME, "tags": "secret-tag"}}),
        ("GET", "/api/memories", {"params": {**ACME, "order_by": "confidence"}}),
        ("GET", "/api/tags", {"params": ACME}),
        (
            "POST",
            "/api/memories/search",
            {"params": ACME, "json": {"query": "merger doubt cobalt ferry", "limit": 100}},
        ),
        (
            "POST",
            "/api/memories/search",
            {
                "params": ACME,
                "json": {
                    "query": "cobalt-ferry-77",
                    "mode": "lexical",
                    "filter": {"field": "visibility", "op": "eq", "value": "private"},
                },
            },
        ),
    ],
)
def test_no_listing_or_recall_shows_anothers_private_record(
    town: Town, private: str, method: str, path: str, more: dict[str, Any]
) -> None:
    seen = town["bob"].ask(method, path, **more)
    assert seen.is_success, seen.text
    for trace in (private, "cobalt-ferry", "secret-tag"):
        assert trace not in seen.text
    # What is looked for is there: its owner finds it by the same means.
    own = town["ada"].ask(method, path, **more).text
    assert private in own or "secret-tag" in own


def test_counts_do_not_tell_of_anothers_private_records(town: Town, private: str) -> None:
    filter_ = json.dumps({"field": "tags", "op": "contains_any", "value": ["secret-tag"]})
    params = {**ACME, "filter": filter_}
    assert town["ada"].done("GET", "/api/count", params=params)["count"] == 1
    assert town["bob"].done("GET", "/api/count", params=params)["count"] == 0


def test_a_copy_of_anothers_private_record_is_stored_as_if_that_were_none(
    town: Town, private: str
) -> None:
    body = {"content": WORDS, "deduplicate": "near"}
    stored = town["bob"].done("POST", "/api/memories", params=ACME, json=body)
    assert (stored["status"], stored["matched"], stored["near"]) == ("stored", None, [])


def test_an_idempotency_key_of_anothers_gives_nothing_of_it_away(town: Town) -> None:
    body = {"content": "Keyed cobalt-ferry", "private": True}
    key = {"idempotency-key": "the-same-key"}
    town["ada"].done("POST", "/api/memories", params=ACME, json=body, headers=key)
    answer = town["bob"].ask("POST", "/api/memories", params=ACME, json=body, headers=key)
    if answer.is_success:
        assert answer.json()["record"]["author"] == "bob"
    else:
        assert "cobalt" not in answer.text


@pytest.mark.parametrize("name", ["ada", "ADA", "*", "build-7", "bob, ada", "agent:ada"])
def test_nobody_speaks_as_whom_the_credential_does_not_name(
    town: Town, private: str, name: str
) -> None:
    bob = town["bob"]
    for answer in (
        bob.ask("GET", f"/api/memories/{private}", params=ACME, headers={"x-agent-id": name}),
        bob.ask("GET", f"/api/memories/{private}", params={**ACME, "agent": name}),
        bob.ask(
            "POST",
            "/api/memories",
            params=ACME,
            json={"content": "not Bob's"},
            headers={"x-agent-id": name},
        ),
    ):
        assert answer.status_code in (403, 422), answer.text
        assert "cobalt" not in answer.text


def test_a_name_that_is_said_in_two_ways_is_refused(town: Town) -> None:
    for name in ("ada", "bob"):
        answer = town["bob"].ask(
            "GET",
            "/api/memories",
            params={**ACME, "agent": name},
            headers={"x-agent-id": "ada" if name == "bob" else "bob"},
        )
        assert answer.status_code in (403, 422)


def test_a_pattern_covers_its_own_names_alone(town: Town) -> None:
    fleet = town["fleet"]
    body = {"content": "Built"}
    stored = fleet.done(
        "POST", "/api/memories", params=ACME, json=body, headers={"x-agent-id": "build-7"}
    )["record"]
    assert (stored["agent"], stored["author"]) == ("build-7", "fleet")
    for name in ("build", "rebuild-7", "ada"):
        answer = fleet.ask(
            "POST", "/api/memories", params=ACME, json=body, headers={"x-agent-id": name}
        )
        assert answer.status_code == 403
    # Whom it speaks as must be said: there is no name of its own to fall back to.
    assert fleet.ask("POST", "/api/memories", params=ACME, json=body).status_code == 403


@pytest.mark.parametrize("field", ["author", "agent", "id", "created_at", "state", "version"])
def test_what_the_server_stamps_is_not_taken_from_the_body(town: Town, field: str) -> None:
    body = {"content": "Forged", field: "ada"}
    answer = town["bob"].ask("POST", "/api/memories", params=ACME, json=body)
    assert answer.status_code == 422


def test_the_author_and_the_agents_tag_are_the_credentials(town: Town) -> None:
    record = town["bob"].remember("Signed", tags=["mine"])
    assert (record["author"], record["agent"]) == ("bob", "bob")
    assert "agent:bob" in record["tags"]


def test_a_tag_that_claims_another_agent_does_not_stay(town: Town) -> None:
    body = {"content": "Forged by a tag", "tags": ["agent:ada"]}
    answer = town["bob"].ask("POST", "/api/memories", params=ACME, json=body)
    if answer.is_success:
        tags = answer.json()["record"]["tags"]
        assert [tag for tag in tags if tag.startswith("agent:")] == ["agent:bob"]
    own = town["bob"].remember("Bob's, to be signed anew")["id"]
    town["bob"].ask("PATCH", f"/api/memories/{own}", params=ACME, json={"tags": ["agent:ada"]})
    kept = town["bob"].done("GET", f"/api/memories/{own}", params=ACME)
    assert "agent:ada" not in kept["tags"]


def test_an_import_is_signed_by_whoever_imports(town: Town) -> None:
    chief = town["chief"]
    chief.remember("Chief's record to forge", tags=["forged-import"])
    exported = chief.ask("GET", "/api/export", params=ACME).text.splitlines()
    line = next(line for line in exported if "Chief's record to forge" in line)
    forged = json.loads(line)
    forged["id"] = NEVER
    forged["author"] = forged["agent"] = "ada"
    chief.ask(
        "POST",
        "/api/import",
        params=ACME,
        content="\n".join([exported[0], json.dumps(forged)]).encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    answer = town["ada"].ask("GET", f"/api/memories/{NEVER}", params=ACME)
    if answer.is_success:
        assert answer.json()["author"] == "chief"


def test_nobody_changes_what_another_said_but_may_correct_it_under_their_own_name(
    town: Town,
) -> None:
    record = town["ada"].remember("The limit is 100")["id"]
    bob = town["bob"]
    changed = bob.ask("PATCH", f"/api/memories/{record}", params=ACME, json={"content": "200"})
    assert changed.status_code == 403
    corrected = bob.done(
        "POST", f"/api/memories/{record}/correct", params=ACME, json={"content": "200"}
    )
    assert corrected["record"]["author"] == "bob"
    kept = town["ada"].done("GET", f"/api/memories/{record}", params=ACME)
    assert (kept["content"], kept["author"]) == ("The limit is 100", "ada")


def test_an_export_leaves_out_what_whoever_asks_may_not_read(town: Town, private: str) -> None:
    told = town["chief"].ask("GET", "/api/export", params=ACME)
    assert told.is_success
    assert private not in told.text
    everyone = {**ACME, "everyone": "true"}
    assert town["chief"].ask("GET", "/api/export", params=everyone).status_code == 403
    assert town["bob"].ask("GET", "/api/export", params=ACME).status_code == 403
