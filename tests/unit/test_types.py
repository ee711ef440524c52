"""Records, hits and outcomes: frozen, comparable, and readable by filters."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from types import MappingProxyType

import pytest

from memkit.filters import FIELDS
from memkit.protocols import Fingerprint
from memkit.scope import Scope
from memkit.testing.records import EPOCH, build_record, record_id
from memkit.types import (
    DEFAULT_KIND,
    KINDS,
    Hit,
    Leg,
    Link,
    MemoryRecord,
    Page,
    RecallResult,
    Remembered,
    RememberStatus,
    State,
    Visibility,
    Why,
    kind_defaults,
)


def test_a_record_starts_as_an_active_shared_note() -> None:
    record = build_record(1)
    assert (record.kind, record.state, record.visibility) == ("note", "active", "shared")
    assert (record.version, record.pinned, record.tags, record.links) == (1, False, (), ())
    assert (record.uses, record.useful, record.useless) == (0, 0, 0)


def test_records_share_no_metadata() -> None:
    assert build_record(1).metadata == {}
    assert build_record(1).metadata is not build_record(1).metadata


def test_records_cannot_be_changed() -> None:
    record = build_record(1)
    with pytest.raises(FrozenInstanceError):
        record.content = "other"  # type: ignore[misc]
    assert replace(record, content="other").content == "other"


def test_a_records_scope_is_where_it_lives_and_who_wrote_it() -> None:
    record = build_record(1, namespace="n", project="p", task="t", agent="a")
    assert record.scope == Scope("n", "p", "t", "a")


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"embedded", "signature"}))
def test_a_filter_can_see_every_field_that_a_record_holds(field: str) -> None:
    record = build_record(1)
    expected = () if field == "link_to" else getattr(record, field)
    assert record.value_of(field) == expected


def test_a_filter_sees_metadata_by_its_whole_key() -> None:
    record = build_record(1, metadata=MappingProxyType({"a.b": 1, "a": {"b": 2}, "x": None}))
    assert record.value_of("metadata.a.b") == 1
    assert record.value_of("metadata.a") == {"b": 2}
    assert record.value_of("metadata.x") is None
    assert record.value_of("metadata.absent") is None
    assert record.value_of("metadata.content") is None


def test_a_filter_sees_where_links_lead() -> None:
    links = (Link("causes", record_id(1)), Link("fixes", record_id(2)))
    assert build_record(3, links=links).value_of("link_to") == (record_id(1), record_id(2))


def test_states_and_visibilities_are_their_values() -> None:
    assert build_record(1, state=State.ACTIVE) == build_record(1, state="active")
    assert {*State} == {"active", "superseded", "merged", "forgotten", "archived"}
    assert {*Visibility} == {"shared", "private"}


def test_every_kind_has_sensible_defaults_and_others_have_those_of_a_note() -> None:
    for kind in KINDS:
        defaults = kind_defaults(kind)
        assert 0 <= defaults.confidence <= 1
        assert defaults.half_life_days is None or defaults.half_life_days > 0
    assert kind_defaults("our own kind") == kind_defaults(DEFAULT_KIND)


def test_a_recall_is_a_sequence_of_its_hits() -> None:
    hits = tuple(Hit(build_record(n), 1 - n / 10, Why({}, 1.0, {})) for n in range(3))
    result = RecallResult(hits, ("words alone were matched",))
    assert len(result) == 3
    assert list(result) == list(hits)
    assert result[0] is hits[0]
    assert result[-1].content == "record 2"
    assert result[1:] == hits[1:]
    assert hits[1] in result
    assert result.index(hits[2]) == 2
    assert not RecallResult(())


def test_a_page_holds_its_records() -> None:
    page = Page((build_record(1), build_record(2)), "next")
    assert len(page) == 2
    assert [record.content for record in page] == ["record 1", "record 2"]
    assert Page(()).cursor is None


def test_why_reads_as_one_line() -> None:
    why = Why({"dense": Leg(1, 0.81), "lexical": Leg(3, 7.5)}, 0.9, {"recency": 0.5})
    assert str(why) == "dense #1 (0.810), lexical #3 (7.500); fused 0.900; recency x0.500"
    assert str(Why({}, 0.0, {})) == "no leg; fused 0.000"


def test_what_was_remembered_has_the_id_of_its_record() -> None:
    assert Remembered(RememberStatus.STORED, build_record(4)).id == record_id(4)


def test_fingerprints_match_where_vectors_may_stand_side_by_side() -> None:
    held = Fingerprint("model", 384)
    assert held.matches(Fingerprint("model", 384))
    assert held.matches(Fingerprint("model", None))
    assert Fingerprint("model", None).matches(held)
    assert not held.matches(Fingerprint("model", 512))
    assert not held.matches(Fingerprint("other", 384))
    assert not held.matches(Fingerprint("model", 384, normalized=False))
    assert str(held) == "model (384 dimensions)"
    assert str(Fingerprint("model", None)) == "model (? dimensions)"


def test_built_ids_grow_and_differ_by_group() -> None:
    ids = [record_id(n, group) for group in range(5) for n in range(200)]
    assert len(set(ids)) == len(ids)
    assert ids[:200] == sorted(ids[:200])
    assert {fields_of[14] for fields_of in ids} == {"7"}
    assert build_record(1).created_at > EPOCH
    assert {field.name for field in fields(MemoryRecord)} >= {"id", "content", "namespace"}
