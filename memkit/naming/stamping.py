"""The names that a record bears: what a text or a fact gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memkit.naming.finding import MOST, NAME_MAX, is_name, names_in
from memkit.types import MemoryRecord

#: The predicate of aliases: both of its sides are names, however they are written.
ALSO_KNOWN_AS = "also_known_as"


def named(record: MemoryRecord, found: Iterable[str] | None = None) -> MemoryRecord:
    """The record with the names that it tells of.

    Args:
        record: any record; of a fact its subject is a name, and its object if it looks like one.
        found: names that somebody else found in its text; ``None``: the rules find them.
    """
    names = (
        names_in(record.content, record.speaker)
        if found is None
        else distinct((*([] if record.speaker is None else [record.speaker]), *found))
    )
    if record.subject is not None:
        names = _of_fact(record.subject, record.predicate, record.object, names)
    return record if names == record.entities else replace(record, entities=names)


def _of_fact(
    subject: str, predicate: str | None, object_: str | None, names: Iterable[str] = ()
) -> tuple[str, ...]:
    """The names of a fact: its subject, its object if it looks like one, those in its text."""
    sides = [subject]
    if object_ is not None and (predicate == ALSO_KNOWN_AS or is_name(object_)):
        sides.append(object_)
    return distinct((*sides, *names))


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names that can be stamped, each once whatever its case, at most :data:`MOST`."""
    seen: dict[str, str] = {}
    for name in names:
        if 0 < len(name) <= NAME_MAX:
            seen.setdefault(name.casefold(), name)
    return tuple(seen.values())[:MOST]
