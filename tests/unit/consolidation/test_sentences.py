"""Texts as sentences, word for word."""

from __future__ import annotations

import pytest

from memkit.consolidation.sentences import sentences


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("  \n ", []),
        ("No end", ["No end"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met J. Doe at 3.14 p. 5. Then he left.",
         ["Dr. Smith met J. Doe at 3.14 p. 5.", "Then he left."]),
        ("We use e.g. Redis. It works.", ["We use e.g. Redis.", "It works."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("version 1.2.3 is out. go on", ["version 1.2.3 is out. go on"]),
        ("First line\nSecond line.\n\n- item", ["First line", "Second line.", "- item"]),
        ("1. Mix it. Stir.\n2. Bake it.", ["1. Mix it.", "Stir.", "2. Bake it."]),
        ("我住在罗马。我喜欢茶！好吗？", ["我住在罗马。", "我喜欢茶！", "好吗？"]),
        ("Wait… Really?! Yes 🙂. Good.", ["Wait…", "Really?!", "Yes 🙂.", "Good."]),
        ("It is no. 5 of vol. 2.", ["It is no. 5 of vol. 2."]),
        ("It ended in 2024. Next came 2025.", ["It ended in 2024.", "Next came 2025."]),
    ],
)  # fmt: skip
def test_sentences(text: str, wanted: list[str]) -> None:
    assert sentences(text) == wanted


def test_nothing_is_lost_but_white_space() -> None:
    text = "One. Two (see p. 3)! «Trois.» Vier?\tFive..."
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
