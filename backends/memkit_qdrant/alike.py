"""Records that share a signature key, at a cost that does not grow with the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memkit.protocols import Stored
from memkit_qdrant.conditions import AnyOf, Clause, Ids, Match
from memkit_qdrant.names import Generation, check_text, point_id
from memkit_qdrant.reading import Selection, get
from memkit_qdrant.transport import Transport

# Of a key that more records share than this, only so many of the newest are looked at: a phrase
# that very many texts share says little.
_NEWEST = 32
_FEW = 64
_READ = 2


async def sharing(
    transport: Transport,
    selection: Selection,
    keys: Sequence[str],
    limit: int,
    *,
    dense: bool,
) -> list[Stored]:
    """Up to ``limit`` matching records that share keys, those that share most first."""
    wanted = tuple(dict.fromkeys(keys))
    if not wanted or limit <= 0 or selection.clause is None:
        return []
    for key in wanted:
        check_text(key)
    generation = selection.generation
    field = generation.signature
    tenant = Match("namespace", selection.namespace)
    fields = ("id", "created_at", field)
    clause = Clause(must=(tenant, AnyOf(field, wanted)))
    rows, _ = await transport.scroll(selection.namespace, clause, _FEW, fields)
    if len(rows) == _FEW:
        rows = []
        for key in wanted:
            holds = Clause(must=(tenant, Match(field, key)))
            rows += await transport.ordered(
                selection.namespace, holds, _NEWEST, fields, by="created_at", descending=True
            )
    shared: Counter[str] = Counter()
    created: dict[str, int] = {}
    for row in {row.id: row for row in rows}.values():
        id_ = str(row.payload["id"])
        created[id_] = row.payload["created_at"]
        shared[id_] = len(set(wanted).intersection(row.payload.get(field, ())))
    best = sorted(shared, key=lambda id_: (shared[id_], created[id_], id_), reverse=True)
    return await _matching(transport, selection, best[: _READ * limit], limit, dense=dense)


async def _matching(
    transport: Transport, selection: Selection, ids: Sequence[str], limit: int, *, dense: bool
) -> list[Stored]:
    """The first of these that match, with their vectors and unique keys."""
    if not ids or selection.clause is None:
        return []
    generation: Generation = selection.generation
    among = Clause(
        must=(selection.clause, Ids(tuple(point_id(selection.namespace, id_) for id_ in ids)))
    )
    rows, _ = await transport.scroll(selection.namespace, among, len(ids), selection.fields)
    matching = {record.id for row in rows if (record := selection.matching(row)) is not None}
    kept = [id_ for id_ in ids if id_ in matching][:limit]
    found = await get(transport, selection.namespace, generation, kept, vectors=True, dense=dense)
    return list(found.values())
