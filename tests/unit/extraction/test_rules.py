"""The rules, measured on sentences labelled by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from memkit.extraction.findings import Finding
from memkit.extraction.reading import read
from tests.unit.extraction.labelled import SILENT, SPEAKING

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def told(finding: Finding) -> str:
    """A finding as the labels have it."""
    if finding.kind != "fact":
        return f"{finding.kind}: {finding.content}"
    parts = [finding.subject, finding.predicate, finding.object]
    if finding.valid_from is not None:
        parts.append(f"from {finding.valid_from.date()}")
    if finding.valid_to is not None:
        parts.append(f"to {finding.valid_to.date()}")
    return " | ".join(str(part) for part in parts)


def found(text: str) -> list[str]:
    return [told(finding) for finding in read(text, "Sam", NOW)]


def test_the_rules_are_right_nearly_always_and_find_most() -> None:
    right = wrong = wanted = 0
    for text, labels in SPEAKING.items():
        got = found(text)
        right += len([each for each in got if each in labels])
        wrong += len([each for each in got if each not in labels])
        wanted += len(labels)
    wrong += sum(len(found(text)) for text in SILENT)
    assert len(SPEAKING) + len(SILENT) >= 200
    assert len(SILENT) >= 80
    assert right / (right + wrong) >= 0.98
    assert right / wanted >= 0.9
