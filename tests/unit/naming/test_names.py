"""Names in texts: what is one, what is none, and what holds of any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memkit.naming import MOST, NAME_MAX, is_name, names_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Alice Smith moved to New York last May.", ["Alice Smith", "New York"]),
        ("Jean-Luc and O'Brien met van Gogh on Monday", ["Jean-Luc", "O'Brien", "van Gogh"]),
        ("Ludwig van Beethoven, Leonardo da Vinci", ["Ludwig van Beethoven", "Leonardo da Vinci"]),
        ("Hi Alice, I met Dr. Smith and J. K. Lee", ["Alice", "Smith", "J. K. Lee"]),
        ("Alice's dog Rex likes James' garden.", ["Alice", "Rex", "James"]),
        ("She works at Johnson & Johnson.", ["Johnson & Johnson"]),
        ("He read it at the University of Oxford", ["University of Oxford"]),
        ("We run PostgreSQL and Qwen2 at NASA", ["PostgreSQL", "Qwen2", "NASA"]),
        ("ERR-1042 is #17, says @alice", ["ERR-1042", "#17", "@alice"]),
        ("mail bob@example.com", ["bob@example.com"]),
        ("see https://user:secret@docs.example.com/x?key=1", ["docs.example.com"]),
        ("look into src/app.py, ~/notes and /etc/hosts", ["src/app.py", "~/notes", "/etc/hosts"]),
        ("it calls `parse` and parse_url and parseUrl and foo()",
         ["parse", "parse_url", "parseUrl", "foo"]),
        ("Herr Müller wohnt in Berlin und arbeitet bei Siemens, aber das Haus ist in Ordnung.",
         ["Müller", "Berlin", "Siemens"]),
        ("Anna mag den Kaffee und Angela Merkel nicht", ["Anna", "Angela Merkel"]),
        ("Мария живёт в Москве", ["Мария", "Москве"]),
        ("Η Ελένη ζει στην Αθήνα", ["Ελένη", "Αθήνα"]),
        ("我住在「東京」", ["東京"]),
        ("June told me that Mark moved in June", ["June", "Mark"]),
        ("Project Apollo and Apollo", ["Apollo"]),
    ],
)  # fmt: skip
def test_names_are_found(text: str, names: list[str]) -> None:
    assert list(names_in(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "Tea at four",
        "The deployment failed on Monday, in March and on 8 May 2023",
        "Yesterday I met them. However, it was late! Thanks!",
        "HOW TO DO THIS NOW PLEASE",
        "How To Deploy The Server",
        "He said: We should go. - Then rest",
        "at 8/5/2023 24/7 and/or 50% of 10k, e.g. 3pm",
        "Gestern habe ich mit dem Hund im Garten das Wasser getrunken",
        "我住在东京",
        "😀 👩‍👩‍👧 …",
    ],
)
def test_what_is_no_name_is_none(text: str) -> None:
    assert names_in(text) == ()


def test_the_speaker_comes_first_and_each_name_once_whatever_its_case() -> None:
    assert names_in("I told NASA, then Nasa, then Bob", "bob") == ("bob", "NASA")
    assert names_in("I told Bob", "ann  lee") == ("ann lee", "Bob")
    assert names_in("we met Zoe\u0308 and Zo\u00eb") == ("Zo\u00eb",)


def test_a_value_is_a_name_or_none() -> None:
    for name in ("Berlin", "New York", "Qwen2", "O'Brien", "src/app.py", "Johnson & Johnson"):
        assert is_name(name), name
    for text in ("blue", "tea with milk", "42", "2024-01-01", "Ann and Bob", "the Team", "", "I"):
        assert not is_name(text), text


def test_no_more_names_and_none_longer_than_is_said() -> None:
    many = names_in(" and ".join(f"Name{n}" for n in range(100)))
    assert len(many) == MOST
    assert names_in(f"I met {'A' + 'b' * NAME_MAX} and Bob") == ("Bob",)
    assert names_in("met Bob", "x" * (NAME_MAX + 1)) == ("Bob",)


WORDS = st.sampled_from(
    "Alice bob New York van der The I'm May in Herr wohnt und ist 'Tis `x_y` `a #12 @ann a@b.c"
    " http://u:p@h.org/x /a/b.c Qwen2 NASA & - — : . J. R. O'Neil's “東京” 「東」 Ünal İzmir ǅ ß"
    " C:\\a\\b x() ``` ' ’s 0x1f v2 a/b/c ERR_1".split()
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join))


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.none() | st.text(min_size=1, max_size=10))
@example("`", None)
@example("A" * 500, None)
@example("İ İstanbul'da", None)
def test_of_any_text_names_stand_in_it_and_are_few_and_short(
    text: str, speaker: str | None
) -> None:
    names = names_in(text, speaker)
    assert len(names) <= MOST
    assert len({name.casefold() for name in names}) == len(names)
    flat = " ".join(unicodedata.normalize("NFC", text).split())
    for name in names:
        assert 0 < len(name) <= NAME_MAX
        assert name == " ".join(name.split())
        spoken = speaker is not None and name == names[0]
        assert spoken or name in flat, (name, flat)
    assert names_in(unicodedata.normalize("NFC", text), speaker) == names
    assert names_in(text, speaker) == names
    assert is_name(text) in (True, False)
