"""Checking a store, rewriting it without what was deleted, and giving its space back."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from memkit.errors import StoreError
from memkit.types import Problem
from memkit_chroma import rows
from memkit_chroma.flushing import Flusher
from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import plain_vector
from memkit_chroma.partition import Partition
from memkit_chroma.session import Session

_RESTORE = "restore a backup, or rescue what is readable with memkit export"
_REEMBED = "memkit reembed"
_REWRITE = "memkit export, then memkit import into a new store"
# Of the log's last rows Chroma keeps copies until so many more were written to it.
_FILLERS = 30
_SEGMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of a graph's header: layout, offset, room, rows, bytes of a row, two more offsets.
_HEADER = struct.Struct("<i6Q")
_VACUUM = (
    "import sys; from chromadb_rust_bindings import cli; "
    "cli(['chroma', 'vacuum', '--path', sys.argv[1], '--force'])"
)


def check(session: Session) -> list[Problem]:
    """All that is wrong with a store."""
    session.catch_up()
    problems: list[Problem] = []
    with session.ledger_lock:
        generation = session.state.generation
        position, flushed = session.ledger.position, session.ledger.flushed()
        sizes = session.namespaces()
        seen = 0
        for namespace, size in sizes.items():
            with session.memory.lock:
                session.memory.forget(namespace)
            found, held = session.look(namespace, _faults)
            problems += found
            seen += held
            if held != size:
                what = f"a namespace has {held} records, and {size} were written"
                problems.append(Problem(what, _RESTORE))
            problems += _vectors(session, namespace)
        entries = session.ledger.entries(flushed + 1, position)
        waiting = any(entry.steps and not entry.slim for entry in entries)
    if len(entries) != position - flushed:
        problems.append(Problem(f"the log lacks entries after number {flushed}", _RESTORE))
    stored = sum(
        session.gateway.count(rows.collection_name(session.gateway, generation, kind))
        for kind in rows.KINDS
    )
    if stored > seen and not waiting:
        problems.append(Problem(f"{stored - seen} rows belong to no record", _REWRITE))
    if session.state.target is not None:
        problems.append(
            Problem(f"a re-embedding with {session.state.target[0]} is not finished", _REEMBED)
        )
    return problems


def _faults(partition: Partition) -> tuple[list[Problem], int]:
    problems = []
    keys = [
        key for number in partition.row_of.values() for key in set(partition.rows[number].unique)
    ]
    if len(keys) != len(set(keys)):
        twice = len(keys) - len(set(keys))
        problems.append(Problem(f"{twice} unique keys are held by more than one record", _REWRITE))
    return problems, len(partition)


def _vectors(session: Session, namespace: str) -> list[Problem]:
    fingerprint = session.state.fingerprint
    try:
        session.fetch(namespace)
    except StoreError as error:
        return [Problem(str(error), _REEMBED)]
    dimension = session.look(namespace, lambda partition: partition.matrix.dimension)
    if dimension is None or (fingerprint is not None and dimension == fingerprint.dimension):
        return []
    return [Problem("vectors have not the dimension of the store's embedder", _REEMBED)]


def rewrite(session: Session, flusher: Flusher) -> None:
    """Write all rows anew, so that nothing is left of those that were deleted."""
    gateway = session.gateway
    while True:
        with flusher.turn(), session.ledger_lock:
            flusher.flush_in_turn()
            state, position = session.state, session.ledger.position
            number = state.reserved + 1
            # What a rewriting that was killed has left.
            _drop(gateway, number)
            for namespace in session.namespaces():
                _copy(gateway, state.generation, number, namespace)
            done = flusher.move(replace(state, generation=number, reserved=number), position)
        if done:
            _drop(gateway, state.generation)
            break
    log = session.ledger.log
    fillers = [f"filler-{n}" for n in range(_FILLERS)]
    gateway.upsert(log, fillers, [plain_vector(n) for n in range(_FILLERS)], [{"n": 0}] * _FILLERS)
    gateway.delete(log, fillers)


def _copy(gateway: Gateway, old: int, new: int, namespace: str) -> None:
    for kind in rows.KINDS:
        name = rows.collection_name(gateway, old, kind)
        held = gateway.get(name, where=rows.of_namespace(namespace))
        for first in range(0, len(held.ids), gateway.chunk):
            part = slice(first, first + gateway.chunk)
            ids = list(held.ids[part])
            metadatas = dict(zip(ids, held.metadatas[part], strict=True))
            found = gateway.get(name, ids, vectors=True)
            gateway.upsert(
                rows.make(gateway, new, kind),
                list(found.ids),
                [_array(vector) for vector in found.vectors],
                [metadatas[id_] for id_ in found.ids],
            )


def _array(vector: Sequence[float]) -> Any:
    import numpy as np

    return np.asarray(vector, np.float32)


def _drop(gateway: Gateway, generation: int) -> None:
    for kind in rows.KINDS:
        gateway.drop_collection(rows.collection_name(gateway, generation, kind))


def compact(session: Session, flusher: Flusher) -> None:
    """Rewrite the rows, then the files, where these are here.

    Of a server's files Chroma frees the space for its own use, and no more can be asked of it.
    """
    rewrite(session, flusher)
    folder = session.gateway.place.folder
    if folder is None:
        return
    with session.ledger_lock, session.memory.lock:
        session.gateway.paused(lambda: _vacuum(folder, session.gateway.place.location))


def _vacuum(folder: Path, location: str) -> None:
    _remove_segments(folder)
    command = [sys.executable, "-c", _VACUUM, str(folder)]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if done.returncode:
        raise StoreError(
            f"{location} could not be compacted: see that there is as much free space as it takes, "
            "then try again; nothing is lost"
        )


def _remove_segments(folder: Path) -> None:
    """Remove the graphs of collections that are gone: Chroma leaves them lying there."""
    database = folder / "chroma.sqlite3"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        living = {row[0] for row in connection.execute("SELECT id FROM segments")}
    for each in folder.iterdir():
        if each.is_dir() and _SEGMENT.fullmatch(each.name) and each.name not in living:
            shutil.rmtree(each)
        elif each.is_dir() and _SEGMENT.fullmatch(each.name):
            _clear_room(each)


def _clear_room(segment: Path) -> None:
    """Empty a graph's room for further rows: Chroma writes there what its memory last held."""
    header, data = segment / "header.bin", segment / "data_level0.bin"
    if not header.exists() or not data.exists():
        return
    head = header.read_bytes()
    if len(head) < _HEADER.size:
        return
    _, _, room, used, width, _, _ = _HEADER.unpack_from(head)
    size = data.stat().st_size
    if size != room * width or used > room:
        # Another layout than this one's: it is left alone.
        return
    with data.open("r+b") as file:
        file.seek(used * width)
        file.write(bytes(size - used * width))
        file.flush()
        os.fsync(file.fileno())
