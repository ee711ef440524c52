"""Vectors that callers hand in with their memories and queries: ``given:MODEL?dimensions=N``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from memkit.embedding.urls import EmbedderUrl
from memkit.errors import ConfigurationError, EmbedderUnavailable
from memkit.protocols import Fingerprint, Role

if TYPE_CHECKING:
    from memkit.protocols import Vector

_DIMENSIONS_MAX: Final = 65_536


class GivenVectors:
    """Stands for a model that is run elsewhere: its name and dimension, nothing more.

    For a framework that embeds by itself. The name keeps the vectors of two models apart, so it
    must be the model's own.

    Args:
        model: the name of the model that makes the vectors.
        dimension: of the vectors.

    Raises:
        ConfigurationError: there is no name, or the dimension is not 1 to 65,536.
    """

    def __init__(self, model: str, dimension: int) -> None:
        if not model:
            raise ConfigurationError("given: name the model: given:MODEL?dimensions=N")
        if not 1 <= dimension <= _DIMENSIONS_MAX:
            raise ConfigurationError("given: dimensions must be 1 to 65536")
        self.fingerprint = Fingerprint(model, dimension)

    def __repr__(self) -> str:
        return f"GivenVectors({self.fingerprint})"

    def load(self) -> None:
        """There is nothing to load."""

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Refuse: who hands in a text without its vector has words alone.

        Raises:
            EmbedderUnavailable: always.
        """
        raise EmbedderUnavailable(
            f"{self.fingerprint.model} is run elsewhere: give the vector with the text"
        )

    def close(self) -> None:
        """There is nothing to close."""


def from_url(url: str) -> GivenVectors:
    """The stand-in that a URL names.

    Raises:
        ConfigurationError: the URL is malformed.
    """
    parts = EmbedderUrl.parse(url, frozenset({"dimensions"}))
    number = parts.options.get("dimensions", "")
    if not (number.isascii() and number.isdecimal()):
        raise ConfigurationError("given: say how long the vectors are: given:MODEL?dimensions=N")
    return GivenVectors(parts.target, int(number))
