"""Credentials that end while they are in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.security.town import Person, Town

ACME = {"namespace": "acme"}


def _revoke(town: Town, person: Person) -> None:
    (token,) = town.admin.done("GET", "/api/tokens", params={"principal": person.name})["tokens"]
    assert town.admin.ask("DELETE", f"/api/tokens/{token['id']}").is_success


def _disable(town: Town, person: Person) -> None:
    town.admin.done("PATCH", f"/api/principals/{person.name}", json={"disabled": True})


def _take_back(town: Town, person: Person) -> None:
    grant = {"principal": person.name, "namespace": "acme"}
    assert town.admin.ask("DELETE", "/api/grants", params=grant).is_success


ENDINGS = [_revoke, _disable, _take_back]


@contextmanager
def _reading(town: Town, person: Person) -> Iterator[Iterator[str]]:
    """The lines of an open stream of events that has begun."""
    headers = {"authorization": f"Bearer {person.token}"}
    with town.client.stream("GET", "/api/events", params=ACME, headers=headers) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        yield lines


@pytest.mark.parametrize("end", ENDINGS)
def test_the_next_request_is_refused(town: Town, end: Callable[[Town, Person], None]) -> None:
    person = town.settle(f"next-{end.__name__}", {"acme": "write"})
    person.remember("While it lasts")
    end(town, person)
    for answer in (
        person.ask("GET", "/api/memories", params=ACME),
        person.ask("POST", "/api/memories", params=ACME, json={"content": "after"}),
    ):
        assert answer.status_code == (403 if end is _take_back else 401)


@pytest.mark.parametrize("end", ENDINGS)
def test_an_open_stream_of_events_ends(town: Town, end: Callable[[Town, Person], None]) -> None:
    person = town.settle(f"stream-{end.__name__}", {"acme": "read"})
    with _reading(town, person) as lines:
        end(town, person)
        for _ in lines:
            # Its heartbeats come until the credential is looked at again.
            pass
    assert not person.ask("GET", "/api/events", params=ACME).is_success


def test_a_stream_ends_when_a_channel_that_it_showed_becomes_private(town: Town) -> None:
    person = town.settle("listener", {"acme": "read"})
    with _reading(town, person) as lines:
        privacy = {"namespace": "acme", "channel": "soon-private"}
        town.admin.done("PUT", "/api/channels/privacy", json=privacy)
        for _ in lines:
            pass
    body = {"channel": "soon-private", "content": "jade-lynx-30"}
    town["chief"].done("POST", "/api/messages", params=ACME, json=body)
    with _reading(town, person) as lines:
        town["ada"].remember("The last that the listener waits for")
        for line in lines:
            assert "jade-lynx" not in line
            if "The last that" in line:
                break


def test_a_token_ends_at_its_time(town: Town) -> None:
    town.settle("brief", {"acme": "read"})
    soon = datetime.now(UTC) + timedelta(seconds=2)
    body = {"principal": "brief", "expires_at": soon.isoformat()}
    secret = town.admin.done("POST", "/api/tokens", json=body)["secret"]
    brief = Person("brief", secret, town.client)
    with _reading(town, brief) as lines:
        for _ in lines:
            pass
    assert datetime.now(UTC) >= soon
    assert brief.ask("GET", "/api/memories", params=ACME).status_code == 401


def test_a_token_that_was_never_to_be_valid_is_not_made(town: Town) -> None:
    body = {"principal": "ada", "expires_at": "2020-01-01T00:00:00+00:00"}
    assert town.admin.ask("POST", "/api/tokens", json=body).status_code == 422


def test_a_tokens_secret_is_shown_once(town: Town) -> None:
    made = town.token_of("ada")
    for path in ("/api/tokens", "/api/principals", "/api/audit"):
        assert made["secret"] not in town.admin.ask("GET", path).text


def test_a_role_that_is_taken_away_is_gone_at_once(town: Town) -> None:
    person = town.settle("deputy", {})
    town.admin.done("PATCH", "/api/principals/deputy", json={"role": "admin"})
    assert person.ask("GET", "/api/principals").is_success
    town.admin.done("PATCH", "/api/principals/deputy", json={"role": "member"})
    assert person.ask("GET", "/api/principals").status_code == 403
