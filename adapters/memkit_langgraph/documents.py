"""Documents of a vector store as records, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from memkit.clock import new_id
from memkit.drafts import Draft
from memkit.errors import InvalidInput
from memkit.types import Hit, MemoryRecord, RecallResult
from memkit.validation import RECALL_LIMIT_MAX, check_count
from memkit_langgraph.conditions import Condition, filter_of

#: The tag and the kind of every document.
TAG = "langchain:document"
KIND = "document"
_ID = "langchain_id"
_KEY = "langchain:"
_ID_MAX = 900
# Hits asked for at least: memkit's own order weighs more than meaning, so a few more are taken
# and put in the order of their cosine.
_LEAST = 60
_PAGE = 500


def listed(cursor: str | None) -> dict[str, Any]:
    """What a page of all documents is asked for with."""
    return {"reach": "exact", "tags": TAG, "cursor": cursor, "limit": _PAGE}


def asked(k: int, condition: Condition, vector: list[float] | None) -> dict[str, Any]:
    """What a recall of the documents nearest in meaning is asked for with."""
    return {
        "limit": min(RECALL_LIMIT_MAX, max(_LEAST, 2 * check_count(k, "k", 1, RECALL_LIMIT_MAX))),
        "reach": "exact",
        "tags": TAG,
        "filter": filter_of(condition),
        "mode": "dense",
        "profile": "fast",
        "diverse": False,
        "vector": vector,
    }


def drafts_of(
    texts: Sequence[str],
    metadatas: Sequence[Mapping[str, Any]] | None,
    ids: Sequence[str | None] | None,
    vectors: Sequence[list[float]] | None,
) -> tuple[list[str], list[Draft]]:
    """The ids of the texts, made up where there are none, and what is stored under them.

    Raises:
        InvalidInput: an id cannot be one, or there are not as many of one as of the other.
    """
    for what, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(texts):
            raise InvalidInput(f"there are {len(texts)} texts and {len(given)} {what}")
    named = [id_ or new_id() for id_ in ids or [None] * len(texts)]
    drafts = []
    for at, (text, id_) in enumerate(zip(texts, named, strict=True)):
        key = key_of(id_)
        if key is None:
            raise InvalidInput(f"an id is text of 1 to {_ID_MAX} characters that is not blank")
        drafts.append(
            Draft(
                text,
                kind=KIND,
                tags=(TAG,),
                metadata={**(metadatas[at] if metadatas else {}), _ID: id_},
                key=key,
                vector=None if vectors is None else vectors[at],
            )
        )
    return named, drafts


def key_of(id_: object) -> str | None:
    """The key under which the document with this id is kept; ``None``: it cannot be an id."""
    if isinstance(id_, str) and id_.strip() and len(id_) <= _ID_MAX:
        return _KEY + id_
    return None


def _document(record: MemoryRecord) -> Document:
    metadata = dict(record.metadata)
    return Document(id=metadata.pop(_ID), page_content=record.content, metadata=metadata)


def documents(wanted: Iterable[str], held: Mapping[str, MemoryRecord]) -> list[Document]:
    """The documents of these records, in the order of ``wanted``."""
    records = (held[id_] for id_ in wanted if id_ in held)
    return [_document(record) for record in records if record.state == "active"]


def scored(found: RecallResult, k: int) -> list[tuple[Document, float]]:
    """The ``k`` nearest documents, each with its cosine."""
    ranked = sorted(found, key=_cosine, reverse=True)[:k]
    return [(_document(hit.record), _cosine(hit)) for hit in ranked]


def _cosine(hit: Hit) -> float:
    # While no embedder answers, words alone find documents, and only their order is known.
    leg = hit.why.legs.get("dense")
    return hit.score if leg is None else leg.score


def unlike(
    query: list[float],
    found: Sequence[Document],
    rows: list[list[float]],
    k: int,
    lambda_mult: float,
) -> list[Document]:
    """``k`` documents near the query and unlike one another."""
    if not found:
        return []
    vector = np.asarray(query, dtype=np.float32)
    chosen = maximal_marginal_relevance(vector, rows, lambda_mult, min(k, len(found)))
    return [found[at] for at in chosen]
