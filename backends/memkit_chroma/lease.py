"""Turns: of several processes one at a time may write to a store's rows.

A turn is a row of the meta collection whose id is the next number: the first to add it has it.
It is over when its holder says so; if it never does, another process takes the next turn once
it has seen the same one for longer than any holder goes on. Nobody compares clocks.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import plain_vector

_HEAD = "turn-"
_OVER = "over"


class Lease:
    """This process's turns."""

    def __init__(self, gateway: Gateway, collection: str) -> None:
        self._gateway = gateway
        self._collection = collection
        self._seen: tuple[str, float] | None = None
        self._own = ""
        self._until = 0.0
        # A holder goes on for as long as one request may take after its last look at the time.
        self._goes_on = 2 * gateway.place.timeout
        self._abandoned = 4 * gateway.place.timeout

    def take(self) -> bool:
        """Take the next turn; false if another process has one."""
        if not self._gateway.place.shared:
            return True
        began = time.monotonic()
        turns = self._turns()
        number = 0
        if turns:
            number = max(turns)
            row = turns[number]
            if not row[_OVER] and not self._is_abandoned(row["t"]):
                return False
            number += 1
        token = uuid.uuid4().hex
        own = f"{_HEAD}{number}"
        row = {"t": token, _OVER: False, "number": number}
        self._gateway.add(self._collection, [own], [plain_vector(number)], [row])
        held = self._gateway.get(self._collection, [own])
        if not held.ids or held.metadatas[0]["t"] != token:
            return False
        self._own, self._until = own, began + self._goes_on
        old = [f"{_HEAD}{n}" for n in turns if n < number - 1]
        if old:
            self._gateway.delete(self._collection, old)
        return True

    @property
    def in_time(self) -> bool:
        """Whether another request may still be sent in this turn."""
        return not self._gateway.place.shared or (
            time.monotonic() + self._gateway.place.timeout < self._until
        )

    def give_back(self) -> None:
        """End the turn."""
        if self._gateway.place.shared and self._own:
            own, self._own = self._own, ""
            self._gateway.update(self._collection, [own], [{_OVER: True}])

    def _turns(self) -> dict[int, dict[str, Any]]:
        held = self._gateway.get(self._collection)
        return {
            int(row["number"]): row
            for id_, row in zip(held.ids, held.metadatas, strict=True)
            if id_.startswith(_HEAD)
        }

    def _is_abandoned(self, token: str) -> bool:
        now = time.monotonic()
        if self._seen is None or self._seen[0] != token:
            self._seen = (token, now)
            return False
        return now - self._seen[1] > self._abandoned
