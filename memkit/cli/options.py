"""Options that several commands share, and how their texts become values."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from memkit.errors import InvalidInput

_PLACE = "Store and scope (on any command)"

Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="The store: a path or URL.", rich_help_panel=_PLACE
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", metavar="LABEL", help="The tenant.", rich_help_panel=_PLACE),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project", metavar="LABEL", help="The project in the namespace.", rich_help_panel=_PLACE
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="LABEL", help="The task in the project.", rich_help_panel=_PLACE
    ),
]
Agent = Annotated[
    str | None,
    typer.Option("--agent", metavar="LABEL", help="Who is speaking.", rich_help_panel=_PLACE),
]
Embedder = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        metavar="URL",
        help="What embeds: local, fastembed:MODEL, openai:MODEL?base_url=..., none.",
        rich_help_panel=_PLACE,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document.", rich_help_panel=_PLACE),
]

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Records' ids.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A record's id.")]
Reach = Annotated[
    str,
    typer.Option(
        "--reach",
        metavar="HOW",
        help="How far to look: exact, ancestors (this scope and those above) or subtree.",
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", "-k", metavar="KIND", help="Only this kind (repeat: any of them)."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", "-t", metavar="TAG", help="Only with this tag (repeat: all of them)."),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only in this state: active (if none is named), superseded, merged, forgotten or "
        "archived (repeat: any of them).",
    ),
]
Text = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT...", help="The text, its words joined by spaces; - reads standard input."
    ),
]

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def chosen(values: list[str] | None) -> list[str] | None:
    """A repeatable option's values; ``None`` if it was not given, whatever Typer hands over."""
    return values or None


def span(text: str | None, option: str) -> timedelta | None:
    """A span of time from ``30s``, ``15m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        InvalidInput: it is not one.
    """
    if text is None:
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{option} is a number with a unit: 30s, 15m, 12h, 7d or 2w")
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        raise InvalidInput(f"{option} is longer than the calendar") from None


def instant(text: str | None, option: str) -> datetime | None:
    """An aware time from ISO 8601.

    Raises:
        InvalidInput: it is malformed or has no zone.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{option} is a time in ISO 8601 with its zone: 2026-11-21T10:00+01:00, or ...Z"
        ) from None
    if moment.utcoffset() is None:
        raise InvalidInput(f"{option} has no time zone: add one, such as +01:00, or Z for UTC")
    return moment


def metadata(pairs: Iterable[str] | None) -> dict[str, Any]:
    """Metadata from ``key=value`` pairs; a value that is JSON is taken as JSON.

    Raises:
        InvalidInput: a pair has no ``=`` or no key, or a key comes twice.
    """
    values: dict[str, Any] = {}
    for pair in pairs or ():
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise InvalidInput("--meta takes key=value, for instance --meta ticket=42")
        if key in values:
            raise InvalidInput(f"--meta {key!r} is given twice: a list is written as JSON, [1, 2]")
        values[key] = _json_or_text(text)
    return values


def content(words: list[str] | None) -> str:
    """The text of the arguments, or of standard input for ``-`` or nothing in a pipe.

    Raises:
        InvalidInput: there is none, or standard input is not UTF-8.
    """
    if words and words != ["-"]:
        return " ".join(words)
    if not words and (sys.stdin is None or sys.stdin.isatty()):
        raise InvalidInput("there is no text: give it as an argument, or pipe it in")
    return standard_input().removesuffix("\n").removesuffix("\r")


def standard_input() -> str:
    """All of standard input.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("standard input is not UTF-8 text: convert it first") from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> Any:
    # NaN and Infinity are not JSON, whatever Python's parser accepts.
    raise ValueError(name)
