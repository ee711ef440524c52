"""Saying what goes in a namespace: confidence, half-life, what a sweep may archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import InvalidInput, VersionConflict
from memkit.lifecycle.revisions import UNSET
from memkit.policies import Said
from memkit.policy import NEVER, Policy
from memkit.validation import check_flag, check_kind, check_unit

if TYPE_CHECKING:
    from memkit.engine import Engine

_ATTEMPTS: Final = 16
#: A namespace says so much of so many kinds, at most.
KINDS_MAX: Final = 500
#: The longest half-life, in days: about a thousand years.
DAYS_MAX: Final = 365_250
#: The numbers of a policy as a whole, and between what they lie.
_NUMBERS: Final = {
    "access_extension": (0.0, 10.0),
    "access_cap": (1.0, 1000.0),
    "archive_below": (0.0, 1.0),
    "archive_after": (0.0, 1000.0),
}


async def set_policy(
    engine: Engine,
    namespace: str,
    kind: str | None,
    changes: Mapping[str, Any],
    *,
    reset: bool = False,
) -> Policy:
    """Change what goes in a namespace, for what is stored, recalled and swept from now on.

    Args:
        engine: the engine of the store.
        namespace: the namespace.
        kind: what goes for a kind is changed; ``None``: what goes for all.
        changes: the new values by name, :data:`~memkit.lifecycle.revisions.UNSET` ones left out.
        reset: forget what was said of it before.

    Raises:
        InvalidInput: a value cannot be accepted, or there is none.
    """
    engine.require_open()
    given = {name: value for name, value in changes.items() if value is not UNSET}
    check_flag(reset, "reset")
    if kind is None:
        fresh = _numbers(given)
    else:
        kind = check_kind(kind)
        fresh = _kind(kind, given)
    if not fresh and not reset:
        raise InvalidInput("nothing to set: give a value, or reset=True")
    for _ in range(_ATTEMPTS):
        before = await engine.policies.said(namespace)
        after = _said(before, kind, fresh, reset)
        if len(after.kinds) > KINDS_MAX:
            raise InvalidInput(f"a namespace has policies of at most {KINDS_MAX} kinds")
        if await engine.policies.keep(namespace, before, after):
            return after.policy()
    raise VersionConflict("the namespace's policy keeps changing: try again")


def _said(before: Said, kind: str | None, fresh: Mapping[str, Any], reset: bool) -> Said:
    if kind is None:
        return Said({**({} if reset else before.all), **fresh}, before.kinds)
    held = {**({} if reset else before.kinds.get(kind, {})), **fresh}
    others = {name: said for name, said in before.kinds.items() if name != kind}
    return Said(before.all, {**others, kind: held} if held else others)


def _numbers(given: Mapping[str, Any]) -> dict[str, float]:
    wrong = sorted(name for name in given if name not in _NUMBERS)
    if wrong:
        raise InvalidInput(f"{', '.join(wrong)} goes for a kind: say which")
    return {name: _number(value, name, *_NUMBERS[name]) for name, value in given.items()}


def _kind(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    wrong = sorted(name for name in given if name in _NUMBERS)
    if wrong:
        raise InvalidInput(f"{', '.join(wrong)} goes for all kinds: give no kind")
    fresh: dict[str, Any] = {}
    for name, value in given.items():
        if name == "confidence":
            fresh[name] = check_unit(value, name)
        elif name == "archive":
            fresh[name] = check_flag(value, name)
        elif value is None:
            fresh[name] = None
        else:
            fresh[name] = _number(value, name, 0.001, DAYS_MAX)
    if fresh.get("archive") and kind in NEVER:
        raise InvalidInput(f"records of kind {kind} are never archived by a sweep")
    return fresh


def _number(value: object, what: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{what} must be a number, not {type(value).__name__}")
    if not low <= value <= high:
        raise InvalidInput(f"{what} must lie between {low:,} and {high:,}")
    return float(value)
