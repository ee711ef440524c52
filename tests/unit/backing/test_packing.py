"""Records as text and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from memkit.backing.packing import canonical_record, checked_vector, pack_record, unpack_record
from memkit.errors import EmbedderMismatch, InvalidInput
from memkit.testing.records import build_record
from memkit.types import Link, MemoryRecord

FULL = build_record(
    1,
    content="é e\u0301 🚀 \x00 \u202e",
    tags=("b", "a"),
    metadata={"one": 1, "float": 1.0, "flag": True, "none": None, "deep": {"l": [1, [2.5]]}},
    links=(Link("causes", "x"), Link("fixes", "y")),
    occurred_at=datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    expires_at=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    pinned=True,
    uses=2**62,
    entities=("é", "Rome"),
    archived_at=datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    run="r",
)


@pytest.mark.parametrize("record", [FULL, build_record(2), replace(FULL, links=(), tags=())])
def test_a_record_comes_back_as_it_was(record: MemoryRecord) -> None:
    back = unpack_record(pack_record(record))
    assert back == record
    assert list(map(type, back.metadata.values())) == list(map(type, record.metadata.values()))


def test_records_of_before_a_field_and_without_it_are_the_same() -> None:
    old = build_record(3, tags=("x",))
    packed = json.loads(pack_record(old))
    assert not {"entities", "summarized_by", "archived_at", "archived_by", "run"} & set(packed)
    assert unpack_record(json.dumps(packed)) == old
    assert unpack_record(json.dumps({**packed, "entities": ["Rome"]})).entities == ("Rome",)


def test_equal_records_have_the_same_canonical_form() -> None:
    turned = replace(FULL, metadata=dict(reversed(list(FULL.metadata.items()))))
    assert pack_record(turned) != pack_record(FULL)
    assert canonical_record(turned) == canonical_record(FULL)
    assert canonical_record(replace(FULL, pinned=False)) != canonical_record(FULL)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(InvalidInput):
        pack_record(replace(FULL, metadata={"x": float("nan")}))
    with pytest.raises(InvalidInput):
        pack_record(replace(FULL, metadata={"x": object()}))


def test_a_vector_is_checked() -> None:
    assert checked_vector(np.ones(3, np.float64), 3).dtype == np.dtype("<f4")
    with pytest.raises(EmbedderMismatch, match="3 dimensions"):
        checked_vector(np.ones(3, np.float32), 4)
    with pytest.raises(InvalidInput):
        checked_vector(np.ones((2, 2), np.float32), None)
