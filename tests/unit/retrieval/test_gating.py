"""The second look shows what the scope and the filter allow, record by record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memkit.filters import And, ContainsAny, Eq, Exists, Filter, Gt, In, Lt, Not, Or, matches
from memkit.retrieval.gating import gate
from memkit.scope import Scope
from memkit.testing.records import NAMESPACE, build_record

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RECORDS = [
    replace(build_record(0), project="apollo", agent="ann", visibility="private"),
    replace(build_record(1), project="apollo", agent="bob", visibility="private"),
    replace(build_record(2), project="apollo", state="forgotten"),
    replace(build_record(3), project=None, expires_at=NOW),
    replace(build_record(4), project="gemini", tags=("red",), metadata={"n": 1, "list": [1]}),
    replace(build_record(5), project="apollo", metadata={"n": True}),
]
FILTERS: list[Filter] = [
    And(()),
    Eq("state", "active"),
    And((Eq("project", "apollo"), Or((Eq("visibility", "shared"), Eq("agent", "ann"))))),
    Or((Not(Exists("expires_at")), Gt("expires_at", NOW))),
    In("project", ("apollo", "gemini")),
    Not(Lt("created_at", NOW)),
    ContainsAny("tags", ("red",)),
    Eq("metadata.n", 1),
    Exists("metadata.list"),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_it_shows_what_the_filter_means(wanted: Filter) -> None:
    allowed = gate(Scope(NAMESPACE), wanted)
    # Twice, since answers are kept.
    for record in [*RECORDS, *reversed(RECORDS)]:
        assert allowed(record) == matches(wanted, record.value_of)


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_nothing_of_another_namespace_is_shown(wanted: Filter) -> None:
    allowed = gate(Scope(NAMESPACE), wanted)
    for record in RECORDS:
        allowed(record)
        assert not allowed(replace(record, namespace="another"))
