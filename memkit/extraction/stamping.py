"""Names that a language model found: stamped on the records that name them, beside the rules'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from memkit.errors import RecordNotFound, VersionConflict
from memkit.extraction.findings import Finding
from memkit.hints import UNSEEN
from memkit.naming import OFF
from memkit.naming.stamping import distinct
from memkit.protocols import Patch
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The kind of what is no record of its own, but a name that one bears.
ENTITY: Final = "entity"

Found: TypeAlias = tuple[MemoryRecord, Finding]


def apart(found: Iterable[Found]) -> tuple[list[Found], dict[str, list[str]]]:
    """What becomes records, and the names that were found, by the ids of their records."""
    made: list[Found] = []
    names: dict[str, list[str]] = {}
    for record, finding in found:
        if finding.kind == ENTITY:
            names.setdefault(record.id, []).append(finding.content)
        else:
            made.append((record, finding))
    return made, names


async def stamp(
    engine: Engine, namespace: str, names: Mapping[str, list[str]], *, dry_run: bool = False
) -> int:
    """Add names to those that records bear; how many were not there before.

    They are marks: no record has a new version for them, and nobody is told. Whoever changes a
    record at the same time goes first, and the names are left to the next pass.
    """
    if not names or engine.settings.entities == OFF:
        return 0
    added = 0
    found = await engine.backend.get(namespace, list(names))
    for id_, item in found.items():
        record = item.record
        borne = distinct((*record.entities, *names[id_]))
        more = len(borne) - len(record.entities)
        if more <= 0:
            continue
        if not dry_run:
            patch = Patch(replace(record, entities=borne), record.version, about=UNSEEN)
            try:
                await engine.write((patch,))
            except (VersionConflict, RecordNotFound):
                continue
        added += more
    return added
