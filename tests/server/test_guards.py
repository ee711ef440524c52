"""What is refused before it is anybody's call: wrong names, pages, sizes and paces."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from memkit.errors import ConfigurationError
from memkit.server.guarding import is_loopback
from memkit.server.limiting import window_of
from tests.server.standing import Standing, standing

BODY_MAX = 20_000


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(
        tmp_path_factory.mktemp("narrow") / "memory.db",
        server_max_request_bytes=BODY_MAX,
        server_max_import_bytes=BODY_MAX,
        server_body_seconds=0.5,
        server_rate="20/hour",
        server_refusals="3/hour",
        server_cors_origins="https://app.example",
        server_allowed_hosts="memory.example, *.inner.example",
    ) as told:
        yield told


@pytest.fixture(scope="module")
def open_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("open") / "memory.db", server_auth="none") as told:
        yield told


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:1234", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_are_answered(open_here: Standing, host: str, status: int) -> None:
    # A name that its owner points at this machine must not make a browser a caller.
    response = open_here.client().get("/api/status", headers={"Host": host})
    assert response.status_code == status


def test_names_can_be_added(narrow: Standing) -> None:
    for host, status in (
        ("memory.example", 200),
        ("a.inner.example:8000", 200),
        ("inner.example", 421),
        ("xinner.example", 421),
    ):
        assert narrow.client().get("/", headers={"Host": host}).status_code == status


def test_whoever_looks_after_it_calls_by_any_name(narrow: Standing) -> None:
    assert narrow.client().get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "x://["])
def test_pages_of_other_origins_are_refused(open_here: Standing, origin: str) -> None:
    response = open_here.client().post(
        "/api/memories", json={"content": "planted"}, headers={"Origin": origin}
    )
    assert (response.status_code, response.json()["code"]) == (403, "unknown_origin")
    assert "access-control-allow-origin" not in response.headers


def test_its_own_pages_may_call(open_here: Standing) -> None:
    headers = {"Origin": open_here.url}
    assert open_here.client().get("/api/status", headers=headers).status_code == 200


def test_a_form_of_a_page_is_no_call(open_here: Standing) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        response = open_here.client().post(
            "/api/memories", content=b'{"content": "planted"}', headers={"Content-Type": kind}
        )
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_type")


def test_without_authentication_whoever_is_here_may_do_everything(open_here: Standing) -> None:
    client = open_here.client()
    stored = client.post(
        "/api/memories", json={"content": "from here"}, headers={"X-Agent-ID": "anyone"}
    ).json()["record"]
    assert stored["agent"] == "anyone"
    assert "author" not in stored
    assert client.get("/metrics").status_code == 200
    assert client.get("/api/principals").status_code == 501


def test_cors_is_open_for_whom_it_is_opened(narrow: Standing) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-agent-id",
    }
    allowed = narrow.client().options(
        "/api/memories", headers={"Origin": "https://app.example", **asked}
    )
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in allowed.headers
    refused = narrow.client().options(
        "/api/memories", headers={"Origin": "https://b.example", **asked}
    )
    assert refused.status_code == 403


def _raw(server: Standing, *parts: bytes, pause: float = 0.0) -> bytes:
    """What the server answers to bytes, until it hangs up or for two seconds."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while part := connection.recv(65_536):
                answer += part
                if b"\r\n\r\n" in answer and b"connection: close" not in answer.lower():
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def _head(server: Standing, who: str, *more: str) -> bytes:
    lines = (
        "POST /api/memories HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.tokens[who]}",
        "Content-Type: application/json",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_a_body_that_is_too_long_is_not_read(narrow: Standing) -> None:
    answer = _raw(narrow, _head(narrow, "ann", f"Content-Length: {BODY_MAX + 1}"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"too_large"' in answer


def test_whoever_sends_too_much_to_its_end_reads_the_refusal(narrow: Standing) -> None:
    length = 20_000_000
    head = _head(narrow, "ann", f"Content-Length: {length}")
    answer = _raw(narrow, head, b" " * length)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_in_parts_is_counted_too(narrow: Standing) -> None:
    part = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    answer = _raw(narrow, _head(narrow, "ann", "Transfer-Encoding: chunked"), part)
    assert answer.startswith(b"HTTP/1.1 413")


def test_an_import_has_a_limit_too(narrow: Standing) -> None:
    response = narrow.client("chief").post(
        "/api/import",
        content=iter([b" " * BODY_MAX, b"x"]),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert response.status_code == 413


def test_mcp_has_the_same_limit(narrow: Standing) -> None:
    response = narrow.client("bob").post("/mcp", json={"x": "y" * BODY_MAX})
    assert response.status_code == 413


def test_a_body_that_does_not_come_is_not_waited_for(narrow: Standing) -> None:
    answer = _raw(narrow, _head(narrow, "ann", "Content-Length: 10"))
    assert answer.startswith(b"HTTP/1.1 408")


def test_headers_that_do_not_come_are_not_waited_for(narrow: Standing) -> None:
    assert _raw(narrow, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ") == b""
    assert _raw(narrow) == b""


def test_headers_without_end_are_refused(narrow: Standing) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"v" * 1000) for number in range(100))
    answer = _raw(narrow, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_an_address_without_end_is_refused(narrow: Standing) -> None:
    response = narrow.client("ann").get("/api/memories?tags=" + "x" * 17_000)
    assert (response.status_code, response.json()["code"]) == (414, "too_long")


def test_one_principal_cannot_have_it_all(narrow: Standing) -> None:
    eve = narrow.client("eve")
    for _ in range(20):
        assert eve.get("/api/status").status_code == 200
    response = eve.get("/api/status")
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(response.headers["retry-after"]) <= 3601
    # Nobody else has to wait for it.
    assert narrow.client("zoe").get("/api/status").status_code == 403


def test_who_guesses_tokens_is_not_listened_to(narrow: Standing) -> None:
    # Last of all: from then on this address is refused.
    guess = {"Authorization": "Bearer mk_aaaaaaaa_" + "B" * 43}
    answers = [narrow.client().get("/api/status", headers=guess) for _ in range(5)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429, 429]
    assert narrow.client("bob").get("/api/status").status_code == 429
    assert narrow.client().get("/healthz").status_code == 200


def test_a_limit_is_a_number_for_a_time() -> None:
    window = window_of("2/minute", "server_rate")
    assert window is not None
    assert [window.take("a"), window.take("a"), window.take("a")] == [True, True, False]
    assert window.take("b")
    assert 0 < window.left <= 60
    assert window_of("none", "server_rate") is None
    with pytest.raises(ConfigurationError, match="100/second"):
        window_of("often", "server_rate")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_what_is_reached_from_this_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_web_socket_is_turned_away(narrow: Standing) -> None:
    with httpx.Client() as client:
        response = client.get(
            narrow.url + "/api/events",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
    assert response.status_code in (401, 403, 429)
