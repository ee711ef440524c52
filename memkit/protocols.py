"""The contracts: what a backend, an embedder, a reranker and a language model must do.

A third party's backend or embedder is loaded exactly as memkit's own: by an entry point in
``memkit.backends`` or ``memkit.embedders``. ``memkit.testing`` holds the suite that proves a
backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    runtime_checkable,
)

from memkit.filters import Filter
from memkit.types import MemoryRecord, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector: TypeAlias = NDArray[np.float32]

Role = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes two vectors comparable: the model (with its revision), its dimension
    (``None`` until a remote model has been asked) and whether vectors are L2-normalised.
    """

    model: str
    dimension: int | None
    normalized: bool = True

    def matches(self, other: Fingerprint) -> bool:
        """Whether vectors of both may stand side by side."""
        return (
            self.model == other.model
            and self.normalized == other.normalized
            and (None in (self.dimension, other.dimension) or self.dimension == other.dimension)
        )

    def __str__(self) -> str:
        return f"{self.model} ({self.dimension or '?'} dimensions)"


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Called from worker threads, several at once."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What its vectors are; cheap, and known before the model is loaded."""
        ...

    def load(self) -> None:
        """Make ready to embed; called again, it does nothing.

        Raises:
            EmbedderUnavailable: it cannot be made ready; the message says how it could.
        """
        ...

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts; no part of a long text is ignored.

        Returns:
            float32 array of shape ``(len(texts), dimension)``, each row of length 1.

        Raises:
            EmbedderUnavailable: the model or its service cannot answer now.
            EmbedderError: it answered, but not with what was asked for.
        """
        ...

    def close(self) -> None:
        """Free what it holds; called again, it does nothing."""
        ...


class Tokens(NamedTuple):
    """The tokens that a model read of one text, special ones left out.

    Attributes:
        words: for each token the word of the text that it is a piece of.
        vectors: float32, shape ``(len(words), dimension)``, rows of length 1: what the model
            made of each token in its place.
    """

    words: tuple[str, ...]
    vectors: Vector


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder that can tell its tokens' vectors too, for late interaction."""

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        """Embed texts as ``embed`` does, and their tokens in the same run of the model.

        Returns:
            what ``embed`` returns, and for each text its first ``most`` tokens.

        Raises:
            EmbedderError: as ``embed``.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """What the engine expects of the store it opens.

    Attributes:
        fingerprint: that of the embedder, ``None`` when there is none (words alone).
        analyzer: the name and version of the word analysis whose terms are handed over.
        migrating: open in spite of another fingerprint or analyzer, to re-embed.
        read_only: never write, not even to create the store.
    """

    fingerprint: Fingerprint | None
    analyzer: str
    migrating: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself once open; ``location`` holds no secret.

    ``fingerprint`` is that of the vectors it holds, ``None`` while it holds none. ``identity``
    is random text that tells a store with a change feed from every other one: positions of one
    mean nothing in another.
    """

    location: str
    schema_version: int
    fingerprint: Fingerprint | None
    analyzer: str
    size_bytes: int | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend has of its own; the engine makes up for what is missing.

    Attributes:
        lexical: it ranks a :class:`LexicalLeg`.
        atomic_batch: a failed or interrupted ``write`` leaves nothing of its batch.
        compare_and_set: ``expect_version`` and unique keys hold against concurrent writers.
        multi_process: several processes may write to one store at once.
        durable: an acknowledged write survives the loss of power.
        ordered: ``scan`` honours any :class:`Order`.
        change_feed: it implements :class:`ChangeFeed`.
    """

    lexical: bool = False
    atomic_batch: bool = False
    compare_and_set: bool = False
    multi_process: bool = False
    durable: bool = False
    ordered: bool = False
    change_feed: bool = False


@dataclass(frozen=True, slots=True)
class IndexData:
    """What a record is found by, besides its fields.

    Attributes:
        vector: float32, shape ``(dimension,)``, of length 1; ``None`` if not yet embedded.
        terms: the analysed words that it is found by, with repetitions; see
            :mod:`memkit.indexing`.
        signature: keys such that near copies very likely share one; empty: not sought.
        tokens: opaque token vectors for a backend that is a :class:`TokenVectors`; others
            ignore them. With ``None`` those that are stored go, unless the vector that they
            belong to stays the same.
    """

    vector: Vector | None
    terms: tuple[str, ...]
    signature: tuple[str, ...] = ()
    tokens: bytes | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Store a new record.

    ``unique`` are keys of which a namespace never holds one twice: if another record holds
    one, nothing is written for this operation and its result is a :class:`Duplicate`. An id
    that is there already is a duplicate too, with the id as its key.
    """

    record: MemoryRecord
    index: IndexData
    unique: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """Replace a record by ``record`` (same id and namespace), whole.

    Attributes:
        expect_version: the version that must be stored; otherwise the batch fails with
            :class:`~memkit.errors.VersionConflict`. A record that is not there fails it with
            :class:`~memkit.errors.RecordNotFound`.
        index: the new index data; ``None`` keeps what is stored.
        unique: the new unique keys; ``None`` keeps those it holds. A key that another record
            holds leaves this operation undone, its result a :class:`Duplicate`.
        about: as for :class:`Delete`.

    ``uses``, ``used_at``, ``useful`` and ``useless`` belong to :class:`Touch`: a patch leaves
    them as they are stored.
    """

    record: MemoryRecord
    expect_version: int
    index: IndexData | None = None
    unique: tuple[str, ...] | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """Add to a record's counters, without a new version; a missing record is passed over."""

    namespace: str
    id: str
    uses: int = 0
    used_at: datetime | None = None
    useful: int = 0
    useless: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a record and all that was derived from it; a missing one is passed over.

    ``about`` is short text that a change feed keeps with the change, as it is: what happened,
    where the record was and who might see it, never what it said.
    """

    namespace: str
    id: str
    about: str | None = None


Operation: TypeAlias = Put | Patch | Touch | Delete


@dataclass(frozen=True, slots=True)
class Applied:
    """The operation was carried out (a deletion or touch of a missing record counts)."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Nothing was written: the record ``id`` holds the unique key ``key``."""

    id: str
    key: str


WriteResult: TypeAlias = Applied | Duplicate


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as stored, with its vector and unique keys where they were asked for."""

    record: MemoryRecord
    vector: Vector | None = None
    unique: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A listing's order: by a text, number or time field of the record, then by id.

    Records without the field come last in either direction.
    """

    field: str = "created_at"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of a scan; ``cursor`` leads to the next and is ``None`` on the last."""

    items: tuple[Stored, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class DenseLeg:
    """Rank by cosine with ``vector`` (float32, shape ``(dimension,)``, of length 1).

    Records without a vector are not ranked.
    """

    vector: Vector


@dataclass(frozen=True, slots=True)
class LexicalLeg:
    """Rank by BM25 (or the engine's nearest kin to it) over analysed ``terms``.

    Records that share no term are not ranked.
    """

    terms: tuple[str, ...]


SearchLeg: TypeAlias = DenseLeg | LexicalLeg


class Scored(NamedTuple):
    """One entry of a leg's ranked list: greater scores are better."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Each leg's ranked list, in the order of the legs.

    Attributes:
        legs: the lists.
        records: records that were fetched on the way, if any, to save a round trip.
        ceilings: for each leg the score of a record that has all that was asked for, ``None``
            where it is not known. Of a lexical leg it is the sum of the idf of its distinct
            terms, those that no record holds included.
    """

    legs: tuple[tuple[Scored, ...], ...]
    records: Mapping[str, MemoryRecord]
    ceilings: tuple[float | None, ...] = ()


@runtime_checkable
class Backend(Protocol):
    """The store of record.

    Methods are called from any event loop and from several tasks at once; a cancelled call
    leaves the backend usable, and a cancelled write is either wholly stored or not at all
    where ``capabilities.atomic_batch``. Every call names its one namespace and can neither
    see nor change another. Failures of the engine below are raised as
    :class:`~memkit.errors.StoreError` or one of its kinds.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it has of its own."""
        ...

    async def open(self, spec: StoreSpec) -> StoreInfo:
        """Connect; create the store or check its schema, fingerprint and analyzer.

        A store without vectors takes the fingerprint of ``spec``.

        Raises:
            EmbedderMismatch: the vectors are of another model, or the terms of another
                analyzer, and ``spec.migrating`` is false.
            SchemaMismatch: the store is newer than this code.
            StoreCorrupt, StoreReadOnly, StoreUnavailable: as their names say.
        """
        ...

    async def close(self) -> None:
        """Finish the writes that were accepted and disconnect; called again, nothing."""
        ...

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order; on return they are durable.

        Returns:
            one result for each operation, in order.

        Raises:
            VersionConflict, RecordNotFound: of a :class:`Patch`; nothing was written where
                ``capabilities.atomic_batch``.
        """
        ...

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """The records with these ids; ids that are not there are absent.

        With ``vectors`` each comes with its vector and unique keys.
        """
        ...

    async def scan(
        self,
        namespace: str,
        filter: Filter,
        *,
        order: Order = Order(),
        cursor: str | None = None,
        limit: int = 100,
        vectors: bool = False,
    ) -> ScanPage:
        """Up to ``limit`` records that match, in order, from after ``cursor``.

        With ``vectors`` each comes with its vector and unique keys.

        A record that is there throughout is seen exactly once over all pages, whatever is
        written meanwhile, unless the field it is ordered by changes.

        Raises:
            InvalidInput: the cursor is not one of this backend's for this order.
        """
        ...

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        """How many records match: ``{"": n}``, or by each value of a text or list field.

        With ``by`` records without the field are not counted; a list counts under each of
        its values.
        """
        ...

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match, in one round trip.

        Never fewer than exist: a leg's list is shorter than ``limit`` only if no more
        records match and can be ranked. Equal scores are ordered by id.
        """
        ...

    async def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        ...


@runtime_checkable
class SignatureLookup(Protocol):
    """A backend that finds near copies without reading all that share a key with them."""

    async def sharing(
        self, namespace: str, signature: Sequence[str], filter: Filter, limit: int
    ) -> list[Stored]:
        """Up to ``limit`` matching records that share signature keys, most keys first.

        Among equals the newest come first, all with their vectors and unique keys. Of a key
        that very many records share only the newest need be looked at: the cost must not grow
        with the store.
        """
        ...


@runtime_checkable
class TokenVectors(Protocol):
    """A backend that keeps :attr:`IndexData.tokens` with the records, and deletes them so."""

    async def tokens(self, namespace: str, ids: Sequence[str]) -> dict[str, bytes]:
        """What is kept of these records; those that are not there or have none are absent."""
        ...


@runtime_checkable
class Maintenance(Protocol):
    """A backend whose store can be checked and compacted."""

    async def check(self) -> list[Problem]:
        """All that is wrong with the store; empty: nothing is."""
        ...

    async def compact(self) -> None:
        """Give unused space back; what was deleted leaves no trace in the store's files."""
        ...

    async def purge(self) -> bool:
        """Overwrite the traces of deleted records now; whether it was wholly done."""
        ...


@runtime_checkable
class Reembedding(Protocol):
    """A backend that can replace all its vectors and terms, in steps that survive a kill.

    The old vectors serve until :meth:`finish_reembed` puts the new ones in their place at
    once. Calling :meth:`begin_reembed` again with the same target resumes.
    """

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are already done, and how many there are."""
        ...

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records, of any namespace, that are not yet done."""
        ...

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        ...

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false (and nothing done) if some are pending."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change feed. ``position`` grows with each change of a store.

    ``about`` is that of the :class:`Patch` or :class:`Delete`.
    """

    position: int
    op: Literal["put", "patch", "delete"]
    namespace: str
    id: str
    at: datetime
    about: str | None = None


@runtime_checkable
class ChangeFeed(Protocol):
    """A backend that tells what changed, in the order of commit, to every process."""

    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        """Up to ``limit`` changes with a position greater than ``after``."""
        ...

    async def position(self) -> int:
        """The position of the newest change; 0 in a new store."""
        ...

    async def oldest(self) -> int:
        """The position up to which changes may have been dropped; 0 while none was.

        Who has read up to an earlier one only may have missed some.
        """
        ...


@runtime_checkable
class ChangeWait(Protocol):
    """A backend that tells at once when another process has written."""

    async def wait_for_change(self, after: int, seconds: float) -> int:
        """The newest position, as soon as it is greater than ``after`` or time is up."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Scores few candidates against a query, better and slower than the legs. Called from
    worker threads, several at once.
    """

    @property
    def name(self) -> str:
        """What scores, for notices and reports: scheme and model, without a host or a key."""
        ...

    def available(self) -> bool:
        """Whether the packages that it needs are installed; no model or service is asked."""
        ...

    def load(self) -> None:
        """Make ready to score; called again, it does nothing.

        Raises:
            RerankerUnavailable: it cannot be made ready; the message says how it could.
        """
        ...

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """How well each text answers the query.

        What a model cannot read at once is cut off at its end.

        Returns:
            one relevance for each text, in their order: from 0 (nothing to do with it) to 1
            (answers it). A cross-encoder's logit goes through a sigmoid.

        Raises:
            RerankerUnavailable: the model or its service cannot answer now.
            RerankerError: it answered, but not with what was asked for.
        """
        ...

    def close(self) -> None:
        """Free what it holds; called again, it does nothing."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """Answers a prompt with text. Called from any event loop, several calls at once.

    What it says is taken as a proposal: it is validated, and never deletes or edits.
    """

    @property
    def name(self) -> str:
        """What answers, for reports: scheme and model, without a host or a key."""
        ...

    async def complete(
        self,
        prompt: str,
        *,
        system: str | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The model's answer to a prompt, as little left to chance as it allows.

        Args:
            prompt: what is asked; other people's texts in it must be delimited.
            system: what the model is to hold to, whatever the prompt says.
            schema: a JSON schema (an object) that the answer must follow. The answer is then
                JSON text, as far as the model obeys: whoever asks validates it.

        Raises:
            LanguageModelUnavailable: the model or its service cannot answer now.
            LanguageModelError: it answered, but not with a whole text.
        """
        ...

    async def close(self) -> None:
        """Free what it holds; called again, it does nothing."""
        ...
