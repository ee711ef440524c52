"""The projection: a request of the protocol becomes operations of the table, carried out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import InvalidInput, MemkitError, RecordNotFound
from memkit.server.mcp import resources
from memkit.server.mcp.briefing import briefing
from memkit.server.mcp.prompts import PROMPTS
from memkit.server.mcp.rendering import rendered
from memkit.server.mcp.tools import FIRST, tools, usage
from memkit.service.calling import Caller, Origin, Place
from memkit.service.failures import InvalidArguments, problem_of
from memkit.service.operation import Operation, Permission

if TYPE_CHECKING:
    from memkit.server.mcp.tools import Tool
    from memkit.service import Service

logger = logging.getLogger(__name__)

INVALID_PARAMS: Final = -32602
# Of a constraint that rides along so many characters are told.
_CONSTRAINT_CHARS: Final = 300
#: The methods that are answered here; the rest is the library's.
METHODS: Final = (
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
)


class Refused(Exception):
    """A request that is answered with an error of the protocol.

    Attributes:
        code: JSON-RPC's.
        message: what is wrong.
    """

    def __init__(self, message: str, code: int = INVALID_PARAMS) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Session:
    """What is known of a connection that lasts: whether it has recalled yet."""

    recalled: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """Who makes a request.

    Attributes:
        caller, place, origin: as for an operation.
        session: the connection, where it lasts for more than the request.
    """

    caller: Caller
    place: Place
    origin: Origin
    session: Session | None = None


@dataclass
class Projection:
    """Answers the requests of clients; JSON in, JSON out.

    Attributes:
        service: gives what carries operations out, as soon as there is something.
        read_only: offer what leaves everything as it is, and nothing else.
    """

    service: Callable[[], Awaitable[Service]]
    read_only: bool = False
    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    @cached_property
    def tools(self) -> Mapping[str, Tool]:
        """The tools that are offered."""
        return tools(read_only=self.read_only)

    async def answer(self, method: str, params: Mapping[str, Any], peer: Peer) -> dict[str, Any]:
        """The result of a request.

        Raises:
            Refused: it is answered with an error.
        """
        task = asyncio.create_task(self._answer(method, params, peer))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        error = task.exception()
        if error is None or isinstance(error, Refused):
            return task.result()
        # Nobody meant it, so it may quote anything: the library would send it to the client.
        logger.error("%s failed", method, exc_info=error)
        raise Refused("the server failed; its log says why", -32603)

    async def _answer(self, method: str, params: Mapping[str, Any], peer: Peer) -> dict[str, Any]:
        match method:
            case "tools/list":
                return {"tools": [tool.definition for tool in self.tools.values()]}
            case "tools/call":
                return await self._call(params["name"], params.get("arguments") or {}, peer)
            case "resources/list":
                return {"resources": [each.definition for each in resources.RESOURCES.values()]}
            case "resources/templates/list":
                return {"resourceTemplates": list(resources.TEMPLATES)}
            case "resources/read":
                return await self._read(str(params["uri"]), peer)
            case "prompts/list":
                return {"prompts": [prompt.definition for prompt in PROMPTS.values()]}
            case "prompts/get":
                return _asked(params["name"], params.get("arguments") or {})
            case _:
                raise Refused("there is no such method", -32601)

    async def settle(self) -> None:
        """Wait until the changes that were begun are made."""
        while self._running:
            await asyncio.wait(self._running)

    async def _call(self, name: str, arguments: Mapping[str, Any], peer: Peer) -> dict[str, Any]:
        try:
            tool = self.tools.get(name)
            if tool is None:
                # A model can mend that, if it is told as it is told of its other mistakes.
                raise InvalidInput(f"there is no such tool: there are {', '.join(self.tools)}")
            operation, given = tool.chosen(arguments)
            try:
                if operation.name == "recall":
                    result = await self._recalled(operation, given, arguments, peer)
                else:
                    result = await self._carried_out(operation, given, peer)
            except InvalidArguments as error:
                return _failed(_with_usage(problem_of(error), operation))
        except MemkitError as error:
            return _failed(problem_of(error))
        except _Failed:
            return _failed({"code": "internal", "title": "The server failed; its log says why"})
        return {
            "content": [{"type": "text", "text": rendered(result)}],
            "structuredContent": result,
            "isError": False,
        }

    async def _recalled(
        self,
        operation: Operation,
        given: dict[str, Any],
        arguments: Mapping[str, Any],
        peer: Peer,
    ) -> dict[str, Any]:
        """What a recall found; on the first of a session with what stands, told once."""
        if not _is_first(arguments, peer):
            result = await self._carried_out(operation, given, peer)
            return {**result, "constraints": [_short(each) for each in result["constraints"]]}
        result = await self._carried_out(operation, {**given, "constraints": False}, peer)
        standing = await briefing(
            lambda operation, given: self._carried_out(operation, given, peer),
            read_only=self.read_only,
        )
        if peer.session is not None:
            peer.session.recalled = True
        return {**result, "standing": standing}

    async def _read(self, uri: str, peer: Peer) -> dict[str, Any]:
        try:
            return await resources.read(
                uri, lambda operation, given: self._carried_out(operation, given, peer)
            )
        except RecordNotFound as error:
            raise Refused(str(error)) from None
        except MemkitError as error:
            told = problem_of(error)
            raise Refused(f"{told['code']}: {told.get('detail', told['title'])}") from None
        except _Failed:
            raise Refused("the server failed; its log says why", -32603) from None

    async def _carried_out(self, operation: Operation, given: dict[str, Any], peer: Peer) -> Any:
        """Carry an operation out in a task of its own.

        A change that was begun is made, whatever becomes of the request; a reading ends with it.
        """
        task = asyncio.create_task(self._called(operation, given, peer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            if operation.permission < Permission.WRITE:
                task.cancel()
            raise
        error = task.exception()
        if error is None or isinstance(error, MemkitError):
            return task.result()
        # What the engine did not mean to raise may quote anything: it stays here.
        logger.error("%s failed", operation.name, exc_info=error)
        raise _Failed

    async def _called(self, operation: Operation, given: dict[str, Any], peer: Peer) -> Any:
        service = await self.service()
        return await service.call(
            operation, given, caller=peer.caller, place=peer.place, origin=peer.origin
        )


class _Failed(Exception):
    """An operation failed in a way that nobody meant."""


def _is_first(arguments: Mapping[str, Any], peer: Peer) -> bool:
    """Whether a recall is the first of its session, as it says or as is known.

    Raises:
        InvalidInput: it says neither yes nor no.
    """
    asked = arguments.get(FIRST)
    if asked is None:
        return peer.session is not None and not peer.session.recalled
    if not isinstance(asked, bool):
        raise InvalidInput(f"{FIRST}: should be true or false")
    return asked


def _short(record: Mapping[str, Any]) -> dict[str, Any]:
    """A constraint that was told in full before, or can be got by its id."""
    content = record["content"]
    text = content if len(content) <= _CONSTRAINT_CHARS else content[: _CONSTRAINT_CHARS - 1] + "…"
    return {"id": record["id"], "content": text} | {
        name: record[name] for name in ("author", "agent", "pinned") if record.get(name)
    }


def _with_usage(problem: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """What is wrong with a call, and what would be right: a tool does not tell all fields."""
    takes = "; ".join(usage(operation)) or "nothing"
    return {**problem, "detail": f"{problem['detail']}. {operation.name} takes: {takes}"}


def _failed(problem: dict[str, Any]) -> dict[str, Any]:
    text = f"{problem['code']}: {problem.get('detail', problem['title'])}"
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"error": problem},
        "isError": True,
    }


def _asked(name: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise Refused(f"there is no such prompt: there are {', '.join(PROMPTS)}")
    try:
        return prompt.asked(arguments)
    except InvalidInput as error:
        raise Refused(str(error)) from None
