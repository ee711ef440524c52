"""A real HTTP server that speaks OpenAI's ``/chat/completions``, rightly or wrongly as told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.embedding.endpoint import Answer, Endpoint


def completion(text: str | None, *, finish: str = "stop", **more: Any) -> Answer:
    """What a service answers when its model says a text."""
    message = {"role": "assistant", "content": text, **more}
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Answer.of({"object": "chat.completion", "choices": [choice], "usage": usage})


class ChatEndpoint(Endpoint):
    """Says what ``says`` makes of a request, unless ``replies`` holds something else."""

    def __init__(self) -> None:
        super().__init__()
        self.says: Callable[[dict[str, Any]], str] = lambda request: "{}"

    def usual(self, request: dict[str, Any]) -> Answer:
        return completion(self.says(request))

    @property
    def prompts(self) -> list[str]:
        """What was asked, the system's part left out."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def saying(self, data: object) -> None:
        """From now on its model says this as JSON."""
        self.says = lambda request: json.dumps(data)


@contextmanager
def cutting(head: bytes, *, times: int = 1) -> Iterator[str]:
    """A server that reads a request, sends some bytes and cuts the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(times):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(head)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread.join(5)
