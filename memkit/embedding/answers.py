"""What an OpenAI-compatible embedding service answers: vectors, or a refusal."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from memkit.errors import EmbedderError, EmbedderUnavailable

# Services say it in words of their own: OpenAI "maximum context length", Ollama "exceeds the
# context length", text-embeddings-inference "must have less than 512 tokens".
_TOO_LONG: Final = re.compile(
    r"(?i)context.?length|too (?:long|many tokens|large)|max\w*.{0,20} tokens"
    r"|less than \d+ tokens|token limit"
)
_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}")


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


def error_code(body: bytes) -> str | None:
    """The code or type that an error's body names, if it is a mere name.

    The rest of the body is never shown: services quote texts and parts of keys in it.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    error = answer.get("error", answer) if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return None
    for field in ("code", "type", "error_type"):
        value = error.get(field)
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
    return None


def refusal(service: str, status: int, code: str | None, body: bytes) -> EmbedderError:
    """The error for an answer that asking again will not change.

    Returns:
        :class:`TextTooLong`, :class:`~memkit.errors.EmbedderUnavailable` where the settings
        or the account are at fault, otherwise :class:`~memkit.errors.EmbedderError`.
    """
    named = f"{status} {code}" if code else str(status)
    said = f"{service} answered {named}"
    if status == 413 or (
        status in {400, 422} and _TOO_LONG.search(body[:4096].decode("utf-8", "replace"))
    ):
        return TextTooLong(f"{said}: the text is too long for the model")
    if status in {401, 403}:
        return EmbedderUnavailable(
            f"{said}: it does not accept the API key; set MEMKIT_OPENAI_API_KEY, or name the "
            "variable that holds the key with api_key_env"
        )
    if status == 404:
        return EmbedderUnavailable(
            f"{said}: it does not know the model, or base_url is not where its /embeddings is "
            "(most end in /v1)"
        )
    if code == "insufficient_quota":
        return EmbedderUnavailable(f"{said}: the account has no credit left")
    if 300 <= status < 400:
        return EmbedderUnavailable(f"{said}, a redirection: set base_url to where it leads")
    return EmbedderError(f"{said}: check the model's name and its options")


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
