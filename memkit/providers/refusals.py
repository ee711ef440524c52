"""What a service's refusal means, and what to change."""

from __future__ import annotations

import json
import re
from typing import Final

from memkit.errors import MemkitError
from memkit.providers.kinds import ServiceKind

# Services say it in words of their own: OpenAI "maximum context length", Ollama "exceeds the
# context length", text-embeddings-inference "must have less than 512 tokens".
_TOO_LONG: Final = re.compile(
    r"(?i)context.?length|too (?:long|many tokens|large)|max\w*.{0,20} tokens"
    r"|less than \d+ tokens|token limit"
)
_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}")


def error_code(body: bytes) -> str | None:
    """The code or type that an error's body names, if it is a mere name.

    The rest of the body is never shown: services quote texts and parts of keys in it.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    named = error if isinstance(error, dict) else answer
    for field in ("code", "type", "error_type"):
        value = named.get(field)
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
    return None


def refusal(
    kind: ServiceKind, service: str, status: int, code: str | None, body: bytes
) -> MemkitError:
    """The error for an answer that asking again will not change.

    Returns:
        ``kind.too_long``, ``kind.unavailable`` where the settings or the account are at
        fault, otherwise ``kind.error``.
    """
    named = f"{status} {code}" if code else str(status)
    said = f"{service} answered {named}"
    if status == 413 or (
        status in {400, 422} and _TOO_LONG.search(body[:4096].decode("utf-8", "replace"))
    ):
        return kind.too_long(f"{said}: the text is too long for the model")
    if status in {401, 403}:
        return kind.unavailable(
            f"{said}: it does not accept the API key; set {kind.key_variable}, or name the "
            "variable that holds the key with api_key_env"
        )
    if status == 404:
        return kind.unavailable(
            f"{said}: it does not know the model, or base_url is not where its {kind.path} is "
            f"(as in {kind.example})"
        )
    if code == "insufficient_quota":
        return kind.unavailable(f"{said}: the account has no credit left")
    if 300 <= status < 400:
        return kind.unavailable(f"{said}, a redirection: set base_url to where it leads")
    return kind.error(f"{said}: check the model's name and its options")
