"""A member of one namespace attacks another, over the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.town import Town

SECRET = "The vault opens with heron-quartz-41"


@pytest.fixture(scope="module")
def secret(town: Town) -> str:
    """The id of a shared record of ``acme``, which Eve may not see."""
    return str(town["ada"].remember(SECRET, tags=["vault"])["id"])


@pytest.mark.parametrize(
    "namespace",
    [
        "acme",
        "Acme",
        "ACME",
        "acme-corp-2",
        "acme.",
        "acme/",
        "acme-corp/../acme",
        "acme%00",
        "*",
        "default",
        "\u0430cme",
        "acm\u0065\u0301",
    ],
)
def test_no_name_that_looks_alike_opens_a_namespace(
    town: Town, secret: str, namespace: str
) -> None:
    params = {"namespace": namespace}
    eve = town["eve"]
    for answer in (
        eve.ask("GET", "/api/memories", params=params),
        eve.ask("GET", f"/api/memories/{secret}", params=params),
        eve.ask("POST", "/api/memories/search", params=params, json={"query": "vault"}),
        eve.ask("POST", "/api/memories", params=params, json={"content": "mine"}),
        eve.ask("GET", "/api/events", params=params),
    ):
        assert answer.status_code == 403, answer.text
        assert SECRET not in answer.text


def test_a_namespace_that_exists_is_refused_in_the_same_words_as_one_that_does_not(
    town: Town, secret: str
) -> None:
    told = []
    for namespace in ("acme", "never-made"):
        answer = town["eve"].ask("GET", "/api/memories", params={"namespace": namespace})
        told.append((answer.status_code, answer.json()))
    assert told[0] == told[1]


def test_one_label_in_two_unicode_forms_is_one_namespace(town: Town) -> None:
    town.settle("zoe", {"caf\u00e9": "write"})
    record = town["zoe"].remember("Written in one form", namespace="cafe\u0301")
    assert record["namespace"] == "caf\u00e9"
    params = {"namespace": "caf\u00e9"}
    assert town["zoe"].ask("GET", f"/api/memories/{record['id']}", params=params).is_success
    for form in ("caf\u00e9", "cafe\u0301"):
        refused = town["eve"].ask("GET", "/api/memories", params={"namespace": form})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    "query", ["namespace=acme-corp&namespace=acme", "namespace=acme&namespace=acme-corp"]
)
def test_a_namespace_that_is_named_twice_is_refused(town: Town, secret: str, query: str) -> None:
    answer = town["eve"].ask("GET", f"/api/memories?{query}")
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_a_namespace_in_the_body_is_refused(town: Town) -> None:
    answer = town["eve"].ask(
        "POST",
        "/api/memories",
        params={"namespace": "acme-corp"},
        json={"content": "planted", "namespace": "acme"},
    )
    assert answer.status_code == 422


FILTERS: list[dict[str, Any]] = [
    {"field": "namespace", "op": "eq", "value": "acme"},
    {"or": [{"field": "namespace", "op": "eq", "value": "acme"}, {"not": {"and": []}}]},
    {"not": {"field": "namespace", "op": "eq", "value": "acme-corp"}},
    {"field": "metadata.x' OR 1=1 --", "op": "exists"},
    {"field": "content", "op": "in", "value": ["x') OR ('1'='1"]},
    {"or": [{"field": "kind", "op": "ne", "value": "' OR ns='acme"}]},
    {"field": "visibility", "op": "in", "value": ["shared", "private"]},
    {"or": [{"field": "agent", "op": "ne", "value": "eve"}, {"not": {"or": []}}]},
]


@pytest.mark.parametrize("filter_", FILTERS, ids=lambda value: json.dumps(value)[:40])
def test_no_filter_looks_past_the_namespace(
    town: Town, secret: str, filter_: dict[str, Any]
) -> None:
    eve, params = town["eve"], {"namespace": "acme-corp"}
    eve.remember("Eve's own", namespace="acme-corp")
    body = {"query": "vault heron quartz", "filter": filter_, "mode": "lexical"}
    for answer in (
        eve.ask("POST", "/api/memories/search", params=params, json=body),
        eve.ask("GET", "/api/memories", params={**params, "filter": json.dumps(filter_)}),
        eve.ask("GET", "/api/count", params={**params, "filter": json.dumps(filter_)}),
    ):
        # Either it is no filter, or it finds nothing of another namespace.
        assert answer.status_code in (200, 422), answer.text
        assert "heron-quartz" not in answer.text
        if answer.is_success and "count" in answer.json():
            own = eve.done("GET", "/api/count", params=params)["count"]
            assert answer.json()["count"] <= own


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/memories/{id}", None),
        ("PATCH", "/api/memories/{id}", {"content": "taken over"}),
        ("POST", "/api/memories/{id}/correct", {"content": "taken over"}),
        ("POST", "/api/memories/{id}/pin", {}),
        ("POST", "/api/memories/{id}/feedback", {"useful": False}),
        ("POST", "/api/memories/{id}/links", {"target": "{own}"}),
        ("POST", "/api/memories/{own}/links", {"target": "{id}"}),
        ("GET", "/api/memories/{id}/related", None),
        ("POST", "/api/memories/forget", {"ids": ["{own}", "{id}"]}),
        ("POST", "/api/memories/restore", {"ids": ["{id}"]}),
    ],
)
def test_an_id_of_another_namespace_is_as_if_it_were_none(
    town: Town, secret: str, method: str, path: str, body: Any
) -> None:
    eve = town["eve"]
    own = eve.remember("Eve's own", namespace="acme-corp")["id"]
    never = "01980000-0000-7000-8000-000000000000"
    told = []
    for id_ in (secret, never):
        filled = json.loads(json.dumps(body).replace("{id}", id_).replace("{own}", own))
        more = {} if body is None else {"json": filled}
        where = path.format(id=id_, own=own)
        answer = eve.ask(method, where, params={"namespace": "acme-corp"}, **more)
        told.append((answer.status_code, answer.text.replace(id_, "ID")))
    assert told[0] == told[1]
    assert told[0][0] == 404
    untouched = town["ada"].done("GET", f"/api/memories/{secret}", params={"namespace": "acme"})
    assert (untouched["content"], untouched["version"]) == (SECRET, 1)
    # Forgetting some of several forgets none.
    kept = eve.done("GET", f"/api/memories/{own}", params={"namespace": "acme-corp"})
    assert kept["state"] == "active"


def test_a_cursor_of_another_namespaces_listing_shows_nothing_of_it(town: Town) -> None:
    for number in range(3):
        town["ada"].remember(f"heron-quartz page {number}", tags=["paged"])
    params = {"namespace": "acme", "limit": "1", "tags": "paged"}
    page = town["ada"].done("GET", "/api/memories", params=params)
    assert page["cursor"] is not None
    stolen = {"namespace": "acme-corp", "limit": "50", "cursor": page["cursor"]}
    answer = town["eve"].ask("GET", "/api/memories", params=stolen)
    assert answer.status_code in (200, 422)
    assert "heron-quartz" not in answer.text


def test_an_import_stores_nothing_in_another_namespace(town: Town) -> None:
    town.settle("mayor", {"acme-corp": "admin"})
    mayor = town["mayor"]
    mayor.remember("A record to take along", namespace="acme-corp", tags=["smuggled"])
    lines = mayor.ask("GET", "/api/export", params={"namespace": "acme-corp"}).text
    assert '"smuggled"' in lines
    forged = lines.replace('"acme-corp"', '"acme"')
    answer = mayor.ask(
        "POST",
        "/api/import",
        params={"namespace": "acme-corp"},
        content=forged.encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code in (200, 422), answer.text
    found = town["ada"].done("GET", "/api/tags", params={"namespace": "acme"})
    assert "smuggled" not in found["counts"]
    refused = mayor.ask(
        "POST",
        "/api/import",
        params={"namespace": "acme"},
        content=lines.encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert refused.status_code == 403


def test_events_of_another_namespace_are_not_resumed_by_its_cursor(town: Town) -> None:
    with town.client.stream(
        "GET",
        "/api/events",
        params={"namespace": "acme"},
        headers={"authorization": f"Bearer {town['ada'].token}"},
    ) as stream:
        cursor = next(
            line.removeprefix("id: ") for line in stream.iter_lines() if line.startswith("id: ")
        )
    town["ada"].remember("heron-quartz in an event", tags=["event"])
    with town.client.stream(
        "GET",
        "/api/events",
        params={"namespace": "acme-corp"},
        headers={"authorization": f"Bearer {town['eve'].token}", "last-event-id": cursor},
    ) as stream:
        if stream.status_code == 200:
            town["eve"].remember("Eve's event", namespace="acme-corp")
            seen = []
            for line in stream.iter_lines():
                seen.append(line)
                if "Eve's event" in line:
                    break
            assert not any("heron-quartz" in line for line in seen)
        else:
            assert stream.status_code == 422
