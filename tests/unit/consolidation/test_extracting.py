"""Summaries without a model: sentences that were said, dated and attributed, within bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from memkit.consolidation.extracting import ROOM, extract, moment_of
from memkit.testing.records import build_record
from memkit.types import MemoryRecord

DAY = datetime(2026, 5, 8, 12, tzinfo=UTC)


def notes(*texts: str) -> list[MemoryRecord]:
    return [replace(build_record(n), content=text) for n, text in enumerate(texts, 1)]


def test_every_line_is_a_sentence_of_a_source_word_for_word() -> None:
    texts = [
        f"The deploy of billing failed on step {n}. Somebody rolled it back. Weather was fine."
        for n in range(8)
    ]
    said = " ".join(texts)
    summary = extract(notes(*texts))
    assert len(summary) <= ROOM
    for line in summary.splitlines():
        assert line in said
    assert len(set(summary.splitlines())) == len(summary.splitlines())


def test_what_all_have_in_common_comes_before_what_one_says_aside() -> None:
    texts = [
        "The deploy of the billing service failed in the night.",
        "After the failed deploy the billing service was down.",
        "The billing service needs a slower deploy.",
        "Lunch is at noon.",
    ]
    summary = extract(notes(*texts), room=65)
    assert "billing" in summary
    assert "Lunch" not in summary


def test_dates_and_speakers_stay_and_turns_are_told_in_order() -> None:
    records = [
        replace(
            record,
            speaker="Ann" if at % 2 == 0 else "Bob",
            occurred_at=DAY + timedelta(days=at),
            created_at=DAY + timedelta(days=90),
        )
        for at, record in enumerate(notes("I moved to Rome.", "Since when?", "Since May, in Rome."))
    ]
    summary = extract(records)
    assert '(8 May 2026) Ann said, "I moved to Rome."' in summary
    assert summary.index("8 May") < summary.index("10 May")


def test_one_long_stretch_of_words_is_cut_at_a_word() -> None:
    text = " ".join(f"word{n}" for n in range(500))
    summary = extract(notes(text, text + " more"))
    assert len(summary) <= ROOM
    assert summary.endswith("…")
    assert text.startswith(summary[:-1])


def test_texts_without_any_word_still_give_a_summary() -> None:
    assert extract(notes("...", "!!!")) == "..."
    assert extract(notes("🙂", "🙂🙂", "🙂"))


def test_thousands_of_sentences_are_no_more_work_than_some_hundreds() -> None:
    text = " ".join(f"Sentence {n} tells of topic {n % 7}." for n in range(5000))
    assert 0 < len(extract(notes(text))) <= ROOM


def test_nothing_happened_after_it_was_stored() -> None:
    record = replace(build_record(1), occurred_at=DAY + timedelta(days=9), created_at=DAY)
    assert moment_of(record) == DAY
