"""Asks any service that speaks OpenAI's ``/chat/completions``: ``openai:MODEL``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal

from memkit.errors import ConfigurationError, LanguageModelUnavailable
from memkit.language.answers import answer_in, json_text
from memkit.language.errors import LanguageModelNotInstalled, RequestRefused, TooLong
from memkit.language.spending import note_tokens
from memkit.language.threads import detached
from memkit.language.urls import LanguageModelUrl
from memkit.providers.kinds import ServiceKind, Vendor
from memkit.providers.requirements import installed
from memkit.providers.service import Credentials, Service
from memkit.providers.texts import sendable
from memkit.retrying import Patience

OPENAI: Final = "https://api.openai.com/v1"

LANGUAGE: Final = ServiceKind(
    noun="language model",
    work="language model",
    client="OpenAILanguageModel",
    extra="openai",
    path="/chat/completions",
    example="http://localhost:11434/v1",
    key_variable="MEMKIT_LANGUAGE_MODEL_API_KEY",
    vendors=(Vendor("OpenAI", OPENAI, "OPENAI_API_KEY"),),
    error=RequestRefused,
    unavailable=LanguageModelUnavailable,
    too_long=TooLong,
    not_installed=LanguageModelNotInstalled,
)

_OPTIONS: Final = frozenset({"base_url", "api_key_env", "timeout", "max_tokens", "max_bytes"})
_TIMEOUT: Final = 60.0
_MOST_BYTES: Final = 1_048_576
_PATIENCE: Final = Patience(retries=2, first_wait=0.5, longest_wait=20.0)

# How a schema is asked for, the strictest first. Services know different ones and refuse the
# others; some models take no temperature.
_Shape = Literal["json_schema", "json_object", "words"]
_Manner = tuple[_Shape, bool]
_SHAPED: Final[tuple[_Manner, ...]] = (
    ("json_schema", True),
    ("json_object", True),
    ("words", True),
    ("json_schema", False),
    ("json_object", False),
    ("words", False),
)
_PLAIN: Final[tuple[_Manner, ...]] = (("words", True), ("words", False))


class OpenAILanguageModel:
    """A model behind OpenAI's interface: OpenAI, Mistral, Ollama, vLLM, LM Studio, llama.cpp.

    A schema is handed over as ``response_format``. A service that refuses that is asked for a
    JSON object, and one that refuses this too is asked in words; what it took is remembered.
    Nothing is asked before the first :meth:`complete`, and redirections are not followed.

    Args:
        model: the model's name, as the service knows it.
        base_url: where ``/chat/completions`` is asked for, as ``http://localhost:11434/v1``.
        api_key: the key. Without it the variable ``api_key_env`` is read, if named; otherwise
            ``MEMKIT_LANGUAGE_MODEL_API_KEY``, and for OpenAI itself ``OPENAI_API_KEY``, which
            is sent to no other host unasked.
        api_key_env: the name of the environment variable with the key.
        timeout: seconds that one answer may take.
        max_tokens: how many tokens an answer may have; by default what the service allows.
        max_bytes: how long the body of an answer may be.
        patience: how often to try again after a refusal or a lost connection.

    Raises:
        ConfigurationError: an argument makes no sense, or the URL carries a password.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI,
        api_key: str | None = None,
        api_key_env: str | None = None,
        timeout: float = _TIMEOUT,
        max_tokens: int | None = None,
        max_bytes: int = _MOST_BYTES,
        patience: Patience = _PATIENCE,
    ) -> None:
        if not model.strip():
            raise ConfigurationError("openai: name a language model, as in openai:gpt-5-mini")
        if timeout <= 0 or max_bytes < 1 or (max_tokens is not None and max_tokens < 1):
            raise ConfigurationError(
                "openai: timeout must be positive, max_tokens and max_bytes at least 1"
            )
        self.model = model.strip()
        self._max_tokens = max_tokens
        self._service = Service(
            LANGUAGE,
            "openai",
            base_url,
            Credentials(api_key, api_key_env),
            timeout,
            patience,
            max_bytes,
        )
        self._shaped = _SHAPED
        self._plain = _PLAIN

    def __repr__(self) -> str:
        return f"OpenAILanguageModel({self.model!r}, base_url={self._service.base_url!r})"

    @property
    def name(self) -> str:
        """Scheme and model; no host, which may be an address inside a company."""
        return f"openai:{self.model}"

    def available(self) -> bool:
        """Whether httpx is installed; the service is not asked."""
        return installed("httpx")

    async def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The model's answer at temperature 0; with a schema, JSON text as far as it obeys.

        Raises:
            LanguageModelUnavailable: it cannot be reached, refuses the key, is too slow, or
                stays overloaded, after the retries that ``patience`` allows.
            LanguageModelError: it refuses the request, or answers no whole text.
        """
        manners = self._plain if schema is None else self._shaped
        while True:
            body = self._body(prompt, system, schema, manners[0])
            try:
                answered = await detached(partial(self._service.ask, body))
            except RequestRefused:
                if len(manners) == 1:
                    raise
                manners = manners[1:]
                continue
            # Only what was taken in the end is remembered: a prompt that no manner helps is
            # no reason to ask less strictly from now on.
            if schema is None:
                self._plain = manners
            else:
                self._shaped = manners
            answer = answer_in(answered)
            note_tokens(answer.prompt_tokens, answer.completion_tokens)
            if schema is None:
                return answer.text
            return json_text(answer.text)

    async def close(self) -> None:
        """Close the connections and end waiting; the next call opens new ones."""
        await asyncio.to_thread(self._service.close)

    def _body(
        self, prompt: str, system: str | None, schema: Mapping[str, Any] | None, manner: _Manner
    ) -> dict[str, Any]:
        shape, cold = manner
        said = [] if system is None else [system]
        body: dict[str, Any] = {"model": self.model, "stream": False}
        if cold:
            body["temperature"] = 0
        if self._max_tokens is not None:
            body["max_tokens"] = self._max_tokens
        if schema is not None and shape == "json_schema":
            form = {"name": "answer", "strict": True, "schema": dict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif schema is not None:
            said.append(f"Answer with one JSON object of this schema: {json.dumps(schema)}")
            if shape == "json_object":
                body["response_format"] = {"type": "json_object"}
        messages = [{"role": "user", "content": sendable(prompt)}]
        if said:
            messages.insert(0, {"role": "system", "content": sendable("\n\n".join(said))})
        body["messages"] = messages
        return body


def from_url(
    url: str, *, api_key: str | None = None, timeout: float | None = None
) -> OpenAILanguageModel:
    """The language model of ``openai:MODEL?base_url=http://host/v1&api_key_env=MY_KEY&…``.

    The options are those of :class:`OpenAILanguageModel`, but for the key: a URL ends in
    configuration files and logs.

    Raises:
        ConfigurationError: an option is unknown or malformed, or a key is given.
    """
    parsed = LanguageModelUrl.of_service(url, _OPTIONS)
    return OpenAILanguageModel(
        parsed.target,
        base_url=parsed.options.get("base_url", OPENAI),
        api_key=api_key,
        api_key_env=parsed.options.get("api_key_env"),
        timeout=parsed.number("timeout") or timeout or _TIMEOUT,
        max_tokens=parsed.whole("max_tokens"),
        max_bytes=parsed.whole("max_bytes") or _MOST_BYTES,
    )
