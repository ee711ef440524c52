"""A finder of names that is installed beside memkit, in the place of the rules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.entities import Finder
from memkit.errors import ConfigurationError, MissingDependency
from memkit.naming import finder_of
from memkit.testing.embedders import ToyEmbedder

_CODE = """
class Found:
    def __init__(self, setting):
        self.mode = setting.partition(":")[2]

    def find(self, texts):
        if self.mode == "fails":
            raise RuntimeError("no model")
        if self.mode == "short":
            return []
        return [tuple(word[1:] for word in text.split() if word[0] == "=") for text in texts]

def nothing(setting):
    return object()
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with entry points, as an installer lays it out."""
    site = tmp_path / "site"
    info = site / "marks-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "marks_finder.py").write_text(_CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[memkit.entities]\n"
        "marks = marks_finder:Found\nnothing = marks_finder:nothing\nlost = no_such_module:x\n"
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("marks_finder", None)


def opened(tmp_path: Path, setting: str) -> Memory:
    return Memory.open(str(tmp_path / "memory.db"), embedder=ToyEmbedder(), entities=setting)


def test_a_finder_finds_the_names_at_every_write(tmp_path: Path) -> None:
    with opened(tmp_path, "marks") as memory:
        record = memory.remember("the =cat met Bob", speaker="Ann").record
        assert record.entities == ("Ann", "cat")
        assert memory.get(record.id).entities == ("Ann", "cat")
        (one, two) = memory.remember_many(["a =dog", "no mark"])
        assert (one.record.entities, two.record.entities) == (("dog",), ())
        assert memory.update(record.id, content="the =bird").entities == ("Ann", "bird")
        assert memory.correct(record.id, "the =fish").record.entities == ("Ann", "fish")
        assert memory.put("k", "the =hen").record.entities == ("hen",)
        fact = memory.assert_fact("ann", "likes", "Rome", content="=tea for ann").record
        assert fact.entities == ("ann", "Rome", "tea")


@pytest.mark.parametrize("mode", ["fails", "short"])
def test_a_finder_that_fails_costs_nothing(tmp_path: Path, mode: str) -> None:
    with opened(tmp_path, f"marks:{mode}") as memory:
        assert memory.remember("I met Bob =x").record.entities == ("Bob",)


def test_what_makes_no_finder_is_refused(tmp_path: Path) -> None:
    assert finder_of("rules") is None
    assert isinstance(finder_of("marks"), Finder)
    with pytest.raises(ConfigurationError, match="there is no finder of names"):
        opened(tmp_path, "unheard")
    with pytest.raises(ConfigurationError, match="no method find"):
        opened(tmp_path, "nothing")
    with pytest.raises(MissingDependency, match="cannot be imported"):
        opened(tmp_path, "lost")


def test_off_finds_nothing_until_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path, "off") as memory:
        assert memory.remember("I met Bob").record.entities == ()
        assert memory.assert_fact("Ann", "knows", "Bob").record.entities == ()
        assert memory.entities() == []


def test_a_folders_file_cannot_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memkit.toml").write_text('entities = "marks"\n')
    with pytest.raises(ConfigurationError, match="entities"):
        Memory.open(str(tmp_path / "memory.db"), embedder=ToyEmbedder())
