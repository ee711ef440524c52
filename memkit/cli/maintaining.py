"""Commands that look after a store: export, import, status, doctor, config, reembed,
init, migrate.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from memkit import __version__
from memkit.blocking import Memory
from memkit.cli.exits import DAMAGED, OK, exit_code
from memkit.cli.handles import Command, Json, Place, opened, placed, scoped
from memkit.cli.output import console, notices, progress, show, show_json
from memkit.config import load_settings
from memkit.errors import InvalidInput, StoreError
from memkit.protocols import StoreInfo
from memkit.types import Problem

File = Annotated[str, typer.Argument(metavar="FILE", help="A path; - for a pipe.")]


@scoped()
def export(
    memory: Memory,
    file: File = "-",
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Other agents' private records too.")
    ] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="Their vectors too.")] = False,
    as_json: Json = False,
) -> None:
    """Write records as JSON lines: this scope's and those below it."""
    with progress("exporting", quiet=as_json) as tell:
        target = sys.stdout if file == "-" else file
        written = memory.export(target, everyone=everyone, vectors=vectors, progress=tell)
    if file == "-":
        return
    if as_json:
        show_json({"exported": written})
    else:
        show(f"exported {written} records to {file}")


@scoped(embeds=True)
def import_(
    memory: Memory,
    file: File,
    as_json: Json = False,
) -> None:
    """Store the records of an export; what is there already is skipped."""
    with progress("importing", quiet=as_json) as tell:
        source = sys.stdin if file == "-" else file
        imported = memory.import_(source, progress=tell)
    if as_json:
        show_json(asdict(imported))
    else:
        show(f"imported {imported.stored} records, {imported.skipped} were there already")


@scoped(embeds=True)
def status(
    memory: Memory,
    as_json: Json = False,
) -> None:
    """Show the state of the store and of its embedder."""
    memory.warm_up()
    told = memory.status()
    if as_json:
        show_json({**asdict(told), "states": dict(told.states)})
        return
    size = "" if told.size_bytes is None else f", {told.size_bytes / 2**20:.1f} MiB"
    states = ", ".join(f"{count} {state}" for state, count in sorted(told.states.items()))
    show(f"store      {told.backend} (schema {told.schema_version}{size})")
    show(f"namespace  {told.namespace}: {states or 'no records'}")
    if told.embedder is not None:
        ready = "ready" if told.embedder_ready else "not ready"
        show(f"embedder   {told.embedder}, {told.dimension or '?'} dimensions, {ready}")
    else:
        show("embedder   none")
    notices(told.notices)


@placed
def doctor(
    place: Place,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Give unused space back as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the store and the embedder; ends with 6 if something is wrong."""
    report: dict[str, Any] = {"memkit": __version__, "python": platform.python_version()}
    code = OK
    try:
        with opened(place) as memory:
            memory.warm_up()
            problems = memory.check()
            if vacuum and not problems:
                memory.compact()
            told = memory.status()
    except StoreError as error:
        # What keeps a store from being opened is what a doctor is asked about.
        problems, code = [Problem(str(error), "see above")], exit_code(error)
    else:
        report |= {
            "backend": told.backend,
            "size_bytes": told.size_bytes,
            "embedder": told.embedder,
            "embedder_ready": told.embedder_ready,
            "notices": list(told.notices),
        }
        code = DAMAGED if problems else OK
    report["vacuumed"] = vacuum and not problems
    report["problems"] = [asdict(problem) for problem in problems]
    if as_json:
        show_json(report)
    else:
        _show_report(report)
    if code != OK:
        raise typer.Exit(code)


def _show_report(report: dict[str, Any]) -> None:
    show(f"memkit {report['memkit']} on Python {report['python']}")
    if "backend" in report:
        show(f"store     {report['backend']}")
        ready = ", ready" if report["embedder_ready"] else ""
        show(f"embedder  {report['embedder'] or 'none'}{ready}")
        notices(report["notices"])
    for problem in report["problems"]:
        show(f"wrong: {problem['what']}", style="red")
        if problem["remedy"] != "see above":
            show(f"  {problem['remedy']}")
    if not report["problems"]:
        show("the store is sound" + (" and compact" if report["vacuumed"] else ""), style="green")


@placed
def config(place: Place, as_json: Json = False) -> None:
    """Show every setting, its value and where that came from; secrets are masked."""
    rows = list(load_settings(**place).rows())
    if as_json:
        show_json(
            {
                name: {"value": value, "source": source, "description": description}
                for name, value, source, description in rows
            }
        )
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "from", "what it is"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console().print(table)


@placed
def reembed(place: Place, as_json: Json = False) -> None:
    """Compute all vectors anew, after the model changed; goes on where it was interrupted."""
    from memkit.opening import open_engine
    from memkit.reembedding import Reembedded
    from memkit.reembedding import reembed as run

    settings = load_settings(**place).settings

    async def main() -> Reembedded:
        engine = await open_engine(settings, migrating=True)
        try:
            with progress("re-embedding", quiet=as_json) as tell:
                return await run(engine, tell)
        finally:
            await engine.close()

    done = asyncio.run(main())
    if as_json:
        show_json(asdict(done))
        return
    resumed = f", {done.resumed} of them in an earlier run" if done.resumed else ""
    show(f"re-embedded {done.records} records{resumed}")


def migrate(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The URL of the store to read.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="That of an empty one.")],
    as_json: Json = False,
) -> None:
    """Copy a whole store to another one, of any kind; repeat it to go on after a break."""
    from memkit.migration import Copied, Verified, both_open, copy, verify

    async def main() -> tuple[Copied, Verified]:
        async with both_open(source, destination) as (origin, target):
            with progress("copying", quiet=as_json) as tell:
                copied = await copy(origin, target, tell)
            with progress("comparing", quiet=as_json) as tell:
                return copied, await verify(origin, target, tell)

    copied, verified = asyncio.run(main())
    if as_json:
        show_json({**asdict(verified), "written": copied.written})
        return
    there = copied.records - copied.written
    before = f", {there} of them in an earlier run" if there else ""
    show(f"migrated {verified.records} records{before}; both stores hold {verified.digest}")


@placed
def init(
    place: Place,
    partitions: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="PostgreSQL: tables in N parts, by namespace."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the store, if it is not there, and show what it is."""
    settings = load_settings(**place).settings
    if partitions is not None:
        if "://" not in settings.url:
            raise InvalidInput("a file has no partitions: name a PostgreSQL store")
        parts = "&" if "?" in settings.url else "?"
        settings = settings.model_copy(
            update={"url": f"{settings.url}{parts}partitions={partitions}"}
        )

    async def main() -> StoreInfo:
        from memkit.opening import open_engine

        engine = await open_engine(settings)
        await engine.close()
        return engine.info

    info = asyncio.run(main())
    if as_json:
        show_json(
            {"backend": info.location, "schema_version": info.schema_version}
            | ({} if info.fingerprint is None else {"embedder": info.fingerprint.model})
        )
    else:
        show(f"the store is ready: {info.location} (schema {info.schema_version})")


COMMANDS: dict[str, Command] = {
    "export": export,
    "import": import_,
    "status": status,
    "doctor": doctor,
    "config": config,
    "reembed": reembed,
    "init": init,
    "migrate": migrate,
}
