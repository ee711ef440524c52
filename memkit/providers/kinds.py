"""What sets one kind of provider apart from another: its words and its errors."""

from __future__ import annotations

from dataclasses import dataclass

from memkit.errors import MemkitError, MissingDependency


@dataclass(frozen=True, slots=True)
class Vendor:
    """A company's service, and the variable in which its own tools look for the key."""

    name: str
    base_url: str
    variable: str


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """What a service is asked for, and how its failing is told.

    Attributes:
        noun: what asks: ``embedder``.
        work: what is asked for: ``embedding``.
        client: the class that asks, for messages.
        extra: the extra of ``agent-memkit`` that brings httpx for it.
        path: what is appended to a base URL: ``/embeddings``.
        example: a base URL, for messages.
        key_variable: memkit's own variable with the key.
        vendors: services whose keys have a variable of their own.
        error: what a refused request raises.
        unavailable: what no answer, or a refused key, raises.
        too_long: what is raised when the texts are too long for the service.
        not_installed: what is raised without httpx.
    """

    noun: str
    work: str
    client: str
    extra: str
    path: str
    example: str
    key_variable: str
    vendors: tuple[Vendor, ...]
    error: type[MemkitError]
    unavailable: type[MemkitError]
    too_long: type[MemkitError]
    not_installed: type[MissingDependency]
