"""Requests to Chroma: collections by name, rows in chunks, retries, one budget of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.errors import StoreCorrupt, StoreUnavailable
from memkit.retrying import Patience
from memkit_chroma.driver import connect, disconnect, is_passing, told
from memkit_chroma.places import Place

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")
# Rows in one request, if Chroma takes as many: larger ones gain nothing.
_CHUNK = 1000
# Rows whose vectors are read in one request: as JSON they are long.
_VECTOR_CHUNK = 2000
_PATIENCE = Patience(retries=4, first_wait=0.1, longest_wait=2.0)
#: Marks the collections of a store; what else has such a name is not touched.
MARK = "memkit"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a collection: their ids, metadata and (where asked for) vectors."""

    ids: list[str]
    metadatas: list[dict[str, Any]]
    vectors: list[Sequence[float]]


class Gateway:
    """One Chroma engine or server, as used by one store.

    Every request may be sent again without harm: an id that is there is not added twice, and
    the others say what is to be, not what is to be changed.
    """

    def __init__(
        self,
        place: Place,
        revive: Callable[[], int] | None = None,
        pause: Callable[[Callable[[], None]], int] | None = None,
    ) -> None:
        self.place = place
        self._revive = revive
        self._pause = pause
        self._api: Any
        self._api, self._system = connect(place)
        self._lock = threading.Lock()
        self._ids: dict[str, tuple[UUID, dict[str, Any]]] = {}
        self._where = {"tenant": place.tenant, "database": place.database}
        self._chunk = 0

    def close(self) -> None:
        """Free the engine or the connections."""
        disconnect(self._api, self._system)

    def paused(self, work: Callable[[], None]) -> None:
        """Do something to the folder's files while no engine has them open."""
        if self._pause is not None:
            self.place = replace(self.place, port=self._pause(work))
            disconnect(self._api, self._system)
            self._api, self._system = connect(self.place)
            return
        disconnect(self._api, self._system)
        try:
            work()
        finally:
            self._api, self._system = connect(self.place)

    def ask(self, request: Callable[[], T]) -> T:
        """The answer to a request that may be repeated.

        Raises:
            StoreUnavailable: there is none, within the time that the place allows.
        """
        deadline = time.monotonic() + self.place.timeout
        attempt = 0
        with told(self.place.location):
            while True:
                try:
                    return request()
                except Exception as error:
                    wait = _PATIENCE.wait(attempt) if is_passing(error) else None
                    if wait is None or time.monotonic() + wait > deadline:
                        raise
                time.sleep(wait)
                attempt += 1
                self._heal()

    def _heal(self) -> None:
        """See that the server of a shared folder lives, if it is ours to start."""
        if self._revive is None:
            return
        port = self._revive()
        if port != self.place.port:
            # Others may still be in the middle of a request on the old connections.
            self.place = replace(self.place, port=port)
            self._api, self._system = connect(self.place)

    # Databases and collections.

    def has_database(self, *, make: bool) -> bool:
        """Whether the database is there, made if need be."""
        from chromadb.errors import ChromaError, NotFoundError, UniqueConstraintError

        name, tenant = self.place.database, self.place.tenant
        try:
            self.ask(lambda: self._api.get_database(name, tenant))
        except NotFoundError:
            if not make:
                return False
        else:
            return True
        try:
            self.ask(lambda: self._api.create_database(name, tenant))
        except UniqueConstraintError:
            return True
        except ChromaError as error:
            raise StoreUnavailable(
                f"{self.place.location}: the tenant or database cannot be made; make it first"
            ) from error
        return True

    def collection(self, name: str) -> tuple[UUID, dict[str, Any]] | None:
        """A collection's id and metadata, ``None`` if there is none of this name."""
        from chromadb.errors import NotFoundError

        with self._lock:
            held = self._ids.get(name)
        if held is not None:
            return held
        try:
            model = self.ask(lambda: self._api.get_collection(name, **self._where))
        except NotFoundError:
            return None
        return self._known(name, model)

    def make_collection(
        self, name: str, metadata: dict[str, Any], hnsw: dict[str, Any]
    ) -> tuple[UUID, dict[str, Any]]:
        """A collection's id and metadata; it is made if it is not there."""
        held = self.collection(name)
        if held is not None:
            return held
        from chromadb.errors import ChromaError

        def make() -> Any:
            try:
                return self._api.create_collection(
                    name,
                    configuration={"hnsw": hnsw, "embedding_function": None},
                    metadata={MARK: "1", **metadata},
                    get_or_create=True,
                    **self._where,
                )
            except ChromaError:
                # Another process may have made it at the same moment.
                return self._api.get_collection(name, **self._where)

        return self._known(name, self.ask(make))

    def _known(self, name: str, model: Any) -> tuple[UUID, dict[str, Any]]:
        metadata = dict(model.metadata or {})
        if MARK not in metadata:
            raise StoreCorrupt(
                f"{self.place.location} has a collection {name!r} that is not memkit's: give the "
                "store another prefix"
            )
        with self._lock:
            self._ids[name] = (model.id, metadata)
        return model.id, metadata

    def forget(self) -> None:
        """Look collections up anew: others may have removed some and made some again."""
        with self._lock:
            self._ids.clear()

    def drop_collection(self, name: str) -> None:
        """Remove a collection; one that is not there is passed over."""
        from chromadb.errors import NotFoundError

        with self._lock:
            self._ids.pop(name, None)
        try:
            self.ask(lambda: self._api.delete_collection(name, **self._where))
        except NotFoundError:
            return

    # Rows.

    def count(self, name: str) -> int:
        """How many rows a collection has; 0 if there is none of this name."""
        return self._on(name, "_count") or 0

    def get(
        self,
        name: str,
        ids: Sequence[str] | None = None,
        *,
        where: dict[str, Any] | None = None,
        vectors: bool = False,
    ) -> Rows:
        """Rows of a collection: those with these ids, or all (``where`` something holds)."""
        found = Rows([], [], [])
        for rows in self.pages(name, ids, where=where, vectors=vectors):
            found.ids.extend(rows.ids)
            found.metadatas.extend(rows.metadatas)
            found.vectors.extend(rows.vectors)
        return found

    def pages(
        self,
        name: str,
        ids: Sequence[str] | None = None,
        *,
        where: dict[str, Any] | None = None,
        vectors: bool = False,
    ) -> Iterator[Rows]:
        """The same, part by part: as chromadb hands them out they take much memory."""
        include = ["embeddings"] if vectors else ["metadatas"]
        if ids is None:
            # Chroma looks the metadata up by as many SQL variables as there are rows, and of
            # those SQLite takes 32,766. Pages by offset would miss rows while others write.
            ids = _rows(self._on(name, "_get", where=where, include=[])).ids
        for part in _parts(list(ids), _VECTOR_CHUNK if vectors else self.chunk):
            yield _rows(self._on(name, "_get", ids=part, include=include))

    def add(self, name: str, ids: list[str], vectors: Any, metadatas: Any) -> None:
        """Add rows; those whose ids are there already are left as they are."""
        self._write(name, "_add", ids, embeddings=vectors, metadatas=metadatas)

    def upsert(self, name: str, ids: list[str], vectors: Any, metadatas: Any) -> None:
        """Add rows, or change those that are there."""
        self._write(name, "_upsert", ids, embeddings=vectors, metadatas=metadatas)

    def update(self, name: str, ids: list[str], metadatas: Any) -> None:
        """Change rows' metadata; what is not there is passed over."""
        self._write(name, "_update", ids, must=False, metadatas=metadatas)

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Remove rows; what is not there is passed over."""
        self._write(name, "_delete", list(ids), must=False)

    def _write(
        self, name: str, method: str, ids: list[str], *, must: bool = True, **columns: Any
    ) -> None:
        for first in range(0, len(ids), self.chunk):
            part = slice(first, first + self.chunk)
            arguments = {key: values[part] for key, values in columns.items()}
            self._on(name, method, must=must, ids=ids[part], **arguments)

    @property
    def chunk(self) -> int:
        """How many rows go into one request."""
        if not self._chunk:
            self._chunk = min(_CHUNK, int(self.ask(lambda: self._api.get_max_batch_size())))
        return self._chunk

    def _on(self, name: str, method: str, *, must: bool = False, **arguments: Any) -> Any:
        """Ask something of a collection; ``None`` if there is none of this name."""
        from chromadb.errors import NotFoundError

        def request() -> Any:
            # Looked up at each try: the connection may be another one by then.
            return getattr(self._api, method)(collection_id=id_, **arguments, **self._where)

        for _ in range(2):
            held = self.collection(name)
            if held is None:
                break
            id_ = held[0]
            try:
                return self.ask(request)
            except NotFoundError:
                # Removed, and perhaps made again, by another process.
                with self._lock:
                    self._ids.pop(name, None)
        if must:
            raise StoreUnavailable(
                f"{self.place.location}: a collection vanished while it was written: try again"
            )
        return None


def _rows(answer: Any) -> Rows:
    if answer is None:
        return Rows([], [], [])
    return Rows(answer["ids"], answer.get("metadatas") or [], answer.get("embeddings") or [])


def _parts(items: list[str], size: int) -> list[list[str]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
