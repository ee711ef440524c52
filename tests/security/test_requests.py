"""Requests that are made to confuse, to exhaust or to be made by somebody else's browser."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.security.town import Town, town

ACME = {"namespace": "acme"}
LARGEST = 8_388_608


def _raw(to: Town, request: bytes) -> bytes:
    """What the server answers to these very bytes, until it closes the connection."""
    address = urlsplit(to.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=60) as wire:
        wire.sendall(request)
        answer = b""
        while part := wire.recv(65536):
            answer += part
    return answer


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "authorization"])
def test_a_token_in_the_query_opens_nothing(town: Town, name: str) -> None:
    for path in ("/api/memories", "/mcp", "/api/events", "/metrics"):
        answer = town.client.get(path, params={**ACME, name: town.admin.token})
        assert answer.status_code == 401
    assert not any(town.admin.token in line for line in town.log if '"request"' in line)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer mk_aaaaaaaa_" + "a" * 43,
        "Bearer " + "a" * 20_000,
        "Bearer null",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    ],
)
def test_what_is_no_token_opens_nothing(town: Town, value: str) -> None:
    answer = town.client.get("/api/memories", params=ACME, headers={"authorization": value})
    assert answer.status_code in (400, 401, 431)
    assert "aaaa" not in answer.text


def test_a_token_with_one_letter_changed_opens_nothing(town: Town) -> None:
    token = town["ada"].token
    for at in (3, 15, len(token) - 2):
        other = "A" if token[at] != "A" else "B"
        headers = {"authorization": f"Bearer {token[:at]}{other}{token[at + 1 :]}"}
        assert town.client.get("/api/memories", params=ACME, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/memories",
        "/api/memories/",
        "/API/memories",
        "/healthz/../api/memories",
        "/healthz/%2e%2e/api/memories",
        "/healthz/",
        "/healthz%2f..%2fapi%2fmemories",
        "/readyz;/api/memories",
        "/openapi.json/../metrics",
        "/api/%6demories",
        "http://127.0.0.1/api/memories",
        "*",
    ],
)
def test_no_spelling_of_a_path_goes_around_authentication(town: Town, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    (status,) = _statuses(_raw(town, request.encode()))
    assert status in (400, 401)


@pytest.mark.parametrize("header", ["Authorization", "X-Agent-ID", "Host", "Content-Type"])
def test_a_header_that_decides_is_not_said_twice(town: Town, header: str) -> None:
    host = urlsplit(town.url).netloc
    first, second = {
        "Authorization": (f"Bearer {town['bob'].token}", f"Bearer {town['ada'].token}"),
        "X-Agent-ID": ("bob", "ada"),
        "Host": (host, "evil.example"),
        "Content-Type": ("application/json", "text/plain"),
    }[header]
    usual = {
        "Authorization": f"Bearer {town['bob'].token}",
        "Host": host,
        "Content-Type": "application/json",
    }
    usual.pop(header, None)
    lines = [f"{name}: {value}" for name, value in usual.items()]
    lines += [f"{header}: {first}", f"{header}: {second}", "Connection: close"]
    body = b'{"content": "twice"}'
    head = "\r\n".join(
        ["POST /api/memories?namespace=acme HTTP/1.1", *lines, f"Content-Length: {len(body)}"]
    )
    (status,) = _statuses(_raw(town, head.encode() + b"\r\n\r\n" + body))
    assert status == 400


def _smuggled(town: Town) -> bytes:
    token = town["ada"].token.encode()
    return (
        b"GET /api/memories?namespace=acme HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer " + token + b"\r\nConnection: close\r\n\r\n"
    )


def test_a_second_request_after_a_whole_first_one_is_answered(town: Town) -> None:
    """What follows shows something only if this is so."""
    first = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
    answer = _raw(town, first + _smuggled(town))
    assert _statuses(answer) == [200, 200]
    assert b'"records"' in answer


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Content-Length: -1",
    ],
)
def test_no_second_request_hides_in_the_body_of_a_first(town: Town, framing: bytes) -> None:
    """A proxy and the server must not differ about where a request ends."""
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + framing + b"\r\n\r\n0\r\n\r\n"
    answer = _raw(town, request + _smuggled(town))
    assert 400 in _statuses(answer)
    assert b'"records"' not in answer


@pytest.mark.parametrize(
    "line",
    [b"X-Agent-ID : ada", b" X-Agent-ID: ada", b"X-Agent-ID: bob\nX-Agent-ID: ada", b"X\x00: y"],
)
def test_a_malformed_header_is_refused(town: Town, line: bytes) -> None:
    token = town["bob"].token.encode()
    request = (
        b"GET /api/memories?namespace=acme HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer " + token + b"\r\n" + line + b"\r\nConnection: close\r\n\r\n"
    )
    assert 200 not in _statuses(_raw(town, request))


def test_a_web_page_that_has_rebound_its_name_is_refused(town: Town) -> None:
    port = urlsplit(town.url).port
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "localhost."):
        answer = town["ada"].ask("GET", "/api/memories", params=ACME, headers={"host": host})
        assert answer.status_code == 421


@pytest.mark.parametrize("path", ["/api/memories", "/mcp", "/api/events", "/sse"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil"])
def test_a_web_page_of_another_origin_is_refused(town: Town, path: str, origin: str) -> None:
    answer = town["ada"].ask("GET", path, params=ACME, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_web_page_is_allowed_nothing_beforehand(town: Town) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = town.client.options("/api/memories", headers=headers)
    assert not answer.is_success
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_is_not_taken_for_a_call(town: Town, type_: str) -> None:
    answer = town["ada"].ask(
        "POST",
        "/api/memories",
        params=ACME,
        content=b'{"content": "from a form"}',
        headers={"content-type": type_},
    )
    assert answer.status_code == 415


def test_a_body_that_is_too_large_is_refused_before_it_is_read(town: Town) -> None:
    head = (
        b"POST /api/memories?namespace=acme HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer " + town["ada"].token.encode() + b"\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (LARGEST + 1)
    )
    assert _statuses(_raw(town, head)) == [413]


def test_a_body_that_hides_its_size_is_refused_when_it_passes_the_limit(town: Town) -> None:
    def parts() -> Any:
        for _ in range(LARGEST // 65536 + 2):
            yield b"x" * 65536

    answer = town["ada"].ask(
        "POST",
        "/api/memories",
        params=ACME,
        content=parts(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"content": "x", "metadata": {"k": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        b'{"content": ' + b"9" * 100_000 + b"}",
        b'{"content": "\xff\xfe"}',
        b'{"content": "\\ud800"}',
        b'{"content": NaN}',
    ],
    ids=["lists", "objects", "metadata", "digits", "bytes", "surrogate", "nan"],
)
def test_json_that_is_made_to_break_readers_is_refused(town: Town, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = town["ada"].ask("POST", "/api/memories", params=ACME, content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text[:200]
    assert town.client.get("/healthz").is_success


def test_a_filter_that_is_nested_without_end_is_refused(town: Town) -> None:
    filter_: dict[str, Any] = {"field": "kind", "op": "eq", "value": "note"}
    for _ in range(200):
        filter_ = {"not": filter_}
    body = {"query": "x", "filter": filter_}
    answer = town["ada"].ask("POST", "/api/memories/search", params=ACME, json=body)
    assert answer.status_code in (400, 422)


def test_a_refusal_quotes_nothing_that_was_sent(town: Town) -> None:
    secret = "quartz-content-55"
    for body in (
        {"content": [secret]},
        {"content": "x", secret: 1},
        {"content": "x", "kind": secret * 100},
        {"content": "x", "confidence": secret},
    ):
        answer = town["ada"].ask("POST", "/api/memories", params=ACME, json=body)
        assert answer.status_code == 422
        if secret not in body:
            assert secret not in answer.text


def test_neither_logs_nor_the_audit_hold_content_or_tokens(town: Town) -> None:
    marked = "opal-content-91"
    ada = town["ada"]
    record = ada.remember(f"Never in a log: {marked}", tags=[f"tag-{marked}"])
    ada.ask("POST", "/api/memories/search", params=ACME, json={"query": marked})
    ada.ask("GET", "/api/memories", params={**ACME, "tags": marked})
    ada.ask("POST", "/api/memories", params=ACME, json={"content": marked, "kind": marked * 100})
    entries = town.admin.done("GET", "/api/audit", params={"record": record["id"]})
    assert entries["entries"]
    everything = town.admin.ask("GET", "/api/audit", params={"limit": "1000"}).text
    logged = "".join(line for line in town.log if not line.startswith("  mk_"))
    for told in (everything, logged):
        assert marked not in told
        assert ada.token not in told
        assert ada.token.split("_", 2)[2] not in told


@pytest.mark.parametrize("path", ["/metrics", "/api/principals", "/api/audit", "/api/tokens"])
def test_what_is_for_administrators_is_for_nobody_else(town: Town, path: str) -> None:
    assert town["chief"].ask("GET", path).status_code == 403
    assert town.client.get(path).status_code == 401


def test_nobody_raises_themselves(town: Town) -> None:
    chief = town["chief"]
    for method, path, body in (
        ("POST", "/api/principals", {"name": "mine", "role": "admin"}),
        ("PATCH", "/api/principals/chief", {"role": "admin"}),
        ("PATCH", "/api/principals/chief", {"agents": ["*"]}),
        ("PUT", "/api/grants", {"principal": "chief", "namespace": "*", "permission": "admin"}),
        ("POST", "/api/tokens", {"principal": "admin"}),
        ("PUT", "/api/channels/privacy", {"namespace": "acme", "channel": "x", "private": False}),
    ):
        assert chief.ask(method, path, json=body).status_code == 403


def test_whoever_guesses_tokens_is_stopped_and_stops_nobody_else(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("guessed")
    with town(folder, server_refusals="5/hour", server_proxies="127.0.0.1") as guessed:
        guess = {"authorization": "Bearer mk_aaaaaaaa_" + "a" * 43, "x-forwarded-for": "192.0.2.7"}
        statuses = [
            guessed.client.get("/api/memories", headers=guess).status_code for _ in "1234567"
        ]
        assert statuses == [401] * 5 + [429] * 2
        other = {"x-forwarded-for": "192.0.2.8"}
        assert guessed.admin.ask("GET", "/api/principals", headers=other).is_success


def test_one_principals_requests_are_limited_and_nobody_elses(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with town(tmp_path_factory.mktemp("limited"), server_rate="40/hour") as limited:
        limited.settle("busy", {"acme": "read"})
        limited.settle("calm", {"acme": "read"})
        ask = ("GET", "/api/memories")
        statuses = [limited["busy"].ask(*ask, params=ACME).status_code for _ in range(42)]
        assert statuses == [200] * 40 + [429] * 2
        assert limited["calm"].ask(*ask, params=ACME).is_success


def test_a_client_that_never_finishes_its_request_is_let_go(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with town(tmp_path_factory.mktemp("slow"), server_body_seconds="0.5") as slow:
        address = urlsplit(slow.url)
        assert address.hostname is not None
        begun = (
            b"GET /api/memories HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"POST /api/memories?namespace=acme HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Authorization: Bearer " + slow.admin.token.encode() + b"\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        )
        for part in begun:
            where = (address.hostname, address.port or 80)
            with socket.create_connection(where, timeout=60) as wire:
                wire.sendall(part)
                answer = b""
                while more := wire.recv(65536):
                    answer += more
            assert 200 not in _statuses(answer)


def test_json_lines_of_the_log_cannot_be_forged(town: Town) -> None:
    forged = '{"level": "error"}'
    town["ada"].ask("GET", "/api/memories", params={**ACME, "tags": f"\n{forged}\n"})
    town["ada"].ask("GET", "/healthz", headers={"x-request-id": f"a {forged}"})
    deadline = time.monotonic() + 60
    while not any('"healthz"' in line for line in town.log) and time.monotonic() < deadline:
        time.sleep(0.05)
    for line in town.log:
        if line.startswith("{"):
            assert "at" in json.loads(line)
        assert line.strip() != forged
