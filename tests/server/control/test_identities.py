"""What an identity may do, speak as and see."""

from __future__ import annotations

import subprocess
import sys

import pytest

from memkit.errors import Forbidden, InvalidInput, InvalidScope
from memkit.server.control import Identity, Permission, Principal
from memkit.server.control.identities import check_agents


def _principal(*agents: str, name: str = "ci", role: str = "member") -> Principal:
    return Principal("01a1fdc4-0458-735d-9421-6784a5847c76", name, role, agents)


def _identity(*agents: str, private: dict[str, frozenset[str]] | None = None) -> Identity:
    return Identity(_principal(*agents), private=private)


def test_permissions_are_ordered_by_what_they_allow_and_not_by_their_letters() -> None:
    assert Permission.READ < Permission.WRITE < Permission.ADMIN
    assert max(Permission) is Permission.ADMIN
    assert Permission.ADMIN >= "read"
    assert not Permission.READ >= "write"
    assert Permission.WRITE <= Permission.WRITE


def test_a_grant_holds_for_exactly_its_namespace() -> None:
    identity = Identity(_principal(), grants={"acme": Permission.WRITE})
    assert identity.permission("acme") == Permission.WRITE
    for other in ("acme-corp", "acme:x", "Acme", "acm", "*", ""):
        assert identity.permission(other) is None
        assert not identity.allows(other, "read")


def test_the_most_of_a_namespaces_own_grant_and_of_that_for_all_counts() -> None:
    identity = Identity(_principal(), grants={"*": Permission.READ, "a": Permission.WRITE})
    assert identity.permission("a") == Permission.WRITE
    assert identity.permission("b") == Permission.READ
    identity = Identity(_principal(), grants={"*": Permission.WRITE, "a": Permission.READ})
    assert identity.permission("a") == Permission.WRITE


def test_an_administrator_has_everything_everywhere() -> None:
    identity = Identity(_principal(role="admin"), private={"a": frozenset({"board"})})
    assert identity.permission("anywhere") == Permission.ADMIN
    assert identity.hidden("a") == frozenset()
    assert identity.may_send("a", "board")


@pytest.mark.parametrize(
    ("agents", "asked"),
    [
        (("build-*",), "builder"),
        (("build-*",), "build"),
        (("build-*",), "Build-1"),
        (("build-*",), "x-build-1"),
        (("researcher",), "researcher2"),
        (("researcher",), "research"),
        ((), "researcher"),
        ((), "c"),
        # An accent that joins the last letter makes another letter of it.
        (("cafe*",), "cafe\u0301"),
    ],
)
def test_nobody_speaks_as_an_agent_that_is_not_theirs(agents: tuple[str, ...], asked: str) -> None:
    with pytest.raises(Forbidden):
        _identity(*agents).agent(asked)


def test_agents_are_fixed_ids_patterns_or_the_own_name() -> None:
    assert _identity("build-*").agent("build-1") == "build-1"
    assert _identity("a", "b").agent("b") == "b"
    assert _identity("*").agent("anyone 🚀") == "anyone 🚀"
    assert _identity().agent("ci") == "ci"
    # Two spellings of one visible label are the same agent.
    assert _identity("café").agent("cafe\u0301") == "café"


def test_who_names_no_agent_speaks_as_its_own() -> None:
    assert _identity().agent(None) == "ci"
    assert _identity("researcher").agent(None) == "researcher"
    assert _identity("researcher", "build-*").agent(None) == "researcher"
    assert _identity("*").agent(None) == "ci"
    assert _identity("ci", "other").agent(None) == "ci"


@pytest.mark.parametrize("agents", [("a", "b"), ("build-*",)])
def test_who_has_several_must_name_one(agents: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden, match="name the agent"):
        _identity(*agents).agent(None)


@pytest.mark.parametrize("asked", ["", " a", "a\nb", "x" * 201, "\ud800"])
def test_an_agent_that_is_no_label_is_refused_as_such(asked: str) -> None:
    with pytest.raises(InvalidScope):
        _identity("*").agent(asked)


@pytest.mark.parametrize("agents", ["abc", ["a*b"], ["**"], [""], [1], None, ["x"] * 0 + ["*-x"]])
def test_agents_that_cannot_be_are_refused(agents: object) -> None:
    with pytest.raises(InvalidInput):
        check_agents(agents)


def test_private_channels_are_hidden_from_those_without_a_grant() -> None:
    private = {"acme": frozenset({"board", "hr"}), "other": frozenset({"x"})}
    identity = Identity(
        _principal(),
        grants={"acme": Permission.WRITE},
        channels={"acme": {"board": Permission.READ}},
        private=private,
    )
    assert identity.hidden("acme") == {"msg:hr"}
    assert identity.readable_channels("acme") == {"board"}
    assert identity.may_read("acme", "board")
    assert not identity.may_send("acme", "board")
    assert not identity.may_read("acme", "hr")
    assert identity.may_send("acme", "anything else")
    # A channel's grant opens no namespace, and one namespace's says nothing of another's.
    assert not identity.may_read("other", "board")
    assert identity.hidden("other") == {"msg:x"}
    assert identity.hidden("nowhere") == frozenset()


def test_a_channels_look_alike_is_the_same_channel_or_another_one() -> None:
    identity = Identity(
        _principal(), grants={"n": Permission.WRITE}, private={"n": frozenset({"café"})}
    )
    assert not identity.may_read("n", "cafe\u0301")
    assert identity.may_read("n", "cafe")


def test_sending_on_a_private_channel_needs_writing_in_the_namespace_too() -> None:
    identity = Identity(
        _principal(),
        grants={"n": Permission.READ},
        channels={"n": {"board": Permission.WRITE}},
        private={"n": frozenset({"board"})},
    )
    assert identity.may_read("n", "board")
    assert not identity.may_send("n", "board")


def test_an_identity_that_does_not_know_private_channels_is_told_none_is_open() -> None:
    identity = Identity(_principal(), grants={"n": Permission.WRITE})
    for question in (identity.hidden, identity.readable_channels):
        with pytest.raises(Forbidden):
            question("n")
    with pytest.raises(Forbidden):
        identity.may_read("n", "any")


def test_the_local_identity_may_do_everything() -> None:
    local = Identity.local()
    assert local.permission("any") == Permission.ADMIN
    assert local.hidden("any") == frozenset()
    assert local.agent("me") == "me"
    assert local.agent(None) == "local"
    assert Identity.local("claude").agent(None) == "claude"
    with pytest.raises(InvalidScope):
        Identity.local("")


def test_identities_need_no_database_driver() -> None:
    code = (
        "import sys, memkit.server.control as c; c.Identity.local('me').agent(None); "
        "print([m for m in ('sqlalchemy', 'alembic', 'joserfc', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
