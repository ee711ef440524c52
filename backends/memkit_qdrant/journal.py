"""The embedded store's journal: what was acknowledged since the engine last wrote all out.

The engine brings nothing to the disk until it is told to, which takes it some twenty
milliseconds. So each batch is appended here first, whole, and the disk is waited for; when the
store is opened, what is here is carried out again. An entry that a kill cut short was never
acknowledged, and is cut off.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.errors import InvalidInput, StoreFull, StoreUnavailable
from memkit_qdrant.plans import Action, Insert, Overwrite, Remove, Replace

if TYPE_CHECKING:
    from memkit_qdrant.transport import AnyVector

# The length of an entry and its checksum.
_HEAD = struct.Struct("<II")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Journal:
    """An append-only file of batches.

    Args:
        path: the file; it is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StoreUnavailable("the store's journal cannot be opened for writing") from error
        self.size = os.fstat(self._file).st_size

    def append(self, actions: Sequence[Action], *, durable: bool) -> None:
        """Add a batch; with ``durable`` it is on the disk on return.

        Raises:
            StoreFull: there is no space for it; nothing of it was kept.
        """
        entry = _packed(actions)
        try:
            _write_all(self._file, _HEAD.pack(len(entry), zlib.crc32(entry)) + entry)
            if durable:
                os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self.size)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull(
                    "there is no space left for the store's journal: free some, then try again"
                ) from error
            raise StoreUnavailable("the store's journal cannot be written") from error
        self.size += _HEAD.size + len(entry)

    def sync(self) -> None:
        """Bring what was appended to the disk."""
        os.fsync(self._file)

    def entries(self) -> Iterator[list[Action]]:
        """The batches, oldest first; a torn one at the end is cut off."""
        sound = 0
        with self._path.open("rb") as file:
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                entry = file.read(length)
                if len(entry) < length or zlib.crc32(entry) != checksum:
                    break
                yield _unpacked(entry)
                sound = file.tell()
        if sound < self.size:
            os.ftruncate(self._file, sound)
            self.size = sound

    def clear(self) -> None:
        """Forget all batches: the engine has them on the disk."""
        os.ftruncate(self._file, 0)
        os.fsync(self._file)
        self.size = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _packed(actions: Sequence[Action]) -> bytes:
    """A batch as bytes: a list in JSON, then the vectors' numbers one after another."""
    said: list[Any] = []
    numbers: list[bytes] = []
    for action in actions:
        match action:
            case Insert(id_, vectors, payload) | Replace(id_, vectors, payload):
                shapes = [_shape(name, vector, numbers) for name, vector in vectors.items()]
                said.append([id_, payload, shapes])
            case Overwrite(id_, payload):
                said.append([id_, payload])
            case Remove(id_):
                said.append([id_])
    try:
        head = _encode(said).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds a lone surrogate, which is no character") from None
    return b"".join([struct.pack("<I", len(head)), head, *numbers])


def _shape(name: str, vector: AnyVector, numbers: list[bytes]) -> tuple[str, str, int]:
    if isinstance(vector, tuple):
        indices, values = vector
        numbers.append(np.array(indices, "<u4").tobytes())
        numbers.append(np.array(values, "<f8").tobytes())
        return name, "sparse", len(indices)
    numbers.append(np.ascontiguousarray(vector, "<f4").tobytes())
    return name, "dense", vector.size


def _unpacked(entry: bytes) -> list[Action]:
    (length,) = struct.unpack_from("<I", entry)
    at = 4 + length
    actions: list[Action] = []
    for said in json.loads(entry[4:at]):
        if len(said) == 1:
            actions.append(Remove(said[0]))
        elif len(said) == 2:
            actions.append(Overwrite(said[0], said[1], None))
        else:
            vectors: dict[str, AnyVector] = {}
            for name, kind, size in said[2]:
                if kind == "dense":
                    vectors[name] = np.frombuffer(entry, "<f4", size, at)
                    at += 4 * size
                else:
                    indices = np.frombuffer(entry, "<u4", size, at).tolist()
                    values = np.frombuffer(entry, "<f8", size, at + 4 * size).tolist()
                    vectors[name] = indices, values
                    at += 12 * size
            actions.append(Insert(said[0], vectors, said[1]))
    return actions
