"""What moves more than one answer can hold: export, import and events, as rows of the table.

They have a permission, a place and a trail like every other operation; only what goes in or
comes out is a stream, so that they are no tool of a model.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Annotated, Final

from pydantic import Field, SkipValidation

from memkit.errors import Forbidden
from memkit.service import outputs
from memkit.service.calling import Call
from memkit.service.inputs import Labels, ReachName
from memkit.service.operation import PEOPLE, Effect, Input, Operation, Permission, Route

if TYPE_CHECKING:
    from memkit.events.watching import Watch as Watching

#: What is larger than this is put aside on disk while it waits to be sent or read.
HELD_BYTES: Final = 1_000_000


class Export(Input):
    """What of a scope is exported."""

    everyone: bool = Field(
        False, description="other agents' private records too; for administrators"
    )
    vectors: bool = Field(False, description="with vectors, for an import with the same model")


class Import(Input):
    """The lines of an export, as a file of bytes that stands at its beginning."""

    lines: Annotated[IO[bytes], SkipValidation]


class Watch(Input):
    """Which events are meant."""

    kinds: list[str] | None = Field(
        None, description="only these events: created, updated, superseded, forgotten, ..."
    )
    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    tags: Labels = Field(None, description="of records with all of these tags")
    after: str | None = Field(None, description="the cursor of the last event that was seen")


async def export(call: Call, given: Export) -> IO[bytes]:
    """The scope's records as JSON lines, in a file that is nobody else's and has no name."""
    memory = call.memory
    if given.everyone:
        if not call.caller.is_administrator:
            raise Forbidden("only an administrator of the server exports everyone's records")
        memory = memory.within(replace(memory.scope, agent=None))
    file = tempfile.SpooledTemporaryFile(HELD_BYTES)  # noqa: SIM115 (whoever sends it closes it)
    try:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        await memory.export(text, everyone=given.everyone, vectors=given.vectors)
        text.detach()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def import_(call: Call, given: Import) -> outputs.ImportedJson:
    """Store the records of an export as they were; those that are there already are skipped."""
    text = io.TextIOWrapper(given.lines, encoding="utf-8")
    try:
        done = await call.memory.import_(text)
    finally:
        text.detach()
    return {"stored": done.stored, "skipped": done.skipped}


async def watch(call: Call, given: Watch) -> Watching:
    """Events from now on, or from a cursor on."""
    watching = call.memory.watch(
        kinds=given.kinds, reach=given.reach, tags=given.tags, after=given.after
    )
    # From here on nothing is missed, however long the first look takes.
    await watching.start()
    return watching


#: Every stream, by name.
STREAMS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        row.name: row
        for row in (
            Operation(
                "export",
                "Export a scope's records as JSON lines.",
                Export,
                None,
                Permission.ADMIN,
                Effect.READS,
                True,
                Route("GET", "/api/export"),
                None,
                "export",
                export,
                PEOPLE,
            ),
            Operation(
                "import",
                "Store the records of an export as they were.",
                Import,
                outputs.ImportedJson,
                Permission.ADMIN,
                Effect.ADDS,
                True,
                Route("POST", "/api/import"),
                None,
                "import",
                import_,
                PEOPLE,
            ),
            Operation(
                "watch",
                "Stream what happens to records, as it happens.",
                Watch,
                outputs.EventJson,
                Permission.READ,
                Effect.READS,
                True,
                Route("GET", "/api/events"),
                None,
                "watch",
                watch,
                PEOPLE,
            ),
        )
    }
)
