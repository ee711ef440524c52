"""Conditions, vectors and collections as the client library's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import models

from memkit_qdrant.conditions import AnyOf, Clause, Condition, Empty, Ids, Match, Span
from memkit_qdrant.names import Generation
from memkit_qdrant.payloads import KEYWORDS, RANGES, WHOLE
from memkit_qdrant.server_options import ServerOptions

if TYPE_CHECKING:
    from memkit_qdrant.transport import AnyVector


def filter_of(clause: Clause) -> models.Filter:
    """A clause as a filter."""
    return models.Filter(
        must=[_condition(each) for each in clause.must] or None,
        should=[_condition(each) for each in clause.should] or None,
        must_not=[_condition(each) for each in clause.must_not] or None,
    )


def _condition(condition: Condition) -> Any:
    match condition:
        case Match(key, value):
            return models.FieldCondition(key=key, match=models.MatchValue(value=value))
        case AnyOf(key, values):
            any_of: Any = list(values)
            return models.FieldCondition(key=key, match=models.MatchAny(any=any_of))
        case Span(key, gt, gte, lt, lte):
            return models.FieldCondition(
                key=key, range=models.Range(gt=gt, gte=gte, lt=lt, lte=lte)
            )
        case Empty(key):
            return models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
        case Ids(ids):
            return models.HasIdCondition(has_id=list(ids))
        case Clause():
            return filter_of(condition)


def vector_of(vector: AnyVector) -> Any:
    """A vector as requests have it."""
    if isinstance(vector, tuple):
        return models.SparseVector(indices=vector[0], values=vector[1])
    return vector.tolist()


def dense_params(dimension: int, options: ServerOptions) -> models.VectorParams:
    """How dense vectors are kept.

    Their product is their cosine, since they have length 1; the engine's own cosine would scale
    them again and give back others than it was given.
    """
    return models.VectorParams(
        size=dimension,
        distance=models.Distance.DOT,
        on_disk=True if options.on_disk else None,
        quantization_config=_quantization(options.quantization),
    )


def _quantization(name: str) -> models.QuantizationConfig | None:
    if name == "scalar":
        return models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
    if name == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    return None


def added_dense(dimension: int) -> models.DenseVectorNameConfig:
    """Dense vectors that are added to a collection."""
    return models.DenseVectorNameConfig(
        dense=models.DenseVectorConfig(size=dimension, distance=models.Distance.DOT)
    )


def added_words() -> models.SparseVectorNameConfig:
    """Sparse vectors that are added to a collection."""
    return models.SparseVectorNameConfig(
        sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF)
    )


def keyword_index(*, tenant: bool = False) -> models.KeywordIndexParams:
    """An index of equal text; that of the tenants also orders points on the disk."""
    return models.KeywordIndexParams(
        type=models.KeywordIndexType.KEYWORD,
        is_tenant=True if tenant else None,
        enable_hnsw=None if tenant else False,
    )


def payload_indexes(generation: Generation) -> dict[str, Any]:
    """The payload's indexes by field."""
    indexes: dict[str, Any] = {"namespace": keyword_index(tenant=True)}
    for name in (*KEYWORDS, generation.signature):
        indexes[name] = keyword_index()
    for name in (*RANGES, *WHOLE):
        indexes[name] = models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER,
            lookup=name in WHOLE,
            range=name in RANGES,
            enable_hnsw=False,
        )
    return indexes
