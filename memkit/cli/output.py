"""What commands print: text for people, one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from memkit.interchange.lines import json_text

if TYPE_CHECKING:
    from rich.console import Console

    from memkit.engine import Progress
    from memkit.service.outputs import RecordJson


@cache
def console() -> Console:
    """Standard output."""
    return _console(stderr=False)


@cache
def errors() -> Console:
    """Standard error: notices and progress, so that a pipe carries results only."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # rich would end the process with an error; the application ends it quietly.
            raise BrokenPipeError

    return Plain(stderr=stderr, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Text with control characters written out: nothing stored can drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}" for char in text
    )


def show(text: str, style: str | None = None) -> None:
    """Print a line for people; markup in it means nothing."""
    console().print(printable(text), markup=False, style=style)


def show_json(value: object) -> None:
    """Print a JSON document."""
    # Not through rich: a terminal's width must not change a document.
    sys.stdout.write(json_text(value) + "\n")


def notices(told: Iterable[str]) -> None:
    """Print on stderr what was missing."""
    for notice in told:
        errors().print(f"note: {printable(notice)}", markup=False, style="yellow")


def show_record(record: RecordJson, prefix: str = "") -> None:
    """Print a record in a line or two: what it says, then what it is."""
    show(f"{prefix}{record['content']}")
    labels = [record["kind"]]
    if record["state"] != "active":
        labels.append(record["state"])
    if record["pinned"]:
        labels.append("pinned")
    if record["visibility"] == "private":
        labels.append("private")
    place = "/".join(filter(None, (record.get("project"), record.get("task"))))
    if place:
        labels.append(place)
    labels += [f"#{tag}" for tag in record.get("tags", ())]
    when = short_time(record.get("occurred_at", record["created_at"]))
    show(f"  {record['id']}  {when}  {' '.join(labels)}", style="dim")


def short_time(text: str) -> str:
    """A time in UTC to the minute."""
    return text[:16].replace("T", " ")


def show_counts(counts: Mapping[str, int]) -> None:
    """Print labels with their counts, the most frequent first."""
    for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        show(f"{count:>7}  {label}")


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar on a terminal; nothing elsewhere."""
    if quiet or not errors().is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Remaining(),
        console=errors(),
    ) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
