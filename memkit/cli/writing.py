"""Commands that write: remember, update, correct, pin, feedback, link, unlink, forget, restore,
erase.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.handles import Command, Json, operated
from memkit.cli.output import notices, progress, show, show_json
from memkit.cli.sessions import Session
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from memkit.service.operation import Input
    from memkit.service.outputs import RememberedJson, RememberedManyJson

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    if found is None:
        raise InvalidInput("a time to live looks like 90, 30s, 15m, 12h, 7d or 4w")
    try:
        return timedelta(seconds=float(found[1]) * _UNITS[found[2] or "s"])
    except OverflowError:
        raise InvalidInput("a time to live is at most some 2,700 years") from None


def seconds(text: str | None) -> float | None:
    """The seconds of a span such as 30s, 12h or 7d, if there is one."""
    return None if text is None else _span(text).total_seconds()


def optional_moment(text: str | None, what: str) -> datetime | None:
    """As :func:`moment`, if there is one."""
    return None if text is None else moment(text, what)


def moment(text: str, what: str) -> datetime:
    """A time from ISO 8601 text; without a zone it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{what} looks like 2026-05-08 or 2026-05-08T13:56+02:00") from None


def metadata_of(pairs: list[str] | None) -> dict[str, Any]:
    """Metadata of key=value; a value that is JSON is taken as such, any other as text."""
    metadata: dict[str, Any] = {}
    for pair in pairs or ():
        key, separator, text = pair.partition("=")
        if not separator:
            raise InvalidInput("metadata is given as --meta key=value")
        try:
            metadata[key] = json.loads(text)
        except ValueError:
            metadata[key] = text
    return metadata


def content_of(words: list[str] | None, example: str) -> str:
    """The text of a command's arguments, or what is piped in."""
    if words and words != ["-"]:
        return " ".join(words)
    if not words and sys.stdin.isatty():
        raise InvalidInput(f'give the text: memkit {example} "...", or pipe it in')
    return _piped().removesuffix("\n")


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("what was piped in is not UTF-8 text") from None


Id = Annotated[str, typer.Argument(metavar="ID")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...")]
Meta = Annotated[list[str] | None, typer.Option("--meta", help="Metadata, key=value; repeatable.")]
Labels = Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeatable.")]
Ttl = Annotated[str | None, typer.Option(help="Time to live: 30s, 12h, 7d.")]
Expires = Annotated[str | None, typer.Option(help="When it expires instead, ISO 8601.")]
Occurred = Annotated[str | None, typer.Option(help="When it happened, ISO 8601.")]
Key = Annotated[str | None, typer.Option(help="The same key again stores nothing new.")]
Sure = Annotated[float | None, typer.Option(help="From 0 to 1.")]

#: Memories of a file that are stored in one go.
_CHUNK = 500


def show_outcome(told: RememberedJson) -> None:
    """Say what became of a memory."""
    id_ = told["id"]
    match told["status"]:
        case "stored":
            show(f"stored {id_}")
        case "duplicate":
            show(f"duplicate of {id_}: nothing new was stored")
        case "merged":
            show(f"merged into {id_}; your wording is kept as {told['merged']}")
        case "superseded":
            show(f"stored {id_} in the place of {told['matched']}")
        case "updated":
            show(f"replaced {id_}, which is at version {told['record']['version']}")
    for copy in told["near"]:
        show(f"  like {copy['id']} (cosine {copy['cosine']:.2f}): update or correct that one?")
    notices(told["notices"])


@operated(embeds=True)
def remember(
    session: Session,
    content: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="What to remember; - reads stdin.")
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Memories as JSON lines, texts or objects of these options' names; - for a pipe.",
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="What sort of memory.")] = "note",
    tags: Labels = None,
    metadata: Meta = None,
    private: Annotated[bool, typer.Option("--private", help="For --agent alone.")] = False,
    pinned: Annotated[bool, typer.Option("--pin", help="Hold it up in recall.")] = False,
    confidence: Sure = None,
    ttl: Ttl = None,
    expires_at: Expires = None,
    occurred_at: Occurred = None,
    conversation_id: Annotated[
        str | None, typer.Option("--conversation", help="The conversation's id.")
    ] = None,
    sequence: Annotated[int | None, typer.Option(help="The place in it, from 0.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it came from.")] = None,
    idempotency_key: Key = None,
    deduplicate: Annotated[str | None, typer.Option(help="near, exact or off.")] = None,
    as_json: Json = False,
) -> None:
    """Store a memory, or those of a file."""
    given = {
        "tags": tags or None,
        "metadata": metadata_of(metadata) or None,
        "private": private or None,
        "pinned": pinned or None,
        "confidence": confidence,
        "ttl": seconds(ttl),
        "expires_at": optional_moment(expires_at, "--expires-at"),
        "occurred_at": optional_moment(occurred_at, "--occurred-at"),
        "conversation_id": conversation_id,
        "sequence": sequence,
        "speaker": speaker,
        "source": source,
        "idempotency_key": idempotency_key,
    }
    if items is not None:
        if content or kind != "note" or any(value is not None for value in given.values()):
            raise InvalidInput("with --file, each line says everything of its memory")
        _remember_file(session, items, deduplicate, as_json=as_json)
        return
    text = content_of(content, "remember")
    told = session.call("remember", content=text, kind=kind, **given, deduplicate=deduplicate)
    if as_json:
        show_json(told)
    else:
        show_outcome(told)


def _remember_file(session: Session, file: str, deduplicate: str | None, *, as_json: bool) -> None:
    from memkit.service.inputs import ToldOnce

    results = _store_file(
        file,
        ToldOnce,
        lambda chunk: session.call("remember_many", items=chunk, deduplicate=deduplicate),
        quiet=as_json,
    )
    _show_results(results, "were there already", as_json=as_json)


def _store_file(
    file: str,
    input_: type[Input],
    store: Callable[[list[dict[str, Any]]], RememberedManyJson],
    *,
    quiet: bool,
) -> list[RememberedJson]:
    """What became of a file's memories, which are checked before any is stored."""
    lines = enumerate(_lines(file), 1)
    items = [_item(line, number, input_) for number, line in lines if line.strip()]
    results: list[RememberedJson] = []
    with progress("storing", quiet=quiet) as tell:
        for start in range(0, len(items), _CHUNK):
            results += store(items[start : start + _CHUNK])["results"]
            if tell is not None:
                tell(len(results), len(items))
    return results


def _show_results(results: list[RememberedJson], others: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"results": results})
        return
    stored = sum(each["status"] == "stored" for each in results)
    show(f"stored {stored} memories, {len(results) - stored} {others}")
    notices(dict.fromkeys(notice for each in results for notice in each["notices"]))


@operated(embeds=True)
def put(
    session: Session,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Your own name for the record.")
    ] = None,
    content: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="What to keep; - reads stdin.")
    ] = None,
    puts: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Memories as JSON lines, objects with a key; - a pipe."
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="What sort of memory.")] = "note",
    tags: Labels = None,
    metadata: Meta = None,
    private: Annotated[bool, typer.Option("--private", help="For --agent alone.")] = False,
    pinned: Annotated[bool, typer.Option("--pin", help="Hold it up in recall.")] = False,
    confidence: Sure = None,
    ttl: Ttl = None,
    expires_at: Expires = None,
    occurred_at: Occurred = None,
    conversation_id: Annotated[
        str | None, typer.Option("--conversation", help="The conversation's id.")
    ] = None,
    sequence: Annotated[int | None, typer.Option(help="The place in it, from 0.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it came from.")] = None,
    as_json: Json = False,
) -> None:
    """Store a memory under a key of yours, in the place of what the key holds."""
    given = {
        "tags": tags or None,
        "metadata": metadata_of(metadata) or None,
        "private": private or None,
        "pinned": pinned or None,
        "confidence": confidence,
        "ttl": seconds(ttl),
        "expires_at": optional_moment(expires_at, "--expires-at"),
        "occurred_at": optional_moment(occurred_at, "--occurred-at"),
        "conversation_id": conversation_id,
        "sequence": sequence,
        "speaker": speaker,
        "source": source,
    }
    if puts is not None:
        from memkit.service.inputs import Put

        if key is not None or kind != "note" or any(v is not None for v in given.values()):
            raise InvalidInput("with --file, each line says everything of its memory")
        results = _store_file(
            puts, Put, lambda chunk: session.call("put_many", puts=chunk), quiet=as_json
        )
        _show_results(results, "took the place of what was there", as_json=as_json)
        return
    if key is None:
        raise InvalidInput('give a key and the text: memkit put KEY "..."')
    text = content_of(content, "put KEY")
    told = session.call("put", key=key, content=text, kind=kind, **given)
    if as_json:
        show_json(told)
    else:
        show_outcome(told)


def _lines(file: str) -> list[str]:
    try:
        if file == "-":
            return _piped().split("\n")
        with open(file, encoding="utf-8") as opened:
            return opened.read().split("\n")
    except UnicodeDecodeError:
        raise InvalidInput("the file is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from None


def _item(line: str, number: int, input_: type[Input]) -> dict[str, Any]:
    """A memory of a line, checked before any is stored."""
    from pydantic import ValidationError

    from memkit.service.calling import told
    from memkit.service.failures import InvalidArguments

    try:
        value = json.loads(line)
    except ValueError:
        raise InvalidInput(f"line {number} is not JSON: a memory is a text or an object") from None
    item = {"content": value} if isinstance(value, str) else value
    try:
        input_.model_validate(item)
    except ValidationError as error:
        raise InvalidInput(f"line {number}: {InvalidArguments(told(error))}") from None
    found: dict[str, Any] = item
    return found


@operated(embeds=True)
def update(
    session: Session,
    id_: Id,
    content: Annotated[str | None, typer.Option(help="The new text.")] = None,
    kind: Annotated[str | None, typer.Option(help="The new kind.")] = None,
    tags: Labels = None,
    metadata: Meta = None,
    private: Annotated[
        bool | None, typer.Option("--private/--shared", help="For its agent alone, or not.")
    ] = None,
    confidence: Sure = None,
    occurred_at: Occurred = None,
    ttl: Ttl = None,
    expires_at: Expires = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it came from.")] = None,
    expect_version: Annotated[
        int | None, typer.Option(help="The version you have seen; another is a conflict.")
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            help="Take away tags, metadata, occurred_at, expires_at, speaker or source; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a record in place; what is not given stays."""
    given = {
        "content": content,
        "kind": kind,
        "tags": tags or None,
        "metadata": metadata_of(metadata) or None,
        "private": private,
        "confidence": confidence,
        "occurred_at": optional_moment(occurred_at, "--occurred-at"),
        "ttl": seconds(ttl),
        "expires_at": optional_moment(expires_at, "--expires-at"),
        "speaker": speaker,
        "source": source,
        "expect_version": expect_version,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    for name in clear or ():
        if name not in _CLEARED:
            raise InvalidInput(f"--clear takes {', '.join(_CLEARED)}")
        if name in changes:
            raise InvalidInput(f"give {name} or clear it, not both")
        changes[name] = _CLEARED[name]
    if not changes.keys() - {"expect_version"}:
        raise InvalidInput("say what changes: --content, --tag, --clear ...")
    record = session.call_with("update", {"id": id_, **changes})
    if as_json:
        show_json(record)
    else:
        show(f"{record['id']} is at version {record['version']}")


_CLEARED: dict[str, Any] = {
    "tags": [],
    "metadata": {},
    "occurred_at": None,
    "expires_at": None,
    "speaker": None,
    "source": None,
}


@operated(embeds=True)
def correct(
    session: Session,
    id_: Id,
    content: Annotated[str, typer.Argument(metavar="TEXT", help="What is right.")],
    kind: Annotated[str | None, typer.Option(help="Its kind, if another.")] = None,
    tags: Labels = None,
    metadata: Meta = None,
    confidence: Sure = None,
    as_json: Json = False,
) -> None:
    """Replace what a record says; the old one is kept as history."""
    told = session.call(
        "correct",
        id=id_,
        content=content,
        kind=kind,
        tags=tags or None,
        metadata=metadata_of(metadata) or None,
        confidence=confidence,
    )
    if as_json:
        show_json(told)
    else:
        show_outcome(told)


@operated()
def pin(
    session: Session,
    id_: Id,
    pinned: Annotated[bool, typer.Option("--on/--off", help="Hold it up, or let it go.")] = True,
    as_json: Json = False,
) -> None:
    """Hold a record up in recall."""
    record = session.call("pin", id=id_, pinned=pinned)
    if as_json:
        show_json(record)
    else:
        show(f"{'pinned' if record['pinned'] else 'unpinned'} {record['id']}")


@operated()
def feedback(
    session: Session,
    id_: Id,
    useful: Annotated[bool, typer.Option("--useful/--useless", help="Whether it helped.")],
    as_json: Json = False,
) -> None:
    """Say whether a recalled record was of use."""
    told = session.call("feedback", id=id_, useful=useful)
    if as_json:
        show_json(told)
    else:
        show(f"noted: {id_} was {'useful' if useful else 'useless'}")


@operated()
def link(
    session: Session,
    id_: Id,
    target: Annotated[str, typer.Argument(metavar="OTHER_ID")],
    type_: Annotated[str, typer.Option("--type", help="causes, fixes, supports ...")] = "related",
    as_json: Json = False,
) -> None:
    """Link a record to another."""
    record = session.call("link", id=id_, target=target, type=type_)
    if as_json:
        show_json(record)
    else:
        show(f"{id_} {type_} {target}")


@operated()
def unlink(
    session: Session,
    id_: Id,
    target: Annotated[str, typer.Argument(metavar="OTHER_ID")],
    type_: Annotated[str | None, typer.Option("--type", help="Of this type only.")] = None,
    as_json: Json = False,
) -> None:
    """Remove links from one record to another."""
    record = session.call("unlink", id=id_, target=target, type=type_)
    if as_json:
        show_json(record)
    else:
        show(f"no {type_ or 'link'} leads from {id_} to {target}")


def _each(session: Session, name: str, ids: list[str], *, as_json: bool) -> None:
    told = session.call(name, ids=ids)
    if as_json:
        show_json(told)
    else:
        for record in told["records"]:
            show(f"{record['id']} is {record['state']}")


@operated()
def forget(session: Session, ids: Ids, as_json: Json = False) -> None:
    """Hide records until they are restored."""
    _each(session, "forget", ids, as_json=as_json)


@operated()
def restore(session: Session, ids: Ids, as_json: Json = False) -> None:
    """Bring forgotten records back."""
    _each(session, "restore", ids, as_json=as_json)


@operated()
def erase(
    session: Session,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase records for good, with their history and every trace."""
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("erasing cannot be undone: say --yes where nobody can be asked")
        typer.confirm(f"Erase {len(ids)} records and their history for good?", abort=True)
    receipt = session.call("erase", ids=ids)
    if as_json:
        show_json(receipt)
        return
    for id_ in receipt["erased"]:
        show(f"erased {id_}")
    show(f"read back: nothing found by {', '.join(receipt['checks'])}")
    if not receipt["purged"]:
        notices(["freed space still holds bytes of it: run memkit doctor --vacuum"])
    show(f"receipt {receipt['id']}")


COMMANDS: dict[str, Command] = {
    "remember": remember,
    "put": put,
    "update": update,
    "correct": correct,
    "pin": pin,
    "feedback": feedback,
    "link": link,
    "unlink": unlink,
    "forget": forget,
    "restore": restore,
    "erase": erase,
}
