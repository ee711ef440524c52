"""What the methods of a client stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from memkit.scope import Scope

T = TypeVar("T")


class Asker(ABC):
    """A client's handle, as its methods see it."""

    _scope: Scope

    @abstractmethod
    async def _ask(self, name: str, read: Callable[[Any], T], given: Mapping[str, Any]) -> T: ...
