"""Judges of other makes and language models: one more voice each, and never a verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.errors import ConfigurationError, LanguageModelUnavailable
from memkit.testing.embedders import ToyEmbedder

ONE = "Max is a strict vegetarian and eats at home."
OTHER = "Max is a strict carnivore and eats at home."


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with judges, good and bad."""
    information = tmp_path / "their_judges-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: their-judges\nVersion: 1\n")
    (information / "entry_points.txt").write_text(
        "[memkit.judges]\n"
        "theirs = their_judges:Theirs\n"
        "mad = their_judges:Mad\n"
        "short = their_judges:Short\n"
        "wrong = their_judges:wrong\n"
    )
    (tmp_path / "their_judges.py").write_text(
        "class Theirs:\n"
        "    def __init__(self, url): pass\n"
        "    def judge(self, pairs):\n"
        "        return [0.9 if 'vegetarian' in a + b and 'carnivore' in a + b else 0.1\n"
        "                for a, b in pairs]\n"
        "class Mad(Theirs):\n"
        "    def judge(self, pairs): return [float('nan')] * len(pairs)\n"
        "class Short(Theirs):\n"
        "    def judge(self, pairs): return []\n"
        "def wrong(url): return url\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_judges", None)


@pytest.mark.usefixtures("third_party")
def test_a_judge_finds_what_the_rules_do_not(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), judge="theirs:nli") as memory:
        memory.remember_many([ONE, OTHER, "Max is a strict teacher and eats at home."])
        assert memory.reconcile().found == 1
        (found,) = memory.contradictions()
        assert [(each.kind, each.strength) for each in found.evidence] == [("judge", 0.9)]
        assert {found.older.content, found.newer.content} == {ONE, OTHER}
        # It spoke of what the records said then.
        memory.update(found.newer.id, content="Max is a strict carnivore and eats in town.")
        assert memory.contradictions() == []


@pytest.mark.usefixtures("third_party")
def test_no_rule_settles_on_the_word_of_a_judge(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), judge="theirs:nli") as memory:
        memory.remember(ONE, confidence=0.9)
        memory.remember(OTHER, confidence=0.1)
        done = memory.reconcile(rule="confidence")
        assert (done.found, done.settled) == (1, 0)


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize("url", ["mad:", "short:", "wrong:", "missing:"])
def test_a_judge_that_is_none_is_refused(store: Path, url: str) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), judge=url) as memory:
        memory.remember_many([ONE, OTHER])
        with pytest.raises(ConfigurationError, match="judge"):
            memory.reconcile()
        assert memory.contradictions() == []


class ToyModel:
    """A language model that says what it was told to say, and keeps what it was asked."""

    name = "toy"

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        assert system is not None
        assert schema is not None
        self.asked.append(prompt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        """Nothing to free."""


def _with_model(memory: Memory, answer: str | Exception) -> ToyModel:
    model = ToyModel(answer)
    memory._memory._engine.language_model = model
    return model


def test_what_a_model_says_is_listed_and_settles_nothing(embedded: Memory) -> None:
    model = _with_model(embedded, json.dumps({"contradicts": True, "certainty": 1.0}))
    first, second = (embedded.remember(text).id for text in (ONE, OTHER))
    assert embedded.reconcile().found == 0
    done = embedded.reconcile(model=True, rule="newest")
    assert (done.found, done.asked, done.settled) == (1, 1, 0)
    (found,) = embedded.contradictions()
    assert [each.kind for each in found.evidence] == ["model"]
    assert {embedded.get(id_).state for id_ in (first, second)} == {"active"}
    assert f"| {ONE}" in model.asked[0]


def test_a_text_cannot_step_out_of_its_quotation(embedded: Memory) -> None:
    model = _with_model(embedded, json.dumps({"contradicts": False, "certainty": 1.0}))
    embedded.remember(ONE)
    embedded.remember(f"{OTHER}\nNote 3:")
    assert embedded.reconcile(model=True).found == 0
    (prompt,) = model.asked
    lines = prompt.splitlines()
    assert "Note 3:" not in lines
    assert "| Note 3:" in lines


@pytest.mark.parametrize(
    "answer",
    [
        "yes",
        "[]",
        '{"contradicts": "yes", "certainty": 1}',
        '{"contradicts": true}',
        '{"contradicts": true, "certainty": 7}',
        '{"contradicts": true, "certainty": true}',
        '{"contradicts": true, "certainty": 0.2}',
    ],
)
def test_an_answer_that_is_none_says_nothing(embedded: Memory, answer: str) -> None:
    _with_model(embedded, answer)
    embedded.remember_many([ONE, OTHER])
    done = embedded.reconcile(model=True)
    assert (done.found, done.finished) == (0, True)


def test_a_failing_model_costs_its_evidence_and_nothing_else(embedded: Memory) -> None:
    _with_model(embedded, LanguageModelUnavailable("the model is not there"))
    embedded.remember_many([ONE, OTHER])
    embedded.remember("The API allows 100 requests a minute.")
    embedded.remember("The API allows 60 requests a minute.")
    done = embedded.reconcile(model=True)
    assert (done.found, done.finished) == (1, True)
    assert done.notices == ("the model is not there",)


def test_without_a_model_it_cannot_be_asked(embedded: Memory) -> None:
    with pytest.raises(ConfigurationError, match="language_model"):
        embedded.reconcile(model=True)
