"""The vectors in what an OpenAI-compatible embedding service answers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from memkit.errors import EmbedderError


class TextTooLong(EmbedderError):
    """The service calls a text, or the texts of a request together, too long."""


def vectors_in(body: bytes, count: int) -> list[Any]:
    """The vectors of an answer, in the order of the texts that were sent.

    They are put in order by the ``index`` that each carries, not by where it stands.

    Args:
        body: the answer: ``{"data": [{"index": 0, "embedding": […] or base64}, …]}``.
        count: how many texts were sent.

    Raises:
        EmbedderError: it is something else, or its indexes are not 0 to ``count`` - 1.
    """
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise _strange("something that is not JSON") from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise _strange("JSON without a list of embeddings under 'data'")
    if len(data) != count:
        raise _strange(f"{len(data)} vectors for {count} texts")
    if all("index" not in item for item in data):
        # A few servers leave it out; all that we know of keep the order then.
        indexes: list[object] = list(range(count))
    else:
        indexes = [item.get("index") for item in data]
    rows = {
        index: _row(item.get("embedding"))
        for index, item in zip(indexes, data, strict=True)
        if isinstance(index, int)
    }
    if rows.keys() != set(range(count)):
        raise _strange(f"indexes that are not 0 to {count - 1}, each once")
    return [rows[index] for index in range(count)]


def _row(embedding: object) -> Sequence[float] | np.ndarray[Any, Any]:
    if isinstance(embedding, list):
        return embedding
    if isinstance(embedding, str):
        try:
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
        except (binascii.Error, ValueError) as error:
            raise _strange("an embedding that is not base64 of float32") from error
    raise _strange("an embedding that is neither a list nor base64")


def _strange(what: str) -> EmbedderError:
    return EmbedderError(
        f"the embedding service answered {what}; is its base_url an OpenAI-compatible one?"
    )
