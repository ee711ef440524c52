"""The text in what an OpenAI-compatible ``/chat/completions`` answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from memkit.errors import LanguageModelError

# What models that think aloud put before their answer.
_THINKING: Final = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>\s*", re.DOTALL)
_FENCE: Final = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered.

    Attributes:
        text: what the model said, without what it thought aloud before.
        prompt_tokens, completion_tokens: what it read and wrote; 0 where it does not tell.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


def answer_in(body: bytes) -> Answer:
    """The answer in the body of a response.

    Raises:
        LanguageModelError: it is something else, was cut off, or the model refused to answer.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _strange("something that is not JSON") from error
    choices = said.get("choices") if isinstance(said, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        raise _strange("JSON without a message under 'choices'")
    if isinstance(first, dict) and first.get("finish_reason") == "length":
        raise LanguageModelError(
            "the language model's answer was cut off: allow it more tokens (max_tokens in its "
            "URL), or hand it less at once"
        )
    text = _text(message.get("content"))
    if text is None:
        if message.get("refusal"):
            raise LanguageModelError("the language model refused to answer")
        raise _strange("a message without text")
    read, written = _tokens(said.get("usage"))
    return Answer(_THINKING.sub("", text, count=1), read, written)


def json_text(text: str) -> str:
    """A text that should be JSON, without the fence that models put around it."""
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced else text).strip()


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        # Some services answer parts, as requests may have them.
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts else None
    return None


def _tokens(usage: Any) -> tuple[int, int]:
    if not isinstance(usage, dict):
        return 0, 0
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    read, written = (n if type(n) is int and 0 <= n < 2**40 else 0 for n in counts)
    return read, written


def _strange(what: str) -> LanguageModelError:
    return LanguageModelError(
        f"the language model's service answered {what}; is its base_url an OpenAI-compatible one?"
    )
