"""Calling an operation: who calls is confined to what they may do, here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pydantic import ValidationError

from memkit.errors import Forbidden, MemkitError
from memkit.scope import Scope, check_label
from memkit.service.failures import InvalidArguments
from memkit.service.operation import Effect, Input, Operation, Permission
from memkit.validation import MESSAGE_TAG

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory
    from memkit.server.control import Control

#: An operation's arguments: checked already, or to be checked, or how they are read and checked.
Given: TypeAlias = Input | Mapping[str, Any] | Callable[[], Input]


class Caller(Protocol):
    """Who calls, as far as it was made sure."""

    @property
    def author(self) -> str | None:
        """The principal's name, stamped on what it writes; ``None`` in embedded use."""
        ...

    @property
    def is_administrator(self) -> bool:
        """Whether it rules the server."""
        ...

    def may(self, namespace: str) -> Permission | None:
        """The most that it may do in a namespace; ``None``: nothing, not even know of it."""
        ...

    def agent(self, asked: str | None) -> str | None:
        """The agent that it speaks as, within what its credential allows.

        Raises:
            Forbidden: it may not speak as ``asked``.
        """
        ...

    def hidden(self, namespace: str) -> frozenset[str]:
        """Tags whose records it may not see or write: private channels of others."""
        ...

    def may_send(self, namespace: str, channel: str) -> bool:
        """Whether it may send on a channel of a namespace that it may write to."""
        ...


@dataclass(frozen=True, slots=True)
class Embedded:
    """The caller of an embedded store: whoever can open the file may do everything."""

    author: str | None = None
    is_administrator: bool = True

    def may(self, namespace: str) -> Permission | None:
        """Everything."""
        return Permission.SERVER

    def agent(self, asked: str | None) -> str | None:
        """Whoever it says it is."""
        return asked

    def hidden(self, namespace: str) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def may_send(self, namespace: str, channel: str) -> bool:
        """Yes."""
        return True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call goes, as the caller says; what is left out comes from the service."""

    namespace: str | None = None
    project: str | None = None
    task: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from, for the audit."""

    surface: str
    address: str | None = None
    client: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """What the audit is told of a call: never what it said or found.

    ``outcome`` is ``ok`` or an error's code; ``seconds`` is how long it took.
    """

    operation: Operation
    caller: Caller
    scope: Scope | None
    records: tuple[str, ...]
    outcome: str
    origin: Origin
    seconds: float


class Audit(Protocol):
    """Where calls leave their trail."""

    async def leave(self, trail: Trail) -> None:
        """Keep it; on return a change's or a refusal's trail is durable."""
        ...


@dataclass(slots=True)
class Call:
    """What a handler works with.

    Attributes:
        memory: a handle bound to the scope of the call; all it shows the caller may see.
        caller: who calls.
        permission: what the caller holds in the namespace.
        control: the server's own data; ``None`` in embedded use.
        touched: the ids of the records that the call was about, for the audit.
    """

    memory: AsyncMemory
    caller: Caller
    permission: Permission
    control: Control | None = None
    touched: list[str] = field(default_factory=list)

    def require_sendable(self, tags: Iterable[str]) -> None:
        """Refuse tags that would send on a channel which the caller may only read.

        Raises:
            Forbidden: one of them does.
        """
        for tag in tags:
            if tag.startswith(MESSAGE_TAG) and not self.caller.may_send(
                self.memory.scope.namespace, tag.removeprefix(MESSAGE_TAG)
            ):
                raise Forbidden("sending on that channel needs the permission write on it")


class Service:
    """Carries out operations of the table for callers, on one memory."""

    def __init__(
        self, memory: AsyncMemory, control: Control | None = None, audit: Audit | None = None
    ) -> None:
        self.memory = memory
        self.control = control
        self._audit = audit

    def scope(self, caller: Caller, place: Place) -> Scope:
        """The scope that a caller is bound to at a place.

        Raises:
            InvalidScope: a label is malformed or leaves what the service is bound to.
            Forbidden: the caller may not speak as that agent.
        """
        own = self.memory.scope
        namespace = own.namespace
        if place.namespace is not None:
            # The service's own handle says whether another namespace can be chosen.
            asked = check_label(place.namespace, "namespace")
            namespace = self.memory.at(namespace=asked).scope.namespace
        narrowed = own.narrowed(project=place.project, task=place.task)
        return Scope(
            namespace,
            narrowed.project,
            narrowed.task,
            caller.agent(own.agent if place.agent is None else place.agent),
            author=caller.author,
            hidden=caller.hidden(namespace),
        )

    def bound(
        self, caller: Caller, place: Place, needed: Permission
    ) -> tuple[AsyncMemory, Permission]:
        """A handle for a caller that holds at least ``needed`` there, and what it holds.

        Raises:
            Forbidden: it does not; the message does not tell whether the namespace exists.
        """
        scope = self.scope(caller, place)
        held = caller.may(scope.namespace)
        if held is None or held < needed:
            raise Forbidden(f"this needs the permission {needed.label} in that namespace")
        return self.memory.within(scope), held

    def allows(self, caller: Caller, place: Place, operation: Operation) -> bool:
        """Whether a caller may carry an operation out at a place, for now.

        For what must be known before a long body is taken; :meth:`call` finds out for itself.
        """
        try:
            self.bound(caller, place, operation.permission)
        except MemkitError:
            return False
        return True

    async def call(
        self,
        operation: Operation,
        given: Given,
        *,
        caller: Caller,
        place: Place,
        origin: Origin,
    ) -> Any:
        """Carry out an operation; its result is JSON of the operation's output type.

        Whether the caller may do it is found out before the arguments are looked at.

        Raises:
            InvalidArguments: the arguments do not fit the operation's input.
            Forbidden: the caller may not do this there.
            MemkitError: what the operation itself raises.
        """
        begun = time.perf_counter()
        scope: Scope | None = None
        call: Call | None = None
        outcome = "error"
        try:
            if operation.permission is Permission.SERVER:
                if not caller.is_administrator:
                    raise Forbidden("this is for administrators of the server")
                call = Call(self.memory, caller, Permission.SERVER, self.control)
            else:
                memory, held = self.bound(caller, place, operation.permission)
                scope = memory.scope
                call = Call(memory, caller, held, self.control)
            result = await operation.handler(call, checked(operation, given))
            outcome = "ok"
            return result
        except MemkitError as error:
            outcome = error.code
            raise
        finally:
            if self._audit is not None:
                touched = () if call is None else tuple(dict.fromkeys(call.touched))
                seconds = time.perf_counter() - begun
                await self._audit.leave(
                    Trail(operation, caller, scope, touched, outcome, origin, seconds)
                )


def checked(operation: Operation, given: Given) -> Input:
    """The arguments as the operation's input.

    Raises:
        InvalidArguments: they do not fit; the message names each field and quotes no value.
    """
    if isinstance(given, Input):
        return given
    try:
        return given() if callable(given) else operation.input.model_validate(given)
    except ValidationError as error:
        raise InvalidArguments(told(error)) from None


def told(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """What is wrong with each field, without its value."""
    return tuple(
        (
            ".".join(str(part) for part in detail["loc"]),
            detail["msg"].removeprefix("Value error, ").replace("Input should", "should", 1),
        )
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
    )


def changes(operation: Operation) -> bool:
    """Whether an operation changes what is stored."""
    return operation.effect is not Effect.READS
