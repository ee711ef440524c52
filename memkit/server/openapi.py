"""The description of the interface (OpenAPI 3.1), made of the table's own models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from memkit import __version__
from memkit.server.projection import PLACE, has_body, is_placed, path_fields
from memkit.service import outputs
from memkit.service.operation import Operation, Permission, Surface
from memkit.service.streams import STREAMS
from memkit.service.table import of_surface

Schema = dict[str, Any]
#: Where the models of a row stand, by its name and whether it goes in or comes out.
Named = Mapping[Any, Schema]
_REF: Final = "#/components/schemas/"
_WHERE: Final = {
    "namespace": "the tenant; the server's own if left out",
    "project": "the project inside the namespace",
    "task": "the task inside the project",
    "agent": "who speaks, within what the credential allows; or the header X-Agent-ID",
}
_LABEL: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_PROBLEM: Final = {
    "type": "object",
    "description": "What is wrong (RFC 9457).",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "stable; the library's error has the same"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_FORBIDDEN: Final = {
    Permission.READ: "Needs the permission read in the namespace.",
    Permission.WRITE: "Needs the permission write in the namespace.",
    Permission.ADMIN: "Needs the permission admin in the namespace.",
    Permission.SERVER: "For administrators of the server.",
}


@cache
def document() -> Schema:
    """The description of everything that is there; the same for everybody."""
    rows = (*of_surface(Surface.REST), *STREAMS.values())
    schemas, named = _schemas(rows)
    paths: dict[str, Schema] = {}
    for row in rows:
        place = paths.setdefault(row.route.path, {})
        place[row.route.method.lower()] = _operation(row, schemas, named)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "memkit",
            "version": __version__,
            "summary": "Long-term memory for AI agents",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": {**paths, **_probes()},
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `memkit token create`, or a JWT of the identity "
                    "provider that the server trusts.",
                }
            },
            "responses": {
                "Problem": {
                    "description": "What is wrong, and what would be right.",
                    "content": {"application/problem+json": {"schema": _ref("Problem")}},
                }
            },
        },
    }


def _schemas(rows: tuple[Operation, ...]) -> tuple[dict[str, Schema], Mapping[Any, Schema]]:
    """All models by name, and where each row's are."""
    # The lines of an import are no JSON document.
    wanted = [
        (row.name, "validation", TypeAdapter(row.input)) for row in rows if row.name != "import"
    ]
    results = [(row.name, "serialization", row.result) for row in rows if row.output is not None]
    named, defined = TypeAdapter.json_schemas(
        [*wanted, *results],  # type: ignore[list-item]
        ref_template=_REF + "{model}",
    )
    return defined["$defs"], named


def _operation(row: Operation, schemas: Mapping[str, Schema], named: Named) -> Schema:
    told: Schema = {
        "operationId": row.name,
        "summary": row.summary,
        "description": f"{_FORBIDDEN[row.permission]} Effect: {row.effect.value}.",
        "parameters": _parameters(row, schemas, named),
        "responses": {**_results(row, named), **_refusals()},
    }
    if row.name == "import":
        lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
        told["requestBody"] = {"required": True, "content": lines}
    elif has_body(row):
        body = _body(row, schemas, named)
        told["requestBody"] = {
            "required": bool(body.get("required")),
            "content": {"application/json": {"schema": body}},
        }
    return told


def _input(row: Operation, schemas: Mapping[str, Schema], named: Named) -> Schema:
    held = named.get((row.name, "validation"), {"properties": {}})
    return schemas[held["$ref"].removeprefix(_REF)] if "$ref" in held else held


def _body(row: Operation, schemas: Mapping[str, Schema], named: Named) -> Schema:
    """The schema of a body: the input without what stands in the path."""
    whole, path = _input(row, schemas, named), path_fields(row)
    if not path:
        return {**whole}
    properties = {
        name: held for name, held in whole.get("properties", {}).items() if name not in path
    }
    required = [name for name in whole.get("required", []) if name not in path]
    return {**whole, "properties": properties, "required": required}


def _parameters(row: Operation, schemas: Mapping[str, Schema], named: Named) -> list[Schema]:
    whole, path = _input(row, schemas, named), path_fields(row)
    properties = whole.get("properties", {})
    told = [
        _parameter("path", name, properties.get(name, {"type": "string"}), required=True)
        for name in path
    ]
    if is_placed(row):
        told += [
            _parameter("query", name, {**_LABEL, "description": _WHERE[name]}) for name in PLACE
        ]
        told.append(_parameter("header", "X-Agent-ID", {**_LABEL, "description": _WHERE["agent"]}))
    if not has_body(row):
        required = whole.get("required", [])
        told += [
            _parameter("query", name, held, required=name in required)
            for name, held in properties.items()
            if name not in path
        ]
    return told + _headers(row, properties)


def _headers(row: Operation, properties: Mapping[str, Schema]) -> list[Schema]:
    told = []
    if row.name == "remember_many" or "idempotency_key" in properties:
        what = "the same key again stores nothing new"
        key = {"type": "string", "maxLength": 200, "description": what}
        told.append(_parameter("header", "Idempotency-Key", key))
    if "expect_version" in properties:
        what = 'the ETag of the version you have seen, as "3"; another one there answers 412'
        told.append(_parameter("header", "If-Match", {"type": "string", "description": what}))
    if row.name == "get":
        what = "the ETag that you have; if it is still that one, the answer is 304"
        told.append(_parameter("header", "If-None-Match", {"type": "string", "description": what}))
    if row.name == "watch":
        what = "the cursor of the last event that you have seen"
        told.append(_parameter("header", "Last-Event-ID", {"type": "string", "description": what}))
    return told


def _parameter(where: str, name: str, schema: Schema, *, required: bool = False) -> Schema:
    held = dict(schema)
    told: Schema = {"name": name, "in": where, "required": required}
    if "description" in held:
        told["description"] = held.pop("description")
    held.pop("title", None)
    # What is absent is left out of a query: there is no null.
    parts = [part for part in held.get("anyOf", []) if part != {"type": "null"}]
    if parts:
        rest = {key: value for key, value in held.items() if key not in ("anyOf", "default")}
        held = {**rest, **(parts[0] if len(parts) == 1 else {"anyOf": parts})}
    if held.get("type") == "object":
        return {**told, "content": {"application/json": {"schema": held}}}
    return {**told, "schema": held}


def _results(row: Operation, named: Named) -> Schema:
    status = str(row.route.status)
    if row.name == "export":
        content: Schema = {"application/x-ndjson": {"schema": {"type": "string"}}}
    elif row.name == "watch":
        # Each event's data; the stream itself is text.
        content = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": named[row.name, "serialization"]}}
    held: Schema = {"description": row.summary, "content": content}
    if row.output is outputs.RecordJson:
        what = {"description": "the record's version", "schema": {"type": "string"}}
        held["headers"] = {"ETag": what}
    told = {status: held}
    if row.name == "get":
        told["304"] = {"description": "It is still the version that you have."}
    return told


def _refusals() -> Schema:
    problem = {"$ref": "#/components/responses/Problem"}
    return {"4XX": problem, "5XX": problem}


def _ref(name: str) -> Schema:
    return {"$ref": _REF + name}


def _probes() -> dict[str, Schema]:
    """What is asked of the server itself."""
    state = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}

    def told(name: str, summary: str, kind: str, schema: Schema, *, public: bool = True) -> Schema:
        answer = {"description": summary, "content": {kind: {"schema": schema}}}
        answers = {"200": answer, **({} if public else _refusals())}
        if name == "readyz":
            answers["503"] = {**answer, "description": "Something is not ready."}
        held: Schema = {"operationId": name, "summary": summary, "responses": answers}
        return {"get": {**held, "security": []} if public else held}

    kind = "application/json"
    return {
        "/": told("index", "What this is.", kind, {"type": "object"}),
        "/healthz": told("healthz", "Whether the process answers.", kind, state),
        "/readyz": told("readyz", "Whether store and embedder are ready.", kind, state),
        "/metrics": told(
            "metrics", "Counters for Prometheus.", "text/plain", {"type": "string"}, public=False
        ),
        "/openapi.json": told("openapi", "This description.", kind, {"type": "object"}),
    }
