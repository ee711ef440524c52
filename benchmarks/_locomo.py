"""LoCoMo's file format: conversations, questions, their evidence and its corrections.

Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM Agents", ACL 2024.
The evidence is written by hand and not always well formed; see :func:`evidence_ids`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: The names of the categories, in the order of their numbers.
CATEGORIES: Mapping[int, str] = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}

_SESSION = re.compile(r"session_(\d+)")
_TIME_FORMAT = "%I:%M %p on %d %B, %Y"
# "D8:6", but also "D:11:26" and "D30:05"; several may stand in one string.
_EVIDENCE = re.compile(r"D:?\s*(\d+)\s*:\s*(\d+)")
_AUDITED = re.compile(r"locomo_(\d+)_qa(\d+)")


class BadDataset(ValueError):
    """The file is not LoCoMo's, or the corrections are not for it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation; ``sequence`` counts within its session, from 0."""

    id: str
    session: int
    sequence: int
    text: str
    speaker: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the ids of the turns that answer it: as published, and as corrected.

    ``audited`` equals ``evidence`` where nothing was corrected.
    """

    text: str
    category: str
    evidence: frozenset[str]
    audited: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of several sessions, with its questions."""

    id: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def load(path: Path, audit: Path | None = None) -> list[Conversation]:
    """The conversations of a file.

    Args:
        path: LoCoMo's JSON.
        audit: corrections in the format of the locomo-audit project's ``errors.json``.

    Raises:
        BadDataset: either file is something else.
    """
    samples = _json_list(path)
    corrections = {} if audit is None else _corrections(audit)
    try:
        return [_conversation(at, sample, corrections) for at, sample in enumerate(samples)]
    except (KeyError, TypeError, AttributeError) as error:
        raise BadDataset(f"{path.name} is not in LoCoMo's format: {error!r}") from error


def evidence_ids(strings: Iterable[str]) -> list[str]:
    """The turn ids in evidence strings, in order, written as turns write them.

    ``"D8:6; D9:17"`` holds two, ``"D:11:26"`` means ``D11:26``, ``"D30:05"`` means ``D30:5``
    and ``"D"`` means nothing.
    """
    return [
        f"D{int(session)}:{int(turn)}"
        for string in strings
        for session, turn in _EVIDENCE.findall(string)
    ]


def session_time(text: str) -> datetime:
    """The time of a session, such as ``1:56 pm on 8 May, 2023``, taken to be UTC."""
    return datetime.strptime(text.strip(), _TIME_FORMAT).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Correction:
    question: str
    evidence: tuple[str, ...]


def _json_list(path: Path) -> list[Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadDataset(f"{path.name} is not JSON") from error
    if not isinstance(value, list):
        raise BadDataset(f"{path.name} is not a JSON list")
    return value


def _corrections(path: Path) -> dict[tuple[int, int], _Correction]:
    corrections: dict[tuple[int, int], _Correction] = {}
    for entry in _json_list(path):
        found = _AUDITED.fullmatch(str(entry.get("question_id")))
        if found is None:
            raise BadDataset(f"{path.name} has an entry without a question_id of locomo_<n>_qa<m>")
        place = int(found[1]), int(found[2])
        corrections[place] = _Correction(entry["question"], tuple(entry["correct_evidence"]))
    return corrections


def _conversation(
    at: int, sample: Mapping[str, Any], corrections: Mapping[tuple[int, int], _Correction]
) -> Conversation:
    turns = tuple(_turns(sample["conversation"]))
    if not turns:
        raise BadDataset(f"conversation {at} has no session_<n> with turns: this is not LoCoMo's")
    known = {turn.id for turn in turns}
    questions = []
    for number, entry in enumerate(sample["qa"]):
        evidence = frozenset(evidence_ids(entry["evidence"])) & known
        audited = evidence
        correction = corrections.get((at, number))
        if correction is not None:
            if correction.question != entry["question"]:
                raise BadDataset(f"the corrections are for another file: locomo_{at}_qa{number}")
            audited = frozenset(evidence_ids(correction.evidence)) & known
        category = CATEGORIES[entry["category"]]
        questions.append(Question(entry["question"], category, evidence, audited))
    return Conversation(str(sample.get("sample_id", at)), turns, tuple(questions))


def _turns(conversation: Mapping[str, Any]) -> Iterable[Turn]:
    sessions = sorted(int(found[1]) for key in conversation if (found := _SESSION.fullmatch(key)))
    for session in sessions:
        occurred_at = session_time(conversation[f"session_{session}_date_time"])
        for sequence, entry in enumerate(conversation[f"session_{session}"]):
            text = str(entry["text"])
            caption = entry.get("blip_caption")
            if caption:
                text = f"{text} [shares a photo: {caption}]".lstrip()
            yield Turn(entry["dia_id"], session, sequence, text, entry["speaker"], occurred_at)
