"""What language models cost: calls, failures and tokens, counted where they are spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from memkit.errors import LanguageModelError
from memkit.protocols import LanguageModel


@dataclass(slots=True)
class Spent:
    """What was spent on a language model.

    Attributes:
        calls: how often it was asked.
        failures: how many of these calls gave no answer.
        prompt_tokens, completion_tokens: what it read and wrote, as far as it told.
    """

    calls: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_counts(self) -> dict[str, int]:
        """The same as a mapping."""
        return {
            "calls": self.calls,
            "failures": self.failures,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


_METERS: ContextVar[tuple[Spent, ...]] = ContextVar("memkit_language_meters", default=())


@contextmanager
def metered() -> Iterator[Spent]:
    """Count what the calls made inside cost, and no other task's."""
    spent = Spent()
    token = _METERS.set((*_METERS.get(), spent))
    try:
        yield spent
    finally:
        _METERS.reset(token)


def note_tokens(prompt: int, completion: int) -> None:
    """Say how many tokens a call read and wrote; for those who write a language model."""
    for meter in _METERS.get():
        meter.prompt_tokens += max(0, prompt)
        meter.completion_tokens += max(0, completion)


class CountedModel:
    """A language model whose calls are counted, each for whoever asked and all together.

    Attributes:
        spent: what all calls together cost.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.spent = Spent()

    def __repr__(self) -> str:
        return f"CountedModel({self._model!r})"

    @property
    def name(self) -> str:
        """The model's own."""
        return self._model.name

    async def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The model's answer.

        Raises:
            LanguageModelError: as the model says; it is counted as a failure.
        """
        with metered() as one:
            meters = (*_METERS.get()[:-1], self.spent)
            try:
                return await self._model.complete(prompt, system=system, schema=schema)
            except LanguageModelError:
                for meter in meters:
                    meter.failures += 1
                raise
            finally:
                for meter in meters:
                    meter.calls += 1
                self.spent.prompt_tokens += one.prompt_tokens
                self.spent.completion_tokens += one.completion_tokens

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
