"""The fields of a namespace's records that filters mostly touch, as arrays in memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from memkit.backing.arrays import grown
from memkit_sqlite.rows import Row, labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

TEXTS = ("project", "task", "agent", "visibility", "state", "kind", "conversation_id")
TIMES = (
    "created_at", "occurred_at", "expires_at", "superseded_at", "valid_from", "valid_to",
    "retracted_at",
)  # fmt: skip
FLAGS = ("pinned", "embedded")

#: What a row for :meth:`Columns.append` holds, in order.
INDEX_COLUMNS = ("seq", "id", "tags", *TEXTS, *TIMES, *FLAGS)

#: Stands for a missing time; it is before every other.
MISSING = np.iinfo(np.int64).min
_MIXED = -1
_FIRST_ROOM = 256


class Columns:
    """The rows of one namespace: arrays by position, and where each record stands.

    A record that is indexed anew moves to a new position; its old one is dead.
    """

    def __init__(self) -> None:
        self.size = 0
        self.dead = 0
        self.ids: list[str] = []
        self.at: dict[int, int] = {}
        self.seqs = np.zeros(_FIRST_ROOM, np.int64)
        self.alive: Mask = np.zeros(_FIRST_ROOM, np.bool_)
        self.texts = {name: np.zeros(_FIRST_ROOM, np.int32) for name in TEXTS}
        self.times = {name: np.zeros(_FIRST_ROOM, np.int64) for name in TIMES}
        self.flags = {name: np.zeros(_FIRST_ROOM, np.bool_) for name in FLAGS}
        self.tags: dict[str, array[int]] = {}
        # The code of each text that was ever seen; 0 is that of a missing one.
        self.codes: dict[str, dict[str | None, int]] = {name: {None: 0} for name in TEXTS}
        # The one code of a whole column, None before the first row, else _MIXED.
        self._uniform: dict[str, int | None] = dict.fromkeys(TEXTS)
        # Columns of times in which no record has a value: what their arrays hold means nothing.
        self._unset = set(TIMES)

    def append(self, rows: Sequence[Row]) -> Positions:
        """Add records; those that were there die where they stood. Returns their positions."""
        start, end = self.size, self.size + len(rows)
        self._make_room(end)
        for row in rows:
            self.kill(row[0])
        by_column = list(zip(*rows, strict=True))
        self.ids.extend(by_column[1])
        self.at.update(zip(by_column[0], range(start, end), strict=True))
        for position, text in enumerate(by_column[2], start):
            if text is not None:
                for tag in labels(text):
                    self.tags.setdefault(tag, array("i")).append(position)
        fields = dict(zip(INDEX_COLUMNS, by_column, strict=False))
        for name in TEXTS:
            codes = self.codes[name]
            found = [codes.setdefault(value, len(codes)) for value in fields[name]]
            self.texts[name][start:end] = found
            self._note_codes(name, min(found), max(found))
        for name in TIMES:
            values = fields[name]
            if name in self._unset and values.count(None) == len(values):
                continue
            self._begin(name)
            self.times[name][start:end] = [MISSING if v is None else v for v in values]
        for name in FLAGS:
            self.flags[name][start:end] = fields[name]
        self.seqs[start:end] = by_column[0]
        self.alive[start:end] = True
        self.size = end
        return np.arange(start, end)

    def replace(self, row: Row) -> None:
        """Change a record's fields where it stands; its tags must be what they were."""
        position = self.at[row[0]]
        fields = dict(zip(INDEX_COLUMNS, row, strict=False))
        for name in TEXTS:
            codes = self.codes[name]
            code = codes.setdefault(fields[name], len(codes))
            self.texts[name][position] = code
            self._note_codes(name, code, code)
        for name in TIMES:
            value = fields[name]
            if value is not None:
                self._begin(name)
                self.times[name][position] = value
            elif name not in self._unset:
                self.times[name][position] = MISSING
        for name in FLAGS:
            self.flags[name][position] = fields[name]

    def kill(self, seq: int) -> None:
        """Take a record out, if it is there."""
        position = self.at.pop(seq, None)
        if position is not None:
            self.alive[position] = False
            self.dead += 1

    def uniform(self, name: str) -> int | None:
        """The code that every row of a text column has; ``None`` if they differ."""
        code = self._uniform[name]
        return None if code == _MIXED else code

    def unset(self, name: str) -> bool:
        """Whether no record has a value in this column of times."""
        return name in self._unset

    def compact(self) -> Positions:
        """Close up over the dead; the old positions of those that live, in order."""
        kept = np.flatnonzero(self.alive[: self.size])
        moved = np.full(self.size, -1, np.int64)
        moved[kept] = np.arange(len(kept))
        for group in (self.texts, self.times, self.flags):
            for name in group:
                group[name][: len(kept)] = group[name][kept]
        self.ids = [self.ids[i] for i in kept.tolist()]
        self.at = {seq: int(moved[position]) for seq, position in self.at.items()}
        for tag in list(self.tags):
            positions = moved[np.frombuffer(self.tags[tag], np.int32)]
            living = positions[positions >= 0].astype(np.int32)
            if len(living):
                self.tags[tag] = array("i", living.tobytes())
            else:
                del self.tags[tag]
        self.seqs[: len(kept)] = self.seqs[kept]
        self.alive[: len(kept)] = True
        self.alive[len(kept) :] = False
        self.size, self.dead = len(kept), 0
        return kept

    def _begin(self, name: str) -> None:
        """Make ready a column of times that gets its first value."""
        if name in self._unset:
            self._unset.discard(name)
            self.times[name][: self.size] = MISSING

    def _note_codes(self, name: str, low: int, high: int) -> None:
        known = self._uniform[name]
        if low != high or known not in (None, low):
            self._uniform[name] = _MIXED
        elif known is None:
            self._uniform[name] = low

    def _make_room(self, room: int) -> None:
        self.alive = grown(self.alive, room)
        self.seqs = grown(self.seqs, room)
        for name in TEXTS:
            self.texts[name] = grown(self.texts[name], room)
        for name in TIMES:
            self.times[name] = grown(self.times[name], room)
        for name in FLAGS:
            self.flags[name] = grown(self.flags[name], room)
