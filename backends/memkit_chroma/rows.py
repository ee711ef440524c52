"""The collections that hold a store's records, and a record as a row of one of them.

A record with a vector is a row of the ``v`` collection, one without a row of the ``n``
collection, since Chroma wants a vector for every row and the same dimension for all. All
namespaces share them: each collection more costs Chroma time at every write, and a namespace
is searched in memory.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Any

from memkit.errors import StoreCorrupt
from memkit_chroma.entries import Index, pack_index, unpack_index
from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import PLAIN_SPACE
from memkit_chroma.partition import Row

EMBEDDED, UNEMBEDDED = "v", "n"
KINDS = (EMBEDDED, UNEMBEDDED)
#: Vectors have length 1, so their product is their cosine; in its ``cosine`` space Chroma
#: would scale them anew, and they would come back with other last bits.
_VECTOR_SPACE = {"space": "ip", "ef_construction": 40, "max_neighbors": 16, "ef_search": 100}
_PLAIN_ID = re.compile(r"[!-\"$-~][!-~]{0,199}")


def collection_name(gateway: Gateway, generation: int, kind: str) -> str:
    """The name of a collection of rows."""
    return f"{gateway.place.prefix}-{generation}-{kind}"


def make(gateway: Gateway, generation: int, kind: str) -> str:
    """The name of a collection of rows, which is made if it is not there."""
    name = collection_name(gateway, generation, kind)
    space = _VECTOR_SPACE if kind == EMBEDDED else PLAIN_SPACE
    gateway.make_collection(name, {"holds": "rows", "generation": generation}, space)
    return name


def namespace_key(namespace: str) -> str:
    """What stands for a namespace in ids and metadata; no two share one."""
    return blake2b(namespace.encode(), digest_size=16).hexdigest()


def of_namespace(namespace: str) -> dict[str, Any]:
    """The condition that a row is of a namespace."""
    return {"n": namespace_key(namespace)}


def row_id(namespace: str, id_: str) -> str:
    """The id of a record's row: its own, if Chroma surely takes it, after its namespace's."""
    if not _PLAIN_ID.fullmatch(id_):
        id_ = "#" + blake2b(id_.encode(), digest_size=16).hexdigest()
    return f"{namespace_key(namespace)}:{id_}"


def record_fields(
    namespace: str, packed: str, unique: tuple[str, ...] | None, position: int
) -> dict[str, Any]:
    """The metadata of a row that tell of its record; without ``unique`` its keys stay.

    Tags stand there once more as an array, for whoever looks at the collection.
    """
    fields = {
        "n": namespace_key(namespace),
        "r": packed,
        "p": position,
        "tags": list(json.loads(packed).get("tags", ())) or None,
    }
    if unique is not None:
        fields["u"] = json.dumps(unique)
    return fields


def index_fields(index: Index) -> dict[str, Any]:
    """The metadata of a row that tell of its terms and signature."""
    return {"i": json.dumps(pack_index(Index(None, index.terms, index.length, index.signature)))}


def row_from(namespace: str, metadata: dict[str, Any]) -> Row:
    """The row that stands in these metadata.

    Raises:
        StoreCorrupt: it is of another namespace than it says.
    """
    index = unpack_index(json.loads(metadata["i"]))
    packed = metadata["r"]
    record = json.loads(packed)
    if record["namespace"] != namespace:
        raise StoreCorrupt("a row is of another namespace than it says: restore a backup")
    return Row(
        record["id"],
        packed,
        tuple(json.loads(metadata["u"])),
        index.terms,
        index.length,
        index.signature,
        int(metadata["p"]),
    )
