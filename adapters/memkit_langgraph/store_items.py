"""An item of a LangGraph store as a memory, and back without loss.

The memory's text is what of the item is indexed; the value itself is kept as JSON in its metadata,
beside the namespace, the key and the fields that backends can filter by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from langgraph.store.base import Item, PutOp, SearchItem

from memkit.drafts import Draft
from memkit.errors import InvalidInput
from memkit.filters import Eq, Filter
from memkit.types import MemoryRecord, State
from memkit_langgraph.store_filters import mirrored
from memkit_langgraph.store_labels import (
    Labels,
    escaped,
    item_tags,
    labels_metadata,
    labels_of,
    unescaped,
)
from memkit_langgraph.store_texts import check_paths, text_at

#: The text of an item of which nothing is indexed: a memory cannot be blank.
NOT_INDEXED = "(an item of a LangGraph store, not indexed)"

_FORMAT = "langgraph"
_KEY = "langgraph.key"
_VALUE = "langgraph.value"
_INDEXED = "langgraph.indexed"
_TTL = "langgraph.ttl"
_UPDATED = "langgraph.updated"
_VERSION = 1

#: What holds of the memories that a store made.
OURS: Filter = Eq(f"metadata.{_FORMAT}", _VERSION)
#: What holds of those that a query can find.
FOUND_BY_QUERY: Filter = Eq(f"metadata.{_INDEXED}", True)

_SURROGATE = re.compile("[\ud800-\udfff]")


def memory_key(namespace: Labels, key: str) -> str:
    """The key under which memkit keeps an item: one for each namespace and key, of fixed length."""
    named = json.dumps([*namespace, key]).encode()
    return f"langgraph:{blake2b(named, digest_size=20).hexdigest()}"


def draft_of(op: PutOp, paths: Sequence[str], kind: str, *, private: bool) -> Draft:
    """The memory that an item is kept as.

    Raises:
        InvalidInput: the value is not JSON, or ``index`` is no list of paths.
    """
    assert op.value is not None
    value = checked(op.value)
    chosen = () if op.index is False else paths if op.index is None else check_paths(op.index)
    text = text_at(value, chosen)
    metadata: dict[str, Any] = {
        _FORMAT: _VERSION,
        _KEY: escaped(op.key),
        _VALUE: as_json(value),
        _INDEXED: bool(text),
        **labels_metadata(op.namespace),
        **mirrored(value),
    }
    if op.ttl is not None:
        metadata[_TTL] = op.ttl
    return Draft(
        text or NOT_INDEXED,
        key=memory_key(op.namespace, op.key),
        kind=kind,
        tags=item_tags(op.namespace, private=private),
        metadata=metadata,
        private=private,
        ttl=None if op.ttl is None else _seconds(op.ttl),
    )


def _seconds(minutes: object) -> float:
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        raise InvalidInput(f"ttl is a number of minutes, not {type(minutes).__name__}")
    return minutes * 60


def checked(value: object) -> dict[str, Any]:
    """A value as a dict, if it is a mapping whose keys are text, all the way down.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"a value is a mapping, not {type(value).__name__}")
    try:
        _check_keys(value)
    except RecursionError:
        raise InvalidInput("the value is nested too deeply") from None
    return dict(value)


def _check_keys(value: object) -> None:
    if isinstance(value, Mapping):
        for key, held in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"the keys of a value are text, not {type(key).__name__}")
            _check_keys(held)
    elif isinstance(value, list | tuple):
        for held in value:
            _check_keys(held)


def as_json(value: Mapping[str, Any]) -> str:
    """A value as JSON that any backend can hold.

    Raises:
        InvalidInput: it holds something that JSON does not have.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as cause:
        raise InvalidInput(f"the value is not JSON: {cause}") from None
    # In JSON they can only stand in texts.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def is_item(record: MemoryRecord) -> bool:
    """Whether a memory is a store's item, and there."""
    return record.metadata.get(_FORMAT) == _VERSION and record.state == State.ACTIVE


def value_of(record: MemoryRecord) -> dict[str, Any]:
    """The value of an item."""
    value: dict[str, Any] = json.loads(record.metadata[_VALUE])
    return value


def minutes_of(record: MemoryRecord) -> float | None:
    """How long an item lives after its last use, in minutes."""
    ttl: float | None = record.metadata.get(_TTL)
    return ttl


def item_of(record: MemoryRecord) -> Item:
    """The item that a memory keeps."""
    return Item(
        value=value_of(record),
        key=unescaped(record.metadata[_KEY]),
        namespace=labels_of(record.metadata),
        created_at=record.created_at,
        updated_at=updated_at(record),
    )


def found_item(record: MemoryRecord, score: float | None) -> SearchItem:
    """The item that a memory keeps, as a search gives it."""
    return SearchItem(
        labels_of(record.metadata),
        unescaped(record.metadata[_KEY]),
        value_of(record),
        record.created_at,
        updated_at(record),
        score,
    )


def updated_at(record: MemoryRecord) -> datetime:
    """When the item was last put; that its life was prolonged changes nothing of it."""
    put: str | None = record.metadata.get(_UPDATED)
    return record.updated_at if put is None else datetime.fromisoformat(put)


def prolonged(record: MemoryRecord) -> dict[str, Any]:
    """The metadata of an item whose life is prolonged: when it was last put stays known."""
    return {**record.metadata, _UPDATED: updated_at(record).isoformat()}
