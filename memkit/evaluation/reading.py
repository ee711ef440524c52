"""Reading data sets: JSON lines, each a question or a memory; a wrong line is named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from memkit.drafts import as_draft
from memkit.errors import InvalidInput, MemkitError
from memkit.evaluation.questions import EVAL_ID, Dataset, Question, StoredItem
from memkit.interchange.lines import FORMAT
from memkit.scope import check_label
from memkit.validation import check_metadata, check_text

_PLACE = ("namespace", "project", "task", "agent")
_QUESTION = ("id", "query", "relevant", "category", "group", "reference_time", *_PLACE)
_TIMES = ("occurred_at", "expires_at")
_ID_MAX = 200
_TEXT_MAX = 100_000

Line = dict[str, Any]


def read_jsonl(path: str | PathLike[str]) -> Dataset:
    """The questions of a file of JSON lines, and the memories among them.

    A line with ``query`` is a question, one with ``content`` is a memory; empty lines are
    skipped. The fields of a question are those of
    :class:`~memkit.evaluation.questions.Question`; ``relevant`` must be there, times are
    ISO 8601 with a zone. A memory has an ``id``, the fields of :class:`memkit.Draft` and a
    scope.

    Raises:
        InvalidInput: the file cannot be read, or a line is neither; the message says which
            line, and quotes nothing of it.
    """
    questions: list[Question] = []
    items: list[StoredItem] = []
    seen: set[str] = set()
    known: set[str] = set()
    name = Path(path).name
    for number, line in _lines(path):
        try:
            if "query" in line:
                question = question_of(line, number)
                _unique(question.id, seen, "question")
                questions.append(question)
            elif "content" in line:
                item = item_of(line)
                _unique(item.id, known, "memory")
                items.append(item)
            elif line.get("format") == FORMAT:
                raise InvalidInput("an export is no list of questions: give it as --memories")
            else:
                raise InvalidInput("a question has a query, a memory has content: this has neither")
        except MemkitError as error:
            raise InvalidInput(f"{name}, line {number}: {error}") from None
    if not questions:
        raise InvalidInput(
            f"{name} holds no question: a question is a line with query and relevant"
        )
    return Dataset(tuple(questions), tuple(items))


def read_memories(path: str | PathLike[str]) -> tuple[StoredItem, ...]:
    """The memories of a file of JSON lines in the simple form, each with ``id`` and ``content``.

    Raises:
        InvalidInput: a line is something else; the message says which.
    """
    items: list[StoredItem] = []
    known: set[str] = set()
    name = Path(path).name
    for number, line in _lines(path):
        try:
            item = item_of(line)
            _unique(item.id, known, "memory")
        except MemkitError as error:
            raise InvalidInput(f"{name}, line {number}: {error}") from None
        items.append(item)
    if not items:
        raise InvalidInput(f"{name} holds no memory: a memory is a line with id and content")
    return tuple(items)


def is_export(path: str | PathLike[str]) -> bool:
    """Whether a file's first line is the header of an export.

    Raises:
        InvalidInput: the file cannot be read, or its first line is not a JSON object.
    """
    first = next(_lines(path), None)
    return first is not None and first[1].get("format") == FORMAT


def question_of(line: Mapping[str, Any], number: int) -> Question:
    """The question of a line; without an ``id`` it has the line's number.

    Raises:
        InvalidInput: a field is unknown or malformed.
    """
    _known(line, _QUESTION, "a question")
    relevant = line.get("relevant")
    if not isinstance(relevant, list) or not all(_is_id(id_) for id_ in relevant):
        raise InvalidInput(
            "relevant is a list of ids; an empty one says that nothing answers the question"
        )
    return Question(
        id=_id(line.get("id", number)),
        query=check_text(line["query"], "query", _TEXT_MAX),
        relevant=frozenset(map(str, relevant)),
        category=_label(line, "category"),
        group=_label(line, "group"),
        reference_time=_time(line, "reference_time"),
        **{name: _label(line, name) for name in _PLACE},
    )


def item_of(line: Mapping[str, Any]) -> StoredItem:
    """The memory of a line in the simple form; its id goes into its metadata.

    Raises:
        InvalidInput: a field is unknown or malformed.
    """
    if "id" not in line:
        raise InvalidInput("a memory of a data set needs an id")
    id_ = _id(line["id"])
    fields = {name: value for name, value in line.items() if name not in ("id", *_PLACE)}
    fields.update({name: _time(line, name) for name in _TIMES if name in line})
    draft = as_draft(fields)
    # Whatever else is wrong with it is found when it is stored; a blank text is found here.
    check_text(draft.content, "content", _TEXT_MAX)
    metadata = check_metadata(draft.metadata, _TEXT_MAX)
    return StoredItem(
        id=id_,
        draft=replace(draft, metadata={**metadata, EVAL_ID: id_}),
        **{name: _label(line, name) for name in _PLACE},
    )


def _lines(path: str | PathLike[str]) -> Iterator[tuple[int, Line]]:
    name = Path(path).name
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from _objects(file, name)
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}") from error


def _objects(lines: Iterable[str], name: str) -> Iterator[tuple[int, Line]]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidInput(f"{name}, line {number}: this is not JSON") from None
        if not isinstance(line, dict):
            raise InvalidInput(f"{name}, line {number}: this is not a JSON object")
        yield number, line


def _known(line: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    unknown = sorted(set(line) - set(names))
    if unknown:
        # A misspelt name is worth telling; what a wrong file holds by the thousand is not.
        told = ", ".join(ascii(name[:40]) for name in unknown[:3])
        raise InvalidInput(f"{what} has no {told}: it has {', '.join(names)}")


def _unique(id_: str, seen: set[str], what: str) -> None:
    if id_ in seen:
        raise InvalidInput(f"another {what} has this id already")
    seen.add(id_)


def _is_id(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return 0 < len(str(value)) <= _ID_MAX


def _id(value: object) -> str:
    if not _is_id(value):
        raise InvalidInput(f"id is text of 1 to {_ID_MAX} characters, or a whole number")
    return str(value)


def _label(line: Mapping[str, Any], name: str) -> str | None:
    value = line.get(name)
    return None if value is None else check_label(value, name)


def _time(line: Mapping[str, Any], name: str) -> datetime | None:
    value = line.get(name)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise InvalidInput(
            f"{name} must be an ISO 8601 time with a zone, such as 2026-05-04T09:00Z"
        )
    return time.astimezone(UTC)
