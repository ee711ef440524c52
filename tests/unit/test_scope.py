"""Scopes: what a label may be, and what each reach sees."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from memkit.errors import InvalidInput, InvalidScope
from memkit.filters import matches
from memkit.scope import DEFAULT_NAMESPACE, LABEL_MAX, Reach, Scope, check_label
from memkit.testing.records import build_record

SPACES = "starts or ends with white space"


@pytest.mark.parametrize(
    "label",
    [
        "a",
        "acme",
        "team:eng",
        "user/42",
        "with space",
        "\u65e5\u672c\u8a9e",
        "\u0645\u0634\u0631\u0648\u0639",
        "\U0001f680",
        "\U0001f469\u200d\U0001f680",
        "%_*'\"\\;--",
        "x" * LABEL_MAX,
        "\u00e9" * LABEL_MAX,
    ],
)
def test_any_visible_unicode_is_a_label(label: str) -> None:
    assert check_label(label, "project") == label
    assert Scope("n", label, label, label).task == label


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("", "has 0 characters"),
        ("x" * (LABEL_MAX + 1), "has 201 characters"),
        (" a", SPACES),
        ("a ", SPACES),
        ("\u00a0a", SPACES),
        ("a\u3000", SPACES),
        (" ", SPACES),
        ("a\nb", r"U\+000A"),
        ("a\tb", r"U\+0009"),
        ("a\0b", r"U\+0000"),
        ("a\x7f", r"U\+007F"),
        ("a\x85b", r"U\+0085"),
        ("a\u2028b", r"U\+2028"),
        ("a\u2029b", r"U\+2029"),
        ("a\ud800", r"U\+D800"),
        (None, "must be a string, not NoneType"),
        (3, "must be a string, not int"),
        (b"a", "must be a string, not bytes"),
        (["a"], "must be a string, not list"),
    ],
)
def test_what_is_no_label_is_refused_by_name(label: Any, complaint: str) -> None:
    with pytest.raises(InvalidScope, match=f"the label.*{complaint}"):
        check_label(label, "the label")
    with pytest.raises(InvalidScope, match="namespace"):
        Scope(label)
    if label is not None:
        with pytest.raises(InvalidScope, match="agent"):
            Scope(agent=label)


def test_a_refused_label_is_invalid_input_and_has_a_code() -> None:
    with pytest.raises(InvalidInput) as caught:
        Scope("")
    assert caught.value.code == "invalid_scope"


def test_both_spellings_of_a_visible_label_are_one() -> None:
    decomposed = unicodedata.normalize("NFD", "caf\u00e9 \ud55c\uad6d")
    composed = unicodedata.normalize("NFC", decomposed)
    assert composed != decomposed
    assert Scope(decomposed, decomposed) == Scope(composed, composed)
    # It is the composed form that is counted.
    assert len(check_label("e\u0301" * LABEL_MAX, "x")) == LABEL_MAX


def test_look_alikes_stay_different() -> None:
    labels = ["acme", "Acme", "\u0430cme", "acme\u200b", "acme-corp", "\uff41cme"]
    assert len({check_label(label, "x") for label in labels}) == len(labels)


def test_a_scope_has_a_namespace_and_nothing_else_by_default() -> None:
    assert Scope() == Scope(DEFAULT_NAMESPACE, None, None, None)


def test_a_task_needs_a_project() -> None:
    with pytest.raises(InvalidScope, match="give project= too"):
        Scope("n", task="t")


# Where records stand: (project, task), and who wrote them how: (agent, visibility).
PLACES = {
    "global": (None, None),
    "p": ("p", None),
    "p/t": ("p", "t"),
    "p/u": ("p", "u"),
    "q": ("q", None),
    "q/t": ("q", "t"),
    "p2": ("p2", None),
    "P/t": ("P", "t"),
}
AUTHORS = {
    "nobody's": (None, "shared"),
    "a's": ("a", "shared"),
    "a's own": ("a", "private"),
    "b's own": ("b", "private"),
    "A's own": ("A", "private"),
    "lost": (None, "private"),
}
SEEN_PLACES = {
    (None, None, Reach.EXACT): {"global"},
    (None, None, Reach.ANCESTORS): {"global"},
    (None, None, Reach.SUBTREE): {*PLACES},
    ("p", None, Reach.EXACT): {"p"},
    ("p", None, Reach.ANCESTORS): {"global", "p"},
    ("p", None, Reach.SUBTREE): {"p", "p/t", "p/u"},
    ("p", "t", Reach.EXACT): {"p/t"},
    ("p", "t", Reach.ANCESTORS): {"global", "p", "p/t"},
    ("p", "t", Reach.SUBTREE): {"p/t"},
    ("q", "t", Reach.EXACT): {"q/t"},
    ("q", "t", Reach.ANCESTORS): {"global", "q", "q/t"},
    ("new", None, Reach.EXACT): set(),
    ("new", None, Reach.ANCESTORS): {"global"},
    ("new", "t", Reach.ANCESTORS): {"global"},
    ("new", None, Reach.SUBTREE): set(),
}
SEEN_PLACES_BY_ANY_REACH = {
    (None, None): {*PLACES},
    ("p", None): {"global", "p", "p/t", "p/u"},
    ("p", "t"): {"global", "p", "p/t"},
    ("new", "t"): {"global"},
}
SEEN_AUTHORS = {
    None: {"nobody's", "a's"},
    "a": {"nobody's", "a's", "a's own"},
    "b": {"nobody's", "a's", "b's own"},
    "A": {"nobody's", "a's", "A's own"},
    "c": {"nobody's", "a's"},
}
RECORDS = {
    (place, author): build_record(0, project=project, task=task, agent=agent, visibility=seen_by)
    for place, (project, task) in PLACES.items()
    for author, (agent, seen_by) in AUTHORS.items()
}


@pytest.mark.parametrize("agent", SEEN_AUTHORS)
@pytest.mark.parametrize(("project", "task", "reach"), SEEN_PLACES)
def test_each_reach_sees_its_places_and_what_its_agent_may_read(
    project: str | None, task: str | None, reach: Reach, agent: str | None
) -> None:
    filter = Scope("n", project, task, agent).readable(reach)
    assert {key for key, record in RECORDS.items() if matches(filter, record.value_of)} == {
        (place, author)
        for place in SEEN_PLACES[project, task, reach]
        for author in SEEN_AUTHORS[agent]
    }


@pytest.mark.parametrize("agent", SEEN_AUTHORS)
@pytest.mark.parametrize(("project", "task"), SEEN_PLACES_BY_ANY_REACH)
def test_accessible_is_what_any_reach_sees(
    project: str | None, task: str | None, agent: str | None
) -> None:
    scope = Scope("n", project, task, agent)
    seen = {key for key, r in RECORDS.items() if matches(scope.accessible(), r.value_of)}
    assert seen == {
        (place, author)
        for place in SEEN_PLACES_BY_ANY_REACH[project, task]
        for author in SEEN_AUTHORS[agent]
    }
    by_reaches = {
        key
        for reach in Reach
        for key, record in RECORDS.items()
        if matches(scope.readable(reach), record.value_of)
    }
    assert seen == by_reaches


def test_a_reach_is_named_by_its_value_and_ancestors_by_default() -> None:
    scope = Scope("n", "p", "t", "a")
    assert scope.readable() == scope.readable("ancestors") == scope.readable(Reach.ANCESTORS)
    assert scope.readable("exact") == scope.readable(Reach.EXACT)


@pytest.mark.parametrize("reach", ["", "everything", "EXACT", None, 1])
def test_another_reach_is_refused(reach: Any) -> None:
    with pytest.raises(InvalidScope, match="'exact', 'ancestors' or 'subtree'"):
        Scope().readable(reach)


def test_a_scope_is_narrowed_label_by_label() -> None:
    wide = Scope("n")
    assert wide.narrowed() == wide
    assert wide.narrowed(project="p") == Scope("n", "p")
    assert wide.narrowed(agent="a").narrowed(project="p") == Scope("n", "p", None, "a")
    narrow = wide.narrowed(project="p", task="t", agent="a")
    assert narrow == Scope("n", "p", "t", "a")
    assert narrow.narrowed() == narrow
    assert narrow.narrowed(project="p", task="t", agent="a") == narrow
    assert Scope("n", "p").narrowed(task="t") == Scope("n", "p", "t")
    assert Scope("n", "p", "t").narrowed(agent="a") == Scope("n", "p", "t", "a")
    assert Scope("n", "p", "t", "a").narrowed(project="p") == Scope("n", "p", "t", "a")


@pytest.mark.parametrize(
    "labels",
    [
        {"project": "q"},
        {"project": "P"},
        {"task": "u"},
        {"agent": "b"},
        {"project": "q", "task": "t"},
    ],
)
def test_a_bound_label_cannot_be_changed(labels: dict[str, str]) -> None:
    with pytest.raises(InvalidScope, match="bound to another"):
        Scope("n", "p", "t", "a").narrowed(**labels)


def test_a_narrowed_scope_compares_labels_in_their_normal_form() -> None:
    bound = Scope("n", "caf\u00e9")
    assert bound.narrowed(project="cafe\u0301") == bound


def test_narrowing_checks_its_labels() -> None:
    with pytest.raises(InvalidScope, match="give project= too"):
        Scope("n").narrowed(task="t")
    with pytest.raises(InvalidScope, match="0 characters"):
        Scope("n").narrowed(project="")
    with pytest.raises(InvalidScope, match="0 characters"):
        Scope("n", "p").narrowed(agent="")
