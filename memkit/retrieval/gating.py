"""The second look: which of the records that a backend found may be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from memkit.filters import FIELDS, And, FieldType, Filter, Not, Or, predicate
from memkit.scope import Scope
from memkit.types import MemoryRecord

# Fields that are attributes of a record, and whose values can be keys.
_PLAIN = frozenset(
    field for field, kind in FIELDS.items() if kind is not FieldType.LABELS and field != "embedded"
)


def gate(scope: Scope, wanted: Filter) -> Callable[[MemoryRecord], bool]:
    """Whether a record may be shown: it is the scope's, and what is wanted.

    Most of a recall's records are alike in what a scope looks at, so the answer is kept for
    each combination of values: the function is for the records of one call.
    """
    test = predicate(wanted)
    fields = sorted(set(_fields(wanted)))
    if not _PLAIN.issuperset(fields):
        return lambda record: record.namespace == scope.namespace and test(record.value_of)
    values = attrgetter("namespace", *fields)
    known: dict[object, bool] = {}

    def allowed(record: MemoryRecord) -> bool:
        key = values(record)
        answer = known.get(key)
        if answer is None:
            answer = record.namespace == scope.namespace and test(record.value_of)
            known[key] = answer
        return answer

    return allowed


def _fields(node: Filter) -> Iterator[str]:
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _fields(part)
        case Not(part):
            yield from _fields(part)
        case _:
            yield node.field
