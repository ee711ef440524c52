"""The embedded engine's library: found, or named; its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from memkit.errors import (
    InvalidInput,
    MissingDependency,
    StoreClosed,
    StoreError,
    StoreFull,
    StoreUnavailable,
)


def require_edge() -> ModuleType:
    """The module ``qdrant_edge``.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import filelock  # noqa: F401
        import qdrant_edge
    except ModuleNotFoundError as error:
        raise MissingDependency(
            'QdrantEdgeBackend needs qdrant-edge-py and filelock: pip install "agent-memkit'
            '[qdrant-edge]"'
        ) from error
    module: ModuleType = qdrant_edge
    return module


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raise what the engine raises as one of memkit's errors; its messages are not passed on."""
    try:
        yield
    except (AssertionError, AttributeError, KeyError, StopIteration):
        raise
    except UnicodeEncodeError:
        raise InvalidInput("a text holds a lone surrogate, which is no character") from None
    except OSError as error:
        raise StoreUnavailable(
            "the store's folder cannot be used by the embedded engine"
        ) from error
    except Exception as error:
        # The library raises bare Exception, with a text alone to tell one from another.
        if type(error) is not Exception and not isinstance(error, ValueError | TypeError):
            raise
        raise _named(str(error)) from None


def _named(text: str) -> StoreError | InvalidInput:
    said = text.lower()
    if "not initialized" in said:
        return StoreClosed("the store was closed meanwhile")
    if "no space left" in said or "os error 28" in said or "out of disk" in said:
        return StoreFull("there is no space left on the store's disk: free some, then try again")
    if "dimension error" in said:
        return InvalidInput("a vector has another dimension than the store's")
    first = text.partition(":")[0][:80]
    return StoreError(f"the embedded Qdrant engine could not do it ({first})")
