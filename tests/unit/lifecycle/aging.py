"""Records of any age, as an import brings them."""

import io
import json
from datetime import timedelta
from typing import Any

from memkit import Memory
from memkit.clock import new_id, utc_now


def aged(memory: Memory, *records: dict[str, Any]) -> list[str]:
    """Store records, each with ``days`` for its age besides its fields; their ids, in order."""
    lines: list[dict[str, Any]] = [
        {"format": "memkit-export", "version": 1, "namespace": "default"}
    ]
    for record in records:
        fields = {"id": new_id(), "content": "a thing that was told once", **record}
        at = (utc_now() - timedelta(days=fields.pop("days", 0))).isoformat()
        lines.append({"created_at": at, "updated_at": at, **fields})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert memory.import_(io.StringIO(text)).stored == len(records)
    return [line["id"] for line in lines[1:]]


def states(memory: Memory, ids: list[str]) -> list[str]:
    """The state of each record."""
    return [memory.get(id_).state for id_ in ids]
