"""From a language model's URL to the model that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from memkit.errors import ConfigurationError
from memkit.language.errors import LanguageModelNotInstalled
from memkit.language.spending import CountedModel
from memkit.protocols import LanguageModel
from memkit.providers.factories import NONE, factory_of
from memkit.providers.urls import ProviderUrl

ENTRY_POINTS: Final = "memkit.language_models"

_OPENAI: Final = "openai"

# Ours is an entry point too. It is also listed here so that a checkout works, and so that
# another package cannot take its name.
_OURS: Final[Mapping[str, str]] = {_OPENAI: "memkit.language.openai"}


class LanguageModelUrl(ProviderUrl):
    """A language model URL's parts: ``scheme:model?option=value&…``."""

    __slots__ = ()

    noun: ClassVar[str] = "language model"


def language_model_from_url(
    url: str | None, *, api_key: str | None = None, timeout: float | None = None
) -> LanguageModel | None:
    """The language model that a URL names; nothing is asked of it yet, and its calls are counted.

    Args:
        url: ``openai:MODEL?base_url=…``, or a URL whose scheme is an entry point of the group
            ``memkit.language_models``: a callable that takes the URL.
        api_key: the key of a service, before any in the environment.
        timeout: seconds that an answer may take, unless the URL says otherwise.

    Returns:
        the language model; ``None`` for ``none``, and for ``None``: no default calls out.

    Raises:
        ConfigurationError: the URL is malformed or names no model that is installed.
        MissingDependency: the package of that model cannot be imported.
    """
    given = NONE if url is None else url.strip()
    scheme = LanguageModelUrl.parse(given).scheme
    if scheme == NONE:
        return None
    if scheme == _OPENAI:
        from memkit.language import openai

        return CountedModel(openai.from_url(given, api_key=api_key, timeout=timeout))
    factory = factory_of(
        scheme,
        given,
        noun=LanguageModelUrl.noun,
        group=ENTRY_POINTS,
        ours=_OURS,
        error=LanguageModelNotInstalled,
    )
    model = factory(given)
    if not isinstance(model, LanguageModel):
        raise ConfigurationError(
            f"the entry point {scheme} of {ENTRY_POINTS} returned {type(model).__name__}, "
            "which is not a LanguageModel (name, complete, close)"
        )
    return CountedModel(model)
