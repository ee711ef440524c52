"""The log of commits: one order of all writes, whoever makes them.

Entry ``n`` of the log is the row with the id ``n``. Chroma adds a row only if its id is not
there yet, so of several writers that try the same position one wins, and each reads back who
that was. A writer checks a batch against the state as of ``n - 1`` and commits it at ``n``, or
learns that another one came first, takes in what that one did, and checks again. So versions,
unique keys and whole batches hold between processes, on an engine that has none of them.

The content of an entry stays in the log until the rows hold it (see ``flushing``); what did
not fit into one row stands in parts that were added before it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from memkit.backing.times import micros
from memkit.errors import SchemaMismatch, StoreCorrupt, StoreUnavailable
from memkit_chroma.entries import Entry, State, Step, entry_from, state_from
from memkit_chroma.gateway import Gateway

#: Chroma keeps a vector for each row: of these nobody ever asks.
PLAIN_SPACE = {"space": "l2", "max_neighbors": 4, "ef_construction": 10}
# At each request Chroma goes through what no graph on disk holds yet, that of other collections
# too: where little is written at a time, it must not pile up.
_LOG_SPACE = {**PLAIN_SPACE, "batch_size": 2, "sync_threshold": 20}
_CHECKPOINT = "checkpoint"
# Characters of an entry that one row may hold.
_PART = 4_000_000
# Positions that are looked at in one request, at first and when there turn out to be many.
_AHEAD, _FAR_AHEAD = 4, 64


class Overtaken(Exception):
    """The log begins after what was last seen: everything must be read anew."""


def plain_vector(number: int) -> list[float]:
    """A vector for a row that is never searched; different ones keep the graph shallow."""
    return [1.0, float(number % 65_536)]


class Ledger:
    """The log of one store; not to be used by two threads at once."""

    def __init__(self, gateway: Gateway, take: Callable[[Entry], None]) -> None:
        self._gateway = gateway
        self._take = take
        prefix = gateway.place.prefix
        self.log = f"{prefix}-log"
        self.meta = f"{prefix}-meta"
        self.position = 0
        self.state = State(0)
        self._token = ""
        # Whether a commit was tried of which it is not known what became.
        self._unsure = False

    # Beginning.

    def exists(self) -> bool:
        """Whether there is a store."""
        return self._gateway.collection(self.meta) is not None

    def make(self, state: State) -> None:
        """Make the store's collections and its first entry, unless they are there."""
        self._gateway.make_collection(self.log, {"holds": "log"}, _LOG_SPACE)
        first = Entry(0, uuid.uuid4().hex, micros(datetime.now(UTC)), (), state)
        self._gateway.add(self.log, ["0"], [plain_vector(0)], [_row(first)])
        self._gateway.make_collection(self.meta, {"holds": "meta"}, _LOG_SPACE)

    def begin(self, known_schema: int) -> int:
        """Go to the last checkpoint; its position."""
        held = self._gateway.get(self.meta, [_CHECKPOINT])
        if held.ids:
            row = held.metadatas[0]
            self.position, self._token = int(row["w"]), row["t"]
            self.state = state_from(row["s"])
        else:
            entry = self._entries([0]).get(0)
            if entry is None or entry.state is None:
                raise StoreCorrupt(
                    f"{self._gateway.place.location}: the log has no beginning: restore a backup"
                )
            self.position, self._token, self.state = 0, entry.token, entry.state
        if self.state.schema > known_schema:
            raise SchemaMismatch(
                f"{self._gateway.place.location} has schema version {self.state.schema}, and this "
                f"memkit knows {known_schema}: upgrade it with pip install -U agent-memkit"
            )
        return self.position

    def flushed(self) -> int:
        """Up to which position the rows hold everything."""
        held = self._gateway.get(self.meta, [_CHECKPOINT])
        return int(held.metadatas[0]["w"]) if held.ids else 0

    def checkpoint(self, position: int, token: str, state: State) -> None:
        """Say that the rows hold everything up to a position."""
        row = {"w": position, "t": token, "s": state.text()}
        self._gateway.upsert(self.meta, [_CHECKPOINT], [plain_vector(0)], [row])

    # Reading on.

    @property
    def token(self) -> str:
        """That of the entry at :attr:`position`."""
        return self._token

    @property
    def unsure(self) -> bool:
        """Whether it must be read on before anything else is done."""
        return self._unsure

    def catch_up(self) -> int:
        """Take in every entry that is there and was not seen; how many.

        Raises:
            Overtaken: some are not there any more.
        """
        taken, ahead = 0, _AHEAD
        while True:
            entries = self._entries(range(self.position, self.position + ahead + 1))
            here = entries.get(self.position)
            if here is None or here.token != self._token:
                raise Overtaken
            self._unsure = False
            while (entry := entries.get(self.position + 1)) is not None:
                self._adopt(entry)
                taken += 1
            if self.position + 1 <= max(entries):
                raise Overtaken
            if len(entries) <= ahead:
                return taken
            ahead = _FAR_AHEAD

    def _adopt(self, entry: Entry) -> None:
        state = entry.state or self.state
        changes = entry.positions()
        if changes:
            state = _changed(state, changes[-1][0])
        elif entry.state is not None:
            state = _changed(state, max(state.changed, self.state.changed))
        self.state, self.position, self._token = state, entry.position, entry.token
        self._take(entry)

    # Committing.

    def commit(
        self, steps: Sequence[Step], state: State | None = None, *, moved: bool = False
    ) -> bool:
        """Write the next entry; false if another process was first: then catch up.

        Raises:
            Overtaken: everything must be read anew, and nothing was written.
        """
        entry = Entry(
            self.position + 1,
            uuid.uuid4().hex,
            micros(datetime.now(UTC)),
            tuple(steps),
            state,
            moved=moved,
        )
        text = entry.text()
        row = _row(entry, text)
        self._unsure = True
        if len(text) > _PART:
            entry = replace(entry, parts=self._add_parts(entry, text))
            row = _row(entry, "")
        self._gateway.add(self.log, [str(entry.position)], [plain_vector(entry.position)], [row])
        if self._gateway.place.shared and not self._is_mine(entry):
            return False
        self._unsure = False
        self._adopt(entry)
        return True

    def _add_parts(self, entry: Entry, text: str) -> int:
        parts = [text[first : first + _PART] for first in range(0, len(text), _PART)]
        for number, part in enumerate(parts):
            self._gateway.add(
                self.log,
                [_part_id(entry.token, number)],
                [plain_vector(number)],
                [{"e": part, "of": entry.position}],
            )
        return len(parts)

    def _is_mine(self, entry: Entry) -> bool:
        rows = self._gateway.get(self.log, [str(entry.position - 1), str(entry.position)])
        tokens = {id_: row["t"] for id_, row in zip(rows.ids, rows.metadatas, strict=True)}
        won = tokens.get(str(entry.position)) == entry.token
        if tokens.get(str(entry.position - 1)) == self._token:
            return won
        # The log was shortened past here meanwhile: this is no entry of it.
        if won:
            self._gateway.delete(self.log, [str(entry.position)])
        raise Overtaken

    # The log's rows.

    def entries(self, first: int, last: int) -> list[Entry]:
        """The entries between two positions, both included, that are there."""
        found = self._entries(range(first, last + 1))
        return [found[position] for position in sorted(found)]

    def _entries(self, positions: Sequence[int]) -> dict[int, Entry]:
        rows = self._gateway.get(self.log, [str(position) for position in positions])
        found: dict[int, Entry] = {}
        for id_, row in zip(rows.ids, rows.metadatas, strict=True):
            text = row.get("e", "")
            if row["n"]:
                joined = self._join(row["t"], row["n"])
                if joined is None:
                    # Its content went to the rows just now: read what is left of it.
                    return self._entries(positions)
                text = joined
            found[int(id_)] = entry_from(
                int(id_), row["t"], text, slim=row["k"] == "slim", parts=row["n"]
            )
        return found

    def _join(self, token: str, count: int) -> str | None:
        ids = [_part_id(token, number) for number in range(count)]
        rows = self._gateway.get(self.log, ids)
        if len(rows.ids) < count:
            return None
        held = dict(zip(rows.ids, rows.metadatas, strict=True))
        return "".join(held[id_]["e"] for id_ in ids)

    def slim(self, entries: Sequence[Entry]) -> None:
        """Remove the content of entries from the log: the rows hold it."""
        slim = [entry.slimmed() for entry in entries]
        parts = [
            _part_id(entry.token, number) for entry in entries for number in range(entry.parts)
        ]
        self._gateway.update(
            self.log, [str(entry.position) for entry in slim], [_row(entry) for entry in slim]
        )
        self._gateway.delete(self.log, parts)

    def shorten(self, first: int, last: int) -> None:
        """Remove entries between two positions, oldest first."""
        for start in range(first, last + 1, 500):
            self._gateway.delete(
                self.log, [str(n) for n in range(start, min(start + 500, last + 1))]
            )


def _changed(state: State, position: int) -> State:
    return state if state.changed == position else replace(state, changed=position)


def _part_id(token: str, number: int) -> str:
    return f"{token}.{number}"


def _row(entry: Entry, text: str | None = None) -> dict[str, Any]:
    return {
        "t": entry.token,
        "k": "slim" if entry.slim else "full",
        "e": entry.text() if text is None else text,
        "n": entry.parts,
    }


def unavailable(location: str) -> StoreUnavailable:
    """The error of a store that is not there."""
    return StoreUnavailable(
        f"{location} holds no store yet, and it is opened for reading only: open it for writing "
        "first"
    )
