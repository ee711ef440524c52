"""A real HTTP server that speaks OpenAI's ``/embeddings``, rightly or wrongly as told."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import numpy as np

from memkit.testing.embedders import ToyEmbedder


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: object, status: int = 200, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(data).encode(), named)


Reply = Callable[[dict[str, Any]], Answer]


class Endpoint:
    """Answers with toy vectors, or with what ``replies`` holds until that runs out."""

    def __init__(self, dimension: int = 16) -> None:
        self.toy = ToyEmbedder(dimension)
        self.replies: Iterator[Answer | Reply] = iter(())
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.release = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def inputs(self) -> list[str]:
        return [text for request in self.requests for text in request["input"]]

    def vectors(self, request: dict[str, Any]) -> list[list[float]]:
        vectors: list[list[float]] = (self.toy.embed(request["input"]) * 3.0).tolist()
        return vectors

    def usual(self, request: dict[str, Any]) -> Answer:
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(self.vectors(request))
        ]
        return Answer.of({"object": "list", "data": data, "model": request["model"]})

    def shuffled(self, request: dict[str, Any]) -> Answer:
        answer = json.loads(self.usual(request).body)
        answer["data"].reverse()
        return Answer.of(answer)

    def packed(self, request: dict[str, Any]) -> Answer:
        answer = json.loads(self.usual(request).body)
        for item in answer["data"]:
            row = np.asarray(item["embedding"], dtype="<f4")
            item["embedding"] = base64.b64encode(row.tobytes()).decode()
        return Answer.of(answer)

    def without_index(self, request: dict[str, Any]) -> Answer:
        answer = json.loads(self.usual(request).body)
        for item in answer["data"]:
            del item["index"]
        return Answer.of(answer)

    def late(self, request: dict[str, Any]) -> Answer:
        """Answers only when released."""
        self.release.wait(30)
        return self.usual(request)

    def answer(self, path: str, headers: dict[str, str], request: dict[str, Any]) -> Answer:
        with self._lock:
            self.paths.append(path)
            self.headers.append(headers)
            self.requests.append(request)
            reply = next(self.replies, self.usual)
        return reply if isinstance(reply, Answer) else reply(request)

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = endpoint.answer(self.path, headers, json.loads(body))
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
