"""Near copies find each other, and only those that say the same are let through."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.retrieval.analysis import analyze
from memkit.retrieval.near import MERGE_OVERLAP, agrees, overlap, signature

WORDS = tuple(f"word{i}" for i in range(4000))


def sharing(pairs: int, common: int, own: int) -> float:
    """The share of random pairs with ``common`` terms and ``own`` each that share a key."""
    chance = random.Random(3)
    found = 0
    for _ in range(pairs):
        words = chance.sample(WORDS, common + 2 * own)
        a, b = words[: common + own], words[:common] + words[common + own :]
        found += bool(set(signature(a, "here")) & set(signature(b, "here")))
    return found / pairs


def test_texts_at_the_overlap_that_merges_nearly_always_share_a_key() -> None:
    assert sharing(1000, common=16, own=2) > 0.84
    assert sharing(1000, common=19, own=1) > 0.95


def test_unlike_texts_hardly_ever_share_a_key() -> None:
    assert sharing(1000, common=2, own=9) < 0.02


def test_a_signature_is_three_short_hexadecimal_keys_whatever_the_order() -> None:
    keys = signature(("a", "b", "c", "d"), "here")
    assert len(keys) == len(set(keys)) == 3
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)
    assert keys == signature(("d", "c", "b", "a", "a"), "here")


def test_texts_in_two_places_share_no_key() -> None:
    terms = ("alic", "prefer", "tea")
    assert not set(signature(terms, "here")) & set(signature(terms, "there"))


@pytest.mark.parametrize("terms", [(), ("a",), ("a", "b"), ("a", "b") * 9])
def test_texts_of_fewer_than_three_terms_are_not_sought(terms: tuple[str, ...]) -> None:
    assert signature(terms, "here") == ()


def test_a_signature_is_the_same_in_every_process() -> None:
    code = "from memkit.retrieval.near import signature; print(signature(list('abcd'), 'here'))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {str(signature(list("abcd"), "here"))}
    # Stored keys stay findable only if this never changes.
    assert signature(list("abcd"), "here") == KNOWN


def test_overlap_is_the_jaccard_index_of_the_distinct_terms() -> None:
    assert overlap(("a", "b", "b"), ("b", "c")) == pytest.approx(1 / 3)
    assert overlap(("a", "b"), ("b", "a", "a")) == 1.0
    assert overlap(("a",), ()) == 0.0
    assert overlap((), ()) == 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob prefers tea to coffee", "Bob prefers tea to coffee."),
        ("Bob prefers tea to coffee", "bob  prefers tea to coffee!"),
        ("Bob prefers tea to coffee", "BOB PREFERS TEA TO COFFEE"),
        ("Carol doesn't eat meat", "Carol does not eat meat"),
        ("Carol can’t attend", "Carol cannot attend"),
        ("DON'T PUSH TO MAIN", "Do not push to main"),
        ("It's forbidden; I'm sure", "It is forbidden, I am sure"),
        ("We've moved, they'll follow", "We have moved; they will follow"),
        ("Peggy's a senior engineer", "Peggy is a senior engineer"),
        ("Dave has three cats", "Dave has 3 cats"),
        ("The user prefers dark mode", "User prefers dark mode"),
        ("API limit is 100 requests a minute", "The API limit is 100 requests per minute"),
        ("Use ruff, mypy and pytest", "Use ruff, mypy, and pytest"),
        ("The client said “ship it”", 'The client said "ship it"'),
        ("Judy wants short answers – no small talk", "Judy wants short answers, no small talk"),
        ("The demo (with Acme) is on Friday", "The demo with Acme is on Friday"),
        ("Please answer in German", "Answer in German"),
        ("Is Alice in Paris?", "is Alice in Paris ?"),
        ("我喜欢咖啡，不喜欢茶。", "我喜欢咖啡,不喜欢 茶"),
        ("Der Server läuft in Köln.", "der Server läuft in Ko\u0308ln"),
    ],
)
def test_texts_that_differ_in_nothing_that_counts_agree(one: str, other: str) -> None:
    assert agrees(one, other)
    assert agrees(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice's number is 555-1234", "Alice's number is 555-1235"),
        ("Listens on port 5433", "Listens on port 5434"),
        ("The limit is three", "The limit is 4"),
        ("It weighs 1.5 kg", "It weighs 1,5 kg"),
        ("It weighs 5 kg", "It weighs 5 g"),
        ("It is -5 degrees outside", "It is 5 degrees outside"),
        ("Profit fell by 5%", "Profit fell by 5$"),
        ("5 of 10 tests passed", "10 of 5 tests passed"),
        ("Version v2.1 is out", "Version v2.10 is out"),
        ("Born on 8 May 1990", "Born on 5 August 1990"),
        ("The build is green", "The build is not green"),
        ("Carol eats meat", "Carol doesn't eat meat"),
        ("Work with tests", "Work without tests"),
        ("Always push to main", "Never push to main"),
        ("Bob smokes", "Bob stopped smoking"),
        ("Bob works at Acme", "Bob no longer works at Acme"),
        ("Er ist da", "Er ist nicht da"),
        ("Sie hat Zeit", "Sie hat keine Zeit"),
        ("Il mange", "Il ne mange pas"),
        ("Он дома", "Он не дома"),
        ("يحب القهوة", "لا يحب القهوة"),
        ("我喜欢茶", "我不喜欢茶"),
        ("お茶が好きです", "お茶が好きではない"),
        ("Alice likes the office", "Alice dislikes the office"),
        ("The flag is enabled", "The flag is disabled"),
        ("Deploy before lunch", "Deploy after lunch"),
        ("Set the min size", "Set the max size"),
        ("Open the left valve", "Open the right valve"),
        ("limit < 5", "limit > 5"),
        ("x == 5", "x != 5"),
        ("- [x] write the tests", "- [ ] write the tests"),
        ("Mood: 😀", "Mood: 😡"),
        ("Alice is in Paris", "Is Alice in Paris?"),
        ("Alice is in Paris", "Alice is in Paris?"),
        ("Alice manages Bob", "Bob manages Alice"),
        ("Bob prefers tea to coffee", "Bob prefers coffee to tea"),
        ("Bob prefers tea", "Bob prefers milk"),
        ("Alice was a manager", "Alice is a manager"),
        ("Bob liked tea", "Bob likes tea"),
        ("Alice has a dog", "Alice has dogs"),
        ("Alice's doctor", "Alice is a doctor"),
        ("I like tea", "You like tea"),
        ("A few servers are down", "Few servers are down"),
        ("We chose plan A", "We chose plan"),
        ("we chose plan a", "we chose plan b"),
        ("Send the report to US", "Send the report to us"),
        ("Bob asked Will", "Bob asked will"),
        ("Bob likes Apple", "Bob likes apple"),
        ("the password is Swordfish", "the password is swordfish"),
        ("see README.md", "see readme.md"),
        ("see https://x.org/A", "see https://x.org/a"),
        ("mail a@x.org", "mail b@x.org"),
        ("he said 'Stop'", "he said 'stop'"),
        (".env is ignored", "env is ignored"),
        ("run with --dry-run", "run with dry-run"),
        ("", ""),
        ("...", "!!!"),
    ],
)
def test_texts_that_differ_in_anything_that_may_count_disagree(one: str, other: str) -> None:
    assert not agrees(one, other)
    assert not agrees(other, one)


def facts(chance: random.Random) -> Iterator[str]:
    """Templated facts of which only a name, number or object differs."""
    names = "Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy".split()
    drinks = "tea coffee cocoa water juice milk".split()
    cities = "Berlin Paris Lyon Oslo Madrid Rome Vienna Prague".split()
    services = "staging production billing search auth".split()
    while True:
        name, other = chance.sample(names, 2)
        drink, worse = chance.sample(drinks, 2)
        city, former = chance.sample(cities, 2)
        service = chance.choice(services)
        number = chance.randrange(1000, 9999)
        yield f"{name}'s phone number is 555-{number}"
        yield f"The {service} server runs PostgreSQL {number % 7 + 11} on port {number}"
        yield f"{name} {chance.choice(['prefers', 'never prefers'])} {drink} to {worse} at lunch"
        yield f"{name} manages {other} on the {service} team in {city}"
        yield f"{name} moved from {former} to {city} in {number % 40 + 1985}"
        yield f"The {service} flag dark_mode is {chance.choice(['on', 'off'])} in {city}"
        yield f"Deploys of {service} are {chance.choice(['allowed', 'denied'])} after {number} pm"


def test_no_two_of_two_thousand_distinct_facts_pass_the_gates() -> None:
    chance, distinct = random.Random(7), dict[str, None]()
    for fact in facts(chance):
        distinct[fact] = None
        if len(distinct) == 2000:
            break
    crowds: defaultdict[str, list[str]] = defaultdict(list)
    for fact in distinct:
        for key in signature(analyze(fact), "here"):
            crowds[key].append(fact)
    close = {
        pair
        for crowd in crowds.values()
        for pair in combinations(crowd, 2)
        if overlap(analyze(pair[0]), analyze(pair[1])) >= MERGE_OVERLAP
    }
    assert len(close) > 100
    assert not [pair for pair in close if agrees(*pair)]


@given(st.text(st.characters(), max_size=100), st.text(st.characters(), max_size=100))
def test_any_texts_can_be_compared_either_way_round(one: str, other: str) -> None:
    assert agrees(one, other) == agrees(other, one)
    terms = analyze(one)
    assert len(signature(terms, other)) == (3 if len(set(terms)) >= 3 else 0)


@given(st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=100))
def test_a_text_agrees_with_itself_if_it_says_anything(text: str) -> None:
    assert agrees(text, text) or not analyze(text)


KNOWN = (
    "3d2ad35d27bc0ec7",
    "0113c6153a3380b2",
    "7784efd839b67f85",
)
