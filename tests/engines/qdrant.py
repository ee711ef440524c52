"""What stands in for a Qdrant server, of which no package registry has one.

:class:`RecordingServer` answers the real client over HTTP in the shapes of the real one, keeps
points by id, and remembers every request.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

COMPLETED = {"operation_id": 1, "status": "completed"}
DROP = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class RecordingServer:
    """A server on 127.0.0.1 that remembers what it was asked.

    Attributes:
        port: where it listens.
        version: what it says it is.
        requests: all that came, in order.
        failures: by a part of the path: the statuses that the next requests to it get instead of
            an answer; ``DROP`` ends the connection after the request was carried out.
    """

    version: str = "1.20.0"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    failures: dict[str, list[int]] = field(default_factory=dict)
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    def to(self, method: str, end: str) -> list[Request]:
        """The requests with this method whose path ends so."""
        return [each for each in self.requests if each.method == method and each.path.endswith(end)]

    def failure(self, path: str) -> int | None:
        """What the next request to this path gets instead of an answer."""
        for part, statuses in self.failures.items():
            if path.endswith(part) and statuses:
                return statuses.pop(0)
        return None

    def answer(self, request: Request) -> Any:
        """The ``result`` of the answer."""
        parts = request.path.strip("/").split("/")
        match request.method, parts:
            case "GET", ["collections", name, "exists"]:
                return {"exists": name in self.collections}
            case "PUT", ["collections", name]:
                self.collections[name] = {}
                self.made[name] = request.body
                return True
            case "GET", ["collections", name]:
                return self._described(name)
            case "PUT", ["collections", _, "shards" | "vectors", *_]:
                return True
            case "PUT", ["collections", name, "points"]:
                for point in request.body["points"]:
                    self._upsert(self.collections[name], request.body, point)
            case "POST", ["collections", name, "points"]:
                return [
                    {"id": id_, "payload": held["payload"]}
                    for id_ in request.body["ids"]
                    if (held := self.collections[name].get(id_)) is not None
                ]
            case "POST", ["collections", name, "points", "delete"]:
                for id_ in request.body.get("points", ()):
                    self.collections[name].pop(id_, None)
            case "POST", ["collections", _, "points", "query", "batch"]:
                return [{"points": []} for _ in request.body["searches"]]
            case "POST", ["collections", _, "points", "scroll"]:
                return {"points": [], "next_page_offset": None}
            case "POST", ["collections", _, "points", "count"]:
                return {"count": 0}
            case "POST", ["collections", _, "facet"]:
                return {"hits": []}
            case "POST", ["collections", name, "points", "batch"]:
                for operation in request.body["operations"]:
                    self._overwrite(self.collections[name], **operation)
                return [COMPLETED for _ in request.body["operations"]]
        return COMPLETED

    @staticmethod
    def _overwrite(points: dict[str, Any], overwrite_payload: Any) -> None:
        for condition in overwrite_payload["filter"]["must"]:
            for id_ in condition.get("has_id", ()):
                points[id_]["payload"] = overwrite_payload["payload"]

    def _described(self, name: str) -> Any:
        """What a collection is, in the least that the client takes for an answer."""
        params = {key: self.made[name].get(key) or {} for key in ("vectors", "sparse_vectors")}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "payload_schema": {},
            "config": {
                "params": params,
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
            },
        }

    @staticmethod
    def _upsert(points: dict[str, Any], body: Any, point: Any) -> None:
        there = point["id"] in points
        if there is not {"insert_only": False, "update_only": True}.get(
            body.get("update_mode"), there
        ):
            return
        points[point["id"]] = point


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Heads and bodies leave together: apart they would wait for each other's receipt.
    wbufsize = -1
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(raw) if raw else None,
        )
        recorder = self.server.recorder
        recorder.requests.append(request)
        failure = recorder.failure(parts.path)
        if failure is None or failure == DROP:
            if parts.path == "/":
                said: Any = {"title": "qdrant", "version": recorder.version}
            else:
                said = {"result": recorder.answer(request), "status": "ok", "time": 0.0}
            if failure == DROP:
                self.close_connection = True
                return
            self._say(200, said)
        else:
            self._say(failure, {"status": {"error": "as the test wants it"}, "time": 0.0})

    def _say(self, status: int, said: Any) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: it would go to stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recorder: RecordingServer


@contextmanager
def recording_server(version: str = "1.20.0") -> Iterator[RecordingServer]:
    """A server that records, ended afterwards."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.recorder = RecordingServer(version, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
