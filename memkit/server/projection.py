"""REST as a projection of the table: each operation is an ASGI application at its route."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin
from urllib.parse import urlencode

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from memkit.errors import MemkitError, VersionConflict
from memkit.server.asgi import Headers, Receive, Scope, Send, respond
from memkit.server.context import Context
from memkit.server.problems import Refused, refuse
from memkit.server.reading import body_of, declared, headers_of, query_of, text_of
from memkit.service import outputs
from memkit.service.calling import Origin, Place
from memkit.service.failures import InvalidArguments, NotJson
from memkit.service.operation import Input, Operation, Permission, Surface
from memkit.service.table import of_surface

if TYPE_CHECKING:
    from starlette.routing import Route

#: The query parameters that say where a call goes, on every route that is a namespace's.
PLACE: Final = ("namespace", "project", "task", "agent")
AGENT_HEADER: Final = b"x-agent-id"
_BODY_METHODS: Final = ("POST", "PUT", "PATCH")
_NOWHERE: Final = Place()
_ETAG: Final = re.compile(r'"([1-9][0-9]{0,17})"')
_PATH_FIELD: Final = re.compile(r"{(\w+)}")


def routes(context: Context) -> Iterator[Route]:
    """A route for each operation of the table."""
    from starlette.routing import Route

    for operation in of_surface(Surface.REST):
        yield Route(
            operation.route.path,
            Endpoint(operation, context),
            methods=[operation.route.method],
            name=operation.name,
        )


def path_fields(operation: Operation) -> tuple[str, ...]:
    """The fields of an operation's input that stand in its path."""
    return tuple(_PATH_FIELD.findall(operation.route.path))


def has_body(operation: Operation) -> bool:
    """Whether an operation's arguments come in a body, rather than in the query."""
    return operation.route.method in _BODY_METHODS


def is_placed(operation: Operation) -> bool:
    """Whether an operation is about a namespace, rather than about the whole server."""
    return operation.permission is not Permission.SERVER


def place_of(query: dict[str, list[str]], headers: Mapping[bytes, bytes]) -> Place:
    """Where a call goes; what says so is taken out of the query.

    Raises:
        InvalidArguments: it says two things.
    """
    header = headers.get(AGENT_HEADER)
    if header is None and not query:
        return _NOWHERE
    found = {name: one_of(name, query.pop(name)) for name in PLACE if name in query}
    if header is not None:
        agent = text_of(header, "X-Agent-ID")
        if found.setdefault("agent", agent) != agent:
            raise InvalidArguments((("agent", "is another one than that of X-Agent-ID"),))
    return Place(**found)


def one_of(name: str, values: list[str]) -> str:
    """The value of a parameter that may stand in a query once.

    Raises:
        InvalidArguments: it stands there more than once.
    """
    if len(values) > 1:
        raise InvalidArguments(((name, "stands in the query more than once"),))
    return values[0]


def origin_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Origin:
    """Where a request came from, for the audit."""
    client = scope.get("client")
    agent = headers.get(b"user-agent")
    return Origin(
        "rest",
        None if client is None else client[0],
        None if agent is None else agent.decode("utf-8", "replace"),
        scope["state"]["request_id"],
    )


class Fields:
    """How an input is read from the parameters of a query."""

    def __init__(self, model: type[Input]) -> None:
        self._model = model
        self._many = {name for name, field in model.model_fields.items() if _is(field, list)}
        self._json = {name for name, field in model.model_fields.items() if _is(field, dict)}

    def input(self, query: Mapping[str, list[str]], path: Mapping[str, str]) -> Input:
        """The input; lists repeat their parameter, objects are JSON text.

        Raises:
            ValidationError, InvalidArguments: it does not fit.
        """
        given: dict[str, Any] = {}
        for name, values in query.items():
            if name in path:
                raise InvalidArguments(((name, "stands in the path"),))
            if name in self._many:
                given[name] = values
            elif name in self._json:
                given[name] = json_of(one_of(name, values), name)
            else:
                given[name] = one_of(name, values)
        return self._model.model_validate({**given, **path})


def _is(field: Any, kind: type) -> bool:
    annotation = field.annotation
    return any(get_origin(part) is kind for part in (annotation, *get_args(annotation)))


def json_of(text: str | bytes, where: str = "") -> Any:
    """What JSON says.

    Raises:
        NotJson: it is none.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise NotJson(f"{where or 'the body'} is not JSON: {error}") from None


class Endpoint:
    """An operation as an ASGI application.

    Args:
        operation: the row of the table.
        context: what the requests share.
    """

    def __init__(self, operation: Operation, context: Context) -> None:
        self.operation = operation
        self._context = context
        self._has_body = has_body(operation)
        self._placed = is_placed(operation)
        self._fields = Fields(operation.input)
        self._takes_path = bool(path_fields(operation))
        self._is_record = operation.output is outputs.RecordJson
        names = operation.input.model_fields
        self._takes_version = "expect_version" in names
        self._takes_key = "idempotency_key" in names
        self._takes_keys = "items" in names
        self._pages = "cursor" in names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = self.operation.name
        try:
            await self._answer(scope, receive, send)
        except (MemkitError, Refused) as error:
            conditional = isinstance(error, VersionConflict) and any(
                name == b"if-match" for name, _ in scope["headers"]
            )
            await refuse(scope, send, error, status=412 if conditional else None)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        query = query_of(scope)
        asked = dict(query) if self._pages else {}
        place = place_of(query, headers) if self._placed else _NOWHERE
        path: Mapping[str, str] = scope["path_params"]
        body = b""
        if self._has_body:
            if query:
                raise InvalidArguments(tuple((name, "is no parameter here") for name in query))
            body = await self._body(headers, receive)

        def given() -> Input:
            if not self._has_body:
                return self._fields.input(query, path)
            return self._conditional(self._of_body(body, path), headers)

        result = await self._context.service.call(
            self.operation,
            given,
            caller=scope["state"]["caller"],
            place=place,
            origin=origin_of(scope, headers),
        )
        await self._tell(scope, send, headers, asked, result)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        settings = self._context.settings
        most = settings.server_max_request_bytes
        declared(headers, most)
        body = await body_of(receive, most, settings.server_body_seconds)
        if body:
            require_type(headers, b"application/json")
        return body

    def _of_body(self, body: bytes, path: Mapping[str, str]) -> Input:
        model = self.operation.input
        if not self._takes_path:
            try:
                return model.model_validate_json(body or b"{}")
            except ValidationError as error:
                (first, *_) = error.errors(include_url=False, include_context=False)
                if first["type"] == "json_invalid":
                    raise NotJson(f"the body is not JSON: {first['msg']}") from None
                raise
        told = json_of(body or b"{}")
        if not isinstance(told, dict):
            raise InvalidArguments((("", "should be an object"),))
        twice = [name for name in path if name in told]
        if twice:
            raise InvalidArguments(tuple((name, "stands in the path") for name in twice))
        return model.model_validate({**told, **path})

    def _conditional(self, given: Input, headers: Mapping[bytes, bytes]) -> Input:
        """The input with what headers say of it."""
        changed: dict[str, Any] = {}
        key = headers.get(b"idempotency-key")
        if key is not None and (self._takes_key or self._takes_keys):
            changed |= self._keyed(given, text_of(key, "Idempotency-Key"))
        seen = headers.get(b"if-match")
        if seen is not None and self._takes_version:
            changed |= _versioned(given, text_of(seen, "If-Match"))
        return given.model_copy(update=changed) if changed else given

    def _keyed(self, given: Any, key: str) -> dict[str, Any]:
        if self._takes_key:
            if given.idempotency_key not in (None, key):
                what = "is another one than that of Idempotency-Key"
                raise InvalidArguments((("idempotency_key", what),))
            return {"idempotency_key": key}
        items = [
            item
            if item.idempotency_key is not None
            else item.model_copy(update={"idempotency_key": f"{key}:{number}"})
            for number, item in enumerate(given.items)
        ]
        return {"items": items}

    async def _tell(
        self,
        scope: Scope,
        send: Send,
        headers: Mapping[bytes, bytes],
        asked: dict[str, list[str]],
        result: Any,
    ) -> None:
        more: Headers = []
        cache = b"no-store"
        if self._is_record:
            etag = f'"{result["version"]}"'.encode()
            more.append((b"etag", etag))
            cache = b"private, no-cache"
            known = headers.get(b"if-none-match")
            if known is not None and scope["method"] in ("GET", "HEAD") and _names(known, etag):
                start = {"type": "http.response.start", "status": 304, "headers": more}
                await send(start)
                await send({"type": "http.response.body", "body": b""})
                return
        elif self._pages and result["cursor"] is not None:
            link = urlencode({**asked, "cursor": [result["cursor"]]}, doseq=True)
            more.append((b"link", f'<{self.operation.route.path}?{link}>; rel="next"'.encode()))
        body = to_json(result, inf_nan_mode="null")
        await respond(send, self.operation.route.status, body, headers=more, cache=cache)


def require_type(headers: Mapping[bytes, bytes], wanted: bytes) -> None:
    """Refuse a body of another type: a web page's form cannot be taken for a call.

    Raises:
        Refused: it is none of that type.
    """
    named = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if named != wanted:
        raise Refused(415, "unsupported_type", f"send the body as {wanted.decode()}")


def _versioned(given: Any, seen: str) -> dict[str, Any]:
    if seen == "*":
        return {}
    found = _ETAG.fullmatch(seen)
    if found is None:
        what = 'should be the ETag of a version, as "3"'
        raise InvalidArguments((("If-Match", what),))
    version = int(found.group(1))
    if given.expect_version not in (None, version):
        raise InvalidArguments((("expect_version", "is another one than that of If-Match"),))
    return {"expect_version": version}


def _names(known: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return b"*" in tags or etag in tags
