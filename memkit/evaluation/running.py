"""Asking a store the questions of a data set."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from memkit.errors import InvalidInput, InvalidScope
from memkit.evaluation.measures import DEPTHS, alone, sessions_of
from memkit.evaluation.questions import EVAL_ID, Question
from memkit.evaluation.results import Answer, Evaluation
from memkit.filters import METADATA_PREFIX, Filter, In, Or

if TYPE_CHECKING:
    from memkit.blocking import Memory
    from memkit.engine import Progress
    from memkit.types import Hit, MemoryRecord

#: Hits asked for: the greatest depth that is measured; with sessions more, so that ten are found.
LIMIT = max(DEPTHS)
SESSION_LIMIT = 50
#: The fields by which records can belong together, beside those of their metadata.
SESSION_FIELDS = ("conversation_id", "project", "task", "agent", "speaker", "source", "kind")
_PAGE = 500


def evaluate(
    memory: Memory,
    questions: Iterable[Question],
    *,
    name: str = "as configured",
    recall: Mapping[str, Any] | None = None,
    sessions: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask every question and judge what comes back.

    Recalls count as uses, which slow a record's ageing: open the memory with
    ``read_only=True`` unless it is a throw-away one.

    Args:
        memory: the store, on a handle that the questions' scopes can narrow. Every question is
            asked on it; its model is waited for first.
        questions: with unique ids.
        name: what reports call it.
        recall: arguments for every recall, such as ``{"mode": "lexical"}``; by default ``limit``
            is 10, or 50 with sessions.
        sessions: the field of a record, such as ``conversation_id`` or ``metadata.document``,
            whose values are measured too: a session ranks by its best record.
        progress: called with how many questions were asked, and of how many.

    Raises:
        InvalidInput: there are no questions, two have one id, or an argument is not accepted.
        InvalidScope: a question asks outside the handle's scope.
    """
    asked = list(questions)
    if not asked:
        raise InvalidInput("there are no questions to ask")
    if len({question.id for question in asked}) != len(asked):
        raise InvalidInput("two questions have one id")
    if sessions is not None:
        _check_session_field(sessions)
    arguments: dict[str, Any] = {
        "limit": LIMIT if sessions is None else SESSION_LIMIT,
        "constraints": False,
        **(recall or {}),
    }
    memory.warm_up()
    handles = _Handles(memory)
    notices: dict[str, None] = {}
    session_of, missing = _stored(handles, asked, arguments, sessions)
    if missing:
        notices[
            f"{missing} of the relevant ids are not in the scope where they are asked for: "
            "no recall can find them"
        ] = None
    answers = []
    for number, question in enumerate(asked, 1):
        handle = handles.at(question)
        wall, cpu = time.perf_counter(), time.process_time()
        result = handle.recall(question.query, at=question.reference_time, **arguments)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        notices.update(dict.fromkeys(result.notices))
        ranked = tuple(_known_as(hit.record, question) for hit in result)
        answers.append(
            Answer(
                question=question,
                ranked=ranked,
                sessions=_sessions(result, ranked, sessions),
                wanted=frozenset(
                    () if sessions is None else sessions_of(question.relevant, session_of)
                ),
                relevance=result[0].relevance if result else None,
                wall_ms=1e3 * wall,
                cpu_ms=1e3 * cpu,
            )
        )
        if progress is not None:
            progress(number, len(asked))
    return Evaluation(
        name, tuple(answers), arguments["limit"], memory.status().embedder, tuple(notices)
    )


def _check_session_field(name: str) -> None:
    named = name.startswith(METADATA_PREFIX) and name != METADATA_PREFIX
    if not named and name not in SESSION_FIELDS:
        raise InvalidInput(
            f"records belong together by metadata.<key> or by one of {', '.join(SESSION_FIELDS)}"
        )


class _Handles:
    """The handle of each scope that is asked, made once."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._made: dict[tuple[str | None, ...], Memory] = {}

    def at(self, question: Question) -> Memory:
        """The handle on which a question is asked."""
        handle = self._made.get(question.place)
        if handle is None:
            namespace, project, task, agent = question.place
            try:
                handle = self._memory.at(
                    namespace=namespace, project=project, task=task, agent=agent
                )
            except InvalidScope as error:
                raise InvalidScope(f"question {question.id!a}: {error}") from None
            self._made[question.place] = handle
        return handle


def _known_as(record: MemoryRecord, question: Question) -> str:
    """The id by which a data set knows a record: its own key, or the record's id."""
    key = record.metadata.get(EVAL_ID)
    if key is None or record.id in question.relevant:
        return record.id
    return str(key)


def _session(record: MemoryRecord, field: str) -> str | None:
    value = record.value_of(field)
    return None if value is None else str(value)


def _sessions(result: Iterable[Hit], ranked: Sequence[str], field: str | None) -> tuple[str, ...]:
    if field is None:
        return ()
    found = (_session(hit.record, field) for hit in result)
    return tuple(
        alone(id_) if session is None else session
        for id_, session in zip(ranked, found, strict=True)
    )


def _stored(
    handles: _Handles,
    questions: Sequence[Question],
    arguments: Mapping[str, Any],
    field: str | None,
) -> tuple[dict[str, str], int]:
    """The sessions of relevant ids, and how many of the ids their scope does not show."""
    places: dict[tuple[str | None, ...], list[Question]] = {}
    for question in questions:
        places.setdefault(question.place, []).append(question)
    given = {name: arguments[name] for name in ("reach", "states") if name in arguments}
    session_of: dict[str, str] = {}
    missing = 0
    for own in places.values():
        wanted = sorted(set().union(*(question.relevant for question in own)))
        handle, seen = handles.at(own[0]), set()
        for record in _records(handle, wanted, given):
            names = {record.id, str(record.metadata.get(EVAL_ID, record.id))}
            seen |= names
            session = None if field is None else _session(record, field)
            if session is not None:
                session_of.update(dict.fromkeys(names, session))
        missing += len(set(wanted) - seen)
    return session_of, missing


def _records(
    handle: Memory, ids: Sequence[str], given: Mapping[str, Any]
) -> Iterator[MemoryRecord]:
    rest = iter(ids)
    while chunk := tuple(islice(rest, _PAGE)):
        wanted: Filter = Or((In("id", chunk), In(f"metadata.{EVAL_ID}", chunk)))
        cursor: str | None = None
        while True:
            page = handle.list(filter=wanted, limit=_PAGE, cursor=cursor, **given)
            yield from page
            cursor = page.cursor
            if cursor is None:
                break
