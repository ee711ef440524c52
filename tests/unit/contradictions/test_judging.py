"""Two texts judged: what contradicts what, and what only looks like it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memkit.contradictions.evidence import LISTED, Evidence, confidence, strength
from memkit.contradictions.judging import Said, judge

PAIRS: Sequence[Mapping[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
]


def _measured(pairs: Sequence[Mapping[str, Any]], *, cosine: bool) -> tuple[float, float]:
    right = wrong = missed = 0
    for pair in pairs:
        told = judge(pair["a"], pair["b"], pair["cosine"] if cosine else None)
        found = told.confidence >= LISTED
        right += found and pair["contradicts"]
        wrong += found and not pair["contradicts"]
        missed += pair["contradicts"] and not found
    return right / (right + wrong), right / (right + missed)


@pytest.mark.parametrize("cosine", [False, True], ids=["words", "cosines"])
def test_it_is_precise_and_finds_most(cosine: bool) -> None:
    assert len(PAIRS) >= 250
    precision, recall = _measured(PAIRS, cosine=cosine)
    assert precision >= 0.97
    assert recall >= 0.88


def test_the_order_of_two_texts_decides_nothing() -> None:
    for pair in PAIRS:
        there, back = judge(pair["a"], pair["b"]), judge(pair["b"], pair["a"])
        assert there.confidence == pytest.approx(back.confidence), pair


def test_a_text_does_not_contradict_itself() -> None:
    for pair in PAIRS:
        assert not judge(pair["a"], pair["a"]).evidence


@pytest.mark.parametrize(
    ("first", "second", "kind", "one", "other"),
    [
        ("Each worker has 2 GB.", "Each worker has 4096 MB.", "number", "2gb", "4096 mb"),
        ("The rate limit is 100 requests a minute.", "The rate limit is 60/min.", "number", "", ""),
        ("The cache is enabled.", "The cache is disabled.", "negation", "enabled", "disabled"),
        ("The deadline is 3 May.", "The deadline is 9 May.", "date", "3 May", "9 May"),
        ("Alice lives in Paris.", "Alice lives in Rome.", "value", "Paris", "Rome"),
    ],
)
def test_the_evidence_says_what_differs(
    first: str, second: str, kind: str, one: str, other: str
) -> None:
    (evidence,) = judge(first, second).evidence
    assert evidence.kind == kind
    if one:
        assert evidence.first.replace(" ", "").lower() == one.replace(" ", "").lower()
        assert evidence.second.lower() == other.lower()


def test_days_are_counted_from_when_something_was_said() -> None:
    monday = datetime(2026, 6, 1, 12, tzinfo=UTC)
    said = Said("The release is due tomorrow.", monday)
    assert not judge(said, Said("The release is due today.", monday + timedelta(days=1))).evidence
    assert judge(said, Said("The release is due today.", monday + timedelta(days=4))).evidence


def test_what_two_people_say_of_themselves_is_no_contradiction() -> None:
    ann, bob = Said("I live in Paris.", speaker="Ann"), Said("I live in Rome.", speaker="Bob")
    assert not judge(ann, bob).evidence
    assert judge(ann, Said("I live in Rome.", speaker="Ann")).evidence


def test_one_sentence_among_others_is_enough() -> None:
    long = "The service is old. The service uses 4 workers. It was rewritten once."
    told = judge(long, "The service uses 9 workers. Its owner is Priya.")
    assert [each.kind for each in told.evidence] == ["number"]


def test_unlike_vectors_speak_of_different_things() -> None:
    pair = "The cache is enabled.", "The cache is disabled."
    assert judge(*pair, cosine=0.9).confidence > judge(*pair, cosine=0.5).confidence >= LISTED
    assert not judge(*pair, cosine=0.1).evidence


@pytest.mark.parametrize(
    "text",
    ["", "  ", "?", "🙂", "1", "not", "no no", "\x00", "\ud800 is not", "a" * 50_000, "x. " * 3000],
)
def test_any_text_is_taken(text: str) -> None:
    for other in ("The cache is enabled.", text, ""):
        assert 0 <= judge(text, other).confidence <= 1


def test_confidence_is_doubt_multiplied() -> None:
    two = (Evidence("number", "", "", 0.5), Evidence("judge", "", "", 0.8))
    assert confidence(two) == pytest.approx(1 - 0.5 * 0.2)
    # One kind counts once.
    assert confidence((*two, Evidence("number", "", "", 0.4))) == confidence(two)
    assert confidence(()) == 0
    assert strength("number", 1.0, 1.0) == pytest.approx(0.85)
