"""What the methods of a handle stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.memory import AsyncMemory
    from memkit.scope import Scope

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])


class Bound:
    """An asynchronous handle, as its methods see it."""

    _engine: Engine
    _scope: Scope


class Face(ABC):
    """A synchronous handle, as its methods see it."""

    _memory: AsyncMemory

    @abstractmethod
    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


def documented_by(cls: type) -> Callable[[Method], Method]:
    """The docstring of a class's method of the same name."""

    def document(method: Method) -> Method:
        method.__doc__ = getattr(cls, method.__name__).__doc__
        return method

    return document
