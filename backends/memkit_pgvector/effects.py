"""What a ledger comes to, as rows to delete, change and add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memkit.backing.hashing import unique_hash
from memkit.backing.times import micros
from memkit.errors import InvalidInput
from memkit_pgvector import wire
from memkit_pgvector.ledger import Entry, Held, Key, Ledger
from memkit_pgvector.rows import (
    KEPT_COLUMNS,
    RECORD_COLUMNS,
    Signature,
    record_row,
    signature_rows,
    vector_row,
    words_row,
)
from memkit_pgvector.state import StoreState
from memkit_pgvector.wire import Row

_PATCHED = [at for at, name in enumerate(RECORD_COLUMNS) if name not in KEPT_COLUMNS]
#: The columns of ``records`` that a patch writes.
PATCHED_COLUMNS = tuple(RECORD_COLUMNS[at] for at in _PATCHED)


@dataclass(slots=True)
class Effects:
    """Rows of each table: what goes, what changes, what comes.

    ``gone`` are records, ``moved`` those whose vectors alone go first; the counts are by
    namespace: records, records with a vector, words. ``tokens_moved`` are keys with the new
    vector: their token vectors stay if it is the old one, those of ``tokens_gone`` go anyhow.
    """

    gone: list[Key] = field(default_factory=list)
    moved: list[Key] = field(default_factory=list)
    uniques_gone: list[Key] = field(default_factory=list)
    signatures_gone: list[Signature] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    patches: list[Row] = field(default_factory=list)
    touches: list[Row] = field(default_factory=list)
    words: list[Row] = field(default_factory=list)
    reworded: list[Row] = field(default_factory=list)
    vectors: list[Row] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    tokens_gone: list[Key] = field(default_factory=list)
    tokens_moved: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    uniques: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    counts: dict[bytes, list[int]] = field(default_factory=dict)
    namespaces: dict[bytes, str] = field(default_factory=dict)


def effects_of(ledger: Ledger, state: StoreState) -> Effects:
    """The rows that a ledger comes to, in the order of their keys.

    Raises:
        InvalidInput: a record cannot be stored.
        EmbedderMismatch: a vector has another dimension than the store's.
    """
    effects = Effects()
    try:
        # In one order, so that no two transactions wait for each other.
        for key in sorted(ledger.entries):
            _add(effects, key, ledger.entries[key], state)
    except UnicodeEncodeError:
        raise InvalidInput("a text of a record holds a lone surrogate") from None
    effects.uniques.sort()
    effects.signatures.sort()
    return effects


def _add(effects: Effects, key: Key, entry: Entry, state: StoreState) -> None:
    stored, held = entry.stored, entry.held
    if stored is held and entry.record is None:
        if entry.touched:
            effects.touches.append(_touch_row(key, entry))
        return
    if stored is not None and (held is None or entry.whole):
        effects.gone.append(key)
        _rekey(effects, key, stored, None)
        _resign(effects, key, stored, None)
    elif stored is not None and held is not None:
        _rekey(effects, key, stored, held)
        if entry.index is not None:
            _resign(effects, key, stored, held)
    _count(effects.counts, key[0], stored, held)
    if held is None:
        return
    record, index = entry.record, entry.index
    assert record is not None
    row = record_row(*key, record, held.unique, held.signature, held.embedded, held.length)
    if entry.whole:
        effects.records.append(row)
        effects.namespaces[key[0]] = record.namespace
        _rekey(effects, key, None, held)
        _resign(effects, key, None, held)
    else:
        effects.patches.append([row[at] for at in _PATCHED] + list(key))
        if entry.touched:
            effects.touches.append(_touch_row(key, entry))
    if index is None:
        return
    words = words_row(*key, index.terms, bag=state.text_search == "bm25")
    if entry.whole:
        effects.words.append(words)
    else:
        effects.reworded.append([*words[2:], *key])
        effects.moved.append(key)
    if index.tokens:
        effects.tokens.append([*key, index.tokens])
    if index.vector is not None:
        assert state.dimension is not None
        row = vector_row(*key, index, state.dimension, state.vector_type)
        effects.vectors.append(row)
    if entry.whole:
        return
    if index.tokens is not None or index.vector is None:
        effects.tokens_gone.append(key)
    else:
        effects.tokens_moved.append((*key, row[2] or b""))


def _touch_row(key: Key, entry: Entry) -> Row:
    used_at = None if entry.used_at is None else wire.int8(micros(entry.used_at))
    counts = (entry.uses, entry.useful, entry.useless)
    return [*map(wire.int8, counts), used_at, *key]


def _rekey(effects: Effects, key: Key, before: Held | None, after: Held | None) -> None:
    old = set() if before is None else {unique_hash(each) for each in before.unique}
    new = set() if after is None else {unique_hash(each) for each in after.unique}
    effects.uniques_gone += [(key[0], each) for each in sorted(old - new)]
    effects.uniques += [(key[0], each, key[1]) for each in new - old]


def _resign(effects: Effects, key: Key, before: Held | None, after: Held | None) -> None:
    old = () if before is None else before.signature
    new = () if after is None else after.signature
    effects.signatures_gone += signature_rows(*key, [each for each in old if each not in new])
    effects.signatures += signature_rows(*key, [each for each in new if each not in old])


def _count(
    counts: dict[bytes, list[int]], ns: bytes, before: Held | None, after: Held | None
) -> None:
    sums = counts.setdefault(ns, [0, 0, 0])
    for sign, held in ((-1, before), (1, after)):
        if held is not None:
            sums[0] += sign
            sums[1] += sign * held.embedded
            sums[2] += sign * held.length


def changed(counts: Mapping[bytes, list[int]]) -> list[tuple[bytes, list[int]]]:
    """The namespaces whose counts move, in the order of their keys."""
    return sorted((ns, sums) for ns, sums in counts.items() if any(sums))
