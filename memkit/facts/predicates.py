"""Predicates: which have one value at a time, which say the same of both sides."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from memkit.errors import InvalidInput, StoreCorrupt, VersionConflict
from memkit.own import held, keep_anew, own_id
from memkit.types import MemoryRecord
from memkit.validation import check_flag, check_text

if TYPE_CHECKING:
    from memkit.engine import Engine

NAME_MAX: Final = 200
_BETWEEN: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is known of a predicate.

    Attributes:
        name: in lower case, its words joined by underscores.
        single: a subject has one value of it at a time, so a new one ends the one before.
        symmetric: what it says of one side it says of the other: ``knows``, ``married_to``.
        declared: somebody said so; otherwise it is memkit's own opinion.
    """

    name: str
    single: bool = False
    symmetric: bool = False
    declared: bool = False


_SINGLE: Final = (
    "age based_in birthday born_in born_on ceo_of_is current_role deadline default_branch died_in "
    "died_on due_date email employer full_name gender has_status has_title headquartered_in height "
    "home_address job job_title lives_at lives_in located_in location manager married_to name "
    "native_language nationality owned_by owner phone phone_number port price priority reports_to "
    "resides_in role salary status timezone time_zone title version weight works_as works_at "
    "works_for"
)
_SYMMETRIC: Final = (
    "also_known_as colleague_of connected_to cousin_of dating friend_of friends_with knows "
    "married_to met neighbour_of neighbor_of partner_of related_to same_as sibling_of spouse_of "
    "works_with"
)
#: What memkit takes predicates for that nobody declared; any other has many values.
DEFAULTS: Final[Mapping[str, Predicate]] = {
    name: Predicate(name, name in _SINGLE.split(), name in _SYMMETRIC.split())
    for name in sorted({*_SINGLE.split(), *_SYMMETRIC.split()})
}


def predicate_name(value: object) -> str:
    """A predicate's name as it is compared: ``Lives in`` and ``lives-in`` are ``lives_in``.

    Raises:
        InvalidInput: it is blank, too long or cannot be stored.
    """
    text = unicodedata.normalize("NFC", check_text(value, "predicate", NAME_MAX)).strip().casefold()
    return check_text(_BETWEEN.sub("_", text).strip("_"), "predicate", NAME_MAX)


async def rule_of(engine: Engine, namespace: str, name: str) -> Predicate:
    """What goes for a predicate in a namespace: as declared, else memkit's own opinion."""
    return (await declared(engine, namespace)).get(name) or DEFAULTS.get(name) or Predicate(name)


async def declared(engine: Engine, namespace: str) -> dict[str, Predicate]:
    """What was declared in a namespace, by name."""
    return _read(await _held(engine, namespace))


async def declare(
    engine: Engine, namespace: str, name: str, *, single: bool, symmetric: bool
) -> Predicate:
    """Say what a predicate is like in a namespace, for what is asked from now on.

    Raises:
        InvalidInput: the name cannot be one.
    """
    rule = Predicate(
        predicate_name(name),
        check_flag(single, "single"),
        check_flag(symmetric, "symmetric"),
        declared=True,
    )
    for _ in range(_ATTEMPTS):
        record = await _held(engine, namespace)
        known = _read(record)
        if known.get(rule.name) == rule:
            return rule
        known[rule.name] = rule
        if len(known) > _MOST:
            raise InvalidInput(f"a namespace declares at most {_MOST:,} predicates")
        if await _keep(engine, namespace, record, known):
            return rule
    raise VersionConflict("the namespace's predicates keep changing: try again")


_KIND: Final = "predicates"
_ATTEMPTS: Final = 16
_MOST: Final = 2_000


async def _held(engine: Engine, namespace: str) -> MemoryRecord | None:
    return await held(engine.backend, own_id(_KIND, namespace))


def _read(record: MemoryRecord | None) -> dict[str, Predicate]:
    if record is None:
        return {}
    try:
        told = json.loads(record.content)["predicates"]
        return {
            name: Predicate(name, single, symmetric, declared=True)
            for name, (single, symmetric) in told.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreCorrupt(
            "what the store keeps of predicates cannot be read: restore a backup"
        ) from None


async def _keep(
    engine: Engine, namespace: str, record: MemoryRecord | None, known: Mapping[str, Predicate]
) -> bool:
    """Store what is declared; false if somebody else did meanwhile."""
    told = {name: [rule.single, rule.symmetric] for name, rule in sorted(known.items())}
    content = json.dumps({"predicates": told}, ensure_ascii=False)
    return await keep_anew(engine.backend, record, own_id(_KIND, namespace), _KIND, content)
