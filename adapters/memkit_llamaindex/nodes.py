"""LlamaIndex's nodes as records, and back, whole."""

from __future__ import annotations

import json
import re
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from memkit import Draft, MemoryRecord
from memkit_llamaindex.filters import EMPTY

#: Marks every node of a vector store; nothing else has it.
NODE_TAG = "llamaindex:node"
NODE_ID = "_node_id"
REF_DOC_ID = "ref_doc_id"

_CONTENT = "_node_content"
_TEXT = "_node_text"
# What the record says of the node besides the node's own metadata.
_RESERVED = frozenset(
    {NODE_ID, REF_DOC_ID, _CONTENT, _TEXT, EMPTY, "_node_type", "document_id", "doc_id"}
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def key_of(node_id: str) -> str:
    """The key under which a node is kept."""
    return f"llamaindex:node:{node_id}"


def draft_of(node: BaseNode, kind: str) -> Draft:
    """What a node is stored as: its text, its metadata as it is, and the rest beside it."""
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    held = node_to_metadata_dict(node, remove_text=True)
    own = {key: value for key, value in held.items() if key not in _RESERVED}
    rest: dict[str, Any] = json.loads(held[_CONTENT])
    # Metadata under a name that LlamaIndex takes for itself is in the way of its filters.
    rest["metadata"] = {
        key: value for key, value in rest.get("metadata", {}).items() if key not in own
    }
    metadata = {key: held[key] for key in held if key in _RESERVED} | own
    metadata[_CONTENT] = json.dumps(rest)
    metadata[NODE_ID] = node.node_id
    empty = [key for key, value in own.items() if value in ("", [])]
    if empty:
        metadata[EMPTY] = empty
    content = _UNSTORABLE.sub("\ufffd", text)
    if not content.strip():
        content = f"[{node.class_name()} without text]"
    if content != text:
        metadata[_TEXT] = json.dumps(text)
    return Draft(
        content,
        key=key_of(node.node_id),
        kind=kind,
        tags=(NODE_TAG,),
        metadata=metadata,
        vector=node.embedding,
    )


def node_of(record: MemoryRecord) -> BaseNode:
    """The node that a record stands for, without its embedding."""
    metadata = dict(record.metadata)
    text = json.loads(metadata[_TEXT]) if _TEXT in metadata else record.content
    node = metadata_dict_to_node(metadata, text=text or None)
    own = {key: value for key, value in metadata.items() if key not in _RESERVED}
    node.metadata = own | node.metadata
    return node
