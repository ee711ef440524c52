"""The resources: what a client can read by address, each by way of an operation."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from memkit.errors import RecordNotFound
from memkit.server.mcp.rendering import rendered
from memkit.server.mcp.tools import usage
from memkit.service.operation import Operation, Surface
from memkit.service.table import OPERATIONS, of_surface

SCHEME = "memory://"
_JSON, _TEXT = "application/json", "text/plain"

Calling = Callable[[Operation, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Resource:
    """Something to read: an operation with its arguments, at an address."""

    name: str
    summary: str
    operation: str
    given: dict[str, Any]
    type: str = _JSON

    @property
    def definition(self) -> dict[str, Any]:
        """The resource as ``resources/list`` tells it."""
        return {
            "uri": SCHEME + self.name,
            "name": self.name,
            "description": self.summary,
            "mimeType": self.type,
        }


#: The resource that needs no operation: it tells of them.
OPERATIONS_NAME = "operations"
RESOURCES = {
    resource.name: resource
    for resource in (
        Resource("status", "The state of the store and the embedder.", "status", {}),
        Resource("channels", "Channels of messages, with what is unread.", "channels", {}),
        Resource("recent", "The newest memories.", "list", {"limit": 20}, _TEXT),
        Resource("constraints", "What must be kept to.", "list", {"kinds": ["constraint"]}, _TEXT),
        Resource("profile", "What is known of the user or project.", "profile", {}, _TEXT),
        Resource(OPERATIONS_NAME, "All actions of the tools with all fields.", "", {}, _TEXT),
    )
}
TEMPLATES = (
    {
        "uriTemplate": SCHEME + "record/{id}",
        "name": "record",
        "description": "One record, whatever its state.",
        "mimeType": _JSON,
    },
    {
        "uriTemplate": SCHEME + "schema/{action}",
        "name": "schema",
        "description": "An action's whole input and output schemas.",
        "mimeType": _JSON,
    },
)


async def read(uri: str, calling: Calling) -> dict[str, Any]:
    """What stands at an address, as ``resources/read`` tells it.

    Raises:
        RecordNotFound: nothing does that the caller can see.
        MemkitError: what the operation raises.
    """
    place = uri.removeprefix(SCHEME)
    kind, _, rest = place.partition("/")
    resource = RESOURCES.get(place)
    if not uri.startswith(SCHEME):
        raise _missing()
    if place == OPERATIONS_NAME:
        return _contents(uri, _TEXT, _operations())
    if resource is not None:
        found = await calling(OPERATIONS[resource.operation], resource.given)
        told = rendered(found) if resource.type == _TEXT else _json(found)
        return _contents(uri, resource.type, told)
    if kind == "record" and rest:
        return _contents(uri, _JSON, _json(await calling(OPERATIONS["get"], {"id": unquote(rest)})))
    if kind == "schema":
        return _contents(uri, _JSON, _json(_schemas(rest)))
    raise _missing()


def _operations() -> str:
    """All operations that tools carry, with all that they take."""
    lines = ["Call a tool with action=NAME and these fields."]
    for operation in of_surface(Surface.MCP):
        lines += ["", f"{operation.tool}, action={operation.name}: {operation.summary}"]
        lines += [f"  {line}" for line in usage(operation)]
    return "\n".join(lines)


def _schemas(name: str) -> dict[str, Any]:
    operation = OPERATIONS.get(name)
    if operation is None or Surface.MCP not in operation.surfaces:
        raise _missing()
    return {
        "tool": operation.tool,
        "permission": operation.permission.label,
        "input": operation.input.model_json_schema(),
        "output": operation.result.json_schema(),
    }


def _missing() -> RecordNotFound:
    return RecordNotFound("there is no such resource: resources/list and its templates tell them")


def _contents(uri: str, type_: str, text: str) -> dict[str, Any]:
    return {"contents": [{"uri": uri, "mimeType": type_, "text": text}]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
