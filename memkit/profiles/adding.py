"""What people add to a profile by hand, and take out of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.drafts import Draft
from memkit.errors import InvalidInput
from memkit.facts.settling import settle
from memkit.lifecycle import revisions
from memkit.profiles.shape import KINDS, TAG, Section
from memkit.scope import Scope
from memkit.types import MemoryRecord, Remembered

if TYPE_CHECKING:
    from memkit.engine import Engine


def section_named(value: object) -> Section:
    """The section of this name.

    Raises:
        InvalidInput: there is none.
    """
    if isinstance(value, str) and value in list(Section):
        return Section(value)
    raise InvalidInput(f"section should be one of {', '.join(Section)}")


async def add(
    engine: Engine, scope: Scope, text: str, section: Section, *, pinned: bool, private: bool
) -> Remembered:
    """Store an entry: a record of the section's kind with the tag of profiles.

    What is there already is not stored again: it gets the tag, and the pin.
    """
    draft = Draft(content=text, kind=KINDS[section], tags=(TAG,), private=private, pinned=pinned)
    (outcome,) = await engine.remember(scope, (draft,), engine.settings.deduplicate)
    record = outcome.record
    if (pinned and not record.pinned) or TAG not in record.tags:
        record = await revisions.revise(engine, scope, record.id, lambda old: _marked(old, pinned))
    return replace(outcome, record=record)


async def remove(engine: Engine, scope: Scope, id_: str) -> MemoryRecord:
    """Forget the record of an entry."""
    record = await revisions.forget(engine, scope, id_)
    return (await settle(engine, (record,))).get(record.id, record)


def _marked(record: MemoryRecord, pinned: bool) -> MemoryRecord:
    tags = record.tags if TAG in record.tags else (*record.tags, TAG)
    return replace(record, tags=tags, pinned=record.pinned or pinned)
