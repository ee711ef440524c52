"""An operation: its name, its schemas, who may call it, what it changes, what carries it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter

if TYPE_CHECKING:
    from memkit.service.calling import Call

    Handler: TypeAlias = Callable[[Call, Any], Awaitable[Any]]


class Permission(IntEnum):
    """What a caller may do in a namespace; each includes those before it.

    ``SERVER`` is no namespace's: it is held by administrators of the whole server.
    """

    READ = 1
    WRITE = 2
    ADMIN = 3
    SERVER = 4

    @property
    def label(self) -> str:
        """Its name in messages and schemas."""
        return self.name.lower()


class Effect(StrEnum):
    """What an operation does to what is stored."""

    #: Nothing changes but counters of use.
    READS = "reads"
    #: Something is added; nothing that was there changes.
    ADDS = "adds"
    #: What is there changes, and can be changed back.
    CHANGES = "changes"
    #: Something is lost for good.
    DESTROYS = "destroys"


class Surface(StrEnum):
    """A projection of the table."""

    REST = "rest"
    MCP = "mcp"
    CLI = "cli"


#: Every projection.
EVERYWHERE = frozenset(Surface)
#: For what moves files or rules over callers: no model should be handed it as a tool.
PEOPLE = frozenset({Surface.REST, Surface.CLI})


class Input(BaseModel):
    """Base of the inputs: unknown fields are refused, and refusals quote no input."""

    # Built when it is first used: a command uses one of them.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation is found in REST; ``{id}`` in the path is the input's field."""

    method: str
    path: str
    status: int = 200


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    Attributes:
        name: unique, a verb.
        summary: one sentence for people and models.
        input: the model of its arguments.
        output: the type of its result, as JSON.
        permission: the least that the caller must hold in the namespace it speaks to.
        effect: what it does to what is stored.
        idempotent: whether doing it twice is doing it once.
        route: where it is in REST.
        tool: the MCP tool that carries it; ``None`` where it is not for models.
        command: the command line's command, with its sub-command.
        handler: what carries it out.
        surfaces: the projections it is in.
    """

    name: str
    summary: str
    input: type[Input]
    output: Any
    permission: Permission
    effect: Effect
    idempotent: bool
    route: Route
    tool: str | None
    command: str
    handler: Handler
    surfaces: frozenset[Surface] = EVERYWHERE

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """What checks and describes its result."""
        return TypeAdapter(self.output)


def row(
    name: str,
    summary: str,
    handler: Any,
    input_: type[Input],
    output: Any,
    permission: Permission,
    effect: Effect,
    route: tuple[str, str] | tuple[str, str, int],
    tool: str | None,
    command: str,
    *,
    repeatable: bool | None = None,
) -> Operation:
    """A row of the table.

    Args:
        name, summary, handler, permission, effect, tool, command: as :class:`Operation` has them.
        input_, output: what goes in, and what comes out as JSON.
        route: method and path, and the status of success where it is not 200.
        repeatable: whether twice is once; of what reads it need not be said.
    """
    return Operation(
        name,
        summary,
        input_,
        output,
        permission,
        effect,
        # Reading twice is reading once; of the others the row says it.
        effect is Effect.READS if repeatable is None else repeatable,
        Route(*route),
        tool,
        command,
        handler,
        PEOPLE if tool is None else EVERYWHERE,
    )
