"""What a store says of itself: its schema, its models and what is being changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from memkit.backing.compatibility import check_compatible, check_schema
from memkit.errors import EmbedderMismatch, StoreCorrupt
from memkit.protocols import Fingerprint, StoreInfo, StoreSpec
from memkit_qdrant.names import Generation

#: Version 2 has indexes of the parts of a fact. A store of version 1 can be used as it is, only
#: that they are found by reading all; who opens it for writing makes the indexes.
SCHEMA_VERSION = 2

FIRST = Generation(1)


@dataclass(frozen=True, slots=True)
class StoreState:
    """The state of a store.

    Attributes:
        generation: the index data that serve.
        fingerprint: of the vectors, ``None`` while there are none.
        analyzer: of the terms, ``None`` while there are no records.
        newest: the number of the last generation that was ever begun.
        target, target_analyzer: what a re-embedding leads to, if one was begun.
        shard: the folder of the embedded engine's files.
        graphed: how many records its graph covers.
        schema: the version of the layout, that of the store.
    """

    generation: Generation = FIRST
    fingerprint: Fingerprint | None = None
    analyzer: str | None = None
    newest: int = 1
    target: Fingerprint | None = None
    target_analyzer: str | None = None
    shard: str = "shard-1"
    graphed: int = 0
    schema: int = SCHEMA_VERSION

    @property
    def dimension(self) -> int | None:
        """Of the vectors that serve, ``None`` while there are none."""
        return None if self.fingerprint is None else self.fingerprint.dimension

    @property
    def staged(self) -> Generation | None:
        """The generation that a re-embedding stages."""
        return None if self.target is None else Generation(self.newest)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "generation": self.generation.number}

    @classmethod
    def from_json(cls, held: Any, location: str) -> StoreState:
        """The state of :meth:`to_json`, of this or an older schema.

        Raises:
            SchemaMismatch: it is of a newer one.
            StoreCorrupt: it is no such state.
        """
        try:
            check_schema(location, int(held["schema"]), SCHEMA_VERSION)
            for name in ("fingerprint", "target"):
                if held[name] is not None:
                    held[name] = Fingerprint(**held[name])
            return cls(**{**held, "generation": Generation(held["generation"])})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreCorrupt(
                f"{location} does not say what memkit stored there: is it a memkit store?"
            ) from error

    @property
    def current(self) -> bool:
        """Whether the store has all that this code's schema has."""
        return self.schema == SCHEMA_VERSION

    def upgraded(self) -> StoreState:
        """The state once the store has it."""
        return replace(self, schema=SCHEMA_VERSION)

    def check(self, spec: StoreSpec) -> None:
        """Refuse another model's vectors or another analysis' terms.

        Raises:
            EmbedderMismatch: it has such, and is not opened to migrate.
        """
        if not spec.migrating:
            check_compatible(self.fingerprint, self.analyzer, spec)

    def info(self, location: str, spec: StoreSpec, size: int | None) -> StoreInfo:
        """What the engine is told of it."""
        return StoreInfo(
            location, self.schema, self.fingerprint, self.analyzer or spec.analyzer, size
        )

    def written(self, spec: StoreSpec, dimension: int | None) -> StoreState:
        """The state once records, and vectors of this dimension if any, are in it.

        Raises:
            EmbedderMismatch: there is no saying of which model the vectors are.
        """
        fingerprint = self.fingerprint
        if fingerprint is None and dimension is not None:
            if spec.fingerprint is None:
                raise EmbedderMismatch(
                    "the store was opened without an embedder and holds no vectors yet: open it "
                    "with the embedder that made this one"
                )
            if spec.fingerprint.dimension not in (None, dimension):
                raise EmbedderMismatch(
                    f"a vector of {dimension} dimensions is not one of {spec.fingerprint}"
                )
            fingerprint = replace(spec.fingerprint, dimension=dimension)
        return replace(self, fingerprint=fingerprint, analyzer=self.analyzer or spec.analyzer)
