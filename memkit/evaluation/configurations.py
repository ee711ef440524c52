"""What is compared: settings of the memory and arguments of its recall, by name."""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from memkit.blocking import Memory
from memkit.config import Settings, load_settings
from memkit.errors import InvalidInput

# Where a store is and who asks is given once, for both sides.
_FIXED = frozenset({"url", "namespace", "project", "task", "agent", "openai_api_key"})
# What each question says for itself, and what no text can say.
_UNSAID = frozenset({"self", "query", "filter", "at"})
# A comma parts two settings only where another name follows: URLs hold commas too.
_PARTED = re.compile(r",(?=\s*\w+\s*=)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One side of a comparison.

    Attributes:
        settings: any of :class:`memkit.config.Settings` that says how a store is used.
        recall: arguments of :meth:`memkit.Memory.recall`.
        name: for reports.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    recall: Mapping[str, Any] = field(default_factory=dict)
    name: str = "as configured"

    @staticmethod
    def parse(texts: Iterable[str]) -> Configuration:
        """The configuration of texts such as ``dense_weight=0.3`` or ``mode=lexical,limit=20``.

        A name is an argument of recall if there is one, else a setting.

        Raises:
            InvalidInput: a name is neither, or stands twice.
            ConfigurationError: a setting's value is malformed.
        """
        settings: dict[str, Any] = {}
        recall: dict[str, Any] = {}
        parts = [part for text in texts for part in _PARTED.split(text)]
        for part in parts:
            name, separator, value = (piece.strip() for piece in part.partition("="))
            if not separator or not value:
                raise InvalidInput("a configuration is written name=value, such as mode=lexical")
            if name in settings or name in recall:
                raise InvalidInput(f"{name} is given twice in one configuration")
            if name in recall_arguments():
                recall[name] = _value(name, value)
            elif name in Settings.model_fields and name not in _FIXED:
                settings[name] = value
            else:
                raise InvalidInput(_unknown(name))
        # What is wrong with a value is said now, not after the first side was measured.
        load_settings(**settings)
        given = {**settings, **recall}
        name = ", ".join(f"{key}={given[key]}" for key in given)
        return Configuration(settings, recall, name or "as configured")


@cache
def recall_arguments() -> Mapping[str, inspect.Parameter]:
    """The arguments of recall that a configuration can set, by name."""
    parameters = inspect.signature(Memory.recall).parameters
    return {name: given for name, given in parameters.items() if name not in _UNSAID}


def _value(name: str, text: str) -> Any:
    """The value that a text means: a time where one is wanted, JSON if it is JSON, else text."""
    if "datetime" in str(recall_arguments()[name].annotation):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{name} must be an ISO 8601 time with a zone") from None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unknown(name: str) -> str:
    if name in _FIXED:
        return f"{name} is the same for both sides: give it to the command, not to one side"
    names = [*recall_arguments(), *(set(Settings.model_fields) - _FIXED)]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "memkit config lists the settings"
    return f"there is no setting or argument of recall {name[:40]!a}: {hint}"
