"""Commands about facts and preferences that texts tell of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import typer

#: The commands by name.
COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {}
