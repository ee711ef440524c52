"""What the adapter's objects share: they close what they opened, and are never pickled."""

from __future__ import annotations

from copy import copy
from typing import Any, NoReturn, Self

from memkit.errors import ConfigurationError
from memkit.handles import Handles, refuse_pickling


class Holding:
    """An object of LlamaIndex's that holds a memory.

    It comes first among the bases: LlamaIndex would pickle an object without its memory.
    """

    _handles: Handles

    def close(self) -> None:
        """Close the memory if this object opened it; one that was handed in stays open."""
        self._handles.close()

    async def aclose(self) -> None:
        """As :meth:`close`, for code that awaits."""
        await self._handles.aclose()

    def __deepcopy__(self, memo: object = None) -> Self:
        # A copy of whatever depth shares the memory: there is one store.
        return copy(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        refuse_pickling(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> NoReturn:
        """What ``to_dict`` gives has no memory in it.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            f"{cls.__name__} cannot be loaded from its settings, which do not hold the memory: "
            "make a new one from the memory"
        )
